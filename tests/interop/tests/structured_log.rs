//! The log as JSON: each line is an object, and each line about a call names it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, fs};

use jackfield_interop::{Switch, sipp::Scenario, switch::save, wait};
use serde_json::Value;

/// Says something of each call, fails for 3000, and lets the built-in route call whoever it is.
const PLUGIN: &str = r#"
fn route(call) {
    log("asked about " + call.callee.user);
    if call.callee.user == "3000" { throw "broken" }
    pass()
}
"#;

fn lines(switch: &Switch) -> Vec<Value> {
    let text = fs::read_to_string(switch.folder().join("log")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// What a line says.
fn said(line: &Value) -> &str {
    line["message"].as_str().unwrap()
}

/// One that is answered, and one that the plugin fails and nobody answers.
fn two_calls(switch: &Switch) {
    let own = switch.folder();
    let called = Scenario::new("callee", own).value("RING", 50).listen();
    Scenario::new("register", own)
        .value("USER", "2000")
        .value("CONTACT", called.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
    Scenario::new("caller", own)
        .value("TALK", 50)
        .calls(1, 1)
        .call(switch.sip_port, "2000")
        .succeed();
    called.succeed();
    Scenario::new("caller_is_refused", own)
        .value("STATUS", 480)
        .calls(1, 1)
        .call(switch.sip_port, "3000")
        .succeed();
    wait::until("both calls to be told", || {
        (lines(switch).iter().filter(|line| said(line) == "call released").count() == 2)
            .then_some(())
    });
}

#[test]
fn every_line_about_a_call_names_it_and_no_line_has_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("office.rhai");
    save(&script, PLUGIN);
    let switch = Switch::start(
        &[
            "log.format=json",
            "log.filter=info,jackfield_node=debug,plugin=debug",
            "auth.mode=\"off\"",
            "subscriber=[{user=\"1000\",password=\"one-secret\"},{user=\"2000\"},{user=\"3000\"}]",
        ],
        &[&script],
    );
    let own = switch.folder();
    two_calls(&switch);
    let all = lines(&switch);
    let of = |call_id: &str| -> Vec<&Value> {
        all.iter().filter(|line| line["call_id"] == call_id).collect()
    };
    let talked = of("caller-1");
    let steps: Vec<&str> = talked.iter().map(|line| said(line)).collect();
    for step in [
        "call offered",
        "plugin says",
        "leg offered",
        "leg alerting",
        "call established",
        "call released",
    ] {
        assert!(steps.contains(&step), "{step}: {steps:?}");
    }
    let failed = of("caller_is_refused-1");
    let warned = |line: &&Value| {
        said(line).starts_with("plugin failed a decision") && line["level"] == "WARN"
    };
    assert_eq!(failed.iter().copied().filter(warned).count(), 1, "{failed:#?}");
    // One connection id for each Call-ID, on each of its lines.
    for lines in [talked, failed] {
        let ids: BTreeSet<&str> =
            lines.iter().map(|line| line["conn_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    let half: Vec<&Value> = all
        .iter()
        .filter(|line| line.get("conn_id").is_some() != line.get("call_id").is_some())
        .collect();
    assert!(half.is_empty(), "{half:#?}");
    let nameless: Vec<&Value> = all.iter().filter(|line| line["call_id"] == "").collect();
    assert!(nameless.is_empty(), "{nameless:#?}");
    let of_calls = ["leg ", "call ", "target failed", "media address", "a target was"];
    for line in &all {
        let is_of_call = of_calls.iter().any(|start| said(line).starts_with(start))
            && !said(line).starts_with("call records");
        assert!(!is_of_call || line.get("conn_id").is_some(), "{line}");
    }
    let text = fs::read_to_string(own.join("log")).unwrap();
    assert!(!text.contains("one-secret") && !text.to_lowercase().contains("authorization"));
}
