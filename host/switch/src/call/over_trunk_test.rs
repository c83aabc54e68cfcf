#![allow(clippy::unwrap_used)]
//! Calls over trunks, message by message.

use std::{collections::BTreeMap, time::Duration};

use model::{
    Seats, TrunkId,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};
use sip::locate::Place;

use crate::{
    AuthConfig, Cause, Emergency, Fact, Input, Login, Registering, TrunkConfig,
    trunk::bench::{Bench, FIRST, OURS, PHONE, SECOND, Sent, trunk, two, what},
};

#[test]
fn a_call_goes_out_as_the_trunk_wants_it() {
    let login = Login { user: "4312345".to_owned(), password: "secret".to_owned() };
    let register = Registering {
        user: "4312345".to_owned(),
        contact_user: "line1".to_owned(),
        expires: Duration::from_secs(600),
        retry: Duration::from_secs(30),
    };
    let carrier = TrunkConfig {
        login: Some(login),
        from_user: Some("4312345".to_owned()),
        from_domain: Some("carrier.test".to_owned()),
        register: Some(register),
        ..trunk("carrier", "sip:203.0.113.1:5062", 1)
    };
    let mut bench = Bench::new(vec![carrier]);
    let sent = bench.call("carrier");
    assert_eq!(what(&sent), ["INVITE sip:+43123@203.0.113.1:5062 > trunk 1"]);
    let from = sent[0].line("From");
    assert!(from.starts_with("\"Ann\" <sip:4312345@carrier.test>;tag="), "{from}");
    assert_eq!(sent[0].line("To"), "<sip:+43123@203.0.113.1>");
    assert_eq!(sent[0].line("Contact"), format!("<sip:line1@{OURS}>"));
    assert_eq!(bench.trunks_told(), ["leg 1 on carrier"]);
}

#[test]
fn without_an_identity_of_its_own_a_trunk_is_told_the_caller() {
    let mut bench = Bench::new(two());
    let sent = bench.call("b");
    assert_eq!(what(&sent), ["INVITE sip:+43123@203.0.113.2;transport=udp > trunk 2"]);
    let from = sent[0].line("From");
    assert!(from.starts_with("\"Ann\" <sip:1000@203.0.113.2>;tag="), "{from}");
    assert_eq!(sent[0].line("Contact"), format!("<sip:1000@{OURS}>"));
}

/// A trunk with a password, and its first INVITE.
fn with_password() -> (Bench, Sent) {
    let login = Login { user: "4312345".to_owned(), password: "secret".to_owned() };
    let [a, b] = <[_; 2]>::try_from(two()).unwrap();
    let mut bench = Bench::new(vec![TrunkConfig { login: Some(login), ..a }, b]);
    let first = bench.call("outside").remove(0);
    (bench, first)
}

const ASKS: &str = "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";

#[test]
fn a_challenge_is_answered_once_and_the_call_goes_on() {
    let (mut bench, first) = with_password();
    let asked = first.response("407 Asked", &format!("Proxy-Authenticate: {ASKS}\r\n"));
    let sent = bench.receive(FIRST, asked);
    assert_eq!(
        what(&sent),
        ["ACK sip:+43123@203.0.113.1 > trunk 1", "INVITE sip:+43123@203.0.113.1 > trunk 1"]
    );
    let second = &sent[1];
    assert_eq!(second.line("CSeq"), "2 INVITE");
    assert_eq!(second.line("Call-ID"), first.line("Call-ID"));
    assert_eq!(second.line("From"), first.line("From"));
    let answer = second.line("Proxy-Authorization");
    let start = "Digest username=\"4312345\", realm=\"carrier\", nonce=\"n1\", uri=\"sip:+43123@203.0.113.1\"";
    assert!(answer.starts_with(start) && answer.ends_with("nc=00000001"), "{answer}");
    assert_ne!(second.line("Via"), first.line("Via"));

    let ok = second.response("200 OK", "Contact: <sip:203.0.113.1>\r\n");
    let sent = bench.receive(FIRST, ok);
    assert_eq!(what(&sent), ["200 OK > phone"]);
    let to = sent[0].line("To");
    let ack = format!(
        "ACK sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKack\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: {to}\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = bench.receive(PHONE, ack);
    // The INVITE that was answered is the second.
    assert_eq!(
        (what(&sent), sent[0].line("CSeq")),
        (vec!["ACK sip:203.0.113.1 > trunk 1".to_owned()], "2 ACK".to_owned())
    );
}

#[test]
fn a_nonce_that_went_stale_is_answered_anew() {
    let (mut bench, first) = with_password();
    let asked = first.response("401 Asked", &format!("WWW-Authenticate: {ASKS}\r\n"));
    let second = bench.receive(FIRST, asked).remove(1);
    let stale = ASKS.replace("n1", "n2") + ", stale=true";
    let asked = second.response("401 Asked", &format!("WWW-Authenticate: {stale}\r\n"));
    let third = bench.receive(FIRST, asked).remove(1);
    assert_eq!(third.line("CSeq"), "3 INVITE");
    let answer = third.line("Authorization");
    assert!(answer.contains("nonce=\"n2\"") && answer.ends_with("nc=00000001"), "{answer}");
}

#[test]
fn a_password_that_is_wrong_is_not_tried_twice_and_the_next_trunk_is() {
    let (mut bench, first) = with_password();
    let asked = first.response("407 Asked", &format!("Proxy-Authenticate: {ASKS}\r\n"));
    let second = bench.receive(FIRST, asked).remove(1);
    let again = ASKS.replace("n1", "n2");
    let asked = second.response("407 Asked", &format!("Proxy-Authenticate: {again}\r\n"));
    let sent = bench.receive(FIRST, asked);
    assert_eq!(
        what(&sent),
        [
            "ACK sip:+43123@203.0.113.1 > trunk 1",
            "INVITE sip:+43123@203.0.113.2;transport=udp > trunk 2"
        ]
    );
}

#[test]
fn the_challenge_of_a_trunk_without_a_password_does_not_reach_the_caller() {
    let mut bench = Bench::new(two());
    let first = bench.call("a").remove(0);
    let asked = first.response("401 Asked", &format!("WWW-Authenticate: {ASKS}\r\n"));
    bench.receive(FIRST, asked);
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(what(&sent), ["502 Bad Gateway > phone"]);
}

#[test]
fn what_a_trunk_says_of_itself_leads_to_the_next_and_what_it_says_of_the_callee_ends_the_target() {
    for (status, next) in [
        ("500 Error", true),
        ("503 Busy", true),
        ("504 Late", true),
        ("408 Late", true),
        ("403 Barred", false),
        ("404 Unknown", false),
        ("480 Away", false),
        ("486 Busy", false),
        ("603 No", false),
    ] {
        let mut bench = Bench::new(two());
        let first = bench.call("outside").remove(0);
        let sent = what(&bench.receive(FIRST, first.response(status, "")));
        assert_eq!(sent.iter().any(|what| what.ends_with("trunk 2")), next, "{status}");
        assert_eq!(bench.asked.is_some(), !next, "{status}");
    }
}

#[test]
fn the_last_trunk_says_what_becomes_of_the_call() {
    let mut bench = Bench::new(two());
    let first = bench.call("outside").remove(0);
    let second = bench.receive(FIRST, first.response("408 Late", "")).remove(1);
    bench.receive(SECOND, second.response("486 Busy", ""));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(what(&sent), ["486 Busy Here > phone"]);
}

#[test]
fn a_trunk_that_says_nothing_gives_way_to_the_next() {
    let mut bench = Bench::new(two());
    bench.call("outside");
    let sent = what(&bench.pass(4));
    assert!(
        sent.contains(&"INVITE sip:+43123@203.0.113.2;transport=udp > trunk 2".to_owned()),
        "{sent:?}"
    );
}

#[test]
fn a_trunk_that_is_down_or_full_is_passed_over() {
    let mut bench = Bench::new(two());
    bench.town.down = vec![TrunkId(0)];
    bench.town.seats.insert(TrunkId(1), Seats::new(Some(1)));
    assert_eq!(what(&bench.call("outside")).len(), 1);
    bench.call("outside");
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(what(&sent), ["503 Service Unavailable > phone"]);
    assert_eq!(
        bench.trunks_told(),
        ["a passed, Down", "leg 1 on b", "a passed, Down", "b passed, Full"]
    );
    assert_eq!(bench.released(), Some(Cause::Refused(503)));
}

#[test]
fn a_place_on_a_trunk_is_free_again_when_its_call_is_over() {
    let mut bench = Bench::new(two());
    bench.town.seats.insert(TrunkId(0), Seats::new(Some(1)));
    let taken = |bench: &Bench| bench.town.seats.get(&TrunkId(0)).unwrap().taken();
    let first = bench.call("a").remove(0);
    assert_eq!(taken(&bench), 1);
    bench.receive(FIRST, first.response("486 Busy", ""));
    bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(taken(&bench), 0);

    let first = bench.call("a").remove(0);
    let sent = bench.receive(FIRST, first.response("200 OK", "Contact: <sip:203.0.113.1>\r\n"));
    assert_eq!((what(&sent), taken(&bench)), (vec!["200 OK > phone".to_owned()], 1));
    let bye = format!(
        "BYE sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKbye\r\nFrom: {};tag=carrier\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        first.line("To"),
        first.line("From"),
        first.line("Call-ID"),
    );
    bench.receive(FIRST, bye);
    assert_eq!(taken(&bench), 0);
}

#[test]
fn a_trunk_nobody_knows_is_a_target_that_is_not_found() {
    let mut bench = Bench::new(two());
    assert_eq!(what(&bench.call("elsewhere")), [""; 0]);
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(what(&sent), ["404 Not Found > phone"]);
    assert_eq!(bench.trunks_told(), ["elsewhere passed, Unknown"]);
}

#[test]
fn a_call_from_a_trunk_is_known_by_where_it_comes_from_and_asked_for_no_password() {
    let auth = AuthConfig {
        required: true,
        realm: "r".to_owned(),
        algorithms: vec![sip::auth::Algorithm::Md5],
        offered: BTreeMap::new(),
        nonce_life: Duration::from_secs(60),
        nonces_max: 10,
        anonymous_calls: false,
        failures_max: 3,
        failures_window: Duration::from_secs(60),
        sources_max: 10,
    };
    let carrier = TrunkConfig {
        identify: vec!["203.0.113.0/24".parse().unwrap()],
        ..trunk("carrier", "sip:carrier.test", 1)
    };
    let mut bench = Bench::with_auth(vec![carrier], Some(auth));
    bench.town.seats.insert(TrunkId(0), Seats::new(Some(1)));
    assert_eq!(what(&bench.invite(PHONE)), ["401 Unauthorized > phone"]);
    assert_eq!(what(&bench.invite(FIRST)), [""; 0]);
    let trunks: Vec<_> = bench
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::CallOffered { facts, .. } => Some(facts.trunk.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(trunks, [Some("carrier".to_owned())]);
    // The second call at once is one too many, and the first leaves its place when it is over.
    assert_eq!(what(&bench.invite(FIRST)), ["503 Service Unavailable > trunk 1"]);
    bench.decide(Hook::Route, Verdict::Refuse(404));
    assert_eq!(what(&bench.invite(FIRST)), [""; 0]);
    // A phone at the carrier's address, or a carrier that speaks for a user of ours.
    bench.town.users.push(model::Aor::new("1000", "office.test"));
    assert_eq!(what(&bench.invite(FIRST)), ["401 Unauthorized > trunk 1"]);
}

/// A call that is up over the trunk with a password, and its INVITE.
fn up() -> (Bench, Sent) {
    let (mut bench, first) = with_password();
    bench.receive(FIRST, first.response("200 OK", "Contact: <sip:gw@203.0.113.1>\r\n"));
    bench.receive(PHONE, from_phone("ACK", 1, &bench, ""));
    (bench, first)
}

/// A request of the phone within its call.
fn from_phone(method: &str, cseq: u32, bench: &Bench, extra: &str) -> String {
    let tag = &bench.tag;
    format!(
        "{method} sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{method}{cseq}\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>;tag={tag}\r\nCall-ID: 1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_trunk_may_ask_within_a_call() {
    let (mut bench, _) = up();
    let contact = "Contact: <sip:1000@198.51.100.1>\r\n";
    let invite = from_phone("INVITE", 2, &bench, contact);
    let asked = bench.receive(PHONE, invite).remove(0);
    assert_eq!(asked.what(), "INVITE sip:gw@203.0.113.1 > trunk 1");
    let challenge = format!("Proxy-Authenticate: {ASKS}\r\n");
    let sent = bench.receive(FIRST, asked.response("407 Asked", &challenge));
    assert_eq!(what(&sent)[1], "INVITE sip:gw@203.0.113.1 > trunk 1");
    assert_eq!(
        (asked.line("CSeq").as_str(), sent[1].line("CSeq").as_str()),
        ("2 INVITE", "3 INVITE")
    );
    assert!(sent[1].line("Proxy-Authorization").contains("uri=\"sip:gw@203.0.113.1\""));
    let sent =
        bench.receive(FIRST, sent[1].response("200 OK", "Contact: <sip:gw@203.0.113.1>\r\n"));
    assert!(what(&sent).contains(&"200 OK > phone".to_owned()), "{:?}", what(&sent));
    bench.receive(PHONE, from_phone("ACK", 2, &bench, ""));

    let bye = from_phone("BYE", 3, &bench, "");
    let sent = bench.receive(PHONE, bye);
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:gw@203.0.113.1 > trunk 1"]);
    let sent = bench.receive(FIRST, sent[1].response("407 Asked", &challenge));
    assert_eq!(
        (what(&sent), sent[0].line("CSeq")),
        (vec!["BYE sip:gw@203.0.113.1 > trunk 1".to_owned()], "5 BYE".to_owned())
    );
    assert!(sent[0].line("Proxy-Authorization").starts_with("Digest username=\"4312345\""));
    // It asks again: the password is wrong, and the call is over all the same.
    let again = challenge.replace("n1", "n2");
    assert_eq!(what(&bench.receive(FIRST, sent[0].response("407 Asked", &again))), [""; 0]);
    assert_eq!(bench.switch.calls(bench.now).count(), 0);
}

#[test]
fn help_is_called_over_trunks_that_are_down_or_full_the_likelier_first() {
    let route = ["trunk:outside".to_owned()];
    let mut config = Bench::config(two(), None);
    config.emergency =
        Emergency::new(&["+43123".trim_start_matches('+').to_owned()], &[], &route).unwrap();
    let mut bench = Bench::of(config);
    bench.town.down = vec![TrunkId(0)];
    bench.town.seats.insert(TrunkId(1), Seats::new(Some(0)));
    let sent = bench.invite(PHONE);
    let called = what(&sent);
    assert_eq!(called.last().unwrap(), "INVITE sip:43123@203.0.113.2;transport=udp > trunk 2");
    let sent = bench.receive(SECOND, sent.last().unwrap().response("503 Full", ""));
    assert_eq!(what(&sent).last().unwrap(), "INVITE sip:43123@203.0.113.1 > trunk 1");
}

#[test]
fn what_rings_together_with_a_trunk_that_is_looked_for_does_not_wait_for_it() {
    let trunks = vec![trunk("a", "sip:203.0.113.1", 1), trunk("b", "sip:carrier.test", 1)];
    let mut bench = Bench::new(trunks);
    bench.invite(PHONE);
    let to = |name: &str| {
        let to = Destination::Trunk { name: name.to_owned(), user: None };
        Target { together: true, ..Target::new(to) }
    };
    let plan = Plan { targets: vec![to("a"), to("b")], media: MediaMode::Default };
    let sent = bench.decide(Hook::Route, Verdict::Plan(plan));
    assert_eq!(what(&sent), ["INVITE sip:+43123@203.0.113.1 > trunk 1"]);
    let (id, _) = bench.lookups.pop().unwrap();
    let place = Place { transport: model::Transport::Udp, address: (SECOND, 5060).into() };
    let located = Input::Located { id, places: Ok(vec![place]) };
    bench.switch.handle_input(bench.now, &bench.town, located);
    assert_eq!(what(&bench.drain()), ["INVITE sip:+43123@carrier.test > trunk 2"]);
}
