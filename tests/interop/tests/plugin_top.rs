//! What an operator sees of plugins at work, and leaves alone by hand.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    process::{Command, Output},
};

use jackfield_interop::{Switch, callee, http, peers, sipp::Scenario, switch::save, wait};
use serde_json::Value;

const SCRIPT: &str = "fn route(call) { plan([aor(call.callee.user + \"@127.0.0.1\")]) }\n";

fn jackfield(switch: &Switch, arguments: &[&str]) -> Output {
    let api = format!("127.0.0.1:{}", switch.http_port);
    Command::new(peers::jackfield()).args(arguments).args(["--api", &api]).output().unwrap()
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Calls of a user who has a phone.
fn calls(switch: &Switch, calls: u32) {
    let callee = callee::answering(switch, &[2000], calls, 50);
    let caller = Scenario::new("caller", switch.folder()).value("TALK", 0);
    caller.calls(calls, 50).call(switch.sip_port, "2000").succeed();
    callee.succeed();
}

fn desk(filter: &str) -> (tempfile::TempDir, Switch) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("desk.rhai");
    save(&script, SCRIPT);
    let filter = format!("log.filter={filter}");
    let settings = ["plugins.stock=false", "media.mode=bypass", "log.format=json", &filter];
    let switch = Switch::start(&settings, &[&script]);
    (folder, switch)
}

fn routes(switch: &Switch) -> Value {
    switch.get("/api/plugins/generations")[0]["hooks"][0].clone()
}

#[test]
fn a_version_is_seen_at_work_and_left_alone_and_asked_again() {
    let (_folder, switch) = desk("info");
    calls(&switch, 20);
    let tally = routes(&switch);
    assert_eq!(
        (&tally["hook"], &tally["asked"], &tally["decided"]),
        (&"route".into(), &20.into(), &20.into())
    );
    let top = told(&jackfield(&switch, &["plugin", "top", "--once", "--every", "1s"]));
    let lines: Vec<&str> = top.lines().collect();
    assert!(lines[0].starts_with("GENERATION ") && lines[1].starts_with("desk#1@"), "{top}");
    let said = told(&jackfield(
        &switch,
        &["plugin", "quarantine", "desk", "--key", "dn=2000", "--for", "1h"],
    ));
    assert_eq!(said, "desk: not asked for 3600 s: route for dn 2000\n");
    let listed = told(&jackfield(&switch, &["plugin", "list"]));
    assert!(listed.contains("desk: not asked for a while: route for dn 2000"), "{listed}");
    calls(&switch, 5);
    assert_eq!(routes(&switch)["asked"], 20, "the built-in route called whoever is registered");
    let said = told(&jackfield(&switch, &["plugin", "quarantine", "desk", "--release"]));
    assert_eq!(said, "desk is asked again\n");
    calls(&switch, 5);
    assert_eq!(routes(&switch)["asked"], 25);
    let wrong = jackfield(&switch, &["plugin", "quarantine", "desk", "--hook", "admission"]);
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && error.contains("does not answer admission"), "{error}");
}

#[test]
fn the_metrics_of_a_version_are_a_histogram_and_go_with_it() {
    let (folder, switch) = desk("info");
    calls(&switch, 10);
    let metrics = || http::request(switch.http_port, "GET", "/metrics", "").unwrap().body;
    let generation = switch.get("/api/plugins")[0]["generation"].as_str().unwrap().to_owned();
    let labels =
        format!("plugin=\"desk\",generation=\"{}\"", generation.trim_start_matches("desk#"));
    let text = metrics();
    for line in [
        format!("jackfield_plugin_generation_decided_total{{{labels},hook=\"route\"}} 10\n"),
        format!("jackfield_plugin_generation_seconds_count{{{labels},hook=\"route\"}} 10\n"),
        format!(
            "jackfield_plugin_generation_seconds_bucket{{{labels},hook=\"route\",le=\"+Inf\"}} 10\n"
        ),
        format!("jackfield_plugin_generation_per_mille{{{labels}}} 1000\n"),
    ] {
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
    // One is kept to go back to, so it is gone after two more.
    for version in ["// two\n", "// three\n"] {
        save(&folder.path().join("desk.rhai"), format!("{SCRIPT}{version}"));
        wait::until("a new version", || {
            let (_, reports) = switch.post("/api/plugins/reload?id=desk");
            let serving = reports[0]["serving"].as_str().unwrap_or_default().to_owned();
            (serving != generation).then_some(())
        });
    }
    wait::until_within(std::time::Duration::from_secs(60), "its lines to go", || {
        (!metrics().contains(&labels)).then_some(())
    });
}

#[test]
fn each_question_is_a_line_of_the_log_where_it_is_wanted() {
    let (_folder, switch) = desk("info,jackfield_plugin=debug");
    calls(&switch, 1);
    let log = fs::read_to_string(switch.folder().join("log")).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let spans: Vec<Value> =
        lines.map(|line| line["span"].clone()).filter(|it| it["name"] == "hook").collect();
    let of_call: Vec<&Value> = spans.iter().filter(|it| it["call_id"] == "caller-1").collect();
    assert_eq!(of_call.len(), 1, "{spans:?}");
    assert_eq!((&of_call[0]["hook"], &of_call[0]["outcome"]), (&"route".into(), &"decided".into()));
}
