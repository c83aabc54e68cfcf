//! Third parties that want anything of any call at any time, while phones do what they like: nothing is left behind, and every wish is
//! answered once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, time::Duration};

use jackfield_world::{Faults, HOST, Manner, Options, Phone, Random, Reaction, World, check};
use model::{Aor, ConnId, LegId};
use switch::{Action, Control, Fact};

const PHONES: usize = 6;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn user(random: &mut Random) -> String {
    match random.below(9) {
        n @ 0..=5 => format!("p{n}"),
        6 => "nobody".to_owned(),
        _ => "8000".to_owned(),
    }
}

fn reaction(random: &mut Random) -> Reaction {
    match random.below(8) {
        0 => Reaction::Refuse(486),
        1 => Reaction::Ring,
        n => Reaction::AnswerAfter(Duration::from_millis(n * 200)),
    }
}

/// A call that is there, and one of its legs.
fn any_leg(world: &World, random: &mut Random) -> Option<LegId> {
    let calls = world.node.shards().iter().flat_map(|shard| shard.calls(world.now()));
    let legs: Vec<LegId> = calls
        .flat_map(|call| {
            let conn = call.conn;
            call.legs.into_iter().map(move |leg| LegId { conn, number: leg.number })
        })
        .collect();
    random.pick(&legs).copied()
}

fn action(world: &World, random: &mut Random) -> Option<Action> {
    let to = user(random);
    let ring = random.chance(500).then(|| secs(3));
    if random.chance(150) {
        let from = Aor::new(&format!("p{}", random.below(6)), HOST);
        return Some(Action::Make { from, display: String::new(), to, ring });
    }
    let leg = any_leg(world, random)?;
    let other = any_leg(world, random)?;
    let conn = leg.conn;
    Some(match random.below(18) {
        0 | 1 => Action::Answer { leg },
        2 => Action::Release { leg },
        3 => Action::Clear { conn },
        4 | 5 => Action::Hold { leg },
        6 | 7 => Action::Retrieve { conn, leg },
        8 => Action::Retrieve { conn, leg: other },
        9 => Action::Redirect { leg, to },
        10 => Action::Transfer { leg, to },
        11 | 12 => Action::Consult { leg, to },
        13 | 14 => Action::Complete { held: other.conn, consult: conn, leg },
        15 => Action::Dtmf { leg, digits: "1#".to_owned() },
        16 => Action::Route { conn, to, ring },
        _ => Action::Refuse { conn, status: 486 },
    })
}

fn phone_acts(world: &mut World, random: &mut Random, refuses: bool) {
    let phone = usize::try_from(random.below(6)).unwrap();
    let manner = match random.below(12) {
        0..=4 => Manner::Call(user(random)),
        5 => Manner::HangUp,
        6 => Manner::Hold(random.chance(500)),
        7 => Manner::Consult(user(random)),
        8 => Manner::Refer(user(random), true),
        9 => Manner::RefuseOffers((refuses && random.chance(300)).then_some(488)),
        10 => Manner::OnCall(reaction(random)),
        _ => Manner::Cancel,
    };
    world.act(phone, manner);
}

/// Every wish has one answer, and every leg that went to another call was told of where it was.
fn judge(world: &World, wishes: u64) {
    let mut answers: BTreeMap<u64, u32> = BTreeMap::new();
    let mut ended: Vec<ConnId> = Vec::new();
    for fact in &world.node.facts {
        match fact {
            Fact::Controlled { ticket, .. } => *answers.entry(*ticket).or_default() += 1,
            Fact::Released { conn, .. } => ended.push(*conn),
            Fact::LegMoved { to, .. } => assert!(!ended.contains(&to.conn), "{to:?} is over"),
            Fact::Held { leg } | Fact::Retrieved { leg } => {
                assert!(!ended.contains(&leg.conn), "{leg:?} is over");
            }
            _ => {}
        }
    }
    for ticket in 0..wishes {
        assert_eq!(answers.get(&ticket), Some(&1), "wish {ticket}\n{}", world.trace.as_str());
    }
}

/// Two phones that are in one call, and in no other, hear each other; gives how many such calls there are.
fn audit(world: &World) -> u32 {
    let phone_of = |call_id: &str| {
        let is_it = |phone: &&Phone| phone.call_ids().eq([call_id]);
        let at = world.phones.iter().position(|phone| is_it(&phone))?;
        world.phones[at].is_up().then_some(at)
    };
    let mut heard = 0;
    let all = || world.node.shards().iter().flat_map(|shard| shard.calls(world.now()));
    // A leg that two calls share is in one of them.
    let is_shared = |call_id: &String| {
        all().flat_map(|call| call.legs).filter(|leg| leg.call_id == *call_id).count() > 1
    };
    for call in all() {
        if call.legs.iter().any(|leg| is_shared(&leg.call_id)) {
            continue;
        }
        let parties: Vec<usize> =
            call.legs.iter().filter_map(|leg| phone_of(&leg.call_id)).collect();
        let [one, other] = *parties else { continue };
        if call.established_for.is_none() || call.legs.len() != 2 {
            continue;
        }
        heard += 1;
        for (one, other) in [(one, other), (other, one)] {
            let media = Some(world.phones[other].media());
            assert_eq!(
                world.hears(one),
                media,
                "phone {one} of {}\n{}",
                call.conn,
                world.trace.as_str()
            );
        }
    }
    heard
}

/// Gives what was wanted and carried out, by its kind.
fn run(seed: u64, shards: u16, faults: Faults) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut random = Random::new(seed);
    let mut world = World::new(Options { seed, shards, faults, ..Options::default() });
    world.watch_wire();
    world.add_routing_point("8000");
    for n in 0..PHONES {
        world.add_phone(&format!("p{n}"));
        world.act(n, Manner::Register(36_000));
        world.act(n, Manner::OnCall(reaction(&mut random)));
    }
    world.run_for(secs(2));
    let mut wishes = 0;
    let mut heard = 0;
    // What is refused leaves phones where they were, whatever they were told before.
    let (refuses, is_good) = (seed.is_multiple_of(2), faults.loss_per_mille == 0);
    for _ in 0..100 {
        if random.chance(350) {
            phone_acts(&mut world, &mut random, refuses);
        } else if let Some(action) = action(&world, &mut random) {
            let shown = format!("{action:?}");
            kinds.push(shown.split(' ').next().unwrap().to_owned());
            world.control(Control { ticket: wishes, action });
            wishes += 1;
        }
        let pause = random.between(Duration::from_millis(1), Duration::from_millis(900));
        world.run_for(pause);
    }
    if is_good && !refuses {
        world.run_for(secs(100));
        heard = audit(&world);
    }
    for _ in 0..3 {
        for phone in 0..PHONES {
            for manner in [Manner::EndConsult, Manner::HangUp, Manner::Cancel] {
                world.act(phone, manner);
            }
        }
        world.run_for(secs(100));
    }
    for call in world.calls() {
        world.hang_up(call);
    }
    world.run_for(secs(300));
    assert_eq!(check(&world), [], "\n{}", world.trace.as_str());
    for (n, phone) in world.phones.iter().enumerate() {
        assert!(phone.is_on_hook(), "phone {n}\n{}", world.trace.as_str());
    }
    assert_eq!(world.wire_broken(), Vec::<String>::new(), "\n{}", world.trace.as_str());
    judge(&world, wishes);
    let tickets = 0..wishes;
    let done = kinds.into_iter().zip(tickets);
    let done = done.filter(|(_, ticket)| world.controlled(*ticket).unwrap().is_ok());
    let heard = (0..heard).map(|_| "heard".to_owned());
    done.map(|(kind, _)| kind).chain(heard).collect()
}

#[test]
fn whatever_is_wanted_leaves_nothing_behind_and_is_answered_once() {
    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let first = std::env::var("FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for seed in first..first + seeds {
        for (shards, faults) in [(1, Faults::NONE), (3, Faults::NONE), (3, Faults::BAD)] {
            let ran = std::panic::catch_unwind(|| run(seed, shards, faults));
            assert!(ran.is_ok(), "seed {seed}, {shards} shards, {faults:?}");
            for kind in ran.unwrap_or_default() {
                *done.entry(kind).or_default() += 1;
            }
        }
    }
    // One seed alone is there to look at what it does.
    if seeds < 40 {
        return;
    }
    assert_eq!(done.len(), 14, "{done:?}");
    assert!(done.values().all(|count| *count > 9), "{done:?}");
}
