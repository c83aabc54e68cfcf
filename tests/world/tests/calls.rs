//! The calls every switch must make, under the virtual clock, at one shard and at three.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jackfield_world::{
    Faults, HOST, Manner, Options, PhoneFact, Random, Reaction, Reply, World, check,
};
use model::{
    Aor,
    hook::{Access, Ask, Destination, Hook, MediaMode, Plan, Target, Verdict},
};
use switch::{Cause, Fact};

const SETTLE: Duration = Duration::from_secs(120);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A world with two registered phones; the second answers after a second.
fn two_phones(options: Options) -> World {
    let mut world = World::new(options);
    let a = world.add_phone("1000");
    let b = world.add_phone("2000");
    world.plan(secs(0), a, Manner::Register(3600));
    world.plan(secs(0), b, Manner::Register(3600));
    world.plan(secs(0), b, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    world.run(secs(1));
    world
}

fn at_one_and_three_shards(scenario: impl Fn(Options)) {
    for shards in [1, 3] {
        scenario(Options { shards, ..Options::default() });
    }
}

fn settle(world: &mut World) {
    world.run(SETTLE);
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

fn causes(world: &World) -> Vec<Cause> {
    let released = world.node.facts.iter().filter_map(|fact| match fact {
        Fact::Released { cause, .. } => Some(*cause),
        _ => None,
    });
    released.collect()
}

fn after_registering(world: &World, phone: usize) -> &[PhoneFact] {
    let facts = world.facts_of(phone);
    assert_eq!(facts.first(), Some(&PhoneFact::Registered(200)));
    facts.get(1..).unwrap()
}

#[test]
fn a_call_is_answered_and_the_caller_hangs_up() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 0, Manner::HangUp);
        settle(&mut world);
        assert_eq!(after_registering(&world, 0), [PhoneFact::Progress(180), PhoneFact::Up]);
        let rang = PhoneFact::Rang(format!("sip:1000@{HOST}"));
        assert_eq!(after_registering(&world, 1), [rang, PhoneFact::Up, PhoneFact::Ended]);
        assert_eq!(causes(&world), [Cause::Hangup(switch::ReleasedBy::Caller)]);
    });
}

#[test]
fn the_called_party_hangs_up() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 1, Manner::HangUp);
        settle(&mut world);
        assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Ended));
        assert_eq!(causes(&world), [Cause::Hangup(switch::ReleasedBy::Callee)]);
    });
}

#[test]
fn a_ringing_call_is_cancelled() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        world.plan(secs(0), 1, Manner::OnCall(Reaction::Ring));
        world.plan(secs(1), 0, Manner::Call("2000".into()));
        world.plan(secs(5), 0, Manner::Cancel);
        settle(&mut world);
        assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(487)));
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Cancelled));
        assert_eq!(causes(&world), [Cause::Cancelled]);
    });
}

#[test]
fn a_busy_phone_makes_the_caller_hear_busy() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Refuse(486)));
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(486)));
    assert_eq!(causes(&world), [Cause::Refused(486)]);
}

#[test]
fn a_phone_nobody_answers_rings_for_its_time_and_outlives_timer_b() {
    let mut world = two_phones(Options::default());
    world.decide_by(Box::new(|question, _| {
        let target = Target {
            ring: Some(Duration::from_secs(45)),
            ..Target::new(Destination::Aor(Aor::new("2000", HOST)))
        };
        vec![Reply::now(match question.ask {
            Ask::Route => Verdict::Plan(Plan { targets: vec![target], media: MediaMode::Default }),
            _ => Verdict::BuiltIn,
        })]
    }));
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Ring));
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    world.run(secs(40));
    assert_eq!(after_registering(&world, 0), [PhoneFact::Progress(180)], "still ringing at 39 s");
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(480)));
    assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Cancelled));
}

#[test]
fn the_second_target_is_called_when_the_first_fails_and_the_plugin_sees_why() {
    let mut world = two_phones(Options::default());
    let c = world.add_phone("3000");
    world.plan(secs(0), c, Manner::Register(3600));
    world.plan(secs(0), c, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Refuse(486)));
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let sees = seen.clone();
    world.decide_by(Box::new(move |question, _| {
        let verdict = match &question.ask {
            Ask::RouteOnFailure { attempts, remaining } => {
                sees.borrow_mut().push((attempts.last().unwrap().status, remaining.len()));
                Verdict::Continue
            }
            _ => plan_of(&["2000", "3000"]),
        };
        vec![Reply::now(verdict)]
    }));
    world.plan(secs(1), 0, Manner::Call("2000".into()));
    world.plan(secs(20), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(*seen.borrow(), [(486, 1)]);
    assert!(world.facts_of(c).contains(&PhoneFact::Up));
}

fn together(users: &[&str]) -> Verdict {
    let Verdict::Plan(mut plan) = plan_of(users) else { unreachable!("a plan") };
    plan.targets.iter_mut().for_each(|target| target.together = true);
    Verdict::Plan(plan)
}

fn plan_of(users: &[&str]) -> Verdict {
    let targets =
        users.iter().map(|user| Target::new(Destination::Aor(Aor::new(user, HOST)))).collect();
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}

#[test]
fn every_contact_of_a_user_rings_and_the_first_to_answer_wins() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        let second = world.add_phone("2000");
        world.plan(secs(0), second, Manner::Register(3600));
        world.plan(secs(0), second, Manner::OnCall(Reaction::Ring));
        world.plan(secs(1), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 0, Manner::HangUp);
        settle(&mut world);
        assert_eq!(world.facts_of(second).last(), Some(&PhoneFact::Cancelled));
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended));
    });
}

#[test]
fn a_held_party_is_told_and_taken_back() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(5), 0, Manner::Hold(true));
        world.plan(secs(8), 0, Manner::Hold(false));
        world.plan(secs(10), 1, Manner::Hold(true));
        world.plan(secs(12), 1, Manner::HangUp);
        settle(&mut world);
        let held: Vec<_> =
            world.facts_of(1).iter().filter(|f| matches!(f, PhoneFact::Held(_))).collect();
        assert_eq!(held, [&PhoneFact::Held(true), &PhoneFact::Held(false)]);
        assert!(world.facts_of(0).contains(&PhoneFact::Held(true)));
        let told: Vec<_> = world
            .node
            .facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Held { leg } => Some((leg.number, true)),
                Fact::Retrieved { leg } => Some((leg.number, false)),
                _ => None,
            })
            .collect();
        assert_eq!(told, [(0, true), (0, false), (1, true)]);
    });
}

#[test]
fn a_reinvite_that_overtakes_the_other_sides_ack_waits_for_it() {
    at_one_and_three_shards(|options| {
        let mut world = two_phones(options);
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        assert!(world.run_until(secs(5), |world| world.facts_of(1).contains(&PhoneFact::Up)));
        world.plan(secs(0), 1, Manner::Hold(true));
        world.plan(secs(5), 0, Manner::HangUp);
        settle(&mut world);
        assert!(world.facts_of(1).contains(&PhoneFact::Answered(200)));
        assert!(world.facts_of(0).contains(&PhoneFact::Held(true)));
    });
}

#[test]
fn an_invite_without_an_offer_gets_its_answer_across_in_the_ack() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 0, Manner::CallWithoutOffer("2000".into()));
    world.plan(secs(10), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended));
}

#[test]
fn two_reinvites_that_cross_are_both_answered_491_or_one_wins() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(secs(5), 0, Manner::Hold(true));
    world.plan(secs(5), 1, Manner::Hold(true));
    world.plan(secs(9), 0, Manner::HangUp);
    settle(&mut world);
    let answers: Vec<_> = [0, 1]
        .iter()
        .flat_map(|phone| world.facts_of(*phone))
        .filter(|fact| matches!(fact, PhoneFact::Answered(_)))
        .collect();
    assert!(answers.contains(&&PhoneFact::Answered(491)), "{answers:?}");
    assert_eq!(answers.len(), 2);
}

#[test]
fn a_caller_that_vanishes_before_its_ack_leaves_nothing_behind() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    let rang =
        world.run_until(secs(5), |world| world.facts_of(0).contains(&PhoneFact::Progress(180)));
    assert!(rang);
    world.network.unplug(([10, 1, 1, 2], 5060).into());
    settle(&mut world);
    assert_eq!(causes(&world), [Cause::AckMissing]);
    assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended));
}

#[test]
fn a_user_without_contacts_is_not_there_and_one_of_another_host_is_not_known() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 0, Manner::Call("4000".into()));
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(480)));
}

#[test]
fn a_registration_lapses_and_one_removed_is_gone_at_once() {
    let mut world = two_phones(Options::default());
    world.plan(secs(1), 1, Manner::Register(0));
    world.plan(secs(2), 0, Manner::Call("2000".into()));
    world.run(secs(30));
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(480)));
    world.run(secs(3700));
    let lapsed = world.node.facts.iter().any(
        |fact| matches!(fact, Fact::Unregistered { lapsed: true, aor } if aor.user() == "1000"),
    );
    assert!(lapsed);
}

#[test]
fn no_free_port_refuses_the_call_and_says_when_to_come_back() {
    let mut world = two_phones(Options { relays_max: 0, ..Options::default() });
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    settle(&mut world);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(503)));
}

#[test]
fn an_answer_that_never_comes_or_comes_twice_does_not_hurt() {
    for replies in [0, 2] {
        let mut world = two_phones(Options::default());
        world.decide_by(Box::new(move |_, _| {
            let late = Reply::late(Verdict::Refuse(603), Duration::from_secs(3));
            let mut all = vec![Reply::now(Verdict::BuiltIn), late];
            all.truncate(replies);
            all
        }));
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 0, Manner::HangUp);
        settle(&mut world);
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended), "{replies} replies");
    }
}

#[test]
fn the_operator_ends_a_call() {
    let mut world = two_phones(Options::default());
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    assert!(world.run_until(secs(5), |world| world.facts_of(0).contains(&PhoneFact::Up)));
    let now = world.now();
    let conn = world.node.shards()[0].calls(now).next().unwrap().conn;
    world.hang_up(conn);
    settle(&mut world);
    assert_eq!(causes(&world), [Cause::Operator]);
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Ended));
    assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended));
}

#[test]
fn one_seed_is_one_world() {
    let trace = |seed| {
        let mut world = two_phones(Options { seed, faults: Faults::BAD, ..Options::default() });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 0, Manner::HangUp);
        world.run(SETTLE);
        world.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

/// A world of chance: phones that call, cancel, hold and vanish over a bad network, with plugins that lie.
fn chaos(seed: u64, shards: u16) {
    let mut world = World::new(Options { seed, shards, faults: Faults::BAD, ..Options::default() });
    let mut random = Random::new(seed ^ 0x5eed);
    if seed % 2 == 1 {
        world.ask_at(&[Hook::Admission, Hook::Authenticate, Hook::Register]);
    }
    let users: Vec<String> = (0..8).map(|n| format!("{}", 1000 + n)).collect();
    for user in &users {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        let reaction = match random.below(6) {
            0 => Reaction::Ring,
            1 => Reaction::Refuse(486),
            2 => Reaction::Ignore,
            _ => Reaction::AnswerAfter(random.between(secs(0), secs(4))),
        };
        world.plan(secs(1), phone, Manner::OnCall(reaction));
    }
    world.decide_by(Box::new(|question, random| {
        let after = random.between(Duration::ZERO, Duration::from_millis(100));
        match (random.below(20), &question.ask) {
            (0, _) => Vec::new(),
            (1, _) => vec![Reply::late(Verdict::BuiltIn, Duration::from_secs(3))],
            (18, _) => vec![Reply::now(Verdict::Refuse(603)), Reply::now(Verdict::BuiltIn)],
            (2, _) => vec![Reply::now(plan_of(&["nobody", "1003"]))],
            (3 | 4, Ask::Route) => vec![Reply::now(together(&["1001", "nobody", "1002"]))],
            (3..=5, Ask::Admission) => vec![Reply::now(Verdict::Access(Access::Drop))],
            (3..=5, Ask::Authenticate) => vec![Reply::now(Verdict::Access(Access::Challenge))],
            (4, Ask::RouteOnFailure { .. }) => vec![Reply::now(plan_of(&["1001"]))],
            (_, _) => vec![Reply::late(Verdict::BuiltIn, after)],
        }
    }));
    for _ in 0..40 {
        let phone = usize::try_from(random.below(8)).unwrap();
        let at = random.between(secs(2), secs(240));
        let callee = random.pick(&users).unwrap().clone();
        let manner = match random.below(10) {
            0 => Manner::Cancel,
            1 | 2 => Manner::HangUp,
            3 => Manner::Hold(true),
            4 => Manner::Answer,
            5 => Manner::CallWithoutOffer(callee),
            _ => Manner::Call(callee),
        };
        world.plan(at, phone, manner);
    }
    for phone in 0..8 {
        world.plan(secs(400), phone, Manner::HangUp);
        world.plan(secs(401), phone, Manner::Cancel);
        world.plan(secs(401), phone, Manner::Refuse(480));
        world.plan(secs(500), phone, Manner::HangUp);
    }
    world.run(secs(900));
    // A BYE that never arrives leaves a call up: real phones have session timers, these have an operator.
    let now = world.now();
    let left: Vec<_> =
        world.node.shards().iter().flat_map(|s| s.calls(now)).map(|call| call.conn).collect();
    for conn in left {
        world.hang_up(conn);
    }
    world.run(secs(200));
    let broken = check(&world);
    assert!(
        broken.is_empty(),
        "seed {seed}, {shards} shards: {broken:#?}\nrun it alone: CHAOS_SEED={seed} cargo test -p \
         jackfield-world chaos"
    );
}

#[test]
fn chaos_leaves_nothing_behind() {
    let seeds = match std::env::var("CHAOS_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) => 0..60,
    };
    for seed in seeds {
        chaos(seed, 1);
        chaos(seed, 3);
    }
}
