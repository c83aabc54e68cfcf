//! Transfers between simulated phones, at one shard and at three.

use std::time::Duration;

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::{
    Aor,
    hook::{Ask, Destination, MediaMode, Plan, Target, Verdict},
};

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

#[test]
fn a_member_of_a_group_that_is_sent_on_keeps_its_own_name_and_its_lamp() {
    for shards in [1, 3] {
        let mut world = talk(Options { shards, ..Options::default() });
        world.act(0, Manner::HangUp);
        world.decide_by(Box::new(|question, _| {
            let is_group = question.call.callee.user == "group" && question.ask == Ask::Route;
            let targets = vec![Target::new(Destination::Aor(Aor::new("bob", HOST)))];
            let plan = Verdict::Plan(Plan { targets, media: MediaMode::Default });
            vec![Reply::now(if is_group { plan } else { Verdict::BuiltIn })]
        }));
        let watcher = world.add_phone("dan");
        world.act(watcher, Manner::Watch("bob".to_owned(), 600));
        world.act(0, Manner::Call("group".to_owned()));
        world.run_for(s(5));
        // The target does not want the new media, then it does.
        world.act(1, Manner::RefuseOffers(Some(488)));
        world.act(0, Manner::Refer("cat".to_owned(), true));
        world.run_for(s(5));
        assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Told(488)));
        assert_eq!(world.phones[watcher].lamp(), Some(vec!["confirmed"]));
        world.act(1, Manner::RefuseOffers(None));
        world.act(0, Manner::Refer("cat".to_owned(), true));
        world.run_for(s(5));
        let rang = PhoneFact::Rang(format!("sip:bob@{HOST}"));
        let rung = world.facts_of(2).iter().filter(|fact| **fact == rang);
        assert_eq!(rung.count(), 2);
        hears(&world, 1, 2);
        assert_eq!(world.phones[watcher].lamp(), Some(vec!["confirmed"]));
        world.act(2, Manner::HangUp);
        world.run_for(s(5));
        assert_eq!(world.phones[watcher].lamp(), Some(vec![]));
        world.run(s(3600));
        assert_eq!(check(&world), [], "{}", world.trace.as_str());
    }
}

#[test]
fn who_watches_late_sees_the_party_that_stays_in_a_call_taken_over() {
    let mut world = talk(Options::default());
    let replaces = world.phones[0].dialog().unwrap_or_default();
    world.act(2, Manner::TakeOver(replaces, "ann".to_owned()));
    world.run_for(s(5));
    hears(&world, 1, 2);
    assert!(world.phones[0].is_on_hook());
    for user in ["ann", "bob"] {
        let watcher = world.add_phone(&format!("watches {user}").replace(' ', "-"));
        world.act(watcher, Manner::Watch(user.to_owned(), 600));
        world.run_for(s(5));
        assert_eq!(world.phones[watcher].lamp(), Some(vec!["confirmed"]), "{user}");
    }
}
