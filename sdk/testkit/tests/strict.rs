//! What the kit holds against a plugin, and what scenario files can say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use jackfield_testkit::{Report, ScenarioError, Suite};
use plugin::{Kind, Source};

fn script(code: &str, manifest: &str) -> Source {
    Source::Embedded {
        id: "under-test".to_owned(),
        manifest: manifest.to_owned().into(),
        code: code.as_bytes().to_vec().into(),
        kind: Kind::Rhai,
    }
}

fn with_file<T>(scenario: &str, then: impl FnOnce(PathBuf) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    std::fs::write(&file, scenario).unwrap();
    then(file)
}

fn load(plugin: &Source, scenario: &str) -> Result<Suite, ScenarioError> {
    with_file(scenario, |file| Suite::load(plugin, &[file]))
}

fn run(code: &str, scenario: &str) -> Report {
    load(&script(code, "[config]\nname = \"Ben\"\n"), scenario)
        .unwrap_or_else(|error| panic!("{error}"))
        .run(5)
}

/// Of each case its name and what came instead, with the line.
fn problems(report: &Report) -> Vec<(&str, usize, &str)> {
    let of_case = |case: &'_ jackfield_testkit::CaseReport| case.problems.len();
    assert_eq!(report.failed(), report.cases.iter().filter(|case| of_case(case) > 0).count());
    let each = report.cases.iter().flat_map(|case| {
        case.problems
            .iter()
            .map(|problem| (case.name.as_str(), problem.line, problem.came.as_str()))
    });
    each.collect()
}

/// Why a scenario file is not taken.
fn refused(scenario: &str) -> String {
    let plugin = script("fn route(call) { pass() }", "");
    let error = load(&plugin, scenario).err().expect("refused").to_string();
    error.split_once("cases.toml").map(|(_, rest)| rest.to_owned()).unwrap_or(error)
}

#[test]
fn a_plugin_that_fails_does_not_pass() {
    let report = run(
        "fn route(call) { if call.callee.user == \"bad\" { throw \"boom\" } pass() }",
        "[[case]]\nname = \"bad\"\ncallee = \"sip:bad@home.test\"\nexpect = { pass = true }\n\
         [[case]]\nname = \"good\"\ncallee = \"sip:good@home.test\"\nexpect = { pass = true }\n",
    );
    let [(name, line, came)] = problems(&report)[..] else { panic!("{report:?}") };
    assert_eq!((name, line), ("bad", 1));
    assert!(came.starts_with("a failure (trap): ") && came.contains("boom"), "{came}");
}

#[test]
fn a_call_goes_through_its_steps_with_a_clock_labels_and_timers() {
    let code = r#"
        fn call_event(call, event) {
            if event.kind == "answered" { return tag("seen", "yes").timer("a", 10).timer("b", 20); }
            if event.kind == "held" { return stop_timer("b"); }
            if event.kind == "timer" && event.name == "a" {
                return tag("at", event.after_ms.to_string() + call.label("seen") + call.local.minute);
            }
            pass()
        }"#;
    let steps = |after: &str| {
        format!(
            "[default]\nhook = \"call-event\"\ncallee = \"sip:1@home.test\"\nnow = \"2026-11-18T12:59:55\"\n\n\
             [[case]]\nname = \"walk\"\n[[case.step]]\nat = \"2s\"\nevent = \"answered leg=1\"\n\
             expect = {{ commands = [\"tag seen = yes\", \"timer a in 10000 ms\", \"timer b in 20000 ms\"] }}\n{after}"
        )
    };
    let timer = "[[case.step]]\nevent = \"timer name=a\"\nexpect = { commands = [\"tag at = 12000yes0\"] }\n";
    let held = "[[case.step]]\nat = \"15s\"\nevent = \"held by=caller\"\nexpect = { commands = [\"stop-timer b\"] }\n";
    let late = "[[case.step]]\nat = \"1m\"\nevent = \"resumed by=caller\"\n";
    assert_eq!(problems(&run(code, &steps(&format!("{timer}{held}{late}")))), []);
    let came = |after: &str| problems(&run(code, &steps(after)))[0].2.to_owned();
    assert_eq!(
        came(held),
        "nothing: the timer `a` is due at 12s, before this; give it a step: event = \"timer name=a\""
    );
    assert_eq!(came("[[case.step]]\nevent = \"timer name=c\"\n"), "nothing: no timer `c` runs");
    let early = "[[case.step]]\nat = \"11s\"\nevent = \"timer name=a\"\n";
    assert_eq!(came(early), "nothing: the timer `a` is due at 12s");
    assert_eq!(
        came("[[case.step]]\nat = \"1s\"\nevent = \"offered\"\n"),
        "nothing: it is 2s already"
    );
}

#[test]
fn a_plugin_that_has_ended_a_call_hears_of_its_end_and_nothing_else() {
    let code = "fn call_event(call, event) { if event.kind == \"offered\" { release(486) } else { pass() } }";
    let steps = |last: &str| {
        format!(
            "[[case]]\nname = \"c\"\nhook = \"call-event\"\ncallee = \"sip:1@home.test\"\n\
             [[case.step]]\nevent = \"offered\"\nexpect = {{ commands = [\"release 486\"] }}\n\
             [[case.step]]\nevent = \"{last}\"\n"
        )
    };
    assert_eq!(problems(&run(code, &steps("released by=plugin"))), []);
    let report = run(code, &steps("answered leg=1"));
    let [(_, line, came)] = problems(&report)[..] else { panic!("{report:?}") };
    assert_eq!(line, 8);
    assert_eq!(
        came,
        "nothing: the plugin has ended the call; what follows is `released by=plugin`"
    );
}

#[test]
fn a_call_is_dialled_routed_and_followed_in_one_case() {
    let code = r#"
        fn dial_plan(call) { rewrite("+43" + call.callee.user).label("class", "far") }
        fn route(call) { plan(trunk("outside")) }
        fn route_on_failure(call, attempts, remaining) { refuse(attempts[0].status) }
        fn call_event(call, event) { tag("was", call.callee.user + call.label("class")) }"#;
    let report = run(
        code,
        "[[case]]\nname = \"c\"\ncallee = \"sip:1@home.test\"\n\
         [[case.step]]\nexpect = { targets = [\"trunk:outside\"] }\n\
         [[case.step]]\nhook = \"route-on-failure\"\nattempts = [{ target = \"trunk:outside\", status = 503 }]\n\
         expect = { refuse = 503 }\n\
         [[case.step]]\nhook = \"call-event\"\nevent = \"released by=switch\"\n\
         expect = { commands = [\"tag was = +431far\"] }\n",
    );
    assert_eq!(problems(&report), []);
}

#[test]
fn faults_and_settings_are_those_of_the_case() {
    let code = r#"
        fn route(call) {
            log("heard");
            if call.header("Subject") != "" { return refuse(400); }
            plan(aor((config.name ?? "nobody") + "@home.test"))
        }"#;
    let case = |more: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"c\"\ncallee = \"sip:1@home.test\"\nheaders = {{ Subject = \"s\" }}\n{more}\nexpect = {{ {expect} }}\n"
        )
    };
    let hidden = "faults = [\"header subject\"]";
    let cases = [
        case("", "refuse = 400"),
        case(hidden, "targets = [\"aor:Ben@home.test\"]"),
        case(
            &format!("config = {{ name = \"Ann\" }}\n{hidden}"),
            "targets = [\"aor:Ann@home.test\"]",
        ),
        case(
            "faults = [\"header Subject\", \"config name\"]",
            "targets = [\"aor:nobody@home.test\"]",
        ),
        case(
            "faults = [\"header Subject\", \"config\", \"log\"]",
            "targets = [\"aor:nobody@home.test\"]",
        ),
    ];
    assert_eq!(problems(&run(code, &cases.concat())), []);
}

#[test]
fn a_case_may_want_that_a_configuration_is_refused() {
    let code = "const WHO = if config.name == \"Eve\" { throw \"Eve is not served\" } else { config.name };\nfn route(call) { pass() }";
    let case = |name: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\ncallee = \"sip:1@home.test\"\nconfig = {{ name = \"{name}\" }}\nexpect = {{ {expect} }}\n"
        )
    };
    let good =
        [case("Ben", "pass = true"), case("Eve", "refused = \"Eve is not served\"")].concat();
    assert_eq!(problems(&run(code, &good)), []);
    let bad = [case("Ben", "refused = \"no\""), case("Eve", "pass = true")].concat();
    let report = run(code, &bad);
    let [(_, _, loads), (_, _, refused)] = problems(&report)[..] else { panic!("{report:?}") };
    assert_eq!(loads, "it loads");
    assert!(
        refused.starts_with("it does not load: ") && refused.contains("Eve is not served"),
        "{refused}"
    );
}

#[test]
fn several_values_of_a_header_field_and_a_display_name_are_seen() {
    let code = "fn route(call) { refuse(if call.headers(\"X-A\").len() == 2 && call.caller.display == \"Ben\" { 486 } else { 500 }) }";
    let case = "[default]\ncallee = \"sip:1@home.test\"\nheaders = { X-A = [\"1\", \"2\"] }\n[[case]]\nname = \"c\"\ncaller_name = \"Ben\"\nexpect = { refuse = 486 }\n";
    assert_eq!(problems(&run(code, case)), []);
}

#[test]
fn what_a_file_says_wrong_is_told_with_its_line() {
    let case = "[[case]]\nname = \"c\"\ncallee = \"sip:1@home.test\"\n";
    assert!(refused("").starts_with(": has no [[case]]"));
    assert!(refused("[[case]]\nnam = \"c\"\n").starts_with(":2: unknown field `nam`"));
    assert_eq!(refused(case), ":1: c: it has no expect: what must come out?");
    let two = format!("# a comment\n{case}hook = \"rout\"\nexpect = {{ pass = true }}\n");
    assert!(
        refused(&two).starts_with(":2: c: hook = \"rout\" is not known; the hooks are admission,")
    );
    let fault = format!("{case}faults = [\"clock\"]\nexpect = {{ pass = true }}\n");
    assert!(refused(&fault).starts_with(":1: c: the fault `clock` is not known; there are"));
    let both = format!("{case}expect = {{ pass = true }}\n[[case.step]]\nevent = \"offered\"\n");
    assert_eq!(refused(&both), ":1: c: a case with steps has its event and its expect in them");
    let time = format!("{case}[[case.step]]\nat = \"soon\"\n");
    assert_eq!(refused(&time), ":1: c: at = \"soon\" is no time such as 5s or 250ms");
}
