#![allow(clippy::unwrap_used)]
//! Calls that plugins follow: what they are told, what they may have done, and what comes of what they may not.

use std::{sync::Arc, time::Duration};

use model::{
    Digest, GenerationRef, GenerationToken,
    hook::{
        Answer, Ask, CallEvent, Command, Decision, Destination, Failure, FailureKind, Hook,
        MediaMode, Order, Plan, Question, Release, Step, StepOutcome, Target, Verdict,
    },
};

use crate::{
    CallEventConfig, Cause, Config, Emergency, Fact, Input, Reason,
    call::talk::Talk,
    trunk::bench::{Bench, PHONE, Sent, what},
};

fn bench_of(call_events: CallEventConfig) -> Bench {
    let mut bench = Bench::of(Config { call_events, ..Bench::config(Vec::new(), None) });
    bench.town.hooks = vec![Hook::CallEvent];
    bench
}

pub(crate) fn bench() -> Bench {
    bench_of(CallEventConfig::default())
}

/// A call that rings nowhere yet.
fn begun() -> Talk {
    Talk::with(bench(), "", "", 1)
}

fn plugin(name: &str) -> GenerationRef {
    GenerationRef { plugin: name.into(), serial: 1, digest: Digest([0; 32]) }
}

fn event(question: &Question) -> &Arc<CallEvent> {
    let Ask::CallEvent(event) = &question.ask else { panic!("{question:?}") };
    event
}

/// An event in words.
pub(crate) fn shown(question: &Question) -> String {
    let event = event(question);
    let attrs = event.attrs().into_iter().map(|(name, value)| format!(" {name}={value}"));
    let only = event.only.as_ref().map(|plugin| format!(" for {plugin}"));
    format!("{}{}", event.what.kind(), attrs.chain(only).collect::<String>())
}

/// Answers the event that is being told, and gives it and what the switch sends then.
pub(crate) fn answer(bench: &mut Bench, verdict: Verdict) -> (String, Vec<Sent>) {
    let question = bench.told.pop_front().unwrap();
    let same = |other: &Question| other.call.conn_id == question.call.conn_id;
    assert!(!bench.told.iter().any(same), "two events of one call at once");
    let decision = Decision::of(Hook::CallEvent, 0);
    let pin = question.pin.clone();
    let answer = Answer { id: question.id, verdict, amended: None, pin, decision };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    (shown(&question), bench.drain())
}

pub(crate) fn order(bench: &mut Bench, commands: Vec<Command>) -> (String, Vec<Sent>) {
    let by = plugin("watch");
    let orders = commands.into_iter().map(|c| Order { by: by.clone(), command: Ok(c) });
    answer(bench, Verdict::Orders(orders.collect()))
}

/// Passes every event that is told, and gives them.
pub(crate) fn heard(bench: &mut Bench) -> Vec<String> {
    let mut heard = Vec::new();
    while !bench.told.is_empty() {
        heard.push(answer(bench, Verdict::BuiltIn).0);
    }
    heard
}

/// What the journal has of the commands since it was asked last.
pub(crate) fn journal(bench: &mut Bench) -> Vec<String> {
    let facts = std::mem::take(&mut bench.facts);
    let decided = facts.into_iter().filter_map(|fact| match fact {
        Fact::Decided { decision, .. } if decision.hook == Hook::CallEvent => Some(decision),
        _ => None,
    });
    decided
        .flat_map(|decision| decision.reasons)
        .map(|why| format!("{}: {}", why.code, why.text))
        .collect()
}

fn tag(name: &str, value: &str) -> Command {
    Command::Tag { name: name.to_owned(), value: value.to_owned() }
}

pub(crate) fn timer(name: &str, ms: u64) -> Command {
    Command::Timer { name: name.to_owned(), after: Duration::from_millis(ms) }
}

fn stop(name: &str) -> Command {
    Command::StopTimer { name: name.to_owned() }
}

fn release(status: Option<u16>, cause: Option<u8>, text: &str) -> Command {
    Command::Release(Release { status, cause, text: text.to_owned() })
}

/// Goes on with a call until the parties talk, and forgets the events of that.
pub(crate) fn establish(talk: &mut Talk) {
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    heard(&mut talk.bench);
}

pub(crate) fn hang_up(talk: &mut Talk) {
    let sent = talk.ask("BYE", "", "");
    let bye = sent.iter().find(|sent| sent.text.starts_with("BYE")).unwrap();
    talk.answer(bye, "200 OK", "");
}

#[test]
fn every_change_of_a_call_is_told_one_at_a_time_and_in_order() {
    let mut talk = begun();
    talk.respond(0, "180 Ringing", "b", "", "");
    talk.respond(0, "180 Ringing", "b", "", "");
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    hang_up(&mut talk);
    // Nobody has answered the first yet.
    assert_eq!(talk.bench.told.len(), 1);
    let heard = heard(&mut talk.bench);
    assert_eq!(
        heard,
        [
            "offered",
            "ringing leg=1 status=180",
            "answered leg=1",
            "released by=caller cause=hang-up by caller",
        ]
    );
    assert!(journal(&mut talk.bench).is_empty(), "what all pass is no line in the journal");
    talk.bench.pass(40);
    assert!(talk.bench.switch.is_idle());
    assert_eq!(talk.bench.switch.poll_timeout(), None);
}

#[test]
fn a_call_that_no_plugin_follows_is_not_told() {
    let mut talk = Talk::with(Bench::new(Vec::new()), "", "", 1);
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    hang_up(&mut talk);
    assert!(talk.bench.told.is_empty());
    assert_eq!(talk.bench.switch.stats().call_events, 0);
}

#[test]
fn an_emergency_is_not_told() {
    let emergency = Emergency::new(&["2000".to_owned()], &[], &[]).unwrap();
    let config = Config { emergency, ..Bench::config(Vec::new(), None) };
    let mut bench = Bench::of(config);
    bench.town.hooks = vec![Hook::CallEvent];
    let mut talk = Talk::with(bench, "", "", 1);
    talk.respond(0, "200 OK", "b", "", "");
    assert!(talk.bench.told.is_empty());
}

#[test]
fn a_tag_is_seen_by_all_who_are_asked_later() {
    let mut talk = begun();
    order(&mut talk.bench, vec![tag("vip", "yes"), tag("team", "a"), tag("team", "b")]);
    assert_eq!(
        journal(&mut talk.bench),
        ["command: tag vip = yes", "command: tag team = a", "command: tag team = b"]
    );
    let labels = vec![("vip".to_owned(), "yes".to_owned()), ("team".to_owned(), "b".to_owned())];
    talk.respond(0, "180 Ringing", "b", "", "");
    assert_eq!(talk.bench.told[0].call.labels, labels);
    // As by the operator.
    let view = talk.bench.switch.calls(talk.bench.now).next().unwrap();
    assert_eq!(view.facts.labels, labels);
    talk.respond(0, "486 Busy Here", "b", "", "");
    assert!(talk.bench.asked.is_some(), "route-on-failure is asked");
}

#[test]
fn a_record_of_the_call_learns_of_its_tags() {
    let mut talk = begun();
    order(&mut talk.bench, vec![tag("vip", "yes")]);
    let amended = talk.bench.facts.iter().rev().find_map(|fact| match fact {
        Fact::Amended { facts } => facts.label("vip").map(str::to_owned),
        _ => None,
    });
    assert_eq!(amended.as_deref(), Some("yes"));
}

#[test]
fn a_call_has_no_more_labels_than_the_limit() {
    let config = CallEventConfig { labels_max: 1, ..CallEventConfig::default() };
    let mut talk = Talk::with(bench_of(config), "", "", 1);
    order(&mut talk.bench, vec![tag("a", "1"), tag("b", "1"), tag("a", "2")]);
    assert_eq!(
        journal(&mut talk.bench),
        [
            "command: tag a = 1",
            "refused: watch#1@000000000000: tag b = 1: the call has 1 labels already (call_events.labels_max)",
            "command: tag a = 2",
        ]
    );
}

#[test]
fn a_timer_is_told_to_its_plugin_alone_and_ends_with_the_call() {
    let mut talk = begun();
    order(&mut talk.bench, vec![timer("long", 5000), timer("short", 1000), timer("never", 2000)]);
    establish(&mut talk);
    assert_eq!(
        talk.bench.switch.poll_timeout().map(|(at, why)| (at - talk.bench.now, why)),
        Some((Duration::from_secs(1), Reason::CallEvent))
    );
    talk.bench.pass(1);
    let (told, _) = order(&mut talk.bench, vec![stop("never"), timer("long", 2000), stop("never")]);
    assert_eq!(told, "timer name=short for watch");
    assert_eq!(
        journal(&mut talk.bench).last().unwrap(),
        "refused: watch#1@000000000000: stop-timer never: there is no such timer of this plugin"
    );
    talk.bench.pass(2);
    assert_eq!(event(&talk.bench.told[0]).after, Duration::from_secs(3));
    let (told, _) = order(&mut talk.bench, vec![timer("last", 60_000)]);
    assert_eq!(told, "timer name=long for watch");
    hang_up(&mut talk);
    heard(&mut talk.bench);
    talk.bench.pass(40);
    assert_eq!(talk.bench.switch.poll_timeout(), None, "a timer outlives its call");
}

#[test]
fn timers_are_as_many_and_as_long_as_the_limits_say() {
    let config = CallEventConfig {
        timers_max: 1,
        timer_min: Duration::from_secs(1),
        timer_max: Duration::from_secs(60),
        ..CallEventConfig::default()
    };
    let mut talk = Talk::with(bench_of(config), "", "", 1);
    order(&mut talk.bench, vec![timer("a", 0), timer("b", 1), timer("a", 61_000), timer("a", 0)]);
    assert_eq!(
        journal(&mut talk.bench),
        [
            "command: timer a in 0 ms",
            "refused: watch#1@000000000000: timer b in 1 ms: the call has 1 timers already (call_events.timers_max)",
            "refused: watch#1@000000000000: timer a in 61000 ms: a timer takes at most 60 s (call_events.timer_max_s)",
            "command: timer a in 0 ms",
        ]
    );
    let (at, why) = talk.bench.switch.poll_timeout().unwrap();
    assert!(why != Reason::CallEvent || at - talk.bench.now >= Duration::from_secs(1));
}

#[test]
fn a_released_call_that_is_up_ends_on_both_sides_with_the_reason() {
    let mut talk = begun();
    order(&mut talk.bench, vec![timer("limit", 1000)]);
    establish(&mut talk);
    talk.bench.pass(1);
    let words = release(Some(486), Some(102), "too \"long\"");
    let (_, sent) = order(&mut talk.bench, vec![words, tag("a", "b")]);
    assert_eq!(
        what(&sent),
        ["BYE sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    let reason = "SIP;cause=486;text=\"too long\", Q.850;cause=102;text=\"too long\"";
    assert_eq!(sent[0].line("Reason"), reason);
    assert_eq!(sent[1].line("Reason"), reason);
    assert_eq!(talk.bench.released(), Some(Cause::Plugin(None)));
    assert_eq!(
        journal(&mut talk.bench),
        [
            "command: timer limit in 1000 ms",
            "command: release 486 cause 102",
            "refused: watch#1@000000000000: tag a = b: the call is being released",
        ]
    );
    assert_eq!(heard(&mut talk.bench), ["released by=plugin cause=plugin"]);
}

#[test]
fn a_release_without_words_says_no_reason() {
    let mut talk = begun();
    order(&mut talk.bench, vec![timer("limit", 1000)]);
    establish(&mut talk);
    talk.bench.pass(1);
    let (_, sent) = order(&mut talk.bench, vec![release(None, None, "")]);
    assert!(sent.len() == 2 && sent.iter().all(|bye| bye.line("Reason").is_empty()));
}

#[test]
fn a_released_call_that_rings_is_cancelled_and_refused() {
    let mut talk = begun();
    talk.respond(0, "180 Ringing", "b", "", "");
    let (_, sent) = order(&mut talk.bench, vec![release(Some(486), Some(17), "")]);
    assert_eq!(what(&sent), ["CANCEL sip:2000@203.0.113.1 > trunk 1", "486 Busy Here > phone"]);
    assert_eq!(sent[0].line("Reason"), "SIP;cause=486, Q.850;cause=17");
    assert_eq!(sent[1].line("Reason"), "Q.850;cause=17");
    assert_eq!(talk.bench.released(), Some(Cause::Plugin(Some(486))));
    let mut talk = begun();
    let (_, sent) = order(&mut talk.bench, vec![release(None, None, "")]);
    assert_eq!(what(&sent), ["480 Temporarily Unavailable > phone"]);
}

#[test]
fn what_a_plugin_wants_of_a_call_that_is_over_is_left_out() {
    let mut talk = begun();
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    hang_up(&mut talk);
    let wishes = vec![tag("a", "b"), timer("t", 1000), stop("t"), release(None, None, "")];
    let (_, sent) = order(&mut talk.bench, wishes);
    assert!(sent.is_empty());
    let told = journal(&mut talk.bench);
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|line| line.starts_with("refused") && line.ends_with("over")));
    assert_eq!(talk.bench.switch.stats().commands_refused, 4);
}

#[test]
fn nonsense_and_answers_that_nobody_asked_for_change_nothing() {
    let mut talk = begun();
    talk.respond(0, "180 Ringing", "b", "", "");
    let plan = Plan {
        targets: vec![Target::new(Destination::Uri("sip:9@203.0.113.9".to_owned()))],
        media: MediaMode::Default,
    };
    assert!(answer(&mut talk.bench, Verdict::Plan(plan)).1.is_empty());
    assert!(answer(&mut talk.bench, Verdict::Refuse(603)).1.is_empty());
    talk.respond(0, "200 OK", "b", "", "");
    let wrong = Order { by: plugin("watch"), command: Err("`dance` is not known".to_owned()) };
    let question = talk.bench.told[0].clone();
    assert!(answer(&mut talk.bench, Verdict::Orders(vec![wrong])).1.is_empty());
    assert_eq!(journal(&mut talk.bench), ["refused: watch#1@000000000000: `dance` is not known"]);
    // The same answer once more.
    let by = plugin("watch");
    let orders = vec![Order { by, command: Ok(release(None, None, "")) }];
    let decision = Decision::of(Hook::CallEvent, 0);
    let verdict = Verdict::Orders(orders);
    let late = Answer { id: question.id, verdict, amended: None, pin: None, decision };
    talk.bench.switch.handle_input(talk.bench.now, &talk.bench.town, Input::Answer(late));
    assert!(talk.bench.drain().is_empty());
    assert_eq!(talk.bench.switch.stats().answers_late, 1);
}

#[test]
fn a_flood_of_commands_ends_at_the_limit_and_a_release_is_still_taken() {
    let config = CallEventConfig { commands_max: 3, ..CallEventConfig::default() };
    let mut talk = Talk::with(bench_of(config), "", "", 1);
    let flood = (0..100).map(|n| tag("n", &n.to_string())).collect();
    order(&mut talk.bench, flood);
    let told = journal(&mut talk.bench);
    assert_eq!(told.len(), 4);
    assert_eq!(
        told[3],
        "refused: watch#1@000000000000: more than 3 commands on one call (call_events.commands_max)"
    );
    talk.respond(0, "180 Ringing", "b", "", "");
    let (_, sent) = order(&mut talk.bench, vec![release(None, None, "")]);
    assert_eq!(sent.len(), 2, "{:?}", what(&sent));
}

#[test]
fn plugins_that_are_silent_or_fail_cost_the_call_nothing() {
    let mut talk = begun();
    talk.respond(0, "180 Ringing", "b", "", "");
    assert_eq!(shown(&talk.bench.told.pop_front().unwrap()), "offered");
    talk.bench.pass(1);
    assert_eq!(talk.bench.switch.stats().questions_timed_out, 1);
    let question = talk.bench.told.pop_front().unwrap();
    assert_eq!(shown(&question), "ringing leg=1 status=180");
    let outcome =
        StepOutcome::Failed(Failure { kind: FailureKind::Trap, detail: "unreachable".to_owned() });
    let mut decision = Decision::of(Hook::CallEvent, 1);
    decision.steps.push(Step { generation: plugin("watch"), outcome, took_ns: 1 });
    let verdict = Verdict::BuiltIn;
    let failed = Answer { id: question.id, verdict, amended: None, pin: None, decision };
    talk.bench.switch.handle_input(talk.bench.now, &talk.bench.town, Input::Answer(failed));
    assert!(talk.bench.drain().is_empty());
    let noted = |fact: &&Fact| matches!(fact, Fact::Decided { decision, .. } if decision.hook == Hook::CallEvent);
    assert_eq!(talk.bench.facts.iter().filter(noted).count(), 1, "a failure is noted");
    establish(&mut talk);
    hang_up(&mut talk);
    // Nobody answers any more: the call is forgotten all the same.
    talk.bench.pass(40);
    talk.bench.told.clear();
    talk.bench.pass(2);
    assert!(talk.bench.switch.is_idle());
}

#[test]
fn events_that_wait_too_long_are_left_out_but_for_the_turns_of_the_call() {
    let config = CallEventConfig { queue_max: 2, ..CallEventConfig::default() };
    let mut talk = Talk::with(bench_of(config), "", "", 2);
    talk.respond(0, "180 Ringing", "b", "", "");
    talk.respond(1, "180 Ringing", "c", "", "");
    talk.respond(0, "486 Busy Here", "b", "", "");
    talk.respond(1, "200 OK", "c", "", "");
    let first = answer(&mut talk.bench, Verdict::BuiltIn).0;
    assert_eq!(first, "offered");
    assert_eq!(heard(&mut talk.bench), ["leg-failed leg=1 status=486 missed=2", "answered leg=2"]);
    assert_eq!(talk.bench.switch.stats().call_events_missed, 2);
}

#[test]
fn the_events_of_a_call_are_asked_of_the_generation_that_routed_it() {
    let mut bench = bench();
    let text = "INVITE sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0\r\n\
                From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: 1\r\n\
                CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n\
                Content-Length: 0\r\n\r\n";
    bench.receive(PHONE, text.to_owned());
    let token = GenerationToken::new(7);
    // By the time it answers, nobody of those that serve follows calls.
    let then = std::mem::take(&mut bench.town.hooks);
    bench.town.former.insert(7, then);
    let (id, decision) = (bench.asked.take().unwrap(), Decision::of(Hook::Route, 0));
    let verdict = Verdict::Refuse(404);
    let answer = Answer { id, verdict, amended: None, pin: Some(token.clone()), decision };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    bench.drain();
    let pins = |bench: &Bench| bench.told[0].pin.as_ref().map(GenerationToken::table);
    assert_eq!(pins(&bench), Some(7));
    assert_eq!(self::answer(&mut bench, Verdict::BuiltIn).0, "offered");
    assert_eq!(pins(&bench), Some(7));
    assert_eq!(
        self::answer(&mut bench, Verdict::BuiltIn).0,
        "released by=switch cause=refused 404"
    );
    assert_eq!(token.holders(), 1, "the pin goes with the last event");
}

#[test]
fn a_call_that_another_switch_takes_is_followed_there() {
    let mut talk = begun();
    heard(&mut talk.bench);
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    let conn = talk.bench.switch.calls(talk.bench.now).next().unwrap().conn;
    let export = |bench: &mut Bench| bench.switch.export(bench.now, conn, None);
    assert_eq!(export(&mut talk.bench).unwrap_err(), crate::NotQuiescent::Telling);
    let timer = Command::Timer { name: "look".into(), after: Duration::from_secs(60) };
    order(&mut talk.bench, vec![timer]);
    heard(&mut talk.bench);
    let moved = export(&mut talk.bench).unwrap();
    assert!(talk.bench.switch.tables.followed.is_empty());
    let mut config = Bench::config(Vec::new(), None);
    config.seed = [2; 32];
    talk.bench.switch = crate::Switch::new(config);
    talk.bench.switch.import(talk.bench.now, &talk.bench.town, moved).unwrap();
    talk.bench.pass(59);
    assert_eq!(heard(&mut talk.bench), [""; 0]);
    talk.bench.pass(1);
    assert_eq!(heard(&mut talk.bench), ["timer name=look for watch"]);
    talk.ask("BYE", "", "");
    assert_eq!(heard(&mut talk.bench).len(), 1);
    assert!(talk.bench.switch.tables.followed.is_empty());
}
