//! What a datagram looks like from outside: RTP, RTCP, or neither.

/// Bytes of the fixed header of RTP (RFC 3550 section 5.1).
const RTP_HEADER: usize = 12;
/// Bytes of the header of RTCP with the SSRC of its sender (RFC 3550 section 6.4).
const RTCP_HEADER: usize = 8;

/// Whether a packet on a shared port is RTCP and not RTP (RFC 5761 section 4).
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    is_version_2(packet) && packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// The SSRC of the sender of an RTP or RTCP packet, encrypted or not (RFC 3711 leaves it in the clear); `None` for what is
/// neither, such as STUN, DTLS (RFC 7983), T.38 and keep-alives.
#[must_use]
pub fn ssrc(packet: &[u8]) -> Option<u32> {
    if !is_version_2(packet) {
        return None;
    }
    let header = if is_rtcp(packet) { RTCP_HEADER } else { RTP_HEADER };
    let bytes = packet.get(header - 4..header)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn is_version_2(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_is_told_from_rtp_by_its_type_and_nothing_else_is_either() {
        for kind in 0..=255 {
            let packet = [0x80, kind, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7];
            assert_eq!(is_rtcp(&packet), (192..=223).contains(&kind), "type {kind}");
            assert_eq!(ssrc(&packet), Some(if is_rtcp(&packet) { 9 } else { 7 }), "type {kind}");
        }
        for first in (0..=255).filter(|first| !(0x80..=0xbf).contains(first)) {
            let packet = [first, 200, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7];
            assert!(!is_rtcp(&packet) && ssrc(&packet).is_none(), "first byte {first:#x}");
        }
    }

    #[test]
    fn a_header_cut_short_has_no_ssrc() {
        for (kind, header) in [(0, RTP_HEADER), (200, RTCP_HEADER)] {
            let mut packet = [0; RTP_HEADER];
            (packet[0], packet[1]) = (0x80, kind);
            for length in 0..=RTP_HEADER {
                assert_eq!(ssrc(&packet[..length]).is_some(), length >= header, "{length} bytes");
            }
        }
    }
}
