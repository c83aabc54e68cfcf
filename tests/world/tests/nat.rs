//! Phones behind a NAT that forgets, over time, at one shard and at three.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::SocketAddr, time::Duration};

use jackfield_world::{Manner, Options, PhoneFact, Reaction, World, check};
use switch::{Fact, KeepaliveConfig, KeepaliveMethod};

/// As Linux has it for a way that carried datagrams one way only.
const FORGETS_AFTER: Duration = Duration::from_secs(30);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn every_25_s(method: KeepaliveMethod, failures_max: u32) -> Option<KeepaliveConfig> {
    Some(KeepaliveConfig { interval: secs(25), method, failures_max })
}

/// A caller, and a phone behind NAT that answers after a second.
fn office(shards: u16, keepalive: Option<KeepaliveConfig>) -> World {
    let mut world = World::new(Options { shards, keepalive, ..Options::default() });
    let caller = world.add_phone("1000");
    let phone = world.add_phone("2000");
    let inside = world.phones[phone].address();
    let outside = SocketAddr::from(([203, 0, 113, 7], 40_000));
    world.network.add_nat(inside, outside, FORGETS_AFTER);
    world.plan(secs(0), caller, Manner::Register(3600));
    world.plan(secs(0), phone, Manner::Register(3600));
    world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    world
}

#[test]
fn a_phone_behind_nat_is_called_an_hour_later_and_hears_the_end_of_a_long_call() {
    for shards in [1, 3] {
        let mut world = office(shards, every_25_s(KeepaliveMethod::Options, 3));
        world.plan(secs(3000), 0, Manner::Call("2000".to_owned()));
        world.plan(secs(3400), 0, Manner::HangUp);
        world.run(secs(3500));
        let facts = world.facts_of(1);
        let ends = [PhoneFact::Up, PhoneFact::Ended];
        assert!(facts.ends_with(&ends), "{facts:?}\n{}", world.trace.as_str());
        assert_eq!(check(&world), [], "\n{}", world.trace.as_str());
    }
}

#[test]
fn without_keep_alives_or_with_some_that_nobody_answers_its_nat_forgets_it() {
    for keepalive in [None, every_25_s(KeepaliveMethod::Crlf, 0)] {
        let mut world = office(1, keepalive);
        world.plan(secs(600), 0, Manner::Call("2000".to_owned()));
        world.run(secs(700));
        assert_eq!(world.facts_of(1), [PhoneFact::Registered(200)]);
        assert!(matches!(world.facts_of(0).last(), Some(PhoneFact::Refused(_))));
    }
}

#[test]
fn a_phone_that_is_gone_is_called_no_more_where_failures_count() {
    let mut world = office(1, every_25_s(KeepaliveMethod::Options, 4));
    world.run(secs(100));
    let inside = world.phones[1].address();
    world.network.unplug(inside);
    // The NAT's address is the one the node sends to.
    world.network.unplug(([203, 0, 113, 7], 40_000).into());
    world.plan(secs(150), 0, Manner::Call("2000".to_owned()));
    world.run(secs(160));
    let is_lost = |fact: &&Fact| matches!(fact, Fact::Unregistered { aor, lapsed: true } if aor.user() == "2000");
    assert_eq!(world.node.facts.iter().filter(is_lost).count(), 1);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(480)));
}
