//! The hook `call-event`: every plugin is told, and what each wants is gathered.

use std::{sync::Arc, time::Duration};

use jackfield_plugin::{Kind, PluginHost};
use model::hook::{
    Answer, Ask, CallEvent, Command, End, FailureKind, Happening, Hook, Release, StepOutcome,
    Verdict,
};

use crate::common::{about, answer, failure, host, patient, pinned, source};

fn event(what: Happening, only: Option<&str>) -> Ask {
    let (after, only) = (Duration::from_millis(1500), only.map(Into::into));
    Ask::CallEvent(Arc::new(CallEvent { what, after, missed: 0, only }))
}

fn scripts(codes: &[(&str, &str)]) -> Arc<PluginHost> {
    host(patient(), codes.iter().map(|(id, code)| source(id, Kind::Rhai, *code)).collect())
}

fn told(codes: &[(&str, &str)], what: Happening) -> Answer {
    answer(&scripts(codes), &about("2000", event(what, None)))
}

/// What is wanted, by whom, as the journal shows it.
fn orders(answer: &Answer) -> Vec<String> {
    let Verdict::Orders(orders) = &answer.verdict else { return Vec::new() };
    let shown = orders.iter().map(|order| match &order.command {
        Ok(command) => format!("{}: {command}", order.by.plugin),
        Err(why) => format!("{}: wrong: {why}", order.by.plugin),
    });
    shown.collect()
}

#[test]
fn every_plugin_is_told_and_their_commands_stand_in_their_order() {
    let answer = told(
        &[
            ("one", "fn call_event(call, event) { tag(\"a\", 1).because(\"first\", event.kind) }"),
            ("idle", "fn call_event(call, event) { pass() }"),
            (
                "two",
                "fn call_event(call, event) { commands().timer(\"t\", 1.5).stop_timer(\"u\") }",
            ),
        ],
        Happening::Answered { leg: 1 },
    );
    assert_eq!(orders(&answer), ["one: tag a = 1", "two: timer t in 1500 ms", "two: stop-timer u"]);
    let outcomes: Vec<_> = answer.decision.steps.iter().map(|step| step.outcome.clone()).collect();
    assert_eq!(outcomes, [StepOutcome::Decided, StepOutcome::Passed, StepOutcome::Decided]);
    assert_eq!(answer.decision.hook, Hook::CallEvent);
    assert_eq!(answer.decision.decided_by.unwrap().plugin.as_ref(), "one");
    assert_eq!(answer.decision.reasons[0].text, "answered");
}

#[test]
fn a_timer_is_told_to_the_plugin_that_set_it() {
    let code = "fn call_event(call, event) { tag(\"over\", event.name) }";
    let host = scripts(&[("one", code), ("two", code)]);
    let timer = Happening::Timer { name: "long".into() };
    let answer = answer(&host, &about("2000", event(timer, Some("two"))));
    assert_eq!(orders(&answer), ["two: tag over = long"]);
    assert_eq!(answer.decision.steps.len(), 1);
}

#[test]
fn a_script_reads_what_has_happened() {
    let code = "fn call_event(call, event) {
        tag(\"x\", `${event.kind} ${event.after_ms} ${event.by} ${event.status} ${event.leg} ${event.cause}|`)
    }";
    let read = |what| orders(&told(&[("x", code)], what)).remove(0);
    assert_eq!(
        read(Happening::Ringing { leg: 2, status: 183 }),
        "x: tag x = ringing 1500  183 2 |"
    );
    assert_eq!(read(Happening::Held { by: End::Callee }), "x: tag x = held 1500 callee 0 0 |");
    let released = Happening::Released { by: "caller", cause: "cancelled".to_owned() };
    assert_eq!(read(released), "x: tag x = released 1500 caller 0 0 cancelled|");
}

#[test]
fn a_plugin_that_fails_takes_nothing_from_the_others() {
    let answer = told(
        &[
            (
                "broken",
                "fn call_event(call, event) { if event.kind == \"answered\" { throw \"no\" } pass() }",
            ),
            ("well", "fn call_event(call, event) { release(486).cause(17).text(\"busy\") }"),
        ],
        Happening::Answered { leg: 1 },
    );
    assert_eq!(failure(&answer).0, FailureKind::Trap);
    let Verdict::Orders(orders) = answer.verdict else { panic!("{answer:?}") };
    let wanted = Release { status: Some(486), cause: Some(17), text: "busy".to_owned() };
    assert_eq!(orders[0].command, Ok(Command::Release(wanted)));
}

#[test]
fn wrong_commands_are_told_and_the_others_count() {
    let code = "fn call_event(call, event) { tag(\"\", \"x\").release(200).tag(\"a\", \"b\") }";
    let answer = told(&[("x", code)], Happening::Answered { leg: 1 });
    assert_eq!(
        orders(&answer),
        [
            "x: wrong: `tag` name is empty",
            "x: wrong: `release` status is a number from 400 to 699, not `200`",
            "x: tag a = b",
        ]
    );
    assert_eq!(answer.decision.steps[0].outcome, StepOutcome::Decided);
}

#[test]
fn what_is_no_answer_to_an_event_is_a_failure() {
    let wrong = |code: &str| {
        let code = format!(
            "fn call_event(call, event) {{ if event.kind == \"offered\" {{ return pass(); }} {code} }}"
        );
        let answer = told(&[("x", &code)], Happening::Answered { leg: 1 });
        assert_eq!(answer.verdict, Verdict::BuiltIn);
        failure(&answer).1.to_owned()
    };
    let said = wrong("refuse(403)");
    assert!(said.contains("call-event gave refuse(…) where a verdict belongs"), "{said}");
    assert!(said.contains("commands()"), "{said}");
    assert!(wrong("1").contains("a value of type i64"));
    assert!(wrong("pass().tag(\"a\", 1)").contains("begin with commands()"));
    assert!(wrong("tag(\"a\", 1).cause(17)").contains("only a release has a cause"));
    assert!(wrong("timer(\"a\", -1)").contains("a timer cannot run for -1 s"));
}

#[test]
fn a_command_is_no_answer_to_another_hook() {
    let code = "fn route(call) { if call.to.user == \"2002\" { return tag(\"a\", 1); } pass() }";
    let host = scripts(&[("x", code)]);
    let answer = answer(&host, &about("2002", Ask::Route));
    assert!(failure(&answer).1.contains("route gave commands()"), "{:?}", failure(&answer));
}

#[test]
fn a_call_that_stands_keeps_the_plugin_that_it_began_with() {
    let version = |n: u32| format!("fn call_event(call, event) {{ tag(\"version\", {n}) }}");
    let old = host(patient(), vec![source("x", Kind::Rhai, version(1))]);
    let ask = || about("2000", event(Happening::Answered { leg: 1 }, None));
    let first = answer(&old, &ask());
    let pin = first.pin.clone().unwrap();
    old.install(vec![source("x", Kind::Rhai, version(2))]).unwrap();
    assert_eq!(orders(&answer(&old, &pinned(ask(), &pin))), ["x: tag version = 1"]);
    assert_eq!(orders(&answer(&old, &ask())), ["x: tag version = 2"]);
}
