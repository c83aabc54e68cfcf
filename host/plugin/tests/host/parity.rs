//! One contract, two bodies: the same decision in WebAssembly and in Rhai is the same answer.

use jackfield_plugin::Kind;
use model::hook::{Answer, Ask, FailureKind, Question, StepOutcome, Verdict};

use crate::{
    common::{about, answer, failed, failure, host, patient, route, source, targets},
    guest,
};

/// The answers of a guest and of a script to the same question.
fn both(wasm: Vec<u8>, script: &str, question: &Question) -> [Answer; 2] {
    let ask =
        |kind, code: Vec<u8>| answer(&host(patient(), vec![source("twin", kind, code)]), question);
    [ask(Kind::Wasm, wasm), ask(Kind::Rhai, script.into())]
}

fn outcome(answer: &Answer) -> &StepOutcome {
    assert_eq!(answer.decision.steps.len(), 1, "{answer:?}");
    &answer.decision.steps[0].outcome
}

#[test]
fn passing_leaves_the_decision_to_the_built_in() {
    let question = route("2000");
    for answer in both(guest::route("(call $pass)"), "fn route(call) { pass() }", &question) {
        assert_eq!(answer.verdict, Verdict::BuiltIn);
        assert_eq!(outcome(&answer), &StepOutcome::Passed);
        assert_eq!(answer.decision.decided_by, None);
    }
}

#[test]
fn a_refusal_stands() {
    let script = "fn route(call) { refuse(486) }";
    for answer in both(guest::refusing(486), script, &route("2000")) {
        assert_eq!(answer.verdict, Verdict::Refuse(486));
        assert_eq!(outcome(&answer), &StepOutcome::Decided);
        let by = answer.decision.decided_by.as_ref().unwrap();
        assert_eq!((&*by.plugin, by.serial), ("twin", 1));
    }
}

#[test]
fn a_plan_names_its_targets() {
    let wasm = guest::planning(2, "aor", "2000@example.com");
    let script = r#"fn route(call) { plan([aor("2000@example.com"), "2000@Example.COM"]) }"#;
    let [wasm, rhai] = both(wasm, script, &route("2000"));
    assert_eq!(targets(&wasm.verdict), ["aor:2000@example.com", "aor:2000@example.com"]);
    assert_eq!(wasm.verdict, rhai.verdict);
}

#[test]
fn a_trunk_is_named_and_nothing_more() {
    let wasm = guest::planning(1, "trunk", "outside");
    for answer in both(wasm, r#"fn route(call) { plan(trunk("outside")) }"#, &route("2000")) {
        assert_eq!(targets(&answer.verdict), ["trunk:outside"]);
    }
}

#[test]
fn a_failure_is_proceeded_from() {
    let wasm = guest::route_on_failure("(call $refuse (i32.const 1) (i32.const 0))");
    let script = "fn route_on_failure(call, attempts, remaining) { proceed() }";
    for answer in both(wasm, script, &failed("2000", 480)) {
        assert_eq!(answer.verdict, Verdict::Continue);
    }
}

#[test]
fn a_failure_becomes_a_refusal() {
    let wasm = guest::route_on_failure("(call $refuse (i32.const 3) (i32.const 603))");
    let script = "fn route_on_failure(call, attempts, remaining) { refuse(603) }";
    for answer in both(wasm, script, &failed("2000", 480)) {
        assert_eq!(answer.verdict, Verdict::Refuse(603));
    }
}

#[test]
fn a_plugin_of_one_hook_is_not_asked_at_the_other() {
    let script = "fn route(call) { refuse(486) }";
    for answer in both(guest::refusing(486), script, &failed("2000", 480)) {
        assert_eq!((answer.verdict, answer.decision.steps.len()), (Verdict::BuiltIn, 0));
    }
}

#[test]
fn a_plugin_of_both_hooks_is_asked_at_each() {
    let wasm = guest::both("(call $pass)", "(call $refuse (i32.const 3) (i32.const 486))");
    let script = "fn route(call) { pass() } fn route_on_failure(c, a, r) { refuse(486) }";
    for answer in both(wasm.clone(), script, &route("2000")) {
        assert_eq!(outcome(&answer), &StepOutcome::Passed);
    }
    for answer in both(wasm, script, &failed("2000", 480)) {
        assert_eq!(answer.verdict, Verdict::Refuse(486));
    }
}

#[test]
fn a_status_out_of_range_is_a_bad_answer() {
    // Until it has a good answer a plugin is not installed, so the bad one depends on who is called.
    let wasm = guest::route(&format!(
        "(if (result i32) {IS_PROBE} (then (call $pass)) (else (call $refuse (i32.const 2) (i32.const 200))))"
    ));
    let script =
        r#"fn route(call) { if call.callee.user == "2000" { pass() } else { refuse(200) } }"#;
    for answer in both(wasm, script, &about("300", Ask::Route)) {
        assert_eq!(answer.verdict, Verdict::BuiltIn);
        let (kind, detail) = failure(&answer);
        assert_eq!(kind, FailureKind::BadAnswer);
        assert!(detail.contains("400 to 699, not 200"), "{detail}");
    }
}

/// Whether the user part of the callee is four characters long.
const IS_PROBE: &str = "(i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4))";
