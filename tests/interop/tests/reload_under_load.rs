//! A routing plugin is rewritten again and again while calls go through it: none fails, and each was decided by one
//! version and says by which.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use jackfield_interop::{Switch, callee, peers, sipp::Scenario, switch::save, wait};
use serde_json::Value;

const CALLS: u32 = 1000;
const CALLS_PER_SECOND: u32 = 100;
const REWRITTEN_EVERY: Duration = Duration::from_millis(200);
/// Fewer changes from one generation to another would mean that the test was not one.
const CHANGES_MIN: usize = 5;

#[test]
fn no_call_fails_while_a_script_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("route.rhai");
    let write = |version: usize| {
        let text = format!(
            "fn route(call) {{\n    plan([aor(call.callee.user + \"@127.0.0.1\")]).because(\"v{}\", \"rewritten\")\n}}\n",
            version % 2
        );
        // Every third time as careless editors do: over the old file, in place.
        if version % 3 == 2 { fs::write(&script, text).unwrap() } else { save(&script, text) }
    };
    write(0);
    let entries = calls_while(&script, write);
    let mut reasons_by_generation: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in &entries {
        let generation = entry["decided_by"].as_str().unwrap();
        reasons_by_generation
            .entry(generation)
            .or_default()
            .insert(entry["reasons"][0]["code"].as_str().unwrap());
    }
    for (generation, reasons) in reasons_by_generation {
        assert_eq!(reasons.len(), 1, "{generation} decided as two versions: {reasons:?}");
    }
}

#[test]
fn no_call_fails_while_a_component_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let component = peers::plugin("jackfield-route");
    let manifest = peers::here().join("../../plugins/route/plugin.toml");
    fs::copy(manifest, folder.path().join("plugin.toml")).unwrap();
    let code = folder.path().join("plugin.wasm");
    let write = |version: usize| save(&code, with_note(&component, version.is_multiple_of(2)));
    write(0);
    calls_while(folder.path(), write);
}

/// The module with an empty custom section behind it, or without: two versions that differ in their digest only.
fn with_note(component: &[u8], noted: bool) -> Vec<u8> {
    let section: &[u8] = if noted { b"\x00\x05\x04note" } else { b"" };
    [component, section].concat()
}

/// Places calls while the plugin is rewritten, and gives the journal, in which every call stands once.
fn calls_while(plugin: &Path, write: impl Fn(usize)) -> Vec<Value> {
    // The stock plugin has the same id as its rewritten copy, so it stays away.
    let settings = ["plugins.stock=false", "journal.entries_max=5000"];
    let switch = Switch::start(&settings, &[plugin]);
    let callee = callee::answering(&switch, &[2000], CALLS, CALLS_PER_SECOND);
    let mut caller = Scenario::new("caller", switch.folder())
        .value("TALK", 100)
        .calls(CALLS, CALLS_PER_SECOND)
        .call(switch.sip_port, "2000");
    let rewritten = wait::every(REWRITTEN_EVERY, || caller.is_running(), |time| write(time + 1));
    caller.succeed();
    callee.succeed();
    let entries = switch.get("/api/journal?limit=5000").as_array().unwrap().clone();
    assert_each_call_has_one_generation(&entries);
    let deciders: Vec<&Value> = entries.iter().map(|entry| &entry["decided_by"]).collect();
    let changes = deciders.windows(2).filter(|pair| pair[0] != pair[1]).count();
    println!(
        "{CALLS} calls, {rewritten} versions written, {changes} changes of the generation that decides"
    );
    assert!(changes >= CHANGES_MIN, "the generation changed {changes} times only");
    switch.stop();
    entries
}

#[track_caller]
fn assert_each_call_has_one_generation(entries: &[Value]) {
    let mut entries_by_call: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for entry in entries {
        entries_by_call.entry(entry["call_id"].as_str().unwrap()).or_default().push(entry);
    }
    for number in 1..=CALLS {
        let call_id = format!("caller-{number}");
        match entries_by_call.get(call_id.as_str()).map(Vec::as_slice) {
            Some([entry]) => {
                let generation = &entry["decided_by"];
                assert!(generation.is_string(), "{call_id} was decided by no plugin: {entry}")
            }
            other => panic!("{call_id} stands in the journal as {other:?}"),
        }
    }
}
