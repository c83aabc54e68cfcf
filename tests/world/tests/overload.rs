//! More to do than the node can: what is refused, and what never is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, World, check};
use sip::Shedding;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Phones 1000 to 1003 and 9000, where help is; all answer.
fn world(shards: u16) -> World {
    let mut world = World::new(Options { shards, ..Options::default() });
    for user in ["1000", "1001", "1002", "1003", "9000"] {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        let answer = Reaction::AnswerAfter(secs(1));
        world.plan(secs(0), phone, Manner::OnCall(answer));
    }
    world.run_to(secs(1));
    world
}

#[test]
fn new_calls_are_refused_in_an_overload_and_standing_ones_and_calls_for_help_are_not() {
    for shards in [1, 3] {
        let mut world = world(shards);
        world.act(0, Manner::Call("1001".into()));
        world.run_to(secs(5));
        assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Up));
        world.shed(Shedding::Requests);
        world.act(2, Manner::Call("1003".into()));
        world.run_to(secs(6));
        assert_eq!(world.facts_of(2).last(), Some(&PhoneFact::Refused(503)));
        // What belongs to a call that stands goes on.
        world.act(0, Manner::Hold(true));
        world.run_to(secs(7));
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Held(true)));
        world.act(2, Manner::Call("112".into()));
        world.run_to(secs(10));
        assert_eq!(world.facts_of(2).last(), Some(&PhoneFact::Up));
        assert!(world.facts_of(4).contains(&PhoneFact::Rang(format!("sip:1002@{HOST}"))));
        world.act(0, Manner::HangUp);
        world.act(2, Manner::HangUp);
        world.shed(Shedding::Nothing);
        world.run_to(secs(50));
        world.act(2, Manner::Call("1003".into()));
        world.run_to(secs(60));
        assert_eq!(world.facts_of(2).last(), Some(&PhoneFact::Up));
        world.act(2, Manner::HangUp);
        world.run_to(secs(200));
        assert_eq!(check(&world), []);
    }
}
