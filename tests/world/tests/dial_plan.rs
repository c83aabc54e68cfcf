//! What a dial plan and an emergency do to calls, under the virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{cell::Cell, rc::Rc, time::Duration};

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::{
    Aor,
    hook::{Amendment, Destination, MediaMode, Party, Plan, Target, Verdict},
};
use switch::Fact;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Registered phones, each answering after a second.
fn phones(users: &[&str]) -> World {
    let mut world = World::new(Options::default());
    for user in users {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    }
    world.run(secs(1));
    world
}

fn call(world: &mut World, number: &str) {
    world.plan(secs(0), 0, Manner::Call(number.into()));
    world.plan(secs(90), 0, Manner::HangUp);
    world.run(secs(180));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

fn reasons(world: &World) -> Vec<&str> {
    let decided = world.node.facts.iter().filter_map(|fact| match fact {
        Fact::Decided { decision, .. } => Some(decision),
        _ => None,
    });
    decided.flat_map(|d| d.reasons.iter().map(|reason| reason.code.as_str())).collect()
}

/// Plugins that refuse everything, and count how often they were asked.
fn refuse_all(world: &mut World) -> Rc<Cell<usize>> {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    world.decide_by(Box::new(move |_, _| {
        count.set(count.get() + 1);
        vec![Reply::now(Verdict::Refuse(403))]
    }));
    asked
}

#[test]
fn the_called_party_sees_the_caller_that_the_dial_plan_gave() {
    let mut world = phones(&["1000", "2000"]);
    world.decide_by(Box::new(|question, _| {
        let uri = "sip:+431000@office.test";
        let display = "The \"Office\"";
        let shown =
            Party { uri: uri.into(), display: display.into(), ..question.call.caller.clone() };
        let amendment = Amendment {
            callee: Some(question.call.callee.with_user("2000")),
            caller: Some(shown),
            ..Amendment::default()
        };
        vec![Reply::amended(Verdict::BuiltIn, amendment)]
    }));
    call(&mut world, "72000");
    assert!(world.facts_of(0).contains(&PhoneFact::Up), "{:?}", world.facts_of(0));
    let rang = PhoneFact::Rang("sip:+431000@office.test".into());
    assert!(world.facts_of(1).contains(&rang), "{:?}", world.facts_of(1));
    assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended), "the BYE found its dialog");
}

#[test]
fn the_built_in_route_follows_what_was_rewritten() {
    let mut world = phones(&["1000", "2000"]);
    world.decide_by(Box::new(|question, _| {
        let callee = question.call.callee.with_user("2000");
        let amendment = Amendment { callee: Some(callee), ..Amendment::default() };
        vec![Reply::amended(Verdict::BuiltIn, amendment)]
    }));
    call(&mut world, "*1");
    let rang = PhoneFact::Rang(format!("sip:1000@{HOST}"));
    assert!(world.facts_of(1).contains(&rang), "the caller stays: {:?}", world.facts_of(1));
}

#[test]
fn an_emergency_asks_no_plugin() {
    for number in ["112", "0112", "1-1-2"] {
        let mut world = phones(&["1000", "9000", "9001"]);
        let asked = refuse_all(&mut world);
        call(&mut world, number);
        assert_eq!(asked.get(), 0, "{number}");
        assert!(world.facts_of(1).contains(&PhoneFact::Up), "{number}");
        assert_eq!(reasons(&world), ["emergency"]);
    }
}

#[test]
fn the_route_of_an_emergency_is_tried_to_its_end_without_a_plugin() {
    let mut world = phones(&["1000", "9000", "9001"]);
    let asked = refuse_all(&mut world);
    world.plan(secs(0), 1, Manner::OnCall(Reaction::Refuse(503)));
    call(&mut world, "112");
    assert!(world.facts_of(2).contains(&PhoneFact::Up), "{:?}", world.facts_of(2));
    assert_eq!(asked.get(), 0);
}

#[test]
fn an_emergency_finds_room_where_other_calls_do_not() {
    let mut world = phones(&["1000", "9000"]);
    world.drain();
    call(&mut world, "2000");
    assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Refused(503)));
    call(&mut world, "112");
    assert!(world.facts_of(0).contains(&PhoneFact::Up), "{:?}", world.facts_of(0));
}

#[test]
fn an_emergency_without_a_route_is_left_to_plugins_that_may_find_one_and_not_refuse_it() {
    let to = |user: &str| {
        let target = Target::new(Destination::Aor(Aor::new(user, HOST)));
        Verdict::Plan(Plan { targets: vec![target], media: MediaMode::Default })
    };
    for (verdict, last) in [
        (Verdict::Refuse(403), PhoneFact::Refused(503)),
        (Verdict::BuiltIn, PhoneFact::Refused(503)),
        (to("2000"), PhoneFact::Up),
    ] {
        let mut world = World::new(Options { emergency_route: &[], ..Options::default() });
        for user in ["1000", "2000"] {
            let phone = world.add_phone(user);
            world.plan(secs(0), phone, Manner::Register(3600));
            world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
        }
        world.run(secs(1));
        let said = verdict.clone();
        world.decide_by(Box::new(move |question, _| {
            assert!(question.call.emergency);
            vec![Reply::now(said.clone())]
        }));
        call(&mut world, "112");
        assert_eq!(world.facts_of(0).last(), Some(&last), "{verdict:?}");
    }
}
