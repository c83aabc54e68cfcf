//! What SIPp cannot say, said by the test itself: an ACK over another connection, bodies that are no text.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use jackfield_interop::{Switch, Wire, sipp::Scenario, wait};

const UDP: &str = "name=\"udp\",bind=\"127.0.0.1:@PORT@\"";
const TCP: &str = "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"";

#[track_caller]
fn register(switch: &Switch, port: u16) {
    Scenario::new("register", switch.folder())
        .value("USER", "2000")
        .value("CONTACT", port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
}

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// The called phone has made the offer, so its ACK, with the answer, comes only when the caller's has come.
#[test]
fn an_ack_and_a_bye_over_another_connection_than_their_invite_belong_to_its_call() {
    let switch = Switch::listening(&[UDP, TCP], &[], &[]);
    let called = Scenario::new("callee_offers", switch.folder()).listen();
    register(&switch, called.port);
    let [mut first, mut second] = [(); 2].map(|()| Wire::connect(switch.sip_port));
    let here = first.stream().local_addr().expect("an address");
    let ask = |line: &str, n: u32, method: &str, to: &str, body: &str| {
        format!(
            "{line} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bKrace{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:1000@127.0.0.1>;tag=a\r\nTo: {to}\r\nCall-ID: another-connection\r\nCSeq: {n} {method}\r\n\
             Contact: <sip:1000@{here};transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let user = format!("sip:2000@127.0.0.1:{}", switch.sip_port);
    first.send(ask(&format!("INVITE {user}"), 1, "INVITE", &format!("<{user}>"), ""));
    let answer = wait::until("the 200", || {
        Some(first.answer()).filter(|answer| answer.starts_with("SIP/2.0 200"))
    });
    let field = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    let (to, contact) = (field("To: "), field("Contact: ").trim_matches(['<', '>']));
    second.send(ask(&format!("ACK {contact}"), 1, "ACK", to, ANSWER));
    wait::until("the call to stand", || {
        (switch.get("/api/calls")[0]["phase"] == "established").then_some(())
    });
    second.send(ask(&format!("BYE {contact}"), 2, "BYE", to, ""));
    assert!(second.answer().starts_with("SIP/2.0 200"));
    called.succeed();
}

/// Every byte there is, among them NUL, half a UTF-8 character, and what looks like the end of a head.
fn octets() -> Vec<u8> {
    let all = (0..=255).chain(*b"\r\n\r\nINVITE sip:x SIP/2.0\r\n\r\n").chain([0, 0xc3]);
    all.collect()
}

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let at = socket.local_addr().expect("an address");
    (socket, at)
}

fn datagram(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    (buffer, from)
}

#[test]
fn a_body_that_is_no_text_arrives_byte_for_byte() {
    let switch = Switch::start(&[], &[]);
    let ((ann, here), (ben, there)) = (socket(), socket());
    register(&switch, there.port());
    let body = octets();
    let head = format!(
        "MESSAGE sip:2000@127.0.0.1:{} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKoctets\r\nMax-Forwards: 70\r\n\
         From: <sip:1000@127.0.0.1>;tag=a\r\nTo: <sip:2000@127.0.0.1>\r\nCall-ID: octets\r\nCSeq: 1 MESSAGE\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        switch.sip_port,
        body.len()
    );
    let message = [head.as_bytes(), &body].concat();
    ann.send_to(&message, (Ipv4Addr::LOCALHOST, switch.sip_port)).expect("a send");
    let (heard, from) = datagram(&ben);
    assert!(heard.starts_with(b"MESSAGE ") && heard.ends_with(&body), "{heard:?}");
    let text = String::from_utf8_lossy(&heard);
    let fields = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}: ")));
        format!("{}\r\n", line.expect(name))
    });
    let answer = format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", fields.concat());
    ben.send_to(answer.as_bytes(), from).expect("a send");
    let (told, _) = datagram(&ann);
    assert!(told.starts_with(b"SIP/2.0 200"), "{}", String::from_utf8_lossy(&told));
}
