//! Established calls that go to another switch: a shard of the node, or a process that takes the place of the one they began in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{Faults, HOST, Manner, Options, PhoneFact, Reaction, World, check};
use model::{ConnId, Shard};
use switch::{Cause, Fact, ReleasedBy};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// How a call comes to another switch.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    /// From shard to shard, so often.
    Shards(u16),
    /// To a new process.
    Process,
}

const WAYS: [Way; 4] = [Way::Process, Way::Shards(1), Way::Shards(2), Way::Shards(5)];

/// A call of two phones that is up.
fn up(way: Way, seed: u64) -> World {
    let shards = if way == Way::Process { 1 } else { 3 };
    up_with(Options { shards, seed, ..Options::default() })
}

fn up_with(options: Options) -> World {
    let mut world = World::new(options);
    for user in ["1000", "2000"] {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(36_000));
    }
    world.plan(secs(0), 1, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    world.run_for(secs(1));
    world.act(0, Manner::Call("2000".into()));
    world.run_for(secs(5));
    assert!(world.phones.iter().all(|phone| phone.is_up()), "{}", world.trace.as_str());
    world
}

/// The shard that has the call.
fn at(world: &World, conn: ConnId) -> u16 {
    let shards = world.node.shards().iter();
    let has = |shard: &switch::Switch| shard.calls(world.now()).any(|call| call.conn == conn);
    u16::try_from(shards.clone().position(has).unwrap()).unwrap()
}

fn go(world: &mut World, way: Way) {
    let conn = world.calls()[0];
    match way {
        Way::Process => assert_eq!(world.take_over(), 1),
        Way::Shards(times) => {
            for _ in 0..times {
                let to = (at(world, conn) + 1) % 3;
                world.move_call(conn, Shard(to)).unwrap();
                world.run_for(Duration::from_millis(1));
                assert_eq!(at(world, conn), to);
            }
        }
    }
}

fn settle(world: &mut World) {
    world.run(secs(200));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
    let last = world.node.rest_of_retired();
    assert!(last <= world.now() + secs(64));
    for shard in world.node.shards() {
        assert_eq!((shard.stats().moved_now, shard.stats().calls_lost), (0, 0));
    }
}

fn causes(world: &World) -> Vec<Cause> {
    let released = world.node.facts.iter().filter_map(|fact| match fact {
        Fact::Released { cause, .. } => Some(*cause),
        _ => None,
    });
    released.collect()
}

fn heard(world: &World, phone: usize, fact: &PhoneFact) -> usize {
    world.facts_of(phone).iter().filter(|seen| *seen == fact).count()
}

#[test]
fn a_call_that_has_moved_is_held_resumed_and_ended_from_either_side() {
    for way in WAYS {
        for ends in [0, 1] {
            let mut world = up(way, 1);
            go(&mut world, way);
            for (phone, other, hold) in [(0, 1, true), (0, 1, false), (1, 0, true), (1, 0, false)] {
                world.act(phone, Manner::Hold(hold));
                world.run_for(secs(2));
                assert_eq!(heard(&world, other, &PhoneFact::Held(hold)), 1, "{way:?} {phone}");
            }
            for phone in [0, 1] {
                assert_eq!(heard(&world, phone, &PhoneFact::Answered(200)), 2, "{way:?} {phone}");
            }
            world.act(ends, Manner::HangUp);
            world.run_for(secs(2));
            assert_eq!(heard(&world, 1 - ends, &PhoneFact::Ended), 1, "{way:?}");
            let by = if ends == 0 { ReleasedBy::Caller } else { ReleasedBy::Callee };
            assert_eq!(causes(&world), [Cause::Hangup(by)]);
            settle(&mut world);
        }
    }
}

#[test]
fn it_moves_again_and_again_while_it_is_used() {
    let mut world = up(Way::Shards(1), 3);
    for turn in 0..9 {
        go(&mut world, Way::Shards(1));
        world.act(turn % 2, Manner::Hold(turn % 4 < 2));
        world.run_for(secs(2));
        assert_eq!(heard(&world, turn % 2, &PhoneFact::Answered(200)), turn / 2 + 1);
    }
    assert!(world.phones.iter().all(|phone| phone.is_up()));
    world.act(1, Manner::HangUp);
    settle(&mut world);
}

#[test]
fn byes_of_both_sides_meet_one_another_where_it_has_gone() {
    for way in WAYS {
        let mut world = up(way, 1);
        go(&mut world, way);
        world.act(0, Manner::HangUp);
        world.act(1, Manner::HangUp);
        settle(&mut world);
        assert_eq!(causes(&world).len(), 1, "{way:?}");
    }
}

#[test]
fn what_comes_while_it_is_on_its_way_finds_it() {
    for (phone, manner) in [(0, Manner::HangUp), (1, Manner::HangUp), (0, Manner::Hold(true))] {
        let mut world = up(Way::Shards(1), 1);
        let conn = world.calls()[0];
        let to = Shard((at(&world, conn) + 1) % 3);
        world.act(phone, manner.clone());
        world.move_call(conn, to).unwrap();
        world.run_for(secs(2));
        if manner == Manner::HangUp {
            assert_eq!(heard(&world, 1 - phone, &PhoneFact::Ended), 1);
        } else {
            assert_eq!(heard(&world, 1, &PhoneFact::Held(true)), 1);
            assert_eq!(heard(&world, 0, &PhoneFact::Answered(200)), 1);
            world.act(phone, Manner::HangUp);
        }
        settle(&mut world);
    }
}

#[test]
fn the_operator_ends_it_wherever_it_is() {
    for times in 0..4 {
        let mut world = up(Way::Shards(times), 1);
        go(&mut world, Way::Shards(times));
        world.hang_up_calls_of("1000");
        settle(&mut world);
        assert_eq!(causes(&world), [Cause::Operator]);
    }
}

#[test]
fn messages_that_are_lost_repeated_and_late_change_nothing() {
    let faults = Faults {
        loss_per_mille: 150,
        duplicate_per_mille: 150,
        jitter: Duration::from_millis(300),
        ..Faults::NONE
    };
    for seed in 0..40 {
        let mut world = up(Way::Shards(1), seed);
        world.network.faults = faults;
        let conn = world.calls()[0];
        let mut moves = 0;
        for turn in 0..6 {
            let to = Shard((at(&world, conn) + 1) % 3);
            moves += u32::from(world.move_call(conn, to).is_ok());
            world.act(turn % 2, Manner::Hold(turn % 2 == 0));
            world.run_for(secs(7));
        }
        assert!(moves > 2, "seed {seed}: it moved {moves} times only");
        world.act(0, Manner::HangUp);
        world.act(1, Manner::HangUp);
        settle(&mut world);
        assert_eq!(causes(&world).len(), 1, "seed {seed}");
    }
}

#[test]
fn a_lamp_shows_the_call_while_and_after_it_moves() {
    let mut world = up(Way::Shards(1), 1);
    let lamp = world.add_phone("3000");
    world.act(lamp, Manner::Register(36_000));
    world.run_for(secs(1));
    world.act(lamp, Manner::Watch("1000".into(), 3600));
    world.run_for(secs(2));
    let shows = |world: &World| world.phones[lamp].lamp().map(|all| all.join(" "));
    assert_eq!(shows(&world).as_deref(), Some("confirmed"), "{HOST}");
    let notified = world.phones[lamp].lamp_was().len();
    for _ in 0..4 {
        go(&mut world, Way::Shards(1));
        world.run_for(secs(2));
        assert_eq!(shows(&world).as_deref(), Some("confirmed"));
    }
    assert_eq!(world.phones[lamp].lamp_was().len(), notified, "there was nothing to tell");
    world.act(0, Manner::HangUp);
    world.run_for(secs(2));
    assert_eq!(shows(&world).as_deref(), Some(""));
    world.act(lamp, Manner::Watch("1000".into(), 0));
    settle(&mut world);
}

#[test]
fn a_party_of_a_call_that_has_moved_is_sent_on() {
    for way in WAYS {
        for by in [0, 1] {
            let mut world = up(way, 1);
            let third = world.add_phone("3000");
            world.act(third, Manner::Register(36_000));
            world.act(third, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
            world.run_for(secs(1));
            go(&mut world, way);
            world.act(by, Manner::Refer("3000".into(), true));
            world.run_for(secs(5));
            assert_eq!(heard(&world, by, &PhoneFact::Told(200)), 1, "{way:?} by {by}");
            assert!(world.phones[third].is_up() && world.phones[1 - by].is_up());
            // And goes on to yet another switch.
            go(&mut world, way);
            world.act(third, Manner::HangUp);
            world.run_for(secs(2));
            assert_eq!(heard(&world, 1 - by, &PhoneFact::Ended), 1, "{way:?} by {by}");
            settle(&mut world);
        }
    }
}
