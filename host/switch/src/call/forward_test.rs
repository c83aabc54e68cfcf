#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use model::hook::{Hook, MediaMode, Plan, Target, Verdict};

use super::*;
use crate::{
    Action, Emergency, Limits, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, Sent, trunk, what},
};

fn user(name: &str) -> Aor {
    Aor::new(name, "office.test")
}

fn to_user(name: &str) -> Verdict {
    to(Destination::Aor(user(name)))
}

fn to(to: Destination) -> Verdict {
    Verdict::Plan(Plan { targets: vec![Target::new(to)], media: MediaMode::Default })
}

fn set(bench: &mut Bench, name: &str, when: ForwardWhen, to: &str) {
    bench.town.forwards.push((user(name), when, Arc::from(to)));
}

fn bench_of(limits: Limits) -> Bench {
    let from_domain = Some("office.test".to_owned());
    let first = TrunkConfig { from_domain, ..trunk("first", "sip:203.0.113.1", 1) };
    let mut config = Bench::config(vec![first], None);
    config.limits = limits;
    Bench::of(config)
}

/// A call of the phone that is decided to go to a user.
fn call(bench: &mut Bench, name: &str) -> Vec<Sent> {
    bench.invite(PHONE);
    bench.decide(Hook::Route, to_user(name))
}

#[test]
fn a_call_goes_where_it_was_set_for_its_target_and_says_so() {
    let mut bench = bench_of(Limits::default());
    set(&mut bench, "200", ForwardWhen::Always, "300");
    assert!(call(&mut bench, "200").is_empty());
    assert!(bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn).is_empty());
    assert_eq!(
        bench.story(),
        [
            "offered 1: 1000 to +43123",
            "target aor:200@office.test: 302",
            "amended: to sip:300@office.test"
        ]
    );
    let over = Destination::Trunk { name: "first".to_owned(), user: Some("300".to_owned()) };
    let sent = bench.decide(Hook::Route, to(over));
    assert_eq!(sent[0].line("Diversion"), "<sip:200@office.test>;reason=unconditional;counter=1");
    let answer = sent[0].response("200 OK", "Contact: <sip:x@203.0.113.1>\r\n");
    assert!(what(&bench.receive(FIRST, answer)).contains(&"200 OK > phone".to_owned()));
}

#[test]
fn a_plugin_may_have_another_opinion() {
    let mut bench = bench_of(Limits::default());
    set(&mut bench, "200", ForwardWhen::Always, "300");
    call(&mut bench, "200");
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Refuse(403));
    assert_eq!(what(&sent), ["403 Forbidden > phone"]);
}

#[test]
fn who_is_not_there_is_found_by_the_case_of_no_answer() {
    let mut bench = bench_of(Limits::default());
    set(&mut bench, "200", ForwardWhen::Busy, "400");
    set(&mut bench, "200", ForwardWhen::NoAnswer, "sip:300@far.test");
    call(&mut bench, "200");
    bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    let told = bench.story();
    assert_eq!(told[1..], ["target aor:200@office.test: 302", "amended: to sip:300@far.test"]);
    let facts = bench.switch.calls(bench.now).next().unwrap().facts;
    assert_eq!(facts.redirections[0].why, Diversion::Unavailable);
}

#[test]
fn nobody_sends_a_call_on_twice() {
    let mut bench = bench_of(Limits::default());
    set(&mut bench, "200", ForwardWhen::Always, "300");
    set(&mut bench, "300", ForwardWhen::Always, "200");
    call(&mut bench, "200");
    bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    bench.decide(Hook::Route, to_user("300"));
    bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    // It would ring there now, but has no phone.
    bench.decide(Hook::Route, to_user("200"));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    assert_eq!(what(&sent), ["480 Temporarily Unavailable > phone"]);
    let targets: Vec<_> = bench.story().into_iter().filter(|t| t.starts_with("target")).collect();
    assert_eq!(
        targets,
        [
            "target aor:200@office.test: 302",
            "target aor:300@office.test: 302",
            "target aor:200@office.test: 480"
        ]
    );
}

#[test]
fn it_is_not_sent_on_more_often_than_the_limit_says() {
    for (most, status) in [(0, "480"), (1, "302")] {
        let mut bench = bench_of(Limits { redirections_max: most, ..Limits::default() });
        set(&mut bench, "200", ForwardWhen::Always, "300");
        call(&mut bench, "200");
        assert_eq!(bench.story()[1], format!("target aor:200@office.test: {status}"));
    }
}

#[test]
fn an_emergency_and_a_destination_that_is_none_stay() {
    let mut bench = bench_of(Limits::default());
    set(&mut bench, "200", ForwardWhen::Always, "not <one>");
    call(&mut bench, "200");
    assert_eq!(bench.story()[1], "target aor:200@office.test: 480");

    let numbers = ["+43123"].map(|number| number.trim_start_matches('+').to_owned());
    let route = ["200@office.test".to_owned()];
    let mut config = Bench::config(Vec::new(), None);
    config.emergency = Emergency::new(&numbers, &[], &route).unwrap();
    let mut bench = Bench::of(config);
    set(&mut bench, "200", ForwardWhen::Always, "300");
    assert_eq!(what(&bench.invite(PHONE)), ["503 Service Unavailable > phone"]);
    assert!(bench.story().contains(&"target aor:200@office.test: 480".to_owned()));
}

#[test]
fn a_call_that_is_back_at_a_routing_point_has_been_sent_on_by_nobody() {
    let mut bench = bench_of(Limits::default());
    bench.town.points.push(Aor::new("+43123", "192.0.2.9"));
    set(&mut bench, "200", ForwardWhen::Always, "300");
    bench.invite_with(PHONE, "offer");
    bench.decide(Hook::Route, Verdict::BuiltIn);
    for _ in 0..2 {
        let conn = bench.conn();
        bench.control(Action::Route { conn, to: "200".to_owned(), ring: None });
        bench.decide(Hook::Route, to_user("200"));
        bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
        let facts = bench.switch.calls(bench.now).next().unwrap().facts;
        assert_eq!((facts.redirections.len(), facts.callee.user.as_str()), (1, "300"));
        let sent = bench.decide(Hook::Route, Verdict::Refuse(404));
        assert_eq!(what(&sent), ["182 Queued > phone"]);
    }
}
