//! What a plugin keeps, over a kill -9 and a rollback of its schema, in the real program with SIPp calling.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

use jackfield_interop::{Switch, peers, sipp::Scenario, switch::save, wait};
use serde_json::{Value, json};

/// So many calls that the plugin refuses, each counted, by two workers.
fn calls(switch: &Switch, calls: u32) {
    let refused = Scenario::new("caller_is_refused", switch.folder()).value("STATUS", 486);
    refused.calls(calls, 200).call(switch.sip_port, "desk").succeed();
}

fn write(folder: &Path, schema: u32, code: &str) {
    let manifest = format!(
        "id = \"desk\"\nkind = \"rhai\"\ncode = \"desk.rhai\"\n[need]\nstate = true\n[state]\nschema = {schema}\n"
    );
    save(&folder.join("plugin.toml"), manifest);
    save(&folder.join("desk.rhai"), code);
}

const OLD: &str = "fn route(call) { state.increment(\"calls\"); refuse(486) }\n";
const NEW: &str = "fn route(call) { state.increment(\"all\"); refuse(486) }\n\
                   fn migrate(from, to) { state.set(\"all\", state.get(\"calls\", 0)); state.delete(\"calls\") }\n";

/// What it keeps, once it is this.
#[track_caller]
fn until_kept(switch: &Switch, entries: &Value) {
    wait::until("what is kept", || {
        (switch.get("/api/plugins/state?id=desk")["entries"] == *entries).then_some(())
    });
}

/// Runs `jackfield plugin` with these words against the switch.
fn plugin(switch: &Switch, words: &[&str]) -> String {
    let api = format!("http://127.0.0.1:{}", switch.http_port);
    let mut command = Command::new(peers::jackfield());
    let output = command.arg("plugin").args(words).args(["--api", &api]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_kept_outlives_a_kill_and_a_rollback_gives_the_old_form_back() {
    let folder = tempfile::tempdir().unwrap();
    let desk = folder.path().join("desk");
    std::fs::create_dir(&desk).unwrap();
    write(&desk, 1, OLD);
    let data = format!("node.data_path={}", folder.path().join("data").display());
    let settings =
        [data.as_str(), "plugins.watch=false", "plugins.state_flush_ms=10", "node.workers=2"];
    let mut switch = Switch::start(&settings, &[&desk]);
    calls(&switch, 200);
    until_kept(&switch, &json!({ "calls": "200" }));
    // What a crash may lose is what has not been written yet: the API says when nothing is left.
    wait::until("the disk", || {
        (switch.get("/api/plugins/state?id=desk")["unwritten"] == json!(0)).then_some(())
    });
    switch.kill();
    drop(switch);
    let switch = Switch::start(&settings, &[&desk]);
    until_kept(&switch, &json!({ "calls": "200" }));
    calls(&switch, 3);
    until_kept(&switch, &json!({ "calls": "203" }));
    write(&desk, 2, NEW);
    assert_eq!(switch.post("/api/plugins/reload?id=desk").0, 200);
    until_kept(&switch, &json!({ "all": "203" }));
    calls(&switch, 1);
    until_kept(&switch, &json!({ "all": "204" }));
    let (status, back) = switch.post("/api/plugins/rollback?id=desk");
    assert_eq!((status, &back["lost_writes"]), (200, &json!(1)), "{back}");
    until_kept(&switch, &json!({ "calls": "203" }));
    let told = plugin(&switch, &["state", "desk", "ca"]);
    assert!(
        told.starts_with("schema 1, 1 keys, 8 bytes, ") && told.ends_with("calls = 203\n"),
        "{told}"
    );
    assert_eq!(switch.counter("jackfield_plugin_state_keys"), 1);
    assert_eq!(plugin(&switch, &["forget", "desk", "--prefix", "x"]), "0 keys forgotten\n");
    assert_eq!(switch.post("/api/plugins/forget?id=desk").0, 400);
    assert_eq!(switch.post("/api/plugins/forget?id=nobody&all=true").0, 404);
    assert_eq!(plugin(&switch, &["forget", "desk", "calls"]), "1 keys forgotten\n");
    switch.stop();
    let switch = Switch::start(&settings, &[&desk]);
    until_kept(&switch, &json!({}));
    switch.stop();
}

#[test]
fn a_kill_in_the_midst_of_calls_loses_nothing_that_was_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let desk = folder.path().join("desk");
    std::fs::create_dir(&desk).unwrap();
    write(&desk, 1, OLD);
    let data = format!("node.data_path={}", folder.path().join("data").display());
    let settings =
        [data.as_str(), "plugins.watch=false", "plugins.state_flush_ms=10", "node.workers=2"];
    let mut on_disk = 0;
    for _ in 0..3 {
        let mut switch = Switch::start(&settings, &[&desk]);
        let kept = |switch: &Switch| {
            let kept = switch.get("/api/plugins/state?id=desk");
            let count = kept["entries"]["calls"].as_str().map_or(0, |n| n.parse().unwrap());
            (count, kept["unwritten"] == json!(0))
        };
        let found: u64 = kept(&switch).0;
        assert!(found >= on_disk, "{found} of {on_disk} are there");
        let refused = Scenario::new("caller_is_refused", switch.folder()).value("STATUS", 486);
        let calling = refused.calls(10_000, 20).call(switch.sip_port, "desk");
        // What was there a look before is on the disk where nothing waits to be written now.
        let mut before = found;
        on_disk = wait::until("some calls to be on the disk", || {
            let (count, is_written) = kept(&switch);
            let seen = std::mem::replace(&mut before, count);
            (is_written && seen >= found + 10).then_some(seen)
        });
        switch.kill();
        drop(calling);
    }
    let switch = Switch::start(&settings, &[&desk]);
    let kept = switch.get("/api/plugins/state?id=desk");
    let count: u64 = kept["entries"]["calls"].as_str().unwrap().parse().unwrap();
    assert!(count >= on_disk, "{count} of {on_disk} are there");
    switch.stop();
}
