#![allow(clippy::unwrap_used)]
//! Phones that bind themselves to the way of their REGISTER (RFC 5626), message by message.

use super::bench::{Lab, line, tcp, udp};
use crate::Input;

const USER: &str = "sip:2000@office.test";
const ONE: &str = "<sip:2000@10.0.0.5>;reg-id=1;+sip.instance=\"<urn:uuid:a>\"";
const TWO: &str = "<sip:2000@10.0.0.5>;reg-id=2;+sip.instance=\"<urn:uuid:a>\"";

#[test]
fn a_phone_is_told_that_it_is_bound_to_its_way_and_when_to_show_itself() {
    let mut lab = Lab::new();
    let answer = lab.outbound(tcp(40_000), ONE);
    assert_eq!(line(&answer, "Require"), Some("outbound"));
    assert_eq!(line(&answer, "Flow-Timer"), Some("120"));
    assert_eq!(
        line(&answer, "Contact"),
        Some("<sip:2000@10.0.0.5>;expires=3600;+sip.instance=\"<urn:uuid:a>\";reg-id=1")
    );
    // Over UDP each phone knows how often, and no way is named by a phone that does not ask.
    let answer = lab.outbound(udp(40_001), TWO);
    assert_eq!((line(&answer, "Require"), line(&answer, "Flow-Timer")), (Some("outbound"), None));
    let answer = lab.register(tcp(40_000), ONE, "");
    assert_eq!((line(&answer, "Require"), line(&answer, "Flow-Timer")), (None, None));
    assert_eq!(lab.bound(), [(2, 40_001), (1, 40_000)], "the newer first");
    let answer = lab.outbound(tcp(40_000), "<sip:2000@10.0.0.6>;+sip.instance=\"<urn:uuid:b>\"");
    assert_eq!(line(&answer, "Require"), None, "a phone without a number for its way");
}

#[test]
fn a_new_way_takes_the_place_of_the_old_one_of_its_number() {
    let mut lab = Lab::new();
    lab.outbound(tcp(40_000), ONE);
    lab.outbound(tcp(40_001), TWO);
    // Another address, another connection: the same phone.
    lab.outbound(tcp(40_002), &ONE.replace("10.0.0.5", "10.0.0.77"));
    let mut bound = lab.bound();
    bound.sort_unstable();
    assert_eq!(bound, [(1, 40_002), (2, 40_001)]);
    lab.outbound(tcp(40_001), &format!("{TWO};expires=0"));
    assert_eq!(lab.bound(), [(1, 40_002)]);
    // The same number of another phone is another way.
    lab.outbound(tcp(40_003), &ONE.replace(":a>", ":b>"));
    assert_eq!(lab.bound().len(), 2);
}

#[test]
fn what_a_phone_bound_by_its_address_goes_when_it_names_its_ways_and_back() {
    let mut lab = Lab::new();
    let plain = "<sip:2000@10.0.0.5>";
    lab.register(udp(40_000), plain, "");
    lab.outbound(udp(40_000), ONE);
    assert_eq!(lab.bound(), [(1, 40_000)]);
    lab.outbound(udp(40_001), TWO);
    lab.register(udp(40_002), plain, "");
    assert_eq!(lab.bound(), [(0, 40_002)]);
}

#[test]
fn a_proxy_that_knows_no_outbound_is_no_way_back() {
    let mut lab = Lab::new();
    let hop = "Via: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKx\r\n";
    let path = "Path: <sip:e@203.0.113.7;lr>\r\nSupported: path, outbound\r\n";
    for more in ["Supported: outbound\r\n", path] {
        let answer = lab.register(tcp(40_000), ONE, &format!("{hop}{more}"));
        assert!(answer.contains("SIP/2.0 439 First Hop Lacks Outbound Support"), "{answer}");
    }
    assert_eq!(lab.bound(), []);
    // One that does not ask is bound by its address.
    lab.register(tcp(40_000), ONE, hop);
    assert_eq!(lab.bound(), [(0, 40_000)]);
    // The proxy next to the phone keeps its way, and is told no time of ours.
    let path = "Path: <sip:p@203.0.113.7;lr>, <sip:e@10.0.0.9;lr;ob>\r\nSupported: outbound\r\n";
    let answer = lab.register(tcp(40_000), ONE, &format!("{hop}{path}"));
    assert_eq!((line(&answer, "Require"), line(&answer, "Flow-Timer")), (Some("outbound"), None));
    assert_eq!(lab.bound(), [(1, 40_000)]);
    // With the setting off everybody is let in.
    let mut lab = Lab::with(|config| config.registrar.outbound = false);
    let answer = lab.register(tcp(40_000), ONE, &format!("{hop}Supported: outbound\r\n"));
    assert!(answer.contains("SIP/2.0 200 OK") && line(&answer, "Require").is_none(), "{answer}");
    assert_eq!(lab.bound(), [(0, 40_000)]);
}

#[test]
fn numbers_that_are_none_and_phones_without_a_name_are_bound_by_their_address() {
    for contact in [
        "<sip:2000@10.0.0.5>;reg-id=1",
        "<sip:2000@10.0.0.5>;reg-id=0;+sip.instance=\"<urn:uuid:a>\"",
        "<sip:2000@10.0.0.5>;reg-id=2147483648;+sip.instance=\"<urn:uuid:a>\"",
        "<sip:2000@10.0.0.5>;reg-id=x;+sip.instance=\"<urn:uuid:a>\"",
        "<sip:2000@10.0.0.5>;reg-id=1;+sip.instance=\"<>\"",
        "<sip:2000@10.0.0.5>;reg-id=1;+sip.instance=\"<a\\\"b>\"",
    ] {
        let mut lab = Lab::new();
        let answer = lab.outbound(tcp(40_000), contact);
        assert!(
            answer.contains("SIP/2.0 200 OK") && line(&answer, "Require").is_none(),
            "{answer}"
        );
        assert_eq!(lab.bound(), [(0, 40_000)]);
    }
    let mut lab = Lab::new();
    let answer = lab.outbound(tcp(40_000), &format!("{ONE}, <sip:2000@10.0.0.6>"));
    assert!(answer.contains("SIP/2.0 400 One contact only with reg-id"), "{answer}");
    // What it removes beside does not count.
    let answer = lab.outbound(tcp(40_000), &format!("{ONE}, <sip:2000@10.0.0.6>;expires=0"));
    assert!(answer.contains("SIP/2.0 200 OK"), "{answer}");
}

#[test]
fn several_ways_to_one_phone_are_tried_one_after_another() {
    let mut lab = Lab::new();
    lab.outbound(tcp(40_000), ONE);
    lab.now = lab.now + std::time::Duration::from_secs(1);
    lab.outbound(tcp(40_001), TWO);
    let first = lab.invite_at(USER);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(
        first[0].starts_with("TCP 203.0.113.7:40001\r\nINVITE sip:2000@10.0.0.5 "),
        "{first:?}"
    );
    let second = lab.answer(tcp(40_001), &first[0], "430 Flow Failed");
    let second: Vec<_> = second.iter().filter(|sent| sent.contains("\r\nINVITE ")).collect();
    assert_eq!(second.len(), 1);
    assert!(
        second[0].starts_with("TCP 203.0.113.7:40000\r\nINVITE sip:2000@10.0.0.5 "),
        "{second:?}"
    );
    // The phone itself has spoken: no other way is tried, and there is none.
    let end = lab.answer(tcp(40_000), second[0], "486 Busy Here");
    assert!(end.iter().any(|sent| sent.contains("SIP/2.0 486 Busy Here")), "{end:?}");
    for status in ["486 Busy Here", "503 Service Unavailable", "480 Temporarily Unavailable"] {
        let first = lab.invite_at(USER);
        assert!(first[0].starts_with("TCP 203.0.113.7:40001\r\n"), "{first:?}");
        let end = lab.answer(tcp(40_001), &first[0], status);
        assert!(end.iter().all(|sent| !sent.contains("\r\nINVITE ")), "{end:?}");
        assert!(end.iter().any(|sent| sent.contains(&format!("SIP/2.0 {status}"))), "{end:?}");
    }
}

#[test]
fn a_way_that_breaks_while_it_is_tried_gives_way_to_the_next() {
    let mut lab = Lab::new();
    lab.outbound(tcp(40_000), ONE);
    lab.now = lab.now + std::time::Duration::from_secs(1);
    lab.outbound(tcp(40_001), TWO);
    lab.invite_at(USER);
    let next = lab.put(Input::TransportError { flow: tcp(40_001) });
    assert!(next[0].starts_with("TCP 203.0.113.7:40000\r\nINVITE "), "{next:?}");
    assert_eq!(lab.bound(), [(1, 40_000)], "the broken one is bound no more");
}

#[test]
fn a_silent_way_gives_way_too_and_is_cancelled() {
    let mut lab = Lab::new();
    lab.outbound(udp(40_000), ONE);
    lab.now = lab.now + std::time::Duration::from_secs(1);
    lab.outbound(udp(40_001), TWO);
    assert_eq!(lab.invite_at(USER).len(), 1);
    let failover = std::time::Duration::from_secs(4);
    let mut invites = Vec::new();
    let until = lab.now + failover;
    while let Some((at, _)) = lab.switch.poll_timeout().filter(|(at, _)| *at <= until) {
        lab.now = at;
        lab.switch.handle_timeout(at, &lab.book);
        invites.extend(lab.drain());
    }
    assert!(
        invites.iter().any(|sent| sent.starts_with("UDP 203.0.113.7:40000\r\nINVITE ")),
        "{invites:?}"
    );
}

#[test]
fn a_closed_connection_takes_its_contacts_with_it_and_no_others() {
    let mut lab = Lab::new();
    lab.outbound(tcp(40_000), ONE);
    lab.register(tcp(40_000), "<sip:2000@10.0.0.6>", "");
    assert_eq!(lab.bound().len(), 2);
    lab.put(Input::TransportError { flow: tcp(40_001) });
    assert_eq!(lab.bound().len(), 2);
    lab.put(Input::TransportError { flow: tcp(40_000) });
    assert_eq!(lab.bound(), [(0, 40_000)], "one that is bound by its address may come back");
    // A phone that has come back in the meantime keeps its new way.
    lab.outbound(tcp(40_002), ONE);
    lab.outbound(tcp(40_003), ONE);
    lab.put(Input::TransportError { flow: tcp(40_002) });
    assert!(lab.bound().contains(&(1, 40_003)));
    lab.register(tcp(40_003), "<sip:2000@10.0.0.6>;expires=0", "");
    lab.put(Input::TransportError { flow: tcp(40_003) });
    assert_eq!((lab.bound(), lab.lost), (Vec::new(), 1));
}
