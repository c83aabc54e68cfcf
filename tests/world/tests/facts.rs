//! What is told of a call, fact by fact: call records are made of nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{HOST, Manner, Options, Reaction, Reply, World, check};
use model::{
    Aor,
    hook::{Ask, Destination, MediaMode, Plan, Target, Verdict},
};
use switch::Fact;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn settle(world: &mut World) {
    world.run(secs(120));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

/// A caller, 1000, and called parties that do as they are told.
fn world_of(parties: &[(&str, Reaction)]) -> World {
    let mut world = World::new(Options::default());
    let caller = world.add_phone("1000");
    world.plan(secs(0), caller, Manner::Register(3600));
    for (user, reaction) in parties {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        world.plan(secs(0), phone, Manner::OnCall(*reaction));
    }
    world
}

fn routed_to(world: &mut World, users: &'static [&'static str]) {
    world.decide_by(Box::new(move |question, _| {
        let target = |user: &&str| Target {
            ring: Some(secs(5)),
            ..Target::new(Destination::Aor(Aor::new(user, HOST)))
        };
        vec![Reply::now(match question.ask {
            Ask::Route => Verdict::Plan(Plan {
                targets: users.iter().map(target).collect(),
                media: MediaMode::Bypass,
            }),
            _ => Verdict::Continue,
        })]
    }));
}

/// The facts of the only call, without what is random.
fn told(world: &World) -> Vec<String> {
    let line = |fact: &Fact| {
        Some(match fact {
            Fact::CallOffered { facts, .. } => format!("offered {}", facts.callee.user),
            Fact::Amended { facts } => format!("amended {}", facts.callee.user),
            Fact::Decided { decision, .. } => format!("decided {}", decision.hook),
            Fact::LegOffered { leg, uri, call_id, flow, target } => {
                assert!(!call_id.is_empty());
                assert!(uri.contains(&flow.peer.to_string()), "{uri} {}", flow.peer);
                let Destination::Aor(aor) = target else { panic!("{target:?}") };
                format!("leg {} offered to {aor}", leg.number)
            }
            Fact::LegAlerting { leg, status } => format!("leg {} alerting {status}", leg.number),
            Fact::LegFailed { leg, status } => format!("leg {} failed {status}", leg.number),
            Fact::TargetFailed { attempt, .. } => {
                let Destination::Aor(aor) = &attempt.target.to else { panic!("{attempt:?}") };
                format!("{aor} failed {} after {} s", attempt.status, attempt.lasted.as_secs())
            }
            Fact::Established { leg, .. } => format!("leg {} established", leg.number),
            Fact::Released { cause, anchored, table, .. } => {
                format!("released: {cause}, anchored {anchored}, table {table:?}")
            }
            Fact::TurnedAway { status, .. } => format!("turned away {status}"),
            Fact::LegOnTrunk { .. }
            | Fact::Judged { .. }
            | Fact::TrunkPassed { .. }
            | Fact::Held { .. }
            | Fact::Retrieved { .. }
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Trunk { .. }
            | Fact::Device { .. }
            | Fact::TransferBegun { .. }
            | Fact::Transferred { .. }
            | Fact::TransferFailed { .. }
            | Fact::Queued { .. }
            | Fact::Routed { .. }
            | Fact::LegMoved { .. }
            | Fact::DtmfSent { .. }
            | Fact::Controlled { .. }
            | Fact::Unregistered { .. } => return None,
        })
    };
    world.node.facts.iter().filter_map(line).collect()
}

#[test]
fn every_target_and_leg_of_a_call_is_told_with_what_came_of_it() {
    let mut world = world_of(&[
        ("2000", Reaction::Refuse(486)),
        ("3000", Reaction::Ring),
        ("4000", Reaction::AnswerAfter(secs(1))),
    ]);
    routed_to(&mut world, &["2000", "9999", "3000", "4000"]);
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    world.plan(secs(20), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(
        told(&world),
        [
            "offered 2000",
            "decided route",
            "leg 1 offered to 2000@world.test",
            "leg 1 failed 486",
            "2000@world.test failed 486 after 0 s",
            "decided route-on-failure",
            "9999@world.test failed 480 after 0 s",
            "decided route-on-failure",
            "leg 2 offered to 3000@world.test",
            "leg 2 alerting 180",
            "3000@world.test failed 408 after 5 s",
            "decided route-on-failure",
            "leg 3 offered to 4000@world.test",
            "leg 2 failed 487",
            "leg 3 alerting 180",
            "leg 3 established",
            "released: hang-up by caller, anchored false, table None",
        ]
    );
}

#[test]
fn a_cancelled_call_tells_that_it_was_anchored() {
    let mut world = world_of(&[("2000", Reaction::Ring)]);
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    world.plan(secs(3), 0, Manner::Cancel);
    settle(&mut world);
    let told = told(&world);
    let released = told.iter().find(|line| line.starts_with("released"));
    assert_eq!(released.unwrap(), "released: cancelled, anchored true, table None");
}
