//! Calls that third parties control, at one shard and at three, with the relay between the phones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::{
    Aor, ConnId, LegId,
    hook::{Destination, MediaMode, Plan, Target, Verdict},
};
use switch::{Action, Control, Fact, Unfit};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const ANN: usize = 0;
const BOB: usize = 1;
const CAT: usize = 2;

/// Runs it at one shard and at three, with other Call-IDs each time; gives how often calls moved.
fn everywhere(scenario: impl Fn(&mut World)) -> u64 {
    let mut moved = 0;
    for (seed, shards) in [(1, 1), (1, 3), (2, 3), (3, 3), (4, 3), (5, 3), (6, 3)] {
        let mut world = World::new(Options { seed, shards, ..Options::default() });
        for (n, user) in ["ann", "bob", "cat"].into_iter().enumerate() {
            assert_eq!(world.add_phone(user), n);
            world.act(n, Manner::Register(36_000));
            world.act(n, Manner::OnCall(Reaction::AnswerAfter(s(1))));
        }
        world.add_routing_point("8000");
        world.run_for(s(1));
        scenario(&mut world);
        world.run(s(300));
        assert_eq!(check(&world), [], "seed {seed}\n{}", world.trace.as_str());
        for shard in world.node.shards() {
            assert_eq!((shard.stats().moved_now, shard.stats().calls_lost), (0, 0));
        }
        moved += world.node.shards().iter().map(|shard| shard.stats().calls_moved_out).sum::<u64>();
    }
    moved
}

/// Does it, and lets it be done.
fn done(world: &mut World, ticket: u64, action: Action) -> ConnId {
    world.control(Control { ticket, action });
    world.run_for(s(3));
    match world.controlled(ticket) {
        Some(Ok(conn)) => conn,
        other => panic!("{other:?}\n{}", world.trace.as_str()),
    }
}

fn last_offered(world: &World) -> ConnId {
    let offered = world.node.facts.iter().rev().find_map(|fact| match fact {
        Fact::CallOffered { facts, .. } => Some(facts.conn_id),
        _ => None,
    });
    offered.unwrap()
}

fn calls(world: &mut World, who: usize, whom: &str) -> ConnId {
    world.act(who, Manner::Call(whom.to_owned()));
    world.run_for(s(3));
    last_offered(world)
}

fn hear(world: &World, one: usize, other: usize) {
    assert_eq!(world.hears(one), Some(world.phones[other].media()), "{}", world.trace.as_str());
    assert_eq!(world.hears(other), Some(world.phones[one].media()), "{}", world.trace.as_str());
}

fn is_held(world: &World, phone: usize) -> bool {
    let mut facts = world.facts_of(phone).iter().rev();
    facts.find(|fact| matches!(fact, PhoneFact::Held(_))) == Some(&PhoneFact::Held(true))
}

const fn leg(conn: ConnId, number: u16) -> LegId {
    LegId { conn, number }
}

#[test]
fn a_call_waits_at_a_routing_point_until_somebody_takes_it() {
    everywhere(|world| {
        world.act(BOB, Manner::OnCall(Reaction::Refuse(486)));
        let conn = calls(world, ANN, "8000");
        let queued = |world: &World, status| {
            let is_it =
                |fact: &&Fact| matches!(fact, Fact::Queued { failed, .. } if *failed == status);
            world.node.facts.iter().filter(is_it).count()
        };
        assert_eq!(queued(world, None), 1);
        world.run_for(s(130));
        let told = world.facts_of(ANN).iter().filter(|fact| **fact == PhoneFact::Progress(182));
        assert_eq!(told.count(), 3);
        done(world, 1, Action::Route { conn, to: "bob".into(), ring: None });
        assert_eq!(queued(world, Some(486)), 1);
        done(world, 2, Action::Route { conn, to: format!("sip:cat@{HOST}"), ring: None });
        hear(world, ANN, CAT);
        world.act(ANN, Manner::HangUp);
    });
}

/// The stock plugin of `route` names every user of the switch so.
#[test]
fn a_routing_point_that_a_plan_calls_a_user_is_a_routing_point() {
    everywhere(|world| {
        world.decide_by(Box::new(|question, _| {
            let to = Aor::new(&question.call.callee.user, HOST);
            let targets = vec![Target::new(Destination::Aor(to))];
            vec![Reply::now(Verdict::Plan(Plan { targets, media: MediaMode::Default }))]
        }));
        let conn = calls(world, ANN, "8000");
        done(world, 1, Action::Route { conn, to: "bob".into(), ring: None });
        hear(world, ANN, BOB);
        world.act(ANN, Manner::HangUp);
    });
}

#[test]
fn a_phone_is_called_and_then_whom_it_is_to_talk_to() {
    everywhere(|world| {
        let from = Aor::new("ann", HOST);
        let make = Action::Make { from, display: "Ann".into(), to: "bob".into(), ring: None };
        for ticket in 1..4 {
            let conn = done(world, ticket, make.clone());
            hear(world, ANN, BOB);
            let mut rang =
                world.facts_of(ANN).iter().filter(|fact| matches!(fact, PhoneFact::Rang(_)));
            assert_eq!(rang.next_back(), Some(&PhoneFact::Rang(format!("sip:bob@{HOST}"))));
            done(world, ticket + 10, Action::Release { leg: leg(conn, 0) });
            assert!(world.phones.iter().all(|phone| phone.is_on_hook()));
        }
        world.act(ANN, Manner::OnCall(Reaction::Refuse(486)));
        world.control(Control { ticket: 9, action: make });
        world.run_for(s(3));
        assert_eq!(world.controlled(9), Some(Err(Unfit::Phone(486))));
    });
}

#[test]
fn a_phone_that_rings_is_answered_or_passed_over() {
    everywhere(|world| {
        world.act(BOB, Manner::OnCall(Reaction::Ring));
        let conn = calls(world, ANN, "bob");
        done(world, 1, Action::Answer { leg: leg(conn, 1) });
        hear(world, ANN, BOB);
        done(world, 2, Action::Clear { conn });
        let conn = calls(world, ANN, "bob");
        done(world, 3, Action::Redirect { leg: leg(conn, 1), to: "cat".into() });
        hear(world, ANN, CAT);
        assert!(world.phones[BOB].is_on_hook());
        world.act(CAT, Manner::HangUp);
    });
}

#[test]
fn a_call_is_held_taken_back_and_sent_on() {
    everywhere(|world| {
        let conn = calls(world, ANN, "bob");
        done(world, 1, Action::Hold { leg: leg(conn, 1) });
        assert!(is_held(world, ANN) && is_held(world, BOB));
        done(world, 2, Action::Retrieve { conn, leg: leg(conn, 1) });
        assert!(!is_held(world, ANN) && !is_held(world, BOB));
        hear(world, ANN, BOB);
        world.act(ANN, Manner::RefuseOffers(Some(488)));
        let action = Action::Hold { leg: leg(conn, 0) };
        world.control(Control { ticket: 3, action });
        world.run_for(s(3));
        assert_eq!(world.controlled(3), Some(Err(Unfit::Phone(488))));
        world.act(ANN, Manner::RefuseOffers(None));
        done(world, 4, Action::Transfer { leg: leg(conn, 1), to: "cat".into() });
        hear(world, ANN, CAT);
        assert!(world.phones[BOB].is_on_hook());
        world.act(ANN, Manner::HangUp);
    });
}

/// Bob, who was called by Ann, consults Cat.
fn consulting(world: &mut World) -> (ConnId, ConnId) {
    let held = calls(world, ANN, "bob");
    let consult = done(world, 1, Action::Consult { leg: leg(held, 1), to: "cat".into() });
    (held, consult)
}

#[test]
fn a_party_consults_alternates_and_connects() {
    everywhere(|world| {
        let (held, consult) = consulting(world);
        hear(world, BOB, CAT);
        assert!(is_held(world, ANN));
        done(world, 2, Action::Retrieve { conn: held, leg: leg(consult, 0) });
        hear(world, BOB, ANN);
        assert!(is_held(world, CAT) && !is_held(world, ANN));
        done(world, 3, Action::Retrieve { conn: consult, leg: leg(held, 1) });
        hear(world, BOB, CAT);
        let action = Action::Complete { held, consult, leg: leg(consult, 0) };
        done(world, 4, action);
        hear(world, ANN, CAT);
        assert!(world.phones[BOB].is_on_hook() && !is_held(world, ANN));
        world.act(CAT, Manner::HangUp);
    });
}

#[test]
fn who_was_held_waits_for_who_rings() {
    everywhere(|world| {
        world.act(CAT, Manner::OnCall(Reaction::AnswerAfter(s(10))));
        let (held, consult) = consulting(world);
        done(world, 2, Action::Complete { held, consult, leg: leg(consult, 0) });
        assert!(world.phones[BOB].is_on_hook());
        world.run_for(s(10));
        hear(world, ANN, CAT);
        world.act(ANN, Manner::HangUp);
    });
}

#[test]
fn a_call_is_completed_before_it_is_known_where_it_goes() {
    everywhere(|world| {
        let held = calls(world, ANN, "bob");
        let action = Action::Consult { leg: leg(held, 1), to: "cat".into() };
        world.control(Control { ticket: 1, action });
        assert!(world.run_until(s(3), |world| world.controlled(1).is_some()));
        let consult = world.controlled(1).unwrap().unwrap();
        done(world, 2, Action::Complete { held, consult, leg: leg(consult, 0) });
        hear(world, ANN, CAT);
        world.act(ANN, Manner::HangUp);
    });
}

#[test]
fn the_party_is_back_in_the_call_that_it_held_when_the_other_ends() {
    everywhere(|world| {
        let (held, _) = consulting(world);
        world.act(CAT, Manner::HangUp);
        world.run_for(s(3));
        assert!(is_held(world, ANN) && is_held(world, BOB));
        done(world, 2, Action::Retrieve { conn: held, leg: leg(held, 1) });
        hear(world, ANN, BOB);
        world.act(BOB, Manner::HangUp);
        world.run_for(s(3));
        assert!(world.phones.iter().all(|phone| phone.is_on_hook()));
    });
}

#[test]
fn every_end_of_a_consultation_leaves_nothing_behind() {
    for (who, left) in [(ANN, [BOB, CAT].as_slice()), (BOB, &[])] {
        everywhere(|world| {
            consulting(world);
            world.act(who, Manner::HangUp);
            world.run_for(s(3));
            for phone in [ANN, BOB, CAT] {
                assert_eq!(world.phones[phone].is_up(), left.contains(&phone));
            }
            world.act(CAT, Manner::HangUp);
        });
    }
}

#[test]
fn a_phone_with_two_dialogs_connects_calls_of_two_shards() {
    let moved = everywhere(|world| {
        let held = calls(world, ANN, "bob");
        world.act(BOB, Manner::Consult("cat".to_owned()));
        world.run_for(s(3));
        let consult = last_offered(world);
        done(world, 2, Action::Complete { held, consult, leg: leg(consult, 0) });
        hear(world, ANN, CAT);
        assert!(world.phones[BOB].is_on_hook());
        world.act(ANN, Manner::HangUp);
    });
    assert!(moved > 1, "{moved} calls went to another shard");
}
