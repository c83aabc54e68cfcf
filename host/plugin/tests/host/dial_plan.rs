//! The hook `dial-plan`: a chain in which each plugin sees what those before it rewrote, ahead of `route`.
//!
//! A plugin is tested before it serves, so those that misbehave pass while the callee's user part has four characters.

use std::sync::Arc;

use jackfield_plugin::{Kind, PluginHost};
use model::hook::{Answer, Ask, FailureKind, Hook, Privacy, Question, StepOutcome, Verdict};

use crate::{
    common::{about, answer, failed, host, moment, patient, route, source, targets, with_manifest},
    guest,
};

/// A route that shows what it was asked.
const ECHO: &str = r#"fn route(call) {
    plan(aor(call.callee.user + "@example.com"))
        .because(call.dialled.user, call.caller.user + " " + call.caller.display)
        .because(call.label("class"), call.calling.user)
}"#;

fn rhai(id: &str, code: &str) -> jackfield_plugin::Source {
    source(id, Kind::Rhai, code)
}

fn asked(sources: Vec<jackfield_plugin::Source>, question: &Question) -> Answer {
    answer(&host(patient(), sources), question)
}

fn outcomes(answer: &Answer) -> Vec<StepOutcome> {
    let decision = &answer.amended.as_ref().expect("asked").decision;
    decision.steps.iter().map(|step| step.outcome.clone()).collect()
}

#[test]
fn route_sees_what_the_dial_plan_rewrote() {
    let plan = r#"fn dial_plan(call) {
        rewrite("+43" + call.callee.user).caller("+4311").caller_name("Office").label("class", "national")
            .because("national", "no prefix")
    }"#;
    let answer = asked(vec![rhai("plan", plan), rhai("echo", ECHO)], &route("1234"));
    assert_eq!(targets(&answer.verdict), ["aor:+431234@example.com"]);
    let reasons = answer.decision.reasons.iter().map(|r| format!("{}: {}", r.code, r.text));
    assert_eq!(reasons.collect::<Vec<_>>(), ["1234: +4311 Office", "national: 1000"]);
    let amended = answer.amended.as_ref().unwrap();
    assert_eq!(amended.facts.callee.uri, "sip:+431234@example.com");
    assert_eq!(amended.facts.dialled_callee().uri, "sip:1234@example.com");
    assert_eq!(amended.facts.dialled_caller().display, "Ada");
    assert_eq!(amended.decision.hook, Hook::DialPlan);
    let codes: Vec<_> = amended.decision.reasons.iter().map(|r| r.code.as_str()).collect();
    assert_eq!(codes, ["national", "callee", "caller", "label"]);
}

#[test]
fn a_caller_is_known_to_whom_the_last_plugin_says() {
    let decide = |privacy: &str| format!("fn dial_plan(call) {{ rewrite().privacy({privacy:?}) }}");
    let (hide, show) = (decide("id"), decide("none"));
    let echo = r#"fn route(call) { refuse(486).because(call.privacy, "") }"#;
    let answer = asked(vec![rhai("plan", &hide), rhai("echo", echo)], &route("1234"));
    let amended = answer.amended.as_ref().unwrap();
    assert_eq!(amended.facts.privacy, Some(Privacy::Id));
    assert_eq!(amended.facts.caller, *amended.facts.dialled_caller());
    assert_eq!(amended.decision.reasons[0].code, "privacy");
    assert_eq!(answer.decision.reasons[0].code, "id");
    let answer = asked(vec![rhai("plan", &hide), rhai("later", &show)], &route("1234"));
    assert_eq!(answer.amended.as_ref().unwrap().facts.privacy, Some(Privacy::None));
    let none = asked(vec![rhai("plan", "fn dial_plan(call) { rewrite(\"1\") }")], &route("1234"));
    assert_eq!(none.amended.as_ref().unwrap().facts.privacy, None);
}

#[test]
fn each_plugin_of_the_chain_sees_what_the_one_before_rewrote() {
    let append = |digit: &str| {
        format!(
            "fn dial_plan(call) {{ rewrite(call.callee.user + \"{digit}\").label(\"by\", \"{digit}\") }}"
        )
    };
    let sources = vec![
        rhai("one", &append("1")),
        rhai("idle", "fn dial_plan(call) { pass() }"),
        rhai("two", &append("2")),
    ];
    let answer = asked(sources, &route("2000"));
    let amended = answer.amended.as_ref().unwrap();
    assert_eq!(amended.facts.callee.user, "200012");
    assert_eq!(amended.facts.labels, [("by".to_owned(), "2".to_owned())]);
    assert_eq!(amended.facts.dialled_callee().user, "2000", "the first original stays");
    assert_eq!(
        outcomes(&answer),
        [StepOutcome::Amended, StepOutcome::Passed, StepOutcome::Amended]
    );
    assert_eq!(answer.verdict, Verdict::BuiltIn);
}

#[test]
fn a_refusal_ends_the_call_before_route() {
    let sources = vec![
        rhai("plan", "fn dial_plan(call) { refuse(484).because(\"short\", \"\") }"),
        rhai("echo", ECHO),
    ];
    let answer = asked(sources, &route("2000"));
    assert_eq!(answer.verdict, Verdict::Refuse(484));
    assert_eq!((answer.decision.hook, answer.amended), (Hook::DialPlan, None));
}

#[test]
fn without_a_plugin_the_call_is_as_it_was() {
    let question = route("2000");
    let answer = asked(vec![rhai("echo", ECHO)], &question);
    assert_eq!(answer.amended, None);
    let idle = asked(vec![rhai("idle", "fn dial_plan(call) { pass() }")], &question);
    let facts = &idle.amended.as_ref().unwrap().facts;
    assert!(Arc::ptr_eq(facts, &question.call), "nothing was copied");
}

#[test]
fn an_emergency_passes_every_dial_plan_by() {
    let mut question = route("2000");
    Arc::make_mut(&mut question.call).emergency = true;
    let sources = vec![rhai("plan", "fn dial_plan(call) { refuse(403) }"), rhai("echo", ECHO)];
    let answer = asked(sources, &question);
    assert_eq!(targets(&answer.verdict), ["aor:2000@example.com"]);
    assert_eq!(answer.amended, None);
}

#[test]
fn a_failed_target_does_not_dial_anew() {
    let answer =
        asked(vec![rhai("plan", "fn dial_plan(call) { rewrite(\"1\") }")], &failed("2000", 480));
    assert_eq!((answer.amended, answer.verdict), (None, Verdict::BuiltIn));
}

#[test]
fn both_bodies_rewrite_alike() {
    let script = r#"fn dial_plan(call) { rewrite("+431234") }"#;
    let ask = |kind, code: Vec<u8>| {
        let answer = asked(vec![source("twin", kind, code)], &route("2000"));
        let amended = *answer.amended.unwrap();
        (amended.facts, amended.decision.reasons, answer.verdict)
    };
    let wasm = ask(Kind::Wasm, guest::rewriting("+431234"));
    let rhai = ask(Kind::Rhai, script.into());
    assert_eq!(wasm.0.callee.uri, "sip:+431234@example.com");
    assert_eq!(wasm, rhai);
    let pass = ask(Kind::Wasm, guest::dial_plan("(call $pass)"));
    assert_eq!(pass, ask(Kind::Rhai, b"fn dial_plan(call) { pass() }".to_vec()));
    let refuse =
        |kind, code: Vec<u8>| asked(vec![source("twin", kind, code)], &route("2000")).verdict;
    let wasm = guest::dial_plan("(call $refuse (i32.const 2) (i32.const 404))");
    assert_eq!(refuse(Kind::Wasm, wasm), Verdict::Refuse(404));
    assert_eq!(
        refuse(Kind::Rhai, b"fn dial_plan(call) { refuse(404) }".to_vec()),
        Verdict::Refuse(404)
    );
}

/// The failure of a plugin that passes on the self-test and does this at all else; route is asked with the number as dialled.
fn contains(kind: Kind, code: impl Into<Vec<u8>>, expected: FailureKind, detail: &str) {
    let sources = vec![source("evil", kind, code), rhai("echo", ECHO)];
    let answer = asked(sources, &route("300"));
    let [StepOutcome::Failed(failure)] = &outcomes(&answer)[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(failure.kind, expected, "{failure:?}");
    assert!(failure.detail.contains(detail), "{failure:?}");
    assert_eq!(targets(&answer.verdict), ["aor:300@example.com"]);
}

fn evil(body: &str) -> String {
    format!("fn dial_plan(call) {{ if call.callee.user.len == 4 {{ return pass(); }}\n{body} }}")
}

#[test]
fn a_dial_plan_that_misbehaves_leaves_the_number_as_dialled() {
    const IS_PROBE: &str = "(i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4))";
    let wasm = |evil: &str| {
        guest::dial_plan(&format!("(if (result i32) {IS_PROBE} (then (call $pass)) (else {evil}))"))
    };
    contains(Kind::Wasm, wasm("(unreachable)"), FailureKind::Trap, "unreachable");
    contains(Kind::Wasm, wasm("(loop $l (br $l)) (unreachable)"), FailureKind::Time, "cpu_limit");
    contains(
        Kind::Wasm,
        wasm("(call $refuse (i32.const 9) (i32.const 0))"),
        FailureKind::BadAnswer,
        "cannot be read",
    );
    contains(Kind::Rhai, evil("throw \"boom\""), FailureKind::Trap, "boom");
    contains(Kind::Rhai, evil("loop { }"), FailureKind::Time, "cpu_limit");
}

#[test]
fn a_dial_plan_that_lies_leaves_the_number_as_dialled() {
    let bad = |body: &str, detail| contains(Kind::Rhai, evil(body), FailureKind::BadAnswer, detail);
    bad(r#"rewrite("1\r\nX-Evil: yes")"#, "callee `1  X-Evil: yes`: holds control characters");
    bad(r#"rewrite().caller("sip:1@h>\r\nX: y")"#, "caller");
    bad(r#"rewrite().caller_name("x\r\nX: y")"#, "caller name");
    bad(r#"rewrite().privacy("full")"#, "privacy `full` is neither");
    bad(r#"let r = rewrite(); for n in 0..40 { r = r.label("l" + n, ""); } r"#, "labels_max");
    bad("refuse(200)", "400 to 699");
    bad(r#"plan("2000@example.com")"#, "plan(…) where");
    bad("proceed()", "proceed() where");
    bad("42", "a value of type i64");
    let code = r#"fn route(call) { if call.callee.user.len == 4 { return pass(); } rewrite("1") }"#;
    let answer = asked(vec![rhai("evil", code)], &route("300"));
    assert!(format!("{answer:?}").contains("route gave rewrite()"), "{answer:?}");
}

#[test]
fn vectors_hold_a_dial_plan_to_its_word() {
    let code =
        r#"fn dial_plan(call) { rewrite("+43" + call.callee.user).label("class", "national") }"#;
    let manifest = |expect: &str| {
        format!(
            "[[vectors]]\nhook = \"dial-plan\"\ncallee = \"sip:1@home.test\"\nexpect = \"{expect}\"\n"
        )
    };
    let install = |expect: &str| {
        let source = with_manifest("plan", Kind::Rhai, code, &manifest(expect));
        PluginHost::new(patient()).unwrap().install(vec![source]).map_err(|e| e.to_string())
    };
    install("callee:sip:+431@home.test label:class=national").unwrap();
    let error = install("pass").unwrap_err();
    assert!(error.contains("gave `callee:sip:+431@home.test label:class=national`"), "{error}");
}

#[test]
fn the_hook_can_be_asked_by_itself() {
    let host = host(patient(), vec![rhai("plan", "fn dial_plan(call) { rewrite(\"1\") }")]);
    let answer = host.worker().answer(&about("2000", Ask::DialPlan), moment());
    assert_eq!(answer.verdict, Verdict::BuiltIn);
    assert_eq!(answer.amended.unwrap().facts.callee.user, "1");
    let plan = r#"fn route(call) { plan("2000@example.com") }"#;
    let answer = asked(vec![rhai("plan", plan)], &about("2000", Ask::DialPlan));
    assert_eq!(answer.verdict, Verdict::BuiltIn, "route is not asked");
}
