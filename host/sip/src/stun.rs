//! STUN on the port of SIP, as far as phones need it to keep a NAT open (RFC 5626 section 8, RFC 5389).

use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_RESPONSE: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes that a receiver must understand, and this one does: it takes no notice of them.
const KNOWN: [u16; 8] =
    [0x0001, 0x0006, 0x0008, ERROR_CODE, UNKNOWN_ATTRIBUTES, 0x0014, 0x0015, XOR_MAPPED_ADDRESS];
/// Unknown attributes that an error names.
const NAMED_MAX: usize = 8;

/// Whether a datagram is one of STUN: the first byte of a SIP message is never 0 or 1.
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 2)
}

/// The answer to a Binding Request that came from `source`; `None` for anything else, which gets none. At most 12 bytes longer than
/// what it answers over IPv4, 24 over IPv6.
pub(crate) fn answer(request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = request.split_at_checked(HEADER)?;
    let length = usize::from(number(header, 2)?);
    let is_request = number(header, 0)? == BINDING_REQUEST
        && header.get(4..8)? == COOKIE
        && length == attributes.len()
        && length % 4 == 0;
    if !is_request {
        return None;
    }
    let id = header.get(8..HEADER)?;
    let unknown = unknown(attributes)?;
    let mut body = Vec::with_capacity(24);
    if unknown.is_empty() {
        xor_mapped(&mut body, id, source);
        return Some(message(BINDING_RESPONSE, id, &body));
    }
    // 420 Unknown Attribute, without a phrase (RFC 5389 sections 7.3.1 and 15.6).
    attribute(&mut body, ERROR_CODE, &[0, 0, 4, 20]);
    let named: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
    attribute(&mut body, UNKNOWN_ATTRIBUTES, &named);
    Some(message(BINDING_ERROR, id, &body))
}

/// The attributes that would have to be understood; `None` when they cannot be told apart.
fn unknown(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !attributes.is_empty() {
        let (kind, length) = (number(attributes, 0)?, usize::from(number(attributes, 2)?));
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
        if kind < 0x8000 && !KNOWN.contains(&kind) && unknown.len() < NAMED_MAX {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// RFC 5389 section 15.2.
fn xor_mapped(body: &mut Vec<u8>, id: &[u8], source: SocketAddr) {
    let mask: Vec<u8> = COOKIE.iter().chain(id).copied().collect();
    let (family, ip) = match source.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut value = vec![0, family];
    value.extend(xored(&source.port().to_be_bytes(), &mask));
    value.extend(xored(&ip, &mask));
    attribute(body, XOR_MAPPED_ADDRESS, &value);
}

fn xored(bytes: &[u8], mask: &[u8]) -> Vec<u8> {
    bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(kind.to_be_bytes());
    body.extend(length_of(value.len()));
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn message(kind: u16, id: &[u8], body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(kind.to_be_bytes());
    message.extend(length_of(body.len()));
    message.extend(COOKIE);
    message.extend(id);
    message.extend(body);
    message
}

fn length_of(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.1: a Binding Request with its answers of sections 2.2 and 2.3, which are of this transaction.
    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        message(BINDING_REQUEST, &ID, attributes)
    }

    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        let answer = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answer[..8], [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42]);
        assert_eq!(answer[8..20], ID);
        // RFC 5769 section 2.2.
        assert_eq!(answer[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }

    #[test]
    fn over_ipv6_too_and_an_address_of_both_kinds_is_the_ipv4_one() {
        let peer = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        // RFC 5769 section 2.3.
        let want = [
            0, 0x20, 0, 0x14, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
            0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(answer(&request(&[]), peer).unwrap()[20..], want);
        let mapped = "[::ffff:192.0.2.1]:32853".parse().unwrap();
        assert_eq!(
            answer(&request(&[]), mapped),
            answer(&request(&[]), "192.0.2.1:32853".parse().unwrap())
        );
    }

    #[test]
    fn what_it_does_not_know_it_says_and_what_it_may_not_know_it_leaves() {
        let peer = "192.0.2.1:1".parse().unwrap();
        // SOFTWARE (may be left), USERNAME (known), and two that must be understood.
        let attributes = [
            0x80, 0x22, 0, 3, b'a', b'b', b'c', 0, 0, 6, 0, 1, b'u', 0, 0, 0, 0x7f, 0xff, 0, 0, 0,
            0x24, 0, 4, 1, 2, 3, 4,
        ];
        let answer_ = answer(&request(&attributes), peer).unwrap();
        assert_eq!(answer_[..4], [1, 0x11, 0, 16]);
        assert_eq!(answer_[20..], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 4, 0x7f, 0xff, 0, 0x24]);
        assert_eq!(answer(&request(&attributes[..16]), peer).unwrap()[..2], [1, 1]);
    }

    #[test]
    fn anything_else_gets_no_answer() {
        let peer = "192.0.2.1:1".parse().unwrap();
        let good = request(&[]);
        for (at, byte) in [(0, 1), (1, 0x11), (3, 4), (4, 0)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(answer(&bad, peer), None, "{at}");
        }
        assert_eq!(answer(&good[..19], peer), None);
        assert_eq!(answer(&request(&[0, 6, 0, 9]), peer), None, "an attribute that does not end");
        assert!(is_stun(&good) && !is_stun(b"REGISTER") && !is_stun(b"\r\n") && !is_stun(b""));
    }
}
