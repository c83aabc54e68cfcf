#![allow(clippy::unwrap_used)]
//! Click-to-dial, message by message.

use std::sync::Arc;

use model::{
    Aor, Binding, Flow, Instant, LegId, ListenerId, Transport,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Action, Config,
    trunk::bench::{Bench, FIRST, PHONE, Sent, what},
};

pub(super) const OFFER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendrecv\r\n";
const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

fn ann() -> Aor {
    Aor::new("1000", "office.test")
}

fn binding(host: u8) -> Binding {
    let peer = ([198, 51, 100, host], 5060).into();
    Binding {
        contact: format!("sip:1000@198.51.100.{host}").into(),
        flow: Flow { transport: Transport::Udp, listener: ListenerId(0), peer },
        path: "".into(),
        is_behind_nat: false,
        q_milli: 1000,
        expires_at: Instant::ZERO + std::time::Duration::from_secs(3600),
        call_id: "r".into(),
        cseq: 1,
        user_agent: "".into(),
        instance: "".into(),
        reg_id: 0,
    }
}

/// A switch where Ann has these phones.
fn bench_of(config: Config, phones: &[u8]) -> Bench {
    let mut bench = Bench::of(config);
    let bindings: Arc<[Binding]> = phones.iter().map(|host| binding(*host)).collect();
    bench.town.bindings.insert(ann(), bindings);
    bench
}

fn bench(phones: &[u8]) -> Bench {
    bench_of(Bench::config(Vec::new(), None), phones)
}

fn make(bench: &mut Bench, to: &str) -> Vec<Sent> {
    let (display, ring) = ("Ann \"A\"".to_owned(), None);
    bench.control(Action::Make { from: ann(), display, to: to.to_owned(), ring })
}

fn phone_ok(invite: &Sent, body: &str) -> String {
    invite.response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", body)
}

fn to_first(bench: &mut Bench) -> Vec<Sent> {
    let target = Target::new(Destination::Uri("sip:2000@203.0.113.1".to_owned()));
    let plan = Plan { targets: vec![target], media: MediaMode::Default };
    bench.decide(Hook::Route, Verdict::Plan(plan))
}

/// The phone has answered, and its call has gone to the first place.
fn dialling(bench: &mut Bench) -> (Sent, Sent) {
    let first = make(bench, "2000").remove(0);
    let sent = bench.receive(PHONE, phone_ok(&first, OFFER));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    let second = to_first(bench).remove(0);
    (first, second)
}

#[test]
fn the_phone_is_called_first_and_then_whom_it_is_to_talk_to() {
    let mut bench = bench(&[1]);
    let sent = make(&mut bench, "2000");
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    let first = &sent[0];
    assert_eq!(first.body(), "");
    assert!(first.line("From").starts_with("<sip:2000@office.test>;tag="));
    assert_eq!(first.line("To"), "<sip:1000@office.test>");
    assert_eq!(first.line("Answer-Mode"), "Auto");
    bench.receive(PHONE, first.response("180 Ringing", ""));
    assert_eq!(bench.story(), [""; 0], "nothing is told of it before it answers");
    let sent = bench.receive(PHONE, phone_ok(first, OFFER));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    let (begin, rest) = sent[0].body().split_once("1 IN IP4 192.0.2.9\r\n").unwrap();
    assert!(begin.starts_with("v=0\r\no=- "), "{begin}");
    assert_eq!(
        rest,
        "s=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 8\r\na=inactive\r\n"
    );
    assert_eq!(bench.story(), ["offered 2: 1000 to 2000", "done 2"]);
    let facts = bench.switch.calls(bench.now).next().unwrap().facts;
    assert_eq!(
        (facts.identity.clone(), facts.callee.uri.as_str()),
        (Some(ann()), "sip:2000@office.test")
    );
    let second = to_first(&mut bench);
    assert_eq!(what(&second), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(second[0].body(), OFFER);
    assert!(second[0].line("From").starts_with("\"Ann \\\"A\\\"\" <sip:1000@office.test>;tag="));
    assert_eq!(second[0].line("Answer-Mode"), "");
    bench.receive(FIRST, second[0].response("180 Ringing", ""));
    let ok = second[0].response_with("200 OK", "Contact: <sip:2000@203.0.113.1>\r\n", CALLEE);
    let sent = bench.receive(FIRST, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    // It is the session that the phone knows, in its next version.
    let origin = begin.strip_prefix("v=0\r\n").unwrap();
    assert!(sent[1].body().contains(&format!("{origin}2 IN IP4 203.0.113.1\r\n")));
    assert!(sent[1].body().ends_with("m=audio 5000 RTP/AVP 0\r\n"));
    let sent = bench.receive(PHONE, phone_ok(&sent[1], OFFER));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    assert_eq!(bench.story(), ["leg 2.1: sip:2000@203.0.113.1", "alerting 2.1", "established 2.1"]);
    let sent = bench.receive(FIRST, second[0].response("200 OK", ""));
    assert_eq!(sent.len(), 1, "it is acknowledged again");
    let leg = LegId { conn: bench.conn(), number: 0 };
    let sent = bench.control(Action::Release { leg });
    assert_eq!(
        what(&sent),
        ["BYE sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert_eq!(bench.story(), ["released 2: hang-up by caller", "done 2"]);
    assert!(bench.switch.tables.unoffered.is_empty());
}

#[test]
fn a_phone_that_does_not_answer_makes_no_call() {
    for (status, told) in [("486 Busy Here", "Phone(486)"), ("302 Moved", "Phone(302)")] {
        let mut bench = bench(&[1]);
        let sent = make(&mut bench, "2000");
        let moved = "Contact: <sip:9@192.0.2.7>\r\n";
        let sent = bench.receive(PHONE, sent[0].response(status, moved));
        assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
        assert_eq!(bench.story(), [format!("not done: {told}")]);
        assert!(bench.asked.is_none() && bench.conns().is_empty());
    }
    let mut bench = bench(&[1]);
    let ring = Some(std::time::Duration::from_secs(5));
    let (from, display, to) = (ann(), String::new(), "2000".to_owned());
    let sent = bench.control(Action::Make { from, display, to, ring });
    bench.receive(PHONE, sent[0].response("180 Ringing", ""));
    assert_eq!(what(&bench.pass(5)), ["CANCEL sip:1000@198.51.100.1 > phone"]);
    assert_eq!(bench.story(), ["not done: Phone(408)"]);
    bench.receive(PHONE, sent[0].response("487 Request Terminated", ""));
    assert_eq!(bench.story(), [""; 0]);
    assert!(bench.switch.tables.unoffered.is_empty());
}

#[test]
fn of_several_phones_the_first_that_answers_calls() {
    let mut bench = bench(&[1, 2]);
    let sent = make(&mut bench, "2000");
    assert_eq!(sent.len(), 2);
    let sent = bench.receive(PHONE, phone_ok(&sent[0], OFFER));
    assert_eq!(sent.len(), 1, "the other has said nothing that could be cancelled yet");
    assert_eq!(bench.story(), ["offered 2: 1000 to 2000", "done 2"]);
}

#[test]
fn what_cannot_be_made_is_told() {
    let mut bench = bench(&[1]);
    assert!(make(&mut bench, "sip:").is_empty());
    bench.town.bindings.clear();
    assert!(make(&mut bench, "2000").is_empty());
    assert_eq!(bench.story(), ["not done: Destination", "not done: Phone(480)"]);
    let mut config = Bench::config(Vec::new(), None);
    config.limits.calls_max = 0;
    let mut bench = bench_of(config, &[1]);
    assert!(make(&mut bench, "2000").is_empty());
    assert_eq!(bench.story(), ["not done: Limit"]);
}

#[test]
fn the_phone_may_hang_up_while_the_other_rings() {
    let mut bench = bench(&[1]);
    let (first, second) = dialling(&mut bench);
    bench.receive(FIRST, second.response("180 Ringing", ""));
    bench.story();
    let from = first.line("To");
    let bye = format!(
        "BYE sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKbye\r\n\
         From: {from};tag=carrier\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        first.line("From"),
        first.line("Call-ID")
    );
    let sent = bench.receive(PHONE, bye);
    assert_eq!(what(&sent), ["200 OK > phone", "CANCEL sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(bench.story(), ["released 2: cancelled"]);
}

#[test]
fn the_phone_is_let_go_when_nobody_takes_its_call() {
    let mut bench = bench(&[1]);
    let (_, second) = dialling(&mut bench);
    bench.story();
    bench.receive(FIRST, second.response("486 Busy Here", ""));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(bench.story().last().unwrap(), "released 2: refused 486");
}

#[test]
fn the_phone_may_wait_at_a_routing_point() {
    let mut bench = bench(&[1]);
    bench.town.points.push(Aor::new("8000", "office.test"));
    let first = make(&mut bench, "8000").remove(0);
    bench.receive(PHONE, phone_ok(&first, OFFER));
    assert!(bench.decide(Hook::Route, Verdict::BuiltIn).is_empty());
    assert!(bench.pass(60).is_empty());
    assert_eq!(bench.story().last().unwrap(), "queued at 8000@office.test: None");
    let action = Action::Route { conn: bench.conn(), to: "2000".to_owned(), ring: None };
    bench.control(action);
    let second = to_first(&mut bench);
    assert_eq!(what(&second), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
}

#[test]
fn the_session_of_a_phone_that_waits_is_refreshed() {
    let mut bench = bench(&[1]);
    bench.town.points.push(Aor::new("8000", "office.test"));
    let first = make(&mut bench, "8000").remove(0);
    let fields = "Contact: <sip:1000@198.51.100.1>\r\nRequire: timer\r\nSession-Expires: 120;refresher=uac\r\n";
    let sent = bench.receive(PHONE, first.response_with("200 OK", fields, OFFER));
    let answer = sent[0].body().to_owned();
    bench.decide(Hook::Route, Verdict::BuiltIn);
    let sent = bench.pass(60);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].body(), answer, "nothing has changed");
    // Somebody takes its call before it has answered: it hears of that once it has.
    let action = Action::Route { conn: bench.conn(), to: "2000".to_owned(), ring: None };
    bench.control(action);
    let second = to_first(&mut bench).remove(0);
    let ok = second.response_with("200 OK", "Contact: <sip:2000@203.0.113.1>\r\n", CALLEE);
    assert_eq!(what(&bench.receive(FIRST, ok)), ["ACK sip:2000@203.0.113.1 > trunk 1"]);
    let sent = bench.receive(PHONE, phone_ok(&sent[0], OFFER));
    assert_eq!(
        what(&sent),
        ["ACK sip:1000@198.51.100.1 > phone", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    assert!(sent[1].body().contains("m=audio 5000"));
}
