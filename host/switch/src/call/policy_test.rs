#![allow(clippy::unwrap_used)]
//! Which header fields go to the other side, message by message.

use std::{sync::Arc, time::Duration};

use model::hook::{
    Answer, Ask, Decision, Destination, End, HeaderChange, HeaderEdit, Hook, MediaMode, Outgoing,
    Plan, Question, Target, Verdict,
};

use crate::{
    Config, Emergency, Fact, Input,
    trunk::bench::{self, Bench, FIRST, PHONE, SECOND, Sent, trunk},
};

/// What was sent, in a line.
fn what(sent: &[Sent]) -> String {
    bench::what(sent).join(", ")
}

const FIELDS: &str =
    "User-Agent: Phone 1\r\nX-One: 1\r\nx-two: 2\r\nSubject: lunch\r\nP-Charge: 3\r\n";

fn bench() -> Bench {
    let trunks = vec![
        trunk("a", "sip:203.0.113.1", 0),
        crate::TrunkConfig { trusted: false, ..trunk("b", "sip:203.0.113.2", 1) },
    ];
    let mut bench =
        Bench::of(Config { server_header: "Jackfield".to_owned(), ..Bench::config(trunks, None) });
    bench.town.hooks = vec![Hook::HeaderPolicy];
    bench
}

fn edit(toward: End, name: &str, change: HeaderChange) -> HeaderEdit {
    HeaderEdit { toward, name: name.to_owned(), change }
}

fn set(name: &str, value: &str) -> HeaderEdit {
    edit(End::Callee, name, HeaderChange::Set(value.to_owned()))
}

fn outgoing(question: &Question) -> &Arc<Outgoing> {
    let Ask::HeaderPolicy(outgoing) = &question.ask else { panic!("{question:?}") };
    outgoing
}

fn answer(bench: &mut Bench, edits: Vec<HeaderEdit>) -> (Question, Vec<Sent>) {
    let question = bench.told.pop_front().unwrap();
    let decision = Decision::of(Hook::HeaderPolicy, 0);
    let answer = Answer {
        id: question.id,
        verdict: if edits.is_empty() { Verdict::BuiltIn } else { Verdict::Edit(edits) },
        amended: None,
        pin: None,
        decision,
    };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    (question, bench.drain())
}

/// A call to the trunk or the group of this name, up to the question.
fn call(bench: &mut Bench, name: &str, fields: &str) -> Vec<Sent> {
    bench.invite_asking(PHONE, fields, "");
    let to = Destination::Trunk { name: name.to_owned(), user: Some("+43123".to_owned()) };
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Default };
    bench.decide(Hook::Route, Verdict::Plan(plan))
}

#[test]
fn an_invite_waits_for_what_is_said_and_has_it() {
    let mut bench = bench();
    let sent = call(&mut bench, "a", FIELDS);
    assert!(!sent.iter().any(|sent| sent.text.starts_with("INVITE")), "{}", what(&sent));
    let edits = vec![
        edit(End::Callee, "X-*", HeaderChange::Remove),
        edit(End::Callee, "X-Two", HeaderChange::Keep),
        set("User-Agent", "Border"),
        set("X-Customer", "4711"),
        edit(End::Callee, "X-Customer", HeaderChange::Add("4712".to_owned())),
        edit(End::Callee, "P-Charge", HeaderChange::Keep),
        edit(End::Caller, "Server", HeaderChange::Remove),
        edit(End::Caller, "X-Back", HeaderChange::Add("yes".to_owned())),
    ];
    let (question, sent) = answer(&mut bench, edits);
    let out = outgoing(&question);
    assert_eq!((out.trunk.as_deref(), out.direction()), (Some("a"), "outbound"));
    assert!(out.trusted && !out.hidden);
    let invite = &sent[0];
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    assert_eq!((invite.line("X-One"), invite.line("x-two")), (String::new(), "2".to_owned()));
    assert_eq!(invite.line("User-Agent"), "Border");
    assert_eq!(invite.text.matches("User-Agent").count(), 1);
    assert_eq!(invite.text.matches("X-Customer: 471").count(), 2);
    assert_eq!((invite.line("Subject"), invite.line("P-Charge")), ("lunch".into(), "3".into()));
    let ringing = invite.response("180 Ringing", "Server: Carrier\r\nX-Down: 1\r\n");
    let sent = bench.receive(FIRST, ringing);
    assert_eq!((sent[0].line("Server"), sent[0].line("X-Back")), (String::new(), "yes".into()));
    let body = "v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let contact = "Contact: <sip:203.0.113.1>\r\nX-Down: 1\r\n";
    let ok = bench.receive(FIRST, invite.response_with("200 OK", contact, body));
    let ok = ok.iter().find(|sent| sent.text.starts_with("SIP/2.0 200")).unwrap();
    assert_eq!((ok.line("X-Back"), ok.line("X-Down")), ("yes".to_owned(), "1".to_owned()));
    assert!(!ok.text.contains("Server: "), "{}", ok.text);
}

#[test]
fn each_trunk_of_a_group_is_asked_about_and_a_challenge_is_not() {
    let mut bench = bench();
    call(&mut bench, "outside", FIELDS);
    let (first, sent) = answer(&mut bench, vec![set("X-Trunk", "a")]);
    assert_eq!(outgoing(&first).trunk.as_deref(), Some("a"));
    assert_eq!(sent[0].line("X-Trunk"), "a");
    let sent = bench.receive(FIRST, sent[0].response("503 Busy", ""));
    assert_eq!(sent.iter().filter(|sent| sent.text.starts_with("INVITE")).count(), 0);
    let (second, sent) = answer(&mut bench, Vec::new());
    let out = outgoing(&second);
    assert_eq!((out.trunk.as_deref(), out.trusted), (Some("b"), false));
    assert_eq!((sent[0].line("X-Trunk"), sent[0].line("X-One")), (String::new(), "1".to_owned()));
    assert_eq!(sent[0].line("User-Agent"), "Jackfield");
    let sent = bench.receive(SECOND, sent[0].response("486 Busy", ""));
    assert!(bench.told.is_empty(), "{}", what(&sent));
}

#[test]
fn a_hidden_caller_stays_hidden() {
    let mut bench = bench();
    call(&mut bench, "b", &format!("Privacy: id\r\n{FIELDS}"));
    let edits = vec![
        set("X-Caller", "tel:1000"),
        set("X-Name", "It is Ann speaking"),
        set("X-Customer", "4711"),
        edit(End::Callee, "P-Charge", HeaderChange::Keep),
    ];
    let (question, sent) = answer(&mut bench, edits);
    assert!(outgoing(&question).hidden);
    let invite = &sent[0];
    for gone in ["X-Caller", "X-Name", "P-Charge"] {
        assert_eq!(invite.line(gone), "", "{gone}");
    }
    assert_eq!(invite.line("X-Customer"), "4711");
    let reasons = bench.facts.iter().find_map(|fact| match fact {
        Fact::Decided { decision, .. } if decision.hook == Hook::HeaderPolicy => {
            Some(decision.reasons.clone())
        }
        _ => None,
    });
    let codes: Vec<_> = reasons.unwrap().into_iter().map(|why| (why.code, why.text)).collect();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert_eq!(codes[0].0, "hidden-caller");
    assert!(codes[0].1.starts_with("X-Caller was left out"));
}

#[test]
fn plugins_that_say_nothing_hold_up_nothing() {
    let mut bench = bench();
    call(&mut bench, "a", FIELDS);
    bench.now = bench.now + Duration::from_millis(999);
    assert_eq!(what(&bench.flush()), "100 Trying > phone");
    bench.now = bench.now + Duration::from_millis(1);
    let sent = bench.flush();
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    assert_eq!(sent[0].line("X-One"), "1");
    let (_, late) = answer(&mut bench, vec![set("X-Late", "1")]);
    assert_eq!(what(&late), "");
}

#[test]
fn a_caller_who_gives_up_meanwhile_leaves_nothing_behind() {
    let mut bench = bench();
    call(&mut bench, "a", FIELDS);
    let cancel = "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let sent = bench.receive(PHONE, cancel.to_owned());
    assert!(what(&sent).contains("487 Request Terminated > phone"), "{}", what(&sent));
    let (_, late) = answer(&mut bench, vec![set("X-Late", "1")]);
    assert_eq!(what(&late), "");
    assert_eq!(bench.switch.stats().answers_late, 1);
}

#[test]
fn nobody_is_asked_where_nobody_answers_nor_of_an_emergency_nor_by_a_proxy() {
    let mut bench = bench();
    bench.town.hooks.clear();
    let sent = call(&mut bench, "a", FIELDS);
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    let mut bench = self::bench();
    bench.invite_asking(PHONE, FIELDS, "");
    let to = Destination::Uri("sip:2000@203.0.113.1".to_owned());
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Proxy };
    let sent = bench.decide(Hook::Route, Verdict::Plan(plan));
    assert!(what(&sent).contains("INVITE sip:2000@203.0.113.1 > trunk 1"), "{}", what(&sent));
    let emergency = Emergency::new(&["43123".to_owned()], &[], &["trunk:a".to_owned()]).unwrap();
    let trunks = vec![trunk("a", "sip:203.0.113.1", 0)];
    let mut bench = Bench::of(Config { emergency, ..Bench::config(trunks, None) });
    bench.town.hooks = vec![Hook::HeaderPolicy];
    let sent = bench.invite_asking(PHONE, FIELDS, "");
    assert!(what(&sent).contains("INVITE"), "{}", what(&sent));
    assert!(bench.told.is_empty());
}
