//! What plugins say of a request before it is a call or a registration.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{cell::RefCell, rc::Rc, time::Duration};

use jackfield_world::{HOST, Manner, Options, PhoneFact, Reaction, Reply, World, check};
use model::{
    Aor,
    hook::{Access, Ask, Credentials, Hook, Registration, Verdict},
};
use switch::Fact;

const DOOR: [Hook; 3] = [Hook::Admission, Hook::Authenticate, Hook::Register];

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What was asked, in order.
type Asked = Rc<RefCell<Vec<Hook>>>;

/// Two registered phones, of which the second answers; from then on this decides at the door.
fn world(options: Options, says: impl Fn(&Ask) -> Vec<Reply> + 'static) -> (World, Asked) {
    let mut world = World::new(options);
    for user in ["1000", "2000"] {
        let phone = world.add_phone(user);
        world.plan(secs(0), phone, Manner::Register(3600));
        world.plan(secs(0), phone, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    }
    world.run(secs(1));
    let asked = Asked::default();
    let asks = asked.clone();
    world.ask_at(&DOOR);
    world.decide_by(Box::new(move |question, _| {
        asks.borrow_mut().push(question.hook());
        says(&question.ask)
    }));
    (world, asked)
}

fn settle(world: &mut World) {
    world.run(secs(120));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

fn last(world: &World, phone: usize) -> &PhoneFact {
    world.facts_of(phone).last().unwrap()
}

fn built_in() -> Vec<Reply> {
    vec![Reply::now(Verdict::BuiltIn)]
}

fn says(access: Access) -> Vec<Reply> {
    vec![Reply::now(Verdict::Access(access))]
}

#[test]
fn a_request_goes_through_every_station_and_its_call_has_one_name() {
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let (mut world, asked) = world(options, |_| built_in());
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(5), 0, Manner::HangUp);
        world.plan(secs(6), 0, Manner::Register(3600));
        settle(&mut world);
        assert_eq!(last(&world, 1), &PhoneFact::Ended);
        let call = [Hook::Admission, Hook::Authenticate, Hook::Route];
        assert_eq!(*asked.borrow(), [&call[..], &DOOR].concat());
        let judged = world.node.facts.iter().filter_map(|fact| match fact {
            Fact::Judged { facts, .. } => Some(facts.conn_id),
            Fact::CallOffered { facts, .. } => Some(facts.conn_id),
            _ => None,
        });
        let names: Vec<_> = judged.collect();
        assert_eq!((names[0], names[1]), (names[1], names[2]), "one name for the call");
        assert_ne!(names[2], names[3], "and another for the registration");
        assert_eq!((names[3], names[4]), (names[4], names[5]));
    }
}

#[test]
fn what_is_dropped_hears_nothing_and_leaves_nothing() {
    let (mut world, _) = world(Options::default(), |ask| match ask {
        Ask::Admission => says(Access::Drop),
        _ => built_in(),
    });
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    settle(&mut world);
    assert_eq!(last(&world, 0), &PhoneFact::Refused(408));
    assert!(!world.facts_of(0).contains(&PhoneFact::Progress(180)));
}

#[test]
fn who_is_refused_gets_the_status_and_the_next_station_is_not_asked() {
    for (station, count) in [(Hook::Admission, 1), (Hook::Authenticate, 2)] {
        let (mut world, asked) = world(Options::default(), move |ask| match ask {
            Ask::Admission if station == Hook::Admission => vec![Reply::now(Verdict::Refuse(403))],
            Ask::Authenticate => vec![Reply::now(Verdict::Refuse(403))],
            _ => built_in(),
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        settle(&mut world);
        assert_eq!(last(&world, 0), &PhoneFact::Refused(403));
        assert_eq!(asked.borrow().len(), count);
    }
}

#[test]
fn whoever_is_challenged_needs_a_password_even_where_nobody_does() {
    for access in
        [Access::Challenge, Access::Verify(Credentials::Password("not known to the phone".into()))]
    {
        let (mut world, _) = world(Options::default(), move |ask| match ask {
            Ask::Authenticate => says(access.clone()),
            _ => built_in(),
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        settle(&mut world);
        assert_eq!(last(&world, 0), &PhoneFact::Refused(401));
    }
}

#[test]
fn a_plugin_that_says_nothing_lets_in_at_admission_and_keeps_out_at_authentication() {
    for (silent, end) in [(Hook::Admission, None), (Hook::Authenticate, Some(503))] {
        let (mut world, _) = world(Options::default(), move |ask| match ask {
            Ask::Admission if silent == Hook::Admission => Vec::new(),
            Ask::Authenticate if silent == Hook::Authenticate => Vec::new(),
            _ => built_in(),
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(10), 0, Manner::HangUp);
        settle(&mut world);
        match end {
            Some(status) => assert_eq!(last(&world, 0), &PhoneFact::Refused(status)),
            None => assert!(world.facts_of(0).contains(&PhoneFact::Up)),
        }
    }
}

#[test]
fn a_caller_who_gives_up_at_the_door_is_told_so_and_a_late_answer_does_nothing() {
    let (mut world, _) = world(Options::default(), |ask| match ask {
        Ask::Admission => vec![Reply::late(Verdict::BuiltIn, Duration::from_millis(900))],
        _ => built_in(),
    });
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(Duration::from_millis(500), 0, Manner::Cancel);
    settle(&mut world);
    assert_eq!(last(&world, 0), &PhoneFact::Refused(487));
    assert_eq!(world.facts_of(1).len(), 1, "the other phone never rang");
}

#[test]
fn a_registration_is_refused_or_taken_as_the_plugin_says() {
    let (mut refusing, _) = world(Options::default(), |ask| match ask {
        Ask::Register { contacts } if contacts.len() == 1 => {
            vec![Reply::now(Verdict::Refuse(403))]
        }
        _ => built_in(),
    });
    refusing.plan(secs(0), 0, Manner::Register(3600));
    settle(&mut refusing);
    assert_eq!(last(&refusing, 0), &PhoneFact::Registered(403));

    let one = Registration { expires_max: Some(secs(120)), contacts_max: Some(1) };
    let (mut taking, _) = world(Options::default(), move |ask| match ask {
        Ask::Register { .. } => says(Access::Accept(one.clone())),
        _ => built_in(),
    });
    let second = taking.add_phone("2000");
    taking.plan(secs(1), second, Manner::Register(3600));
    taking.plan(secs(1), second, Manner::OnCall(Reaction::AnswerAfter(secs(1))));
    taking.plan(secs(2), 0, Manner::Call("2000".into()));
    taking.plan(secs(9), 0, Manner::HangUp);
    taking.run(secs(20));
    assert_eq!(last(&taking, second), &PhoneFact::Ended, "the newer contact took the call");
    assert_eq!(taking.facts_of(1), [PhoneFact::Registered(200)], "the older one is gone");
    taking.plan(secs(130), 0, Manner::Call("2000".into()));
    settle(&mut taking);
    taking.run(secs(120));
    assert_eq!(last(&taking, 0), &PhoneFact::Refused(480), "bound for two minutes and no more");
}

#[test]
fn an_identity_that_a_plugin_gives_is_seen_by_the_route() {
    let aor = Aor::new("door", HOST);
    let given = aor.clone();
    let seen = Rc::new(RefCell::new(None));
    let sees = seen.clone();
    let (mut world, _) = world(Options::default(), |_| built_in());
    world.decide_by(Box::new(move |question, _| match question.ask {
        Ask::Authenticate => says(Access::Allow(Some(given.clone()))),
        Ask::Route => {
            sees.borrow_mut().clone_from(&question.call.identity);
            built_in()
        }
        _ => built_in(),
    }));
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(secs(5), 0, Manner::HangUp);
    settle(&mut world);
    assert_eq!(*seen.borrow(), Some(aor));
}
