#![allow(clippy::unwrap_used)]
//! Calls that wait at a routing point, message by message.

use std::time::Duration;

use model::{
    Aor,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Action, Config, Emergency,
    trunk::bench::{Bench, FIRST, PHONE, Sent, what},
};

const RING_BACK: [&str; 1] = ["182 Queued > phone"];

fn point() -> Aor {
    Aor::new("+43123", "192.0.2.9")
}

fn plan(to: Vec<Destination>) -> Verdict {
    let targets = to.into_iter().map(Target::new).collect();
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}

fn first() -> Destination {
    Destination::Uri("sip:2000@203.0.113.1".to_owned())
}

/// A call that has come to the routing point that was called; `fields` are of its INVITE.
fn queued_with(fields: &str) -> (Bench, Vec<Sent>) {
    let mut bench = Bench::new(Vec::new());
    bench.town.points.push(point());
    bench.invite_asking(PHONE, fields, "offer");
    let sent = bench.decide(Hook::Route, Verdict::BuiltIn);
    (bench, sent)
}

fn queued() -> Bench {
    let (mut bench, sent) = queued_with("");
    assert_eq!(what(&sent), RING_BACK);
    assert_eq!(bench.story(), ["offered 1: 1000 to +43123", "queued at +43123@192.0.2.9: None"]);
    bench
}

fn route(bench: &mut Bench, to: &str) -> Vec<Sent> {
    let action = Action::Route { conn: bench.conn(), to: to.to_owned(), ring: None };
    bench.control(action)
}

#[test]
fn a_call_for_a_routing_point_waits_and_goes_where_it_is_sent() {
    let mut bench = queued();
    assert_eq!(bench.switch.calls(bench.now).next().unwrap().phase.name(), "waiting");
    assert!(route(&mut bench, "2000").is_empty());
    assert_eq!(bench.story(), ["routed to sip:2000@192.0.2.9", "done 1"]);
    let facts = bench.switch.calls(bench.now).next().unwrap().facts;
    assert_eq!(facts.dialled_callee().uri, "sip:+43123@192.0.2.9");
    let sent = bench.decide(Hook::Route, plan(vec![first()]));
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[0].body(), "offer");
    let ringing = sent[0].response("180 Ringing", "");
    assert_eq!(what(&bench.receive(FIRST, ringing)), ["180 Ringing > phone"]);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:x@203.0.113.1>\r\n", "answer");
    assert_eq!(
        what(&bench.receive(FIRST, ok)),
        ["200 OK > phone", "ACK sip:x@203.0.113.1 > trunk 1"]
    );
    assert_eq!(bench.story(), ["leg 1.1: sip:2000@203.0.113.1", "alerting 1.1", "established 1.1"]);
    assert!(route(&mut bench, "2000").is_empty());
    assert_eq!(bench.story(), ["not done: State"]);
}

#[test]
fn what_fails_brings_the_call_back_to_where_it_waits() {
    let mut bench = queued();
    route(&mut bench, "2000");
    let invite = bench.decide(Hook::Route, plan(vec![first()])).remove(0);
    let sent = bench.receive(FIRST, invite.response("486 Busy Here", ""));
    assert_eq!(what(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(what(&bench.decide(Hook::RouteOnFailure, Verdict::Continue)), RING_BACK);
    assert_eq!(
        bench.story(),
        [
            "routed to sip:2000@192.0.2.9",
            "done 1",
            "leg 1.1: sip:2000@203.0.113.1",
            "failed 1.1: 486",
            "target uri:sip:2000@203.0.113.1: 486",
            "queued at +43123@192.0.2.9: Some(486)"
        ]
    );
    // Nobody has the next one, and a plugin refuses the one after that.
    route(&mut bench, "9999");
    assert_eq!(what(&bench.decide(Hook::Route, Verdict::BuiltIn)), RING_BACK);
    route(&mut bench, "sip:3000@example.com");
    assert_eq!(what(&bench.decide(Hook::Route, Verdict::Refuse(403))), RING_BACK);
    assert_eq!(
        bench.story(),
        [
            "routed to sip:9999@192.0.2.9",
            "done 1",
            "queued at +43123@192.0.2.9: Some(404)",
            "routed to sip:3000@example.com",
            "done 1",
            "queued at +43123@192.0.2.9: Some(403)"
        ]
    );
}

#[test]
fn it_rings_where_it_was_sent_for_as_long_as_was_said() {
    let mut bench = queued();
    let ring = Some(Duration::from_secs(5));
    bench.control(Action::Route { conn: bench.conn(), to: "2000".to_owned(), ring });
    let invite = bench.decide(Hook::Route, plan(vec![first()])).remove(0);
    bench.receive(FIRST, invite.response("180 Ringing", ""));
    assert!(bench.pass(4).is_empty());
    assert_eq!(what(&bench.pass(1)), ["CANCEL sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(what(&bench.decide(Hook::RouteOnFailure, Verdict::Continue)), RING_BACK);
    assert_eq!(bench.story().last().unwrap(), "queued at +43123@192.0.2.9: Some(408)");
}

//= RFC 3261 section 13.3.1.1 type=test
//# To prevent cancellation, the UAS MUST send a non-100 provisional response at every minute, to handle the possibility of lost
//# provisional responses.
#[test]
fn the_caller_is_told_each_minute_and_refused_when_it_has_waited_long_enough() {
    let mut bench = queued();
    assert!(bench.pass(59).is_empty());
    assert_eq!(what(&bench.pass(1)), RING_BACK);
    assert_eq!(what(&bench.pass(60)), RING_BACK);
    assert!(bench.pass(29).is_empty());
    assert_eq!(what(&bench.pass(1)), ["480 Temporarily Unavailable > phone"]);
    assert_eq!(bench.story(), ["released 1: refused 480"]);
}

#[test]
fn the_caller_may_give_up_and_the_call_may_be_refused() {
    let mut bench = queued();
    let sent = bench.receive(
        PHONE,
        "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\n\
         CSeq: 1 CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            .to_owned(),
    );
    assert_eq!(what(&sent), ["200 OK > phone", "487 Request Terminated > phone"]);
    assert_eq!(bench.story(), ["released 1: cancelled"]);
    let mut bench = queued();
    bench.control(Action::Refuse { conn: bench.conn(), status: 200 });
    assert_eq!(bench.story(), ["not done: State"]);
    let sent = bench.control(Action::Refuse { conn: bench.conn(), status: 486 });
    assert_eq!(what(&sent), ["486 Busy Here > phone"]);
    assert_eq!(bench.story(), ["released 1: refused 486", "done 1"]);
    let conn = model::ConnId::mint(model::Shard(0), 99);
    bench.control(Action::Refuse { conn, status: 486 });
    assert_eq!(bench.story(), ["not done: NoCall"]);
}

#[test]
fn a_caller_that_requires_it_is_told_reliably() {
    let (bench, sent) = queued_with("Require: 100rel\r\n");
    assert_eq!(what(&sent), RING_BACK);
    assert_eq!(sent[0].line("Require"), "100rel");
    let fields = format!("RAck: {} 1 INVITE\r\n", sent[0].line("RSeq"));
    let mut bench = bench;
    assert_eq!(what(&bench.phone_says("PRACK", 2, &fields)), ["200 OK > phone"]);
    assert_eq!(what(&bench.pass(60)), RING_BACK);
}

#[test]
fn what_is_no_address_is_no_destination() {
    let mut bench = queued();
    for to in ["", "sip:", "tel", "a b", "sip:1@h?Subject=x", "<sip:1@h>"] {
        let sent = route(&mut bench, to);
        assert!(sent.is_empty());
        let story = bench.story();
        match to {
            // A user part of letters is a name.
            "tel" => assert_eq!(story, ["routed to sip:tel@192.0.2.9", "done 1"]),
            _ => assert_eq!(story, ["not done: Destination"], "{to}"),
        }
        if to == "tel" {
            bench.decide(Hook::Route, Verdict::BuiltIn);
            bench.story();
        }
    }
}

#[test]
fn a_plan_has_it_wait_when_others_have_failed_and_never_beside_them() {
    let mut bench = Bench::new(Vec::new());
    bench.invite_with(PHONE, "offer");
    let mut targets = vec![Target::new(first()), Target::new(Destination::RoutingPoint(point()))];
    targets[1].together = true;
    let plan = Verdict::Plan(Plan { targets, media: MediaMode::Default });
    let sent = bench.decide(Hook::Route, plan);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    bench.receive(FIRST, sent[0].response("486 Busy Here", ""));
    assert_eq!(what(&bench.decide(Hook::RouteOnFailure, Verdict::Continue)), RING_BACK);
}

#[test]
fn a_call_that_is_only_forwarded_cannot_wait() {
    let mut bench = Bench::new(Vec::new());
    bench.invite_with(PHONE, "offer");
    let targets = vec![Target::new(Destination::RoutingPoint(point()))];
    bench.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Proxy }));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["480 Temporarily Unavailable > phone"]);
}

#[test]
fn an_emergency_number_is_one_from_a_routing_point_as_well() {
    let mut config: Config = Bench::config(Vec::new(), None);
    config.emergency =
        Emergency::new(&["112".to_owned()], &[], &["sip:112@203.0.113.1".to_owned()]).unwrap();
    let mut bench = Bench::of(config);
    bench.town.points.push(point());
    bench.invite_with(PHONE, "offer");
    bench.decide(Hook::Route, Verdict::BuiltIn);
    let sent = route(&mut bench, "112");
    assert_eq!(what(&sent), ["INVITE sip:112@203.0.113.1 > trunk 1"]);
    assert!(bench.asked.is_none());
    assert!(bench.switch.calls(bench.now).next().unwrap().facts.emergency);
}

#[test]
fn an_emergency_waits_at_no_routing_point_of_its_route() {
    let route = ["+43123@192.0.2.9".to_owned(), "sip:2000@203.0.113.1".to_owned()];
    let emergency = Emergency::new(&["43123".to_owned()], &[], &route).unwrap();
    let mut bench = Bench::of(Config { emergency, ..Bench::config(Vec::new(), None) });
    bench.town.points.push(point());
    let sent = bench.invite_asking(PHONE, "", "offer");
    assert!(what(&sent).iter().any(|line| line.starts_with("INVITE")), "{:?}", what(&sent));
}

#[test]
fn an_emergency_without_a_route_does_not_wait_where_its_number_is_a_routing_point() {
    let emergency = Emergency::new(&["43123".to_owned()], &[], &[]).unwrap();
    let mut bench = Bench::of(Config { emergency, ..Bench::config(Vec::new(), None) });
    bench.town.points.push(point());
    bench.invite_asking(PHONE, "", "offer");
    let sent = bench.decide(Hook::Route, Verdict::BuiltIn);
    assert!(what(&sent).iter().all(|line| !line.starts_with("182")), "{:?}", what(&sent));
    assert!(
        bench
            .switch
            .calls(bench.now)
            .next()
            .is_none_or(|call| call.phase != crate::CallPhase::Waiting)
    );
}
