//! Busy lamps over whole calls, at one shard and at three, over good networks and bad ones.

use std::time::Duration;

use jackfield_world::{Faults, Manner, Options, Reaction, World};

const HOUR: Duration = Duration::from_secs(3600);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Bob, cal who calls him, and phones that watch bob.
fn office(options: Options, watchers: usize) -> World {
    let mut world = World::new(options);
    let (bob, cal) = (world.add_phone("bob"), world.add_phone("cal"));
    assert_eq!((bob, cal), (0, 1));
    for n in 0..watchers {
        let phone = world.add_phone(&format!("w{n}"));
        world.plan(s(2), phone, Manner::Watch("bob".to_owned(), 600));
    }
    world.plan(s(1), bob, Manner::Register(600));
    world
}

#[test]
fn a_lamp_shows_what_the_phone_does() {
    for shards in [1, 3] {
        let mut world = office(Options { shards, ..Options::default() }, 5);
        world.plan(s(5), 1, Manner::Call("bob".to_owned()));
        world.plan(s(10), 0, Manner::Answer);
        world.plan(s(20), 1, Manner::HangUp);
        let lamp = |state: &str| vec![state.to_owned()];
        world.run(s(60));
        for phone in 2..7 {
            assert_eq!(world.phones[phone].lamp(), Some(vec![]), "{shards} shards, phone {phone}");
            let was = world.phones[phone].lamp_was();
            assert_eq!(
                was,
                [vec![], lamp("trying"), lamp("early"), lamp("confirmed"), vec![]],
                "{shards} shards, phone {phone}"
            );
            assert_eq!(world.phones[phone].lamp_gaps(), 0);
        }
        // Nobody renews.
        assert!(world.run(HOUR));
        assert!(world.phones[2].lamp().is_none());
        let subscriptions: usize =
            world.node.shards().iter().map(|shard| shard.stats().subscriptions_now).sum();
        assert_eq!(subscriptions, 0);
        assert!(world.node.is_idle());
    }
}

#[test]
fn who_watches_late_sees_the_call_that_stands() {
    for shards in [1, 3] {
        let mut world = office(Options { shards, ..Options::default() }, 0);
        world.plan(s(2), 0, Manner::OnCall(Reaction::AnswerAfter(s(1))));
        world.plan(s(5), 1, Manner::Call("bob".to_owned()));
        for n in 0..4 {
            let late = world.add_phone(&format!("late{n}"));
            world.plan(s(10), late, Manner::Watch("bob".to_owned(), 600));
        }
        world.run(s(15));
        for late in 2..6 {
            assert_eq!(world.phones[late].lamp(), Some(vec!["confirmed"]), "{shards} shards");
        }
        world.plan(s(1), 2, Manner::Watch("bob".to_owned(), 0));
        world.plan(s(2), 1, Manner::HangUp);
        world.run(s(10));
        assert_eq!(world.phones[2].lamp(), None);
        assert_eq!(world.phones[3].lamp(), Some(vec![]));
    }
}

#[test]
fn a_lamp_is_right_in_the_end_whatever_the_network_loses() {
    for seed in 0..40 {
        let mut world =
            office(Options { seed, shards: 3, faults: Faults::BAD, ..Options::default() }, 3);
        world.plan(s(3), 0, Manner::OnCall(Reaction::AnswerAfter(s(2))));
        for call in 0..5 {
            world.plan(s(40 + call * 40), 1, Manner::Call("bob".to_owned()));
            world.plan(s(60 + call * 40), 1, Manner::HangUp);
        }
        world.run(s(400));
        for phone in 2..5 {
            // A subscription may not have come about at all, or have ended with a lost NOTIFY; a lamp that burns must not.
            let lamp = world.phones[phone].lamp();
            assert!(lamp.as_ref().is_none_or(Vec::is_empty), "seed {seed}: {lamp:?}");
        }
        assert!(world.run(HOUR), "seed {seed}");
        assert!(world.node.is_idle(), "seed {seed}");
    }
}
