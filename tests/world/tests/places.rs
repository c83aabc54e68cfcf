//! Targets with a host name: look-ups, and on to the next place when one is dead (RFC 3263).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::hook::{Ask, Destination, MediaMode, Plan, Target, Verdict};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A caller, and two gateways behind one name; every call is routed to `sip:2000@<host>`.
fn gateways(host: &'static str) -> World {
    let mut world = World::new(Options::default());
    for user in ["1000", "first", "second"] {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    }
    let addresses = [world.phones[1].address().ip(), world.phones[2].address().ip()];
    world.dns.host("gw.test", &addresses);
    world.decide_by(Box::new(move |question, _| {
        let to = Destination::Uri(format!("sip:2000@{host}:5060"));
        vec![Reply::now(match question.ask {
            Ask::Route => {
                Verdict::Plan(Plan { targets: vec![Target::new(to)], media: MediaMode::Default })
            }
            _ => Verdict::BuiltIn,
        })]
    }));
    world
}

fn settle(world: &mut World) {
    world.run(secs(200));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

#[test]
fn the_first_place_of_a_name_is_called() {
    let mut world = gateways("gw.test");
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(secs(10), 0, Manner::HangUp);
    settle(&mut world);
    assert!(world.facts_of(1).contains(&PhoneFact::Up));
    assert_eq!(world.facts_of(2), []);
}

#[test]
fn a_place_that_says_nothing_gives_way_to_the_next() {
    let mut world = gateways("gw.test");
    let dead = world.phones[1].address();
    world.network.unplug(dead);
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.run(secs(7));
    assert!(world.facts_of(2).contains(&PhoneFact::Up), "{}", world.trace.as_str());
    world.plan(secs(0), 0, Manner::HangUp);
    settle(&mut world);
}

#[test]
fn a_place_that_cannot_serve_gives_way_to_the_next_at_once() {
    let mut world = gateways("gw.test");
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Refuse(503)));
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    world.run(secs(3));
    assert!(world.facts_of(2).contains(&PhoneFact::Up), "{}", world.trace.as_str());
    world.plan(secs(0), 0, Manner::HangUp);
    settle(&mut world);
}

#[test]
fn a_refusal_is_the_answer_of_all_places() {
    let mut world = gateways("gw.test");
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Refuse(486)));
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(486)));
    assert_eq!(world.facts_of(2), []);
}

#[test]
fn when_every_place_is_dead_the_caller_is_told() {
    let mut world = gateways("gw.test");
    for phone in [1, 2] {
        world.plan(secs(0), phone, Manner::OnCall(Reaction::Refuse(503)));
    }
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(503)));
}

#[test]
fn a_name_that_does_not_exist_and_a_dns_that_says_nothing_are_503() {
    for host in ["nowhere.test", "silent.test"] {
        let mut world = gateways(host);
        world.dns.silence("silent.test");
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        settle(&mut world);
        assert_eq!(world.facts_of(0), [PhoneFact::Refused(503)], "{host}");
    }
}

#[test]
fn a_call_is_cancelled_while_its_target_is_looked_for() {
    let mut world = gateways("silent.test");
    world.dns.silence("silent.test");
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(secs(2), 0, Manner::Cancel);
    settle(&mut world);
    assert_eq!(world.facts_of(0), [PhoneFact::Refused(487)]);
}
