//! Targets that are tried together: a hunt group that rings all at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{cell::RefCell, rc::Rc, time::Duration};

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::{
    Aor,
    hook::{Ask, Destination, MediaMode, Plan, Target, Verdict},
};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn aor(user: &str) -> Target {
    Target::new(Destination::Aor(Aor::new(user, HOST)))
}

fn too(target: Target) -> Target {
    Target { together: true, ..target }
}

fn rings(target: Target, time: u64) -> Target {
    Target { ring: Some(secs(time)), ..target }
}

/// What a plugin was told of a failure: user and status of every attempt, and how many targets remained.
type Told = Rc<RefCell<Vec<(Vec<u16>, usize)>>>;

/// A caller and three registered phones 2001 to 2003 that react so, under this plan.
fn group(options: Options, reactions: [Reaction; 3], plan: Vec<Target>) -> (World, Told) {
    let mut world = World::new(options);
    world.add_phone("1000");
    for (user, reaction) in ["2001", "2002", "2003"].into_iter().zip(reactions) {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        world.plan(secs(0), phone, Manner::OnCall(reaction));
    }
    let told = Told::default();
    let tells = told.clone();
    world.decide_by(Box::new(move |question, _| {
        vec![Reply::now(match &question.ask {
            Ask::Route => Verdict::Plan(Plan { targets: plan.clone(), media: MediaMode::Default }),
            Ask::RouteOnFailure { attempts, remaining } => {
                let statuses = attempts.iter().map(|attempt| attempt.status).collect();
                tells.borrow_mut().push((statuses, remaining.len()));
                Verdict::Continue
            }
            _ => Verdict::BuiltIn,
        })]
    }));
    world.run(secs(1));
    world.plan(secs(0), 0, Manner::Call("100".into()));
    (world, told)
}

fn settle(world: &mut World) {
    world.run(secs(120));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

fn last(world: &World, phone: usize) -> &PhoneFact {
    world.facts_of(phone).last().unwrap()
}

#[test]
fn the_first_of_the_group_to_answer_gets_the_call_and_the_others_stop_ringing() {
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let reactions = [Reaction::Ring, Reaction::AnswerAfter(secs(3)), Reaction::Ring];
        let plan = vec![aor("2001"), too(aor("2002")), too(aor("2003"))];
        let (mut world, told) = group(options, reactions, plan);
        world.plan(secs(10), 0, Manner::HangUp);
        settle(&mut world);
        assert_eq!(last(&world, 1), &PhoneFact::Cancelled);
        assert_eq!(last(&world, 2), &PhoneFact::Ended);
        assert_eq!(last(&world, 3), &PhoneFact::Cancelled);
        assert!(told.borrow().is_empty());
    }
}

#[test]
fn one_that_declines_for_good_does_not_stop_the_others() {
    let reactions = [Reaction::Refuse(603), Reaction::AnswerAfter(secs(3)), Reaction::Refuse(486)];
    let plan = vec![aor("2001"), too(aor("2002")), too(aor("2003"))];
    let (mut world, _) = group(Options::default(), reactions, plan);
    world.plan(secs(10), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(last(&world, 2), &PhoneFact::Ended);
}

#[test]
fn each_rings_for_its_own_time_and_then_the_next_group_is_tried() {
    let reactions = [Reaction::Ring, Reaction::Ring, Reaction::AnswerAfter(secs(1))];
    let plan = vec![rings(aor("2001"), 5), rings(too(aor("2002")), 8), aor("2003")];
    let (mut world, told) = group(Options::default(), reactions, plan);
    world.run(secs(6));
    assert_eq!(last(&world, 1), &PhoneFact::Cancelled);
    assert_ne!(last(&world, 2), &PhoneFact::Cancelled);
    world.run(secs(3));
    assert_eq!(last(&world, 2), &PhoneFact::Cancelled);
    assert_eq!(*told.borrow(), [(vec![408, 408], 1)]);
    world.run(secs(2));
    assert_eq!(last(&world, 3), &PhoneFact::Up);
    world.plan(secs(0), 0, Manner::HangUp);
    settle(&mut world);
}

#[test]
fn a_plugin_is_told_of_each_and_the_caller_hears_the_best() {
    let reactions = [Reaction::Refuse(503), Reaction::Refuse(486), Reaction::Refuse(404)];
    let plan = vec![aor("2001"), too(aor("2002")), too(aor("2009")), too(aor("2003"))];
    let (mut world, told) = group(Options::default(), reactions, plan);
    settle(&mut world);
    assert_eq!(*told.borrow(), [(vec![503, 486, 480, 404], 0)]);
    assert_eq!(last(&world, 0), &PhoneFact::Refused(486));
}

#[test]
fn a_gateway_of_the_group_is_looked_up_before_anyone_rings() {
    let reactions = [Reaction::Ring, Reaction::Ring, Reaction::AnswerAfter(secs(2))];
    let uri = |host: &str| Target::new(Destination::Uri(format!("sip:2003@{host}:5060")));
    let plan = vec![aor("2001"), too(uri("nowhere.test")), too(uri("gw.test"))];
    let (mut world, _) = group(Options::default(), reactions, plan);
    let gateway = world.phones[3].address().ip();
    world.dns.host("gw.test", &[gateway]);
    world.plan(secs(10), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(last(&world, 1), &PhoneFact::Cancelled);
    assert_eq!(last(&world, 3), &PhoneFact::Ended);
}

#[test]
fn a_caller_who_gives_up_stops_them_all() {
    let reactions = [Reaction::Ring, Reaction::Ring, Reaction::Ignore];
    let plan = vec![aor("2001"), too(aor("2002")), too(aor("2003"))];
    let (mut world, _) = group(Options::default(), reactions, plan);
    world.plan(secs(5), 0, Manner::Cancel);
    settle(&mut world);
    assert_eq!(last(&world, 0), &PhoneFact::Refused(487));
    assert_eq!(last(&world, 1), &PhoneFact::Cancelled);
    assert_eq!(last(&world, 2), &PhoneFact::Cancelled);
}
