//! Calls of two shards that meet: attended transfers, pick-up and take-over, at one shard and at three.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{Faults, HOST, Manner, Options, PhoneFact, Reaction, World, check};
use switch::{Cause, Fact};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Ann has two phones, 0 and 1; Ben has 2 and Eve 3, who answer after a second.
const ANN: [usize; 2] = [0, 1];
const BEN: usize = 2;
const EVE: usize = 3;

fn phones(options: Options) -> World {
    let mut world = World::new(options);
    for user in ["1000", "1000", "2000", "3000"] {
        let phone = world.add_phone(user);
        world.act(phone, Manner::Register(36_000));
        world.act(phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    }
    world.run_for(secs(1));
    world
}

/// One phone of Ann's talks to Ben, the other to Eve.
fn two_calls(options: Options) -> World {
    let mut world = phones(options);
    world.act(ANN[0], Manner::Call("2000".into()));
    world.act(ANN[1], Manner::Call("3000".into()));
    world.run_for(secs(5));
    assert!(world.phones.iter().all(|phone| phone.is_up()), "{}", world.trace.as_str());
    world
}

/// Runs it at one shard and, with other Call-IDs each time, at three, where calls move.
fn transfers_at_one_and_three_shards(scenario: impl Fn(Options) -> World) {
    let moved = at_one_and_three_shards(scenario);
    // Two of three pairs of calls are not on one shard to begin with.
    assert!(moved > 3, "{moved} calls went to another shard");
}

/// The same; gives how often calls moved.
fn at_one_and_three_shards(scenario: impl Fn(Options) -> World) -> u64 {
    settle(&mut scenario(Options::default()));
    let mut moved = 0;
    for seed in 0..12 {
        let mut world = scenario(Options { seed, shards: 3, ..Options::default() });
        settle(&mut world);
        moved += world.node.shards().iter().map(|shard| shard.stats().calls_moved_out).sum::<u64>();
    }
    moved
}

fn settle(world: &mut World) {
    world.run(secs(200));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
    for shard in world.node.shards() {
        assert_eq!((shard.stats().moved_now, shard.stats().calls_lost), (0, 0));
    }
}

fn attend(world: &mut World) {
    let replaces = world.phones[ANN[1]].dialog().unwrap();
    let escaped = replaces.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
    world.act(ANN[0], Manner::ReferTo(format!("<sip:3000@{HOST}?Replaces={escaped}>")));
}

fn told(world: &World, phone: usize) -> Vec<u16> {
    let facts = world.facts_of(phone).iter();
    let told = facts.filter_map(|fact| match fact {
        PhoneFact::Told(status) => Some(*status),
        _ => None,
    });
    told.collect()
}

fn ended(world: &World, phone: usize) -> bool {
    world.facts_of(phone).contains(&PhoneFact::Ended)
}

#[test]
fn both_parties_are_joined_wherever_their_calls_are() {
    transfers_at_one_and_three_shards(|options| {
        let mut world = two_calls(options);
        attend(&mut world);
        world.run_for(secs(5));
        let trace = world.trace.as_str();
        assert_eq!(told(&world, ANN[0]), [100, 200], "{options:?}\n{trace}");
        assert!(ended(&world, ANN[0]) && ended(&world, ANN[1]));
        assert_eq!(world.calls().len(), 1);
        // They hold and resume one another, and Ben hangs up.
        for hold in [true, false] {
            world.act(EVE, Manner::Hold(hold));
            world.run_for(secs(2));
            assert_eq!(world.facts_of(BEN).last(), Some(&PhoneFact::Held(hold)), "{options:?}");
        }
        world.act(BEN, Manner::HangUp);
        world.run_for(secs(2));
        assert!(ended(&world, EVE) && world.calls().is_empty());
        world
    });
}

#[test]
fn a_joined_party_is_sent_on_again() {
    transfers_at_one_and_three_shards(|options| {
        let mut world = two_calls(options);
        attend(&mut world);
        world.run_for(secs(5));
        world.act(EVE, Manner::Refer("1000".into(), true));
        world.run_for(secs(8));
        assert_eq!(told(&world, EVE).last(), Some(&200), "{options:?}\n{}", world.trace.as_str());
        assert!(ended(&world, EVE));
        assert_eq!(world.calls().len(), 1);
        world.act(BEN, Manner::HangUp);
        world
    });
}

#[test]
fn the_refer_waits_until_its_call_rests() {
    transfers_at_one_and_three_shards(|options| {
        let mut world = two_calls(options);
        // Ben is slow to answer the hold: its messages take a second.
        world.network.faults = Faults { delay: Duration::from_millis(400), ..Faults::NONE };
        world.act(ANN[0], Manner::Hold(true));
        attend(&mut world);
        world.run_for(secs(30));
        assert_eq!(
            told(&world, ANN[0]).last(),
            Some(&200),
            "{options:?}\n{}",
            world.trace.as_str()
        );
        world.network.faults = Faults::NONE;
        world.act(BEN, Manner::HangUp);
        world
    });
}

#[test]
fn a_call_that_rings_is_picked_up_and_one_that_talks_is_taken_over() {
    let moved = at_one_and_three_shards(|options| {
        let mut world = phones(options);
        world.act(EVE, Manner::OnCall(Reaction::Ring));
        world.act(BEN, Manner::Call("3000".into()));
        world.run_for(secs(2));
        let rings = world.phones[EVE].dialog().unwrap();
        world.act(ANN[0], Manner::TakeOver(rings, "1000".into()));
        world.run_for(secs(2));
        let trace = world.trace.as_str();
        assert_eq!(world.facts_of(EVE).last(), Some(&PhoneFact::Cancelled), "{options:?}\n{trace}");
        assert!(world.phones[ANN[0]].is_up() && world.phones[BEN].is_up());
        // The other phone of the same user takes it over.
        let talks = world.phones[ANN[0]].dialog().unwrap();
        world.act(ANN[1], Manner::TakeOver(talks, "1000".into()));
        world.run_for(secs(3));
        let trace = world.trace.as_str();
        assert!(ended(&world, ANN[0]), "{options:?}\n{trace}");
        assert!(world.phones[ANN[1]].is_up() && world.phones[BEN].is_up());
        for (phone, other) in [(ANN[1], BEN), (BEN, ANN[1])] {
            world.act(phone, Manner::Hold(true));
            world.run_for(secs(2));
            assert_eq!(world.facts_of(other).last(), Some(&PhoneFact::Held(true)), "{options:?}");
        }
        world.act(ANN[1], Manner::HangUp);
        world.run_for(secs(2));
        assert!(ended(&world, BEN));
        world
    });
    // It is the INVITE that goes to the dialog.
    assert_eq!(moved, 0);
}

#[test]
fn an_invite_that_replaces_nothing_is_refused_wherever_it_goes() {
    for seed in 0..12 {
        let mut world = phones(Options { seed, shards: 3, ..Options::default() });
        world.act(ANN[0], Manner::TakeOver("gone@x;to-tag=a;from-tag=b".into(), "1000".into()));
        world.run_for(secs(2));
        assert_eq!(world.facts_of(ANN[0]).last(), Some(&PhoneFact::Refused(481)));
        settle(&mut world);
    }
}

#[test]
fn transfers_on_a_bad_network_leave_nothing_behind() {
    for seed in 0..60 {
        let mut world = two_calls(Options { seed, shards: 3, ..Options::default() });
        world.network.faults = Faults::BAD;
        attend(&mut world);
        world.run_for(secs(u64::from(seed % 5 == 0) * 3));
        if seed % 3 == 0 {
            world.act(if seed % 2 == 0 { ANN[0] } else { BEN }, Manner::HangUp);
        }
        world.run_for(secs(40));
        for phone in [ANN[0], ANN[1], BEN, EVE] {
            world.act(phone, Manner::HangUp);
        }
        settle(&mut world);
        let lost = world
            .node
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Released { cause: Cause::AckMissing, .. }));
        assert!(!lost, "seed {seed}");
    }
}

#[test]
fn a_call_that_has_moved_follows_a_second_dialog() {
    transfers_at_one_and_three_shards(|options| {
        let mut world = two_calls(options);
        attend(&mut world);
        world.run_for(secs(5));
        // Eve, whose call may be on another shard than its Call-ID says, asks Ann and joins Ben to her.
        world.act(ANN[0], Manner::OnCall(Reaction::Ring));
        world.act(ANN[1], Manner::OnCall(Reaction::Refuse(486)));
        for rings in [true, false] {
            let (by, to) = if rings { (EVE, "1000") } else { (ANN[0], "3000") };
            world.act(by, Manner::Consult(to.into()));
            world.run_for(secs(2));
            world.act(by, Manner::Join(true));
            world.run_for(secs(2));
            world.act(ANN[0], Manner::Answer);
            world.run_for(secs(4));
            let trace = world.trace.as_str();
            assert_eq!(told(&world, by).last(), Some(&200), "{options:?}\n{trace}");
        }
        world.act(BEN, Manner::HangUp);
        world
    });
}
