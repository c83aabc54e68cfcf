//! What plugins keep from question to question.

use jackfield_plugin::{HostConfig, Kind, PluginHost, Source};
use model::hook::{FailureKind, Verdict};

use crate::{
    common::{answer, failure, host, moment, patient, route, source, with_manifest},
    guest,
};

pub(crate) const STATE: &str = "[need]\nstate = true\n";

fn script(body: &str) -> Source {
    with_manifest("desk", Kind::Rhai, format!("fn route(call) {{ {body} }}"), STATE)
}

pub(crate) fn kept(host: &PluginHost) -> Vec<(String, String)> {
    host.kept("desk", "", "", 100).unwrap().entries
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_question_finds_what_the_one_before_wrote() {
    let body = r#"
        let calls = state.increment("calls");
        state.set("last", call.callee.user);
        if state.get("gone") != () { state.delete("gone"); } else { state.set("gone", 1); }
        refuse(400 + calls).because("seen", `${state.get("last")} ${state.get("none", "-")} ${state.list("l")}`)
    "#;
    let host = host(patient(), vec![script(body)]);
    assert_eq!(kept(&host), [], "a self-test writes nothing");
    let mut worker = host.worker();
    assert_eq!(worker.answer(&route("2000"), moment()).verdict, Verdict::Refuse(401));
    let second = worker.answer(&route("2001"), moment());
    assert_eq!(second.verdict, Verdict::Refuse(402));
    assert_eq!(second.decision.reasons[0].text, r#"2001 - #{"last": "2001"}"#);
    assert_eq!(kept(&host), pairs(&[("calls", "2"), ("last", "2001")]));
    let shown = host.kept("desk", "la", "", 100).unwrap();
    assert_eq!((shown.entries.len(), shown.count, shown.bytes, shown.writes), (1, 2, 14, 6));
    assert_eq!(worker.rehearse(&route("2000"), moment()).verdict, Verdict::Refuse(403));
    assert_eq!(
        kept(&host),
        pairs(&[("calls", "2"), ("last", "2001")]),
        "a rehearsal writes nothing"
    );
}

#[test]
fn what_fails_writes_nothing() {
    let body = r#"state.set("a", 1); if call.callee.user == "2001" { throw "no" } pass()"#;
    let host = host(patient(), vec![script(body)]);
    assert_eq!(failure(&answer(&host, &route("2001"))).0, FailureKind::Trap);
    assert_eq!(kept(&host), []);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::BuiltIn);
    assert_eq!(kept(&host), pairs(&[("a", "1")]), "a plugin that passes has answered");
}

#[test]
fn each_plugin_has_its_own_and_whoever_did_not_ask_has_none() {
    let other = r#"fn route(call) { state.set("a", 2); pass() }"#;
    let sources = vec![
        script(r#"state.set("a", 1); pass()"#),
        with_manifest("other", Kind::Rhai, other, STATE),
    ];
    let host = host(patient(), sources);
    answer(&host, &route("2000"));
    assert_eq!(kept(&host), pairs(&[("a", "1")]));
    assert_eq!(host.kept("other", "", "", 10).unwrap().entries, pairs(&[("a", "2")]));
    let bare = PluginHost::new(patient()).unwrap();
    let said = bare.install(vec![source("bare", Kind::Rhai, other)]).unwrap_err().to_string();
    assert!(said.contains("state"), "{said}");
    let counting = guest::counting();
    let said = bare.install(vec![source("bare", Kind::Wasm, counting)]).unwrap_err().to_string();
    assert!(said.contains("jackfield:plugin/state@1.0.0") && said.contains("[need]"), "{said}");
}

#[test]
fn several_workers_count_every_call() {
    let plugin = with_manifest("desk", Kind::Wasm, guest::counting(), STATE);
    let host = host(patient(), vec![plugin]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut worker = host.worker();
                for _ in 0..250 {
                    let verdict = worker.answer(&route("2000"), moment()).verdict;
                    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
                }
            });
        }
    });
    assert_eq!(kept(&host), pairs(&[("k", "1000")]));
}

fn small() -> HostConfig {
    let mut config = patient();
    config.keep.bytes_max = 1000;
    config.keep.value_bytes_max = 400;
    config.keep.entries_max = 3;
    config.keep.operations_max = 8;
    config
}

#[test]
fn each_limit_is_told_and_what_was_kept_before_stays() {
    let body = r#"
        if call.callee.user == "2000" { return pass(); }
        let long = "x"; for n in 0..9 { long += long; }
        switch call.callee.user {
            "value" => state.set("a", long),
            "key" => state.set(long, 1),
            "empty" => state.set("", 1),
            "entries" => for n in 0..4 { state.set("k" + n, n); },
            "bytes" => for n in 0..3 { state.set("k" + n, long.sub_string(0, 380)); },
            "operations" => for n in 0..9 { state.get("a"); },
            "number" => { state.set("a", "x"); state.increment("a"); }
            _ => state.set("good", long.sub_string(0, 300))
        }
        pass()
    "#;
    let host = host(small(), vec![script(body)]);
    answer(&host, &route("good"));
    let before = kept(&host);
    assert_eq!(before.len(), 1);
    for (callee, limit) in [
        ("value", "state_value_bytes_max"),
        ("key", "state_key_bytes_max"),
        ("empty", "state_key_bytes_max"),
        ("entries", "state_entries_max"),
        ("bytes", "state_kib_max"),
        ("operations", "state_operations_max"),
        ("number", "no whole number"),
    ] {
        let answer = answer(&host, &route(callee));
        let (kind, said) = failure(&answer);
        assert_eq!(kind, FailureKind::Trap, "{callee}: {said}");
        assert!(said.contains(limit), "{callee}: {said}");
    }
    assert_eq!(kept(&host), before);
}
