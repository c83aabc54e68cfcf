//! What a script can see and say.

use std::{sync::Arc, time::Duration};

use jackfield_plugin::{HostConfig, Kind, PluginHost};
use model::hook::{
    Ask, Destination, FailureKind, MediaMode, Plan, Question, Reason, Target, Verdict,
};

use crate::common::{
    answer, aor, failed, failure, host, patient, route, source, targets, with_manifest,
};

/// What the script answers to the question.
fn says(script: &str, question: &Question) -> Verdict {
    let answer = answer(&host(patient(), vec![source("script", Kind::Rhai, script)]), question);
    assert!(answer.decision.decided_by.is_some(), "{:?}", answer.decision.steps);
    answer.verdict
}

/// Refuses with 486 where the expression holds.
fn holds(expression: &str) {
    let script =
        format!("fn route(call) {{ if {expression} {{ refuse(486) }} else {{ refuse(600) }} }}");
    assert_eq!(says(&script, &route("2000")), Verdict::Refuse(486), "{expression}");
}

#[test]
fn a_script_sees_the_call() {
    for expression in [
        r#"call.callee.user == "2000" && call.callee.host == "example.com""#,
        r#"call.callee.uri == "sip:2000@example.com""#,
        r#"call.caller.user == "1000" && call.caller.display == "Ada""#,
        r#"call.call_id == "a84b4c76e66710" && call.conn_id == "0000000000001234""#,
        r#"call.tenant == "default" && call.ingress == "lan""#,
        r#"call.source == "192.0.2.10:5060" && call.source_ip == "192.0.2.10""#,
        r#"call.header("subject") == "lunch" && call.header("Absent") == """#,
        r#"call.headers("X-Skill") == ["sales"] && call.headers("Absent").is_empty()"#,
        r#"call.has_header("X-Skill") && !call.has_header("Absent")"#,
        "call.local.year == 2026 && call.local.month == 11 && call.local.day == 18",
        "call.local.weekday == 3 && call.local.hour == 21 && call.local.minute == 30",
        "call.local.second == 5 && call.local.minute_of_day == 1290",
        "call.local.utc_offset_min == 60 && call.at_ms == 1_795_033_805_000",
    ] {
        // The self-test is asked about another call.
        holds(&format!("call.ingress == \"self-test\" || ({expression})"));
    }
}

#[test]
fn a_script_sees_what_was_tried_and_what_is_left() {
    let script = r#"fn route_on_failure(call, attempts, remaining) {
        let last = attempts[-1];
        if call.ingress == "self-test" { return pass(); }
        if last.status == 486 && last.lasted_ms == 1500 && last.target.kind == "aor"
            && last.target.value == "2000@example.com" && last.target.ring_ms == 0
            && last.target == aor("2000@example.com") && last.target != remaining[0] {
            return plan(remaining + [aor("2002", "example.com").ring(2.5)]);
        }
        refuse(600)
    }"#;
    let last = Target { ring: Some(Duration::from_millis(2500)), ..aor("2002") };
    let plan = Plan { targets: vec![aor("2001"), last], media: MediaMode::Default };
    assert_eq!(says(script, &failed("2000", 486)), Verdict::Plan(plan));
}

#[test]
fn a_list_in_a_plan_is_tried_together() {
    let script = r#"
    fn route(call) {
        plan([["2001@example.com", aor("2002@example.com").ring(5)], "2003@example.com"])
    }
    fn route_on_failure(call, attempts, remaining) {
        if remaining[0].together { plan(remaining) } else { refuse(600) }
    }"#;
    let Verdict::Plan(plan) = says(script, &route("2000")) else { panic!("no plan") };
    let together: Vec<bool> = plan.targets.iter().map(|target| target.together).collect();
    assert_eq!(together, [false, true, false]);
    assert_eq!(plan.targets[1].ring, Some(Duration::from_secs(5)));
    let nested = r#"fn route(call) {
        if call.callee.host == "jackfield.invalid" { return pass(); }
        plan([[["2001@example.com"]]])
    }"#;
    let answer =
        answer(&host(patient(), vec![source("script", Kind::Rhai, nested)]), &route("2000"));
    let (kind, detail) = failure(&answer);
    assert_eq!(kind, FailureKind::Trap);
    assert!(detail.contains("a plan is made of targets, not of array"), "{detail}");
}

#[test]
fn a_plan_takes_targets_and_text() {
    let script = r#"fn route(call) {
        plan(["2000@example.com", "sip:192.0.2.1", uri("sip:192.0.2.2").ring_ms(10), aor("2001@example.com").ring(20)])
    }"#;
    let verdict = says(script, &route("2000"));
    let expected =
        ["aor:2000@example.com", "uri:sip:192.0.2.1", "uri:sip:192.0.2.2", "aor:2001@example.com"];
    assert_eq!(targets(&verdict), expected);
    let one = says(r#"fn route(call) { plan("sip:192.0.2.1") }"#, &route("2000"));
    assert_eq!(targets(&one), ["uri:sip:192.0.2.1"]);
}

#[test]
fn a_trunk_is_a_target_with_a_number_or_without() {
    let script = r#"fn route(call) {
        if call.trunk != "" { return refuse(603); }
        plan([trunk("outside"), trunk("carrier-2", "+43123").ring(20)])
    }"#;
    let verdict = says(script, &route("2000"));
    assert_eq!(targets(&verdict), ["trunk:outside", "trunk:carrier-2/+43123"]);
    let again = r#"fn route_on_failure(call, attempts, remaining) {
        let last = attempts[0].target;
        if last.kind == "trunk" && last.value == "outside" && last.number == "0316" { return plan(last); }
        refuse(600)
    }"#;
    let mut question = failed("2000", 503);
    let to = Destination::Trunk { name: "outside".into(), user: Some("0316".into()) };
    let Ask::RouteOnFailure { attempts, .. } = &mut question.ask else { panic!("no failure") };
    attempts[0].target.to = to.clone();
    assert_eq!(targets(&says(again, &question)), ["trunk:outside/0316"]);
    let mut from_outside = route("2000");
    Arc::make_mut(&mut from_outside.call).trunk = Some("carrier".into());
    assert_eq!(says(script, &from_outside), Verdict::Refuse(603));
}

#[test]
fn a_routing_point_is_a_target() {
    let script = r#"fn route(call) {
        if call.callee.user == "desk" { return plan([aor("2000@example.com").ring(20), routing_point("8000@example.com")]); }
        plan(routing_point("8000@Example.com"))
    }"#;
    assert_eq!(targets(&says(script, &route("2000"))), ["routing-point:8000@example.com"]);
    let both = ["aor:2000@example.com", "routing-point:8000@example.com"];
    assert_eq!(targets(&says(script, &route("desk"))), both);
}

#[test]
fn a_plan_says_where_media_goes() {
    for (method, media) in [("anchor", MediaMode::Anchor), ("bypass", MediaMode::Bypass)] {
        let script = format!("fn route(call) {{ plan(\"sip:192.0.2.1\").{method}() }}");
        let Verdict::Plan(plan) = says(&script, &route("2000")) else { panic!("no plan") };
        assert_eq!(plan.media, media);
    }
}

#[test]
fn reasons_are_kept_in_order() {
    let script =
        r#"fn route(call) { refuse(486).because("busy", "as ever").because("late", "and late") }"#;
    let host = host(patient(), vec![source("script", Kind::Rhai, script)]);
    let reason = |code: &str, text: &str| Reason { code: code.into(), text: text.into() };
    let expected = [reason("busy", "as ever"), reason("late", "and late")];
    assert_eq!(answer(&host, &route("2000")).decision.reasons, expected);
}

#[test]
fn constants_are_visible_in_every_function() {
    let script = r#"
        const BASE = 400;
        const STATUS = BASE + 86;
        const DESK = aor("2000@example.com").ring(10);
        const TABLE = #{ "2000": 486, nested: #{ list: [1, 2] } };
        fn helper(user) { if user in TABLE && TABLE.nested.list[1] == 2 { TABLE[user] } else { 600 } }
        fn route(call) {
            if DESK.ring_ms != 10_000 || TABLE.get("absent") != () { return refuse(500); }
            if TABLE.keys() != ["2000", "nested"] || TABLE.len() != 2 { return refuse(501); }
            if helper(call.callee.user) == STATUS { plan(DESK) } else { refuse(502) }
        }"#;
    assert_eq!(targets(&says(script, &route("2000"))), ["aor:2000@example.com"]);
}

#[test]
fn the_configuration_is_a_constant() {
    let script = r#"
        const GREETING = config.name + "!";
        fn helper() { config.routes["49"][1] }
        fn route(call) {
            if GREETING != "x!" || config.number != 5 || config.absent != () { return refuse(500); }
            if "49" in config.routes && !("1" in config.routes) && config["name"] == "x" { plan(helper()) }
            else { refuse(501) }
        }"#;
    let manifest = "[config]\nname = \"x\"\nnumber = 5\n[config.routes]\n49 = [\"sip:192.0.2.1\", \"sip:192.0.2.2\"]\n";
    let host = host(patient(), vec![with_manifest("script", Kind::Rhai, script, manifest)]);
    assert_eq!(targets(&answer(&host, &route("2000")).verdict), ["uri:sip:192.0.2.2"]);
}

#[test]
fn nothing_survives_from_one_call_to_the_next() {
    let script = "const LIST = [1];\nfn route(call) { let l = LIST; l.push(2); if l.len() == 2 { refuse(486) } else { refuse(600) } }";
    let host = host(patient(), vec![source("script", Kind::Rhai, script)]);
    let mut worker = host.worker();
    for _ in 0..3 {
        let answer = worker.answer(&route("2000"), crate::common::moment());
        assert_eq!(answer.verdict, Verdict::Refuse(486));
    }
}

#[test]
fn the_language_has_no_way_out() {
    for (script, expected) in [
        ("import \"x\" as x;\nfn route(call) { pass() }", "import"),
        ("fn route(call) { eval(\"pass()\") }", "eval"),
        ("fn route(call) { let t = timestamp(); pass() }", "timestamp"),
        ("fn route(call) { open_file(\"/etc/passwd\") }", "open_file"),
    ] {
        let host = PluginHost::new(HostConfig::default()).unwrap();
        let sources = vec![source("script", Kind::Rhai, script)];
        let error = host.install(sources).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_function_with_the_wrong_number_of_arguments_is_found_at_once() {
    let script =
        "fn route(call) { if call.callee.user == \"x\" { return refuse(486, \"busy\"); } pass() }";
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let error = host.install(vec![source("s", Kind::Rhai, script)]).expect_err("refused");
    assert!(error.to_string().contains("`refuse` does not take 2"), "{error}");
    assert!(error.to_string().contains("it takes 1"), "{error}");
}

#[test]
fn closures_and_methods_of_their_own_are_no_unknown_functions() {
    let script = r#"
        fn double(n) { n * 2 }
        fn is_desk(user) { ["2000", "2001"].some(|one| one == user) }
        fn route(call) {
            let helper = #{ status: |n| n + 86 };
            if is_desk(call.callee.user) && double(2) == 4 { refuse(helper.status(400)) } else { refuse(600) }
        }"#;
    assert_eq!(says(script, &route("2000")), Verdict::Refuse(486));
}

#[test]
fn a_script_that_is_damaged_anywhere_is_refused_or_runs_but_never_ends_the_host() {
    let whole = include_str!("../../../../scripts/time-of-day.rhai").as_bytes();
    let host = PluginHost::new(patient()).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0x15;
        drop(host.install(vec![source("script", Kind::Rhai, damaged)]));
        drop(host.install(vec![source("script", Kind::Rhai, &whole[..at])]));
    }
    host.install(vec![source("script", Kind::Rhai, whole)]).unwrap();
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::BuiltIn);
}

#[test]
fn nesting_without_end_is_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("-", ""), ("if true {", "}")] {
        let nested = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let script = format!("fn route(call) {{ let x = {nested}; pass() }}");
        let host = PluginHost::new(patient()).unwrap();
        let error = host.install(vec![source("script", Kind::Rhai, script)]).expect_err("refused");
        assert_eq!(error.diagnostics[0].line, Some(1), "{error}");
    }
}
