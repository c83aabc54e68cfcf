//! Calls that plugins follow, over time and at one shard and three: timers end calls, and nothing that a plugin says harms one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use jackfield_world::{Faults, Manner, Options, PhoneFact, Random, Reaction, Reply, World, check};
use model::{
    ConnId, Digest, GenerationRef, GenerationToken,
    hook::{
        Ask, CallEvent, Command, End, Happening, Hook, MediaMode, Order, Plan, Question, Release,
        Target, Verdict,
    },
};
use switch::{Cause, Fact};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn orders(commands: Vec<Command>) -> Verdict {
    let by = GenerationRef { plugin: "watch".into(), serial: 1, digest: Digest([0; 32]) };
    let order = |command| Order { by: by.clone(), command: Ok(command) };
    Verdict::Orders(commands.into_iter().map(order).collect())
}

fn timer(name: &str, after: Duration) -> Command {
    Command::Timer { name: name.to_owned(), after }
}

fn tag(name: &str, value: &str) -> Command {
    Command::Tag { name: name.to_owned(), value: value.to_owned() }
}

/// What was told of each call, in order.
type Told = Rc<RefCell<BTreeMap<ConnId, Vec<String>>>>;

/// A world whose even phones call the odd ones, which answer after a second; from then on `says` decides about events.
fn world(
    options: Options,
    pairs: usize,
    mut says: impl FnMut(&Question, &CallEvent, &mut Random) -> Vec<Reply> + 'static,
) -> (World, Told) {
    let mut world = World::new(options);
    for n in 0..pairs {
        for (user, reaction) in [
            (format!("1{n:03}"), Reaction::Refuse(486)),
            (format!("2{n:03}"), Reaction::AnswerAfter(secs(1))),
        ] {
            let phone = world.add_phone(&user);
            world.plan(secs(0), phone, Manner::Register(3600));
            world.plan(secs(0), phone, Manner::OnCall(reaction));
        }
    }
    world.run(secs(10));
    let told = Told::default();
    let tells = told.clone();
    world.ask_at(&[Hook::CallEvent]);
    world.decide_by(Box::new(move |question, random| {
        let Ask::CallEvent(event) = &question.ask else {
            return vec![Reply::now(Verdict::BuiltIn)];
        };
        let kind = event.what.kind().to_owned();
        tells.borrow_mut().entry(question.call.conn_id).or_default().push(kind);
        says(question, event, random)
    }));
    (world, told)
}

fn settle(world: &mut World) {
    world.run(secs(200));
    assert_eq!(check(world), [], "\n{}", world.trace.as_str());
}

fn causes(world: &World) -> Vec<Cause> {
    let released = world.node.facts.iter().filter_map(|fact| match fact {
        Fact::Released { cause, .. } => Some(*cause),
        _ => None,
    });
    released.collect()
}

#[test]
fn a_plugin_ends_a_call_that_has_lasted_too_long() {
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let (mut world, told) = world(options, 1, |_, event, _| {
            vec![Reply::now(match event.what.kind() {
                "answered" => orders(vec![timer("long", secs(60)), tag("vip", "yes")]),
                "timer" => orders(vec![Command::Release(Release::default())]),
                _ => Verdict::BuiltIn,
            })]
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        settle(&mut world);
        assert_eq!(world.facts_of(0).last(), Some(&PhoneFact::Ended));
        assert_eq!(world.facts_of(1).last(), Some(&PhoneFact::Ended));
        assert_eq!(causes(&world), [Cause::Plugin(None)]);
        let told = told.borrow();
        assert_eq!(
            told.values().collect::<Vec<_>>(),
            [&["offered", "ringing", "answered", "timer", "released"]]
        );
    }
}

#[test]
fn a_plugin_holds_a_party_and_takes_it_back() {
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let (mut world, _) = world(options, 1, |_, event, _| {
            let party = Some(End::Callee);
            let commands = match &event.what {
                Happening::Answered { .. } => {
                    vec![timer("hold", secs(5)), timer("resume", secs(10))]
                }
                Happening::Timer { name } if **name == *"hold" => vec![Command::Hold { party }],
                Happening::Timer { .. } => vec![Command::Resume { party }],
                _ => Vec::new(),
            };
            vec![Reply::now(orders(commands))]
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(30), 0, Manner::HangUp);
        settle(&mut world);
        let held = |phone| {
            let held = world.facts_of(phone).iter().filter_map(|fact| match fact {
                PhoneFact::Held(held) => Some(*held),
                _ => None,
            });
            held.collect::<Vec<_>>()
        };
        assert_eq!((held(0), held(1)), (vec![], vec![true, false]));
    }
}

#[test]
fn a_plugin_sends_a_party_on() {
    for shards in [1, 3] {
        let options = Options { shards, ..Options::default() };
        let (mut world, _) = world(options, 2, |question, event, _| {
            let is_first = question.call.transfer.is_none();
            let commands = match &event.what {
                Happening::Answered { .. } if is_first => vec![timer("go", secs(5))],
                Happening::Timer { .. } => {
                    let to = "2001".to_owned();
                    vec![Command::Transfer { party: End::Caller, to }]
                }
                _ => Vec::new(),
            };
            vec![Reply::now(orders(commands))]
        });
        world.plan(secs(0), 0, Manner::Call("2000".into()));
        world.plan(secs(30), 3, Manner::HangUp);
        settle(&mut world);
        let last = |phone| world.facts_of(phone).last().unwrap().clone();
        assert_eq!(
            [last(0), last(1), last(3)],
            [PhoneFact::Ended, PhoneFact::Ended, PhoneFact::Up]
        );
        let ends = [Cause::Transferred, Cause::Hangup(switch::ReleasedBy::Callee)];
        assert_eq!(causes(&world), ends);
    }
}

#[test]
fn a_plugin_that_answers_late_is_heard_as_long_as_the_question_is_open() {
    let (mut world, _) = world(Options::default(), 1, |_, event, _| match event.what.kind() {
        "ringing" => {
            vec![Reply::late(orders(vec![tag("late", "yes")]), Duration::from_millis(100))]
        }
        "answered" => vec![Reply::late(orders(vec![tag("too-late", "yes")]), secs(30))],
        _ => vec![Reply::now(Verdict::BuiltIn)],
    });
    world.plan(secs(0), 0, Manner::Call("2000".into()));
    world.plan(secs(60), 0, Manner::HangUp);
    settle(&mut world);
    let labels: Vec<_> = world
        .node
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Amended { facts } => Some(facts.labels.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(labels, [vec![("late".to_owned(), "yes".to_owned())]]);
}

/// Something that a plugin that lies may say of an event.
fn lie(random: &mut Random) -> Vec<Reply> {
    let nonsense = || {
        let order = |n: usize| Order {
            by: GenerationRef { plugin: "liar".into(), serial: 1, digest: Digest([1; 32]) },
            command: Err(format!("`nonsense-{n}` is not known")),
        };
        Verdict::Orders((0..50).map(order).collect())
    };
    let flood = || orders((0..2000).map(|n| tag(&format!("t{}", n % 64), "x")).collect());
    let timers = || orders((0..100).map(|n| timer(&format!("t{n}"), Duration::ZERO)).collect());
    let plan = || {
        let targets = vec![Target::new(model::hook::Destination::Uri("sip:192.0.2.99".into()))];
        Verdict::Plan(Plan { targets, media: MediaMode::Default })
    };
    let parties = || {
        let party = |n: u32| [None, Some(End::Caller), Some(End::Callee)][n as usize % 3];
        let hold = |n| Command::Hold { party: party(n) };
        let resume = |n| Command::Resume { party: party(n) };
        orders((0..12).map(|n| if n % 2 == 0 { hold(n) } else { resume(n / 2) }).collect())
    };
    match random.below(11) {
        9 => vec![Reply::now(parties())],
        10 => vec![Reply::now(orders(vec![Command::Hold { party: None }]))],
        0 => Vec::new(),
        1 => vec![Reply::now(nonsense())],
        2 => vec![Reply::now(flood())],
        3 => vec![Reply::now(timers())],
        4 => vec![Reply::now(plan()), Reply::now(Verdict::Refuse(603))],
        5 => vec![Reply::late(timers(), secs(2)), Reply::now(Verdict::BuiltIn)],
        6 => vec![Reply::late(flood(), Duration::from_millis(300))],
        7 => vec![Reply::now(orders(vec![timer("again", Duration::from_millis(100))]))],
        _ => vec![Reply::now(Verdict::BuiltIn)],
    }
}

#[test]
fn lies_and_floods_of_plugins_cost_no_call() {
    for (shards, seed) in [(1, 1), (3, 2), (3, 3)] {
        let options = Options { shards, seed, ..Options::default() };
        let (mut world, _) = world(options, 20, |_, _, random| lie(random));
        for n in 0..20 {
            world.plan(secs(0), 2 * n, Manner::Call(format!("2{n:03}")));
            world.plan(secs(30), 2 * n, Manner::HangUp);
        }
        settle(&mut world);
        for n in 0..20 {
            assert!(world.facts_of(2 * n).contains(&PhoneFact::Up), "call {n} of seed {seed}");
            assert_eq!(world.facts_of(2 * n + 1).last(), Some(&PhoneFact::Ended));
        }
        assert_eq!(causes(&world).len(), 20);
        let stats: u64 = world.node.shards().iter().map(|s| s.stats().commands_refused).sum();
        assert!(stats > 0, "nobody lied");
    }
}

#[test]
fn on_a_bad_network_every_followed_call_ends_and_keeps_its_generation() {
    for (shards, seed) in [(1, 11), (3, 12), (3, 13), (1, 14)] {
        let options = Options { shards, seed, faults: Faults::BAD, ..Options::default() };
        let tokens: Vec<_> = (1..=4).map(GenerationToken::new).collect();
        let known: Rc<RefCell<BTreeMap<ConnId, u64>>> = Rc::default();
        let (held, broken) = (tokens.clone(), Rc::new(RefCell::new(Vec::new())));
        let wrong = broken.clone();
        let (mut world, _) = world(options, 20, |_, _, _| Vec::new());
        world.decide_by(Box::new(move |question, random| {
            let conn = question.call.conn_id;
            let pinned = question.pin.as_ref().map(GenerationToken::table);
            let current = usize::try_from(random.below(4)).unwrap_or(0);
            let token = question.pin.clone().unwrap_or_else(|| held[current].clone());
            let was = known.borrow_mut().insert(conn, token.table());
            if was.is_some() && was != pinned {
                wrong.borrow_mut().push(format!("{conn}: {was:?} became {pinned:?}"));
            }
            let mut replies = match &question.ask {
                Ask::CallEvent(event) => match event.what.kind() {
                    "answered" => vec![Reply::now(orders(vec![timer("long", secs(20))]))],
                    "timer" => vec![Reply::now(orders(vec![Command::Release(Release::default())]))],
                    _ => lie(random),
                },
                _ => vec![Reply::now(Verdict::BuiltIn)],
            };
            replies.iter_mut().for_each(|reply| reply.pin = Some(token.clone()));
            replies
        }));
        for n in 0..20 {
            world.plan(secs(0), 2 * n, Manner::Call(format!("2{n:03}")));
            world.plan(secs(60), 2 * n, Manner::Cancel);
            world.plan(secs(60), 2 * n, Manner::HangUp);
            world.plan(secs(60), 2 * n + 1, Manner::HangUp);
        }
        settle(&mut world);
        assert_eq!(*broken.borrow(), Vec::<String>::new());
        // One is ours and one the plugins'.
        assert!(tokens.iter().all(|token| token.holders() == 2), "a pin outlives its call");
    }
}

#[test]
fn parties_that_are_held_and_sent_on_all_the_time_all_get_out_of_their_calls() {
    for (shards, seed, faults) in
        [(1, 21, Faults::NONE), (3, 22, Faults::BAD), (3, 23, Faults::BAD)]
    {
        let options = Options { shards, seed, faults, ..Options::default() };
        let (mut world, _) = world(options, 20, |_, event, random| {
            let party = if random.below(2) == 0 { End::Caller } else { End::Callee };
            let mut commands = match &event.what {
                Happening::Released { .. } => Vec::new(),
                _ => vec![timer("again", random.between(secs(1), secs(8)))],
            };
            let to = format!("2{:03}", random.below(20));
            commands.push(match random.below(4) {
                0 => Command::Hold { party: Some(party) },
                1 => Command::Resume { party: None },
                2 => Command::Transfer { party, to },
                _ => tag("n", &random.below(9).to_string()),
            });
            vec![Reply::now(orders(commands))]
        });
        for n in 0..20 {
            world.plan(secs(n), usize::try_from(2 * n).unwrap(), Manner::Call(format!("2{n:03}")));
        }
        for phone in 0..40 {
            world.plan(secs(60), phone, Manner::HangUp);
            world.plan(secs(60), phone, Manner::Cancel);
            world.plan(secs(61), phone, Manner::HangUp);
            world.plan(secs(130), phone, Manner::HangUp);
        }
        world.run(secs(400));
        assert_eq!(check(&world), [], "seed {seed}\n{}", world.trace.as_str());
        let sent_on = |fact: &&Fact| matches!(fact, Fact::Transferred { .. });
        assert!(world.node.facts.iter().filter(sent_on).count() > 0, "nobody was sent on");
    }
}
