//! Transfers between simulated phones, at one shard and at three.

use std::time::Duration;

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, World, check};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ann talks to Bob; Cat answers after a second.
fn talk(options: Options) -> World {
    let mut world = World::new(options);
    for (n, user) in ["ann", "bob", "cat"].into_iter().enumerate() {
        assert_eq!(world.add_phone(user), n);
        world.plan(s(0), n, Manner::Register(3600));
        world.plan(s(0), n, Manner::OnCall(Reaction::AnswerAfter(s(1))));
    }
    world.plan(s(1), 0, Manner::Call("bob".to_owned()));
    world.run_to(s(5));
    world
}

fn hears(world: &World, one: usize, other: usize) {
    assert_eq!(world.hears(one), Some(world.phones[other].media()));
    assert_eq!(world.hears(other), Some(world.phones[one].media()));
}

fn since_up(world: &World, phone: usize) -> &[PhoneFact] {
    let facts = world.facts_of(phone);
    let up = facts.iter().position(|fact| *fact == PhoneFact::Up).map_or(0, |up| up + 1);
    &facts[up..]
}

#[test]
fn a_party_that_is_sent_on_talks_to_whom_it_is_sent() {
    for shards in [1, 3] {
        let mut world = talk(Options { shards, ..Options::default() });
        hears(&world, 0, 1);
        world.act(0, Manner::Refer("cat".to_owned(), true));
        world.run_for(s(5));
        assert_eq!(
            since_up(&world, 0),
            [
                PhoneFact::Referred(202),
                PhoneFact::Told(100),
                PhoneFact::Told(180),
                PhoneFact::Told(200),
                PhoneFact::Ended
            ]
        );
        assert_eq!(since_up(&world, 1), [PhoneFact::Held(false)]);
        let rang = PhoneFact::Rang(format!("sip:bob@{HOST}"));
        assert_eq!(world.facts_of(2)[1..], [rang, PhoneFact::Up]);
        assert!(world.phones[0].is_on_hook());
        hears(&world, 1, 2);
        world.act(2, Manner::HangUp);
        world.run(s(120));
        assert_eq!(since_up(&world, 1).last(), Some(&PhoneFact::Ended));
        assert_eq!(check(&world), [], "{}", world.trace.as_str());
    }
}

#[test]
fn a_party_that_cannot_be_sent_on_talks_to_whom_it_did() {
    let mut world = talk(Options::default());
    world.act(2, Manner::OnCall(Reaction::Refuse(486)));
    world.act(1, Manner::Refer("cat".to_owned(), true));
    world.run_for(s(5));
    let told = [PhoneFact::Referred(202), PhoneFact::Told(100), PhoneFact::Told(486)];
    assert_eq!(since_up(&world, 1), told);
    assert_eq!(since_up(&world, 0), []);
    hears(&world, 0, 1);
    world.act(0, Manner::HangUp);
    world.run(s(120));
    assert_eq!(check(&world), [], "{}", world.trace.as_str());
}
