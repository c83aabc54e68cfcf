#![allow(clippy::unwrap_used)]
use super::*;

const TWO: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=x y\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 4000/2 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtcp:4009 IN IP4 192.0.2.8\r\n\
    a=candidate:1 1 UDP 1 192.0.2.7 4000 typ host\r\na=sendonly\r\n\
    m=video 0 RTP/AVP 96\r\nc=IN IP4 192.0.2.9\r\nb=AS:1\r\n";

#[test]
fn the_streams_have_the_addresses_that_count_for_them() {
    let sdp = Sdp::parse(TWO.as_bytes()).unwrap();
    let streams: Vec<_> =
        sdp.media().map(|m| (m.rtp_addr(), m.rtcp_addr(), m.direction())).collect();
    assert_eq!(
        streams,
        [
            (
                Some(([192, 0, 2, 7], 4000).into()),
                Some(([192, 0, 2, 8], 4009).into()),
                Direction::SendOnly
            ),
            (None, None, Direction::SendRecv),
        ]
    );
    assert!(sdp.is_hold());
}

#[test]
fn only_addresses_and_ports_are_rewritten() {
    let sdp = Sdp::parse(TWO.as_bytes()).unwrap();
    let ours = [Some(([203, 0, 113, 1], 30_000).into()), Some(([203, 0, 113, 1], 30_002).into())];
    let want = "v=0\r\no=- 1 2 IN IP4 203.0.113.1\r\ns=x y\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
        m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtcp:30001 IN IP4 203.0.113.1\r\n\
        a=sendonly\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 203.0.113.1\r\nb=AS:1\r\n";
    assert_eq!(String::from_utf8(sdp.rewrite(&ours)).unwrap(), want);
}

#[test]
fn the_old_way_to_hold_keeps_its_address() {
    let text = "v=0\r\no=- 1 2 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n";
    let sdp = Sdp::parse(text.as_bytes()).unwrap();
    assert!(sdp.is_hold());
    assert_eq!(sdp.media().next().unwrap().rtp_addr(), None);
    let ours = [Some(([10, 0, 0, 1], 30_000).into())];
    assert!(String::from_utf8(sdp.rewrite(&ours)).unwrap().contains("c=IN IP4 0.0.0.0\r\n"));
}

#[test]
fn a_stream_we_have_no_port_for_is_refused() {
    let sdp = Sdp::parse(TWO.as_bytes()).unwrap();
    assert!(String::from_utf8(sdp.rewrite(&[])).unwrap().contains("m=audio 0 RTP/AVP 0 101\r\n"));
}

#[test]
fn a_muxed_stream_has_its_rtcp_on_the_same_port_and_ipv6_is_read() {
    let text = "v=0\no=- 1 2 IN IP6 ::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 4000 RTP/AVP 0\na=rtcp-mux\n";
    let sdp = Sdp::parse(text.as_bytes()).unwrap();
    let stream = sdp.media().next().unwrap();
    assert_eq!(stream.rtp_addr().unwrap().to_string(), "[2001:db8::1]:4000");
    assert_eq!(stream.rtcp_addr(), stream.rtp_addr());
    assert!(!sdp.is_hold());
}

#[test]
fn what_is_no_description_is_refused_with_its_line() {
    for (text, why) in [
        ("", SdpError::NotSdp),
        ("hello", SdpError::NotSdp),
        ("v=0\r\nm=audio", SdpError::Media { line: 2 }),
        ("v=0\r\nm=audio x RTP/AVP 0", SdpError::Media { line: 2 }),
        ("v=0\r\nc=IN", SdpError::Connection { line: 2 }),
    ] {
        assert_eq!(Sdp::parse(text.as_bytes()).unwrap_err(), why, "{text}");
    }
}
