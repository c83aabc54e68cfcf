//! Call records of calls between SIPp and SIPp: one for each kind of end, in both forms, and over a kill.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use jackfield_interop::{Sipp, Switch, sipp::Scenario, switch::save, wait};
use serde_json::{Value, json};

/// Calls 2000 first, and 3000 when it does not answer within a second; refuses 4000 by itself.
const PLUGIN: &str = r#"
fn route(call) {
    switch call.callee.user {
        "2000" => plan([uri("sip:2000@127.0.0.1:@FIRST@").ring(1), uri("sip:3000@127.0.0.1:@SECOND@")])
            .because("chain", "first, then second"),
        "4000" => refuse(403).because("barred", "not this one"),
        _ => pass(),
    }
}
"#;

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The records in `path`, once there are so many.
#[track_caller]
fn records(path: &Path, count: usize) -> Vec<Value> {
    wait::until("the records", || {
        let whole = fs::read_to_string(path).unwrap_or_default();
        (whole.lines().count() >= count && whole.ends_with('\n')).then_some(())
    });
    let lines = lines(path);
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

fn register(switch: &Switch, user: &str, callee: &Sipp) {
    Scenario::new("register", switch.folder())
        .value("USER", user)
        .value("CONTACT", callee.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, user)
        .succeed();
}

/// One call to 1001 between two scenarios.
#[track_caller]
fn call(switch: &Switch, caller: Scenario<'_>, callee: Scenario<'_>) {
    let called = callee.listen();
    register(switch, "1001", &called);
    caller.call(switch.sip_port, "1001").succeed();
    called.succeed();
}

fn setting(path: &Path) -> String {
    format!("records.path={}", path.display())
}

/// These fields of a record, in order.
fn fields(record: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| record[*name].clone()).collect()
}

const END: &[&str] = &["outcome", "released_by", "cause", "status", "q850", "media", "emergency"];

#[test]
fn an_answered_call_is_recorded_with_its_times_and_its_leg() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in/a/folder/calls.jsonl");
    let switch = Switch::start(&[&setting(&path)], &[]);
    let own = switch.folder();
    call(
        &switch,
        Scenario::new("caller", own).value("TALK", 700),
        Scenario::new("callee", own).value("RING", 300),
    );
    let record = records(&path, 1).remove(0);
    let end = ["answered", "caller", "hang-up by caller"];
    assert_eq!(fields(&record, END), json!([end[0], end[1], end[2], 200, 16, "anchored", false]));
    let between = |name: &str, low: u64, high: u64| {
        let value = record[name].as_u64().unwrap();
        assert!((low..high).contains(&value), "{name} {value}");
    };
    between("ring_ms", 290, 1500);
    between("talk_ms", 690, 2500);
    between("setup_ms", 290, 2000);
    for name in ["offered_at", "ringing_at", "answered_at", "ended_at"] {
        let text = record[name].as_str().unwrap();
        assert!(text.len() == 24 && text.ends_with('Z'), "{name} {text}");
    }
    assert!(record["caller"].as_str().unwrap().starts_with("sip:1000@127.0.0.1"), "{record}");
    assert_eq!(
        fields(&record, &["tenant", "ingress", "identity"]),
        json!(["default", "udp", null])
    );
    let legs = record["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 1);
    assert_eq!((&legs[0]["status"], &legs[0]["transport"]), (&json!(200), &json!("udp")));
    assert_eq!(legs[0]["answered_at"], record["answered_at"]);
    let decision = &record["decisions"][0];
    assert_eq!(
        (&decision["hook"], &decision["decided_by"]),
        (&json!("route"), &record["routed_by"])
    );
    assert_eq!(switch.counter("jackfield_records_written_total"), 1);
    switch.stop();
}

#[test]
fn calls_that_are_not_answered_are_recorded_with_what_became_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let switch = Switch::start(&[&setting(&path), "media.mode=bypass"], &[]);
    let own = switch.folder();
    call(
        &switch,
        Scenario::new("caller_is_refused", own).value("STATUS", 486),
        Scenario::new("callee_refuses", own).value("STATUS", 486),
    );
    call(&switch, Scenario::new("caller_cancels", own), Scenario::new("callee_is_cancelled", own));
    Scenario::new("caller_is_refused", own)
        .value("STATUS", 480)
        .call(switch.sip_port, "1999")
        .succeed();
    let all = records(&path, 3);
    let ends: Vec<Value> = all.iter().map(|record| fields(record, END)).collect();
    let expected = [
        json!(["refused", "callee", "refused 486", 486, 17, "bypassed", false]),
        json!(["cancelled", "caller", "cancelled", 487, 16, "bypassed", false]),
        json!(["refused", "switch", "refused 480", 480, 18, "bypassed", false]),
    ];
    assert_eq!(ends, expected);
    assert_eq!(all[1]["legs"][0]["status"], 487);
    assert!(all[1]["ringing_at"].is_string() && all[1]["answered_at"].is_null(), "{}", all[1]);
    assert_eq!(all[2]["legs"], json!([]));
    assert_eq!(all[2]["failed_targets"][0]["status"], 480);
}

#[test]
fn a_call_that_goes_on_to_a_second_target_names_both_and_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let first = Scenario::new("callee_is_cancelled", folder.path()).listen();
    let second = Scenario::new("callee", folder.path()).value("RING", 100).listen();
    let script = folder.path().join("office.rhai");
    let text = PLUGIN.replace("@FIRST@", &first.port.to_string());
    save(&script, text.replace("@SECOND@", &second.port.to_string()));
    let switch = Switch::start(&[&setting(&path)], &[&script]);
    let own = switch.folder();
    Scenario::new("caller", own).value("TALK", 100).call(switch.sip_port, "2000").succeed();
    first.succeed();
    second.succeed();
    Scenario::new("caller_is_refused", own)
        .value("STATUS", 403)
        .call(switch.sip_port, "4000")
        .succeed();
    let all = records(&path, 2);
    let talked = &all[0];
    let legs: Vec<Value> = talked["legs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| fields(leg, &["number", "status"]))
        .collect();
    assert_eq!(legs, [json!([1, 487]), json!([2, 200])]);
    let failed = &talked["failed_targets"][0];
    assert_eq!(failed["status"], 408);
    let lasted = failed["lasted_ms"].as_u64().unwrap();
    assert!((990..3000).contains(&lasted), "{lasted}");
    assert!(talked["routed_by"].as_str().unwrap().starts_with("office#1@"), "{talked}");
    let hooks: Vec<&Value> =
        talked["decisions"].as_array().unwrap().iter().map(|d| &d["hook"]).collect();
    assert_eq!(hooks, ["route", "route-on-failure"]);
    assert_eq!(talked["decisions"][0]["reasons"][0]["code"], "chain");
    let barred = &all[1];
    assert_eq!(fields(barred, &END[..5]), json!(["refused", "switch", "refused 403", 403, 21]));
    assert_eq!(barred["decisions"][0]["reasons"][0]["code"], "barred");
    assert_eq!((&barred["legs"], &barred["media"]), (&json!([]), &json!("bypassed")));
}

#[test]
fn an_emergency_is_recorded_as_one_and_a_row_is_written_where_rows_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.csv");
    let desk = Scenario::new("callee", folder.path()).value("RING", 10).listen();
    let route = format!("emergency.route=[\"sip:127.0.0.1:{}\"]", desk.port);
    let switch = Switch::start(
        &[&setting(&path), "records.format=csv", "emergency.numbers=[\"112\"]", &route],
        &[],
    );
    let own = switch.folder();
    Scenario::new("caller", own).value("TALK", 10).call(switch.sip_port, "112").succeed();
    desk.succeed();
    wait::until("the row", || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        (text.lines().count() == 2 && text.ends_with("\r\n")).then_some(())
    });
    let text = fs::read_to_string(&path).unwrap();
    let (header, row) = text.split_once("\r\n").unwrap();
    let column = header.split(',').position(|name| name == "emergency").unwrap();
    // Nothing before this column is quoted.
    assert_eq!(row.split(',').nth(column), Some("true"), "{row}");
    assert!(row.contains("by [emergency] route"), "{row}");
    switch.stop();
}

fn calls(switch: &Switch, count: u32) -> Sipp {
    Scenario::new("caller_is_refused", switch.folder())
        .value("STATUS", 480)
        .calls(count, 500)
        .call(switch.sip_port, "1999")
}

#[test]
fn after_a_kill_the_file_has_whole_lines_and_half_a_line_is_not_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let mut switch = Switch::start(&[&setting(&path)], &[]);
    let mut caller = calls(&switch, 5000);
    wait::until("records while calls are made", || {
        assert!(caller.is_running(), "the calls were over before the kill");
        let written = fs::read_to_string(&path).unwrap_or_default();
        (written.lines().count() >= 300).then_some(())
    });
    switch.kill();
    drop(caller);
    let text = fs::read_to_string(&path).unwrap();
    let whole = text.rfind('\n').unwrap() + 1;
    let before = lines_of(&text[..whole]);
    // As a machine that fails leaves it.
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"version\":1,\"node\":\"jack").unwrap();
    let switch = Switch::start(&[&setting(&path)], &[]);
    assert!(
        switch.log().contains("the last call record was not written to its end"),
        "{}",
        switch.log()
    );
    calls(&switch, 1).succeed();
    let after = records(&path, before + 1);
    assert_eq!(after[before]["status"], 480);
}

fn lines_of(text: &str) -> usize {
    text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count()
}

#[test]
fn a_stop_loses_no_record_and_a_call_that_stands_has_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let switch = Switch::start(&[&setting(&path), "media.mode=bypass"], &[]);
    calls(&switch, 400).succeed();
    let called = Scenario::new("callee", switch.folder()).value("RING", 10).listen();
    register(&switch, "1001", &called);
    let caller = Scenario::new("caller", switch.folder())
        .value("TALK", 20_000)
        .call(switch.sip_port, "1001");
    wait::until("the call to stand", || {
        let calls = switch.get("/api/calls");
        (calls[0]["phase"] == "established").then_some(())
    });
    // The first signal drains, the second ends the standing call.
    switch.stop_at_once();
    let all = lines(&path);
    assert_eq!(all.len(), 401);
    assert_eq!(fields(&all[400], &END[..4]), json!(["answered", "switch", "switch stopped", 200]));
    drop((caller, called));
}

#[test]
fn a_file_moved_away_by_a_tool_for_logs_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let moved: PathBuf = folder.path().join("calls.jsonl.1");
    let switch = Switch::start(&[&setting(&path)], &[]);
    calls(&switch, 1).succeed();
    records(&path, 1);
    fs::rename(&path, &moved).unwrap();
    calls(&switch, 1).succeed();
    records(&path, 1);
    records(&moved, 1);
}

#[test]
fn a_call_that_a_plugin_refuses_at_the_door_has_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let script = folder.path().join("door.rhai");
    let text = "fn admission(request) { if request.callee.user == \"4000\" { refuse(403).because(\"barred\", \"not here\") } else { pass() } }";
    save(&script, text);
    let switch = Switch::start(&[&setting(&path)], &[&script]);
    for (user, status) in [("4000", 403), ("1999", 480)] {
        Scenario::new("caller_is_refused", switch.folder())
            .value("STATUS", status)
            .call(switch.sip_port, user)
            .succeed();
    }
    let all = records(&path, 2);
    assert_eq!(fields(&all[0], &END[..5]), json!(["refused", "switch", "refused 403", 403, 21]));
    let hooks = |record: &Value| -> Vec<String> {
        let decisions = record["decisions"].as_array().unwrap().iter();
        decisions.map(|decision| decision["hook"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(hooks(&all[0]), ["admission"]);
    assert_eq!(all[0]["decisions"][0]["reasons"][0]["code"], "barred");
    assert_eq!(hooks(&all[1])[..2], ["admission", "route"]);
}
