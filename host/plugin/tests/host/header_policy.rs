//! The hook `header-policy`: every plugin is asked, and their edits stand one behind another.

use std::sync::Arc;

use jackfield_plugin::{Kind, PluginHost};
use model::hook::{
    Answer, Ask, Destination, FailureKind, Hook, Outgoing, Question, StepOutcome, Target, Verdict,
};

use crate::common::{about, answer, aor, failure, host, patient, pinned, source};

fn outgoing(trunk: Option<&str>) -> Ask {
    let target = trunk.map_or_else(
        || aor("2000"),
        |name| Target::new(Destination::Trunk { name: name.to_owned(), user: None }),
    );
    Ask::HeaderPolicy(Arc::new(Outgoing::to(target)))
}

fn scripts(codes: &[(&str, &str)]) -> Arc<PluginHost> {
    host(patient(), codes.iter().map(|(id, code)| source(id, Kind::Rhai, *code)).collect())
}

fn asked(codes: &[(&str, &str)]) -> Answer {
    answer(&scripts(codes), &about("2000", outgoing(Some("carrier"))))
}

#[test]
fn edits_of_all_plugins_stand_in_their_order() {
    let answer = asked(&[
        (
            "one",
            "fn header_policy(call, out) { edit().remove(\"X-*\").because(\"hide\", out.trunk) }",
        ),
        ("idle", "fn header_policy(call, out) { pass() }"),
        (
            "two",
            "fn header_policy(call, out) { edit().set(\"X-N\", 5).to_caller().keep(\"Server\") }",
        ),
    ]);
    let wanted = "callee remove X-*, callee set X-N: 5, caller keep Server";
    assert_eq!(answer.verdict.to_string(), wanted);
    assert_eq!(answer.decision.verdict.to_string(), wanted, "the journal has it too");
    let outcomes: Vec<_> = answer.decision.steps.iter().map(|step| step.outcome.clone()).collect();
    assert_eq!(outcomes, [StepOutcome::Amended, StepOutcome::Passed, StepOutcome::Amended]);
    assert_eq!(answer.decision.hook, Hook::HeaderPolicy);
    assert_eq!(answer.decision.decided_by.unwrap().plugin.as_ref(), "two");
    assert_eq!(answer.decision.reasons[0].text, "carrier");
}

#[test]
fn all_plugins_together_make_no_more_edits_than_they_may() {
    let edits = |name: &str, count: usize| {
        let list: String = (0..count).map(|n| format!(".keep(\"{name}-{n}\")")).collect();
        format!("fn header_policy(call, out) {{ edit(){list}.because(\"{name}\", \"\") }}")
    };
    let codes = [("a", edits("A", 3)), ("b", edits("B", 2)), ("c", edits("C", 1))];
    let mut config = patient();
    config.answer.header_edits_total_max = 4;
    let sources = codes.map(|(id, code)| source(id, Kind::Rhai, code));
    let answer = answer(&host(config, sources.into()), &about("2000", outgoing(Some("carrier"))));
    let wanted = "callee keep A-0, callee keep A-1, callee keep A-2, callee keep C-0";
    assert_eq!(answer.verdict.to_string(), wanted);
    let codes: Vec<_> = answer.decision.reasons.iter().map(|why| why.code.as_str()).collect();
    assert_eq!(codes, ["A", "too-many-edits", "C"]);
    let text = &answer.decision.reasons[1].text;
    assert!(text.starts_with("2 edits of b#") && text.contains("header_edits_total_max"), "{text}");
}

#[test]
fn a_plugin_is_told_where_the_invite_goes() {
    let code = r#"fn header_policy(call, out) {
        edit().set("X-All", `${out.direction} ${out.trunk} ${out.uri} ${out.target} ${out.trusted} ${out.hidden}`)
    }"#;
    let host = scripts(&[("one", code)]);
    let said = |outgoing: Outgoing| {
        let asked = about("2000", Ask::HeaderPolicy(Arc::new(outgoing)));
        answer(&host, &asked).verdict.to_string()
    };
    let inside = Outgoing::to(aor("2000"));
    assert_eq!(
        said(inside.clone()),
        "callee set X-All: internal  sip:2000@example.com aor:2000@example.com false false"
    );
    let through = Outgoing {
        from_trunk: Some("in".into()),
        trunk: Some("out".into()),
        trusted: true,
        hidden: true,
        ..inside
    };
    assert!(said(through).contains("transit out sip:2000@example.com"));
}

#[test]
fn one_that_fails_edits_nothing_and_the_others_count() {
    let answer = asked(&[
        (
            "lies",
            "fn header_policy(call, out) { if out.trunk == \"\" { return pass(); } edit().set(\"Via\", \"x\") }",
        ),
        (
            "breaks",
            "fn header_policy(call, out) { if out.trunk == \"\" { return pass(); } edit().set(\"X-A\", \"1\\r\\nX-B: 2\") }",
        ),
        (
            "refuses",
            "fn header_policy(call, out) { if out.trunk == \"\" { return pass(); } refuse(404) }",
        ),
        ("good", "fn header_policy(call, out) { edit().add(\"X-C\", \"3\") }"),
    ]);
    assert_eq!(answer.verdict.to_string(), "callee add X-C: 3");
    assert_eq!(failure(&answer).0, FailureKind::BadAnswer);
    let failed = |outcome: &StepOutcome| matches!(outcome, StepOutcome::Failed(_));
    assert_eq!(answer.decision.steps.iter().filter(|step| failed(&step.outcome)).count(), 3);
}

#[test]
fn an_emergency_is_not_asked_about() {
    let host = scripts(&[("one", "fn header_policy(call, out) { edit().remove(\"*\") }")]);
    let asked = about("112", outgoing(None));
    let call = model::hook::CallFacts { emergency: true, ..(*asked.call).clone() };
    let answer = answer(&host, &Question { call: Arc::new(call), ..asked });
    assert_eq!(answer.verdict, Verdict::BuiltIn);
    assert!(answer.decision.steps.is_empty());
}

#[test]
fn a_call_keeps_to_the_version_that_it_began_with() {
    let host = scripts(&[("one", "fn header_policy(call, out) { edit().remove(\"X-A\") }")]);
    let asked = about("2000", outgoing(None));
    let pin = answer(&host, &asked).pin.unwrap();
    let new = "fn header_policy(call, out) { edit().remove(\"X-B\") }";
    host.install(vec![source("one", Kind::Rhai, new)]).unwrap();
    let kept = answer(&host, &pinned(asked.clone(), &pin));
    assert_eq!(kept.verdict.to_string(), "callee remove X-A");
    assert_eq!(answer(&host, &asked).verdict.to_string(), "callee remove X-B");
    // Who answers the hook is asked of the same version.
    host.install(vec![source("one", Kind::Rhai, "fn route(call) { pass() }")]).unwrap();
    assert!(host.answers(Hook::HeaderPolicy, Some(&pin)) && !host.answers(Hook::Route, Some(&pin)));
    assert!(!host.answers(Hook::HeaderPolicy, None) && host.answers(Hook::Route, None));
}
