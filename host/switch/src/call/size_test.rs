//! Which way an INVITE takes that is too large for a datagram, message by message (RFC 3261 section 18.1.1).

use std::time::Duration;

use model::{
    Flow, ListenerId, Transport,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Input, Listener, Switch,
    trunk::bench::{Bench, FIRST, OURS, PHONE, Sent},
};

/// A bench that listens over UDP and, if `tcp`, over TCP.
fn bench(tcp: bool) -> Bench {
    let mut config = Bench::config(Vec::new(), None);
    if tcp {
        config.listeners.push(Listener {
            name: "tcp".to_owned(),
            transport: Transport::Tcp,
            advertised: OURS.parse().unwrap(),
        });
    }
    let mut bench = Bench::new(Vec::new());
    bench.switch = Switch::new(config);
    bench
}

/// A call to `uri` whose INVITE has so many bytes to spare: its last, as far as the first INVITE of ours.
fn call(bench: &mut Bench, uri: &str, padding: usize) -> Vec<Sent> {
    let text = format!(
        "INVITE sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\nSubject: {}\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(padding)
    );
    bench.receive(PHONE, text);
    let targets = vec![Target::new(Destination::Uri(uri.to_owned()))];
    bench.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Default }))
}

/// The transports of the INVITEs and CANCELs: in their Via, and in their Contact.
fn ways(sent: &[Sent]) -> Vec<String> {
    let requests = sent.iter().filter(|sent| !sent.text.starts_with("SIP/2.0 "));
    let way = |sent: &Sent| {
        let (method, _) = sent.text.split_once(' ').unwrap();
        let via = sent.line("Via");
        let via = via.split(' ').next().unwrap().to_owned();
        let tcp =
            if sent.line("Contact").contains("transport=tcp") { ", asked by TCP" } else { "" };
        format!("{method} by {via}{tcp}")
    };
    requests.map(way).collect()
}

const PEER: &str = "sip:2000@203.0.113.1";
const BY_UDP: &str = "INVITE by SIP/2.0/UDP";
const BY_TCP: &str = "INVITE by SIP/2.0/TCP, asked by TCP";

fn broken() -> Input {
    let peer = (FIRST, 5060).into();
    Input::TransportError {
        flow: Flow { transport: Transport::Tcp, listener: ListenerId(1), peer },
    }
}

#[test]
fn what_fits_goes_over_udp_and_what_does_not_over_tcp() {
    assert_eq!(ways(&call(&mut bench(true), PEER, 100)), [BY_UDP]);
    assert_eq!(ways(&call(&mut bench(true), PEER, 1300)), [BY_TCP]);
}

#[test]
fn the_whole_message_is_measured() {
    let sizes: Vec<(usize, bool)> = (500..1300)
        .step_by(50)
        .map(|padding| {
            let sent = call(&mut bench(true), PEER, padding);
            let invite = sent.iter().find(|sent| sent.text.starts_with("INVITE ")).unwrap();
            (invite.text.len(), invite.line("Via").starts_with("SIP/2.0/TCP"))
        })
        .collect();
    assert!(sizes.iter().any(|(_, tcp)| *tcp) && sizes.iter().any(|(_, tcp)| !*tcp));
    for (size, tcp) in sizes {
        // None too large by UDP, and none by TCP that is clearly smaller.
        assert!(if tcp { size > 1100 } else { size <= 1300 }, "{size} bytes, by TCP: {tcp}");
    }
}

#[test]
fn without_a_tcp_listener_or_where_udp_is_asked_for_it_stays_with_udp() {
    assert_eq!(ways(&call(&mut bench(false), PEER, 1300)), [BY_UDP]);
    let by_udp = "sip:2000@203.0.113.1;transport=udp";
    assert_eq!(ways(&call(&mut bench(true), by_udp, 1300)), [BY_UDP]);
}

#[test]
fn where_nobody_listens_over_tcp_it_goes_over_udp_after_all_and_once() {
    let mut bench = bench(true);
    call(&mut bench, PEER, 1300);
    bench.switch.handle_input(bench.now, &bench.town, broken());
    assert_eq!(ways(&bench.drain()), [BY_UDP]);
    bench.switch.handle_input(bench.now, &bench.town, broken());
    assert_eq!(ways(&bench.drain()), [""; 0]);
}

#[test]
fn where_tcp_says_nothing_it_goes_over_udp_after_a_while() {
    let mut bench = bench(true);
    call(&mut bench, PEER, 1300);
    bench.now = bench.now + Duration::from_secs(3);
    assert_eq!(ways(&bench.pass(0)), [""; 0]);
    assert_eq!(ways(&bench.pass(1)), [BY_UDP]);
}

#[test]
fn who_refuses_over_tcp_is_not_asked_again_over_udp() {
    let mut bench = bench(true);
    let sent = call(&mut bench, PEER, 1300);
    let invite = sent.iter().find(|sent| sent.text.starts_with("INVITE ")).unwrap();
    let refused = invite.response("503 Service Unavailable", "");
    let sent = bench.receive(FIRST, refused);
    assert_eq!(ways(&sent), ["ACK by SIP/2.0/TCP"]);
}
