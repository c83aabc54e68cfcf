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
        ("v=0\r\nm=audio 4000 ", SdpError::Media { line: 2 }),
        ("v=0\r\nm=audio 4000 \r \n", SdpError::Media { line: 2 }),
        ("v=0\r\nm= 4000 RTP/AVP 0", SdpError::Media { line: 2 }),
        ("v=0\r\nc=IN", SdpError::Connection { line: 2 }),
    ] {
        assert_eq!(Sdp::parse(text.as_bytes()).unwrap_err(), why, "{text}");
    }
}

fn rewritten(text: &[u8], ours: &[&str]) -> String {
    let ours: Vec<_> = ours.iter().map(|addr| Some(addr.parse().unwrap())).collect();
    let out = Sdp::parse(text).unwrap().rewrite(&ours);
    String::from_utf8_lossy(&out).replace("\r\n", "|").replace('\n', "/")
}

#[test]
fn hold_for_the_whole_session_in_the_old_way_keeps_its_address() {
    let text = b"v=0\r\no=- 1 2 IN IP4 1.2.3.4\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n";
    assert!(Sdp::parse(text).unwrap().is_hold());
    assert_eq!(
        rewritten(text, &["10.0.0.1:30000"]),
        "v=0|o=- 1 2 IN IP4 10.0.0.1|c=IN IP4 0.0.0.0|m=audio 30000 RTP/AVP 0|"
    );
}

#[test]
fn a_host_name_is_replaced_and_is_no_hold() {
    let text =
        b"v=0\r\nc=IN IP4 phone.example.com\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 b.example\r\n";
    let sdp = Sdp::parse(text).unwrap();
    assert!(!sdp.is_hold());
    assert_eq!(sdp.media().next().unwrap().rtp_addr(), None);
    assert_eq!(
        rewritten(text, &["10.0.0.1:30000"]),
        "v=0|c=IN IP4 10.0.0.1|m=audio 30000 RTP/AVP 0|c=IN IP4 10.0.0.1|"
    );
}

#[test]
fn what_is_not_replaced_keeps_its_bytes_and_its_line_ends() {
    let text = b"v=0\no=- 1 2 IN IP4 1.2.3.4\ns=B\xfcro \nc=IN IP4 1.2.3.4\r\nt=0 0\n\
        m=audio 4000 RTP/AVP 0 8\na=x:\xff\r\na=ice-ufrag:F7gI\na=fmtp:8  y ";
    let ours = [Some("[2001:db8::1]:30000".parse().unwrap())];
    let want: &[u8] =
        b"v=0\no=- 1 2 IN IP6 2001:db8::1\ns=B\xfcro \nc=IN IP6 2001:db8::1\r\nt=0 0\n\
        m=audio 30000 RTP/AVP 0 8\na=x:\xff\r\na=fmtp:8  y ";
    assert_eq!(Sdp::parse(text).unwrap().rewrite(&ours), want);
}

#[test]
fn a_last_line_without_an_end_gets_one_when_it_is_replaced() {
    let text = b"v=0\r\nm=audio 4000 RTP/AVP";
    assert_eq!(rewritten(text, &["10.0.0.1:30000"]), "v=0|m=audio 30000 RTP/AVP|");
}

#[test]
fn rtcp_is_rewritten_with_and_without_mux_and_left_out_of_a_refused_stream() {
    let text = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 1.2.3.4\r\n\
        m=video 4002 RTP/AVP 96\r\na=rtcp-mux\r\na=rtcp:4002\r\n\
        m=text 0 RTP/AVP 98\r\na=rtcp:53020\r\na=sendrecv\r\n";
    assert_eq!(
        rewritten(text, &["10.0.0.1:30000", "10.0.0.2:30002", "10.0.0.3:30004"]),
        "v=0|m=audio 30000 RTP/AVP 0|a=rtcp:30001 IN IP4 10.0.0.1|\
         m=video 30002 RTP/AVP 96|a=rtcp-mux|a=rtcp:30002 IN IP4 10.0.0.2|\
         m=text 0 RTP/AVP 98|a=sendrecv|"
    );
}

#[test]
fn too_many_lines_and_streams_are_refused() {
    let lines = "v=0\n".repeat(LINES_MAX + 1);
    assert_eq!(Sdp::parse(lines.as_bytes()).unwrap_err(), SdpError::TooLong);
    assert!(Sdp::parse("v=0\n".repeat(LINES_MAX).as_bytes()).is_ok());
    let streams = |count| format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(count));
    assert_eq!(Sdp::parse(streams(MEDIA_MAX).as_bytes()).unwrap().media().count(), MEDIA_MAX);
    assert_eq!(Sdp::parse(streams(MEDIA_MAX + 1).as_bytes()).unwrap_err(), SdpError::TooLong);
}
