//! Trunks over time: they die and come back, and what is full or dead gives way to the next.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::SocketAddr, time::Duration};

use jackfield_world::{Faults, Manner, Options, PhoneFact, Random, Reaction, Reply, World, check};
use model::{
    TrunkId,
    hook::{Ask, Destination, MediaMode, Plan, Target, Verdict},
};
use switch::{Probing, Reach, TrunkConfig};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const FIRST: TrunkId = TrunkId(0);
const SECOND: TrunkId = TrunkId(1);

fn trunk(name: &str, at: SocketAddr, priority: u16) -> TrunkConfig {
    TrunkConfig {
        name: name.to_owned(),
        group: Some("outside".to_owned()),
        uri: format!("sip:{at}"),
        login: None,
        register: None,
        probe: Some(Probing { interval: secs(30), timeout: secs(5), failures: 2 }),
        identify: Vec::new(),
        priority,
        weight: 1,
        from_user: None,
        from_domain: None,
        trusted: true,
        assert_identity: false,
        diversion: switch::DiversionStyle::default(),
        overload_control: false,
        connection_reuse: false,
        service_route: true,
    }
}

/// Callers 0 and 1, and gateways 2 and 3 behind the trunks of a group, which carry so many calls at once. Every call goes there.
fn office(shards: u16, calls_max: [u32; 2]) -> World {
    office_with(Options { shards, ..Options::default() }, calls_max)
}

fn office_with(options: Options, calls_max: [u32; 2]) -> World {
    // Phones get their addresses in the order they are added.
    let mut model = World::new(Options::default());
    for user in ["1000", "1001", "first", "second"] {
        model.add_phone(user);
    }
    let trunks = [
        (trunk("first", model.phones[2].address(), 1), calls_max[0]),
        (trunk("second", model.phones[3].address(), 2), calls_max[1]),
    ];
    let mut world = World::with_trunks(options, &trunks);
    for user in ["1000", "1001", "first", "second"] {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    }
    world.decide_by(Box::new(move |question, _| {
        let to = Destination::Trunk { name: "outside".into(), user: None };
        vec![Reply::now(match question.ask {
            Ask::Route => {
                Verdict::Plan(Plan { targets: vec![Target::new(to)], media: MediaMode::Default })
            }
            _ => Verdict::BuiltIn,
        })]
    }));
    world
}

fn reach(world: &World, trunk: TrunkId) -> Reach {
    world.node.trunk(trunk).0.unwrap().reach
}

/// The phone calls, and hangs up after two seconds.
fn call(world: &mut World, phone: usize) {
    world.plan(secs(0), phone, Manner::Call("+43123".into()));
    world.plan(secs(2), phone, Manner::HangUp);
    world.run(secs(3));
}

fn ups(world: &World, phone: usize) -> usize {
    world.facts_of(phone).iter().filter(|fact| **fact == PhoneFact::Up).count()
}

#[test]
fn a_trunk_that_dies_is_found_out_spared_and_used_again() {
    for shards in [1, 3] {
        let mut world = office(shards, [10, 10]);
        world.run(secs(1));
        assert_eq!([FIRST, SECOND].map(|trunk| reach(&world, trunk)), [Reach::Up; 2]);
        call(&mut world, 0);
        assert_eq!((ups(&world, 2), ups(&world, 3)), (1, 0));

        let first = world.phones[2].address();
        world.network.unplug(first);
        // Two probes, 30 s apart, of 5 s each.
        world.run(secs(75));
        assert_eq!(reach(&world, FIRST), Reach::Down);
        call(&mut world, 0);
        // At once, without waiting for the dead one.
        assert_eq!((ups(&world, 2), ups(&world, 3)), (1, 1));

        world.network.plug(first);
        world.run(secs(36));
        assert_eq!(reach(&world, FIRST), Reach::Up);
        call(&mut world, 0);
        assert_eq!((ups(&world, 2), ups(&world, 3)), (2, 1));
    }
}

#[test]
fn a_trunk_that_has_just_died_gives_way_after_the_time_for_that() {
    let mut world = office(1, [10, 10]);
    world.run(secs(1));
    let first = world.phones[2].address();
    world.network.unplug(first);
    world.plan(secs(0), 0, Manner::Call("+43123".into()));
    world.run(secs(4));
    assert_eq!(ups(&world, 0), 0);
    world.run(secs(2));
    assert_eq!((ups(&world, 0), ups(&world, 3)), (1, 1));
    world.plan(secs(0), 0, Manner::HangUp);
    world.run(secs(40));
    assert_eq!(world.node.trunk(FIRST).1, 0);
}

#[test]
fn the_last_trunk_that_says_nothing_has_failed_and_does_not_keep_the_caller_waiting() {
    let mut world = office(1, [9, 9]);
    for gateway in [2, 3] {
        let address = world.phones[gateway].address();
        world.network.unplug(address);
    }
    world.plan(secs(0), 0, Manner::Call("+43123".into()));
    world.run(secs(9));
    assert_eq!(
        world.facts_of(0).last(),
        Some(&PhoneFact::Refused(480)),
        "{}",
        world.trace.as_str()
    );
    world.run(secs(200));
    assert_eq!(check(&world), [], "\n{}", world.trace.as_str());
}

#[test]
fn capacity_is_of_the_node_and_not_of_a_shard() {
    for shards in [1, 4] {
        let mut world = office(shards, [1, 0]);
        world.run(secs(1));
        world.plan(secs(0), 0, Manner::Call("+43123".into()));
        world.run(secs(2));
        assert_eq!((ups(&world, 0), world.node.trunk(FIRST).1), (1, 1));
        // One carries one call, the other none.
        world.plan(secs(0), 1, Manner::Call("+43124".into()));
        world.run(secs(2));
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Refused(503)));
        world.plan(secs(0), 0, Manner::HangUp);
        world.run(secs(2));
        call(&mut world, 1);
        assert_eq!((ups(&world, 1), world.node.trunk(FIRST).1), (1, 0));
    }
}

#[test]
fn a_caller_who_gives_up_leaves_no_place_taken() {
    let mut world = office(1, [1, 1]);
    for gateway in [2, 3] {
        world.plan(secs(0), gateway, Manner::OnCall(Reaction::Ring));
    }
    world.plan(secs(1), 0, Manner::Call("+43123".into()));
    world.plan(secs(3), 0, Manner::Cancel);
    world.run(secs(60));
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(487)));
    assert_eq!([FIRST, SECOND].map(|trunk| world.node.trunk(trunk).1), [0, 0]);
    assert_eq!(check(&world), [], "\n{}", world.trace.as_str());
}

/// Over a bad network, with trunks that die and come back while calls are placed, cancelled and ended.
fn chaos(seed: u64, shards: u16) {
    let mut world =
        office_with(Options { seed, shards, faults: Faults::BAD, ..Options::default() }, [1, 1]);
    let mut random = Random::new(seed ^ 0x7a11);
    for _ in 0..30 {
        let caller = usize::try_from(random.below(2)).unwrap();
        let gateway = usize::try_from(2 + random.below(2)).unwrap();
        match random.below(8) {
            0 => world.network.unplug(world.phones[gateway].address()),
            1 | 2 => world.network.plug(world.phones[gateway].address()),
            3 => world.plan(secs(0), gateway, Manner::OnCall(Reaction::Refuse(503))),
            4 => world.plan(secs(0), gateway, Manner::OnCall(Reaction::AnswerAfter(secs(2)))),
            5 => world.plan(secs(0), caller, Manner::Cancel),
            6 => world.plan(secs(0), caller, Manner::HangUp),
            _ => world.plan(secs(0), caller, Manner::Call("+43123".into())),
        }
        world.run(random.between(secs(0), secs(20)));
    }
    for gateway in [2, 3] {
        world.network.plug(world.phones[gateway].address());
    }
    for phone in 0..4 {
        world.plan(secs(1), phone, Manner::Cancel);
        world.plan(secs(2), phone, Manner::HangUp);
        world.plan(secs(150), phone, Manner::HangUp);
    }
    world.run(secs(300));
    let taken = [FIRST, SECOND].map(|trunk| world.node.trunk(trunk).1);
    let calls: usize = world.node.shards().iter().map(|shard| shard.stats().calls_now).sum();
    assert_eq!((taken, calls), ([0, 0], 0), "seed {seed}\n{}", world.trace.as_str());
    assert_eq!([FIRST, SECOND].map(|trunk| reach(&world, trunk)), [Reach::Up; 2], "seed {seed}");
}

#[test]
fn whatever_happens_no_place_on_a_trunk_stays_taken() {
    for seed in 0..40 {
        chaos(seed, 1);
        chaos(seed, 3);
    }
}
