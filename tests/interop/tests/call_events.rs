//! The hook `call-event`, live: calls between pjsua2 phones that a plugin marks, times and ends, in Rust and in Rhai.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use jackfield_interop::{Phone, Switch, peers, switch::save, wait};
use serde_json::{Value, json};

const LOBBY_HZ: u32 = 440;
const DESK_HZ: u32 = 1000;
const HELP_HZ: u32 = 1430;
fn script(folder: &Path) -> PathBuf {
    let path = folder.join("call-watch.rhai");
    let text = std::fs::read_to_string(peers::here().join("../../sdk/examples/call-watch.rhai"));
    save(&path, text.unwrap());
    path
}

fn component(folder: &Path) -> PathBuf {
    let path = folder.join("call-watch.wasm");
    save(&path, peers::plugin("call-watch"));
    path
}

/// `called` rings and answers; both are in a call then.
#[track_caller]
fn talk(caller: &mut Phone, called: &mut Phone, number: &str) {
    caller.call(number);
    called.expect(&json!({ "event": "incoming" }));
    called.tell("ring");
    caller.expect_call("EARLY");
    called.tell("answer");
    for phone in [caller, called] {
        phone.expect_call("CONFIRMED");
    }
}

/// The only call there is.
fn call(switch: &Switch) -> Value {
    wait::until("a call", || {
        let calls = switch.get("/api/calls");
        let calls = calls.as_array().unwrap();
        calls.iter().find(|call| call["phase"] == "established").cloned()
    })
}

/// What the journal has of commands: code and text.
fn commands(switch: &Switch) -> Vec<String> {
    let entries = switch.get("/api/journal?limit=100");
    let entries = entries.as_array().unwrap().iter().filter(|entry| entry["hook"] == "call-event");
    let reasons = entries.flat_map(|entry| entry["reasons"].as_array().unwrap().clone());
    reasons
        .map(|why| format!("{}: {}", why["code"].as_str().unwrap(), why["text"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_call_is_marked_and_ended_in_time_by_either_body() {
    for body in [script, component] {
        let folder = tempfile::tempdir().unwrap();
        let plugin = body(folder.path());
        let switch = Switch::start(&["plugins.config.call-watch.lobby_max_s=2"], &[&plugin]);
        let mut lobby = Phone::register(&switch, "9000", LOBBY_HZ);
        let mut desk = Phone::register(&switch, "2000", DESK_HZ);
        talk(&mut lobby, &mut desk, "2000");
        assert_eq!(call(&switch)["labels"], json!({ "vip": "yes" }));
        // Nobody hangs up.
        lobby.expect_end(200);
        desk.expect_end(200);
        wait::until("the journal", || (commands(&switch).len() == 4).then_some(()));
        assert_eq!(
            commands(&switch),
            [
                "command: tag vip = yes",
                "command: timer longest in 2000 ms",
                "longest: the lobby has talked for long enough",
                "command: release cause 102",
            ]
        );
        // From elsewhere nobody is counted the minutes.
        talk(&mut desk, &mut lobby, "9000");
        assert_eq!(call(&switch)["labels"], json!({}));
        desk.tell("hangup");
        lobby.expect_end(200);
        assert!(switch.counter("jackfield_commands_done_total") >= 3);
        assert_eq!(switch.counter("jackfield_commands_refused_total"), 0);
        switch.stop();
    }
}

#[test]
fn a_call_keeps_the_plugin_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mark.rhai");
    let write = |version: u32| {
        let text = format!(
            "fn call_event(call, event) {{
                if event.kind == \"answered\" || event.kind == \"held\" {{ return tag(event.kind, {version}); }}
                pass()
            }}"
        );
        save(&path, text);
    };
    write(1);
    let switch = Switch::start(&["plugins.watch=true"], &[&path]);
    let mut ann = Phone::register(&switch, "1000", LOBBY_HZ);
    let mut ben = Phone::register(&switch, "2000", DESK_HZ);
    talk(&mut ann, &mut ben, "2000");
    let marked = |labels: Value| {
        wait::until("labels", || (call(&switch)["labels"] == labels).then_some(()));
    };
    marked(json!({ "answered": "1" }));
    let activated = || switch.counter("jackfield_plugin_activated_total");
    let before = activated();
    write(2);
    wait::until("the new version", || (activated() > before).then_some(()));
    ann.tell("hold");
    ben.expect_media("remote-hold");
    marked(json!({ "answered": "1", "held": "1" }));
    ann.tell("hangup");
    ben.expect_end(200);
    talk(&mut ann, &mut ben, "2000");
    marked(json!({ "answered": "2" }));
    ann.tell("hangup");
    ben.expect_end(200);
    switch.stop();
}

#[test]
fn who_is_held_for_too_long_is_sent_on_by_either_body() {
    for (body, mode) in [(script as fn(&Path) -> PathBuf, "anchor"), (component, "bypass")] {
        let folder = tempfile::tempdir().unwrap();
        let plugin = body(folder.path());
        let media = format!("media.mode=\"{mode}\"");
        let settings = ["plugins.config.call-watch.wait_max_s=1", &media];
        let switch = Switch::start(&settings, &[&plugin]);
        let mut ann = Phone::register(&switch, "1000", LOBBY_HZ);
        let mut ben = Phone::register(&switch, "2000", DESK_HZ);
        let mut eve = Phone::register(&switch, "3000", HELP_HZ);
        talk(&mut ann, &mut ben, "2000");
        ben.tell("hold");
        ann.expect_media("remote-hold");
        // Ben does nothing more: the plugin does.
        eve.expect(&json!({ "event": "incoming" }));
        eve.tell("answer");
        ben.expect_end(200);
        eve.expect_call("CONFIRMED");
        ann.hears(HELP_HZ, LOBBY_HZ);
        eve.hears(LOBBY_HZ, HELP_HZ);
        // The mark has gone with her.
        assert_eq!(call(&switch)["labels"], json!({ "vip": "yes", "waits": "caller" }));
        ann.tell("hangup");
        eve.expect_end(200);
        switch.stop();
    }
}

#[test]
fn a_plugin_holds_a_party_and_takes_it_back() {
    for mode in ["media.mode=\"anchor\"", "media.mode=\"bypass\""] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hold.rhai");
        let text = "fn call_event(call, event) {
            if event.kind == \"answered\" { return timer(\"hold\", 1); }
            if event.kind == \"timer\" && event.name == \"hold\" {
                return hold(\"callee\").timer(\"resume\", 2);
            }
            if event.kind == \"timer\" { return resume(\"callee\"); }
            pass()
        }";
        save(&path, text);
        let switch = Switch::start(&[mode], &[&path]);
        let mut ann = Phone::register(&switch, "1000", LOBBY_HZ);
        let mut ben = Phone::register(&switch, "2000", DESK_HZ);
        talk(&mut ann, &mut ben, "2000");
        ben.expect_media("remote-hold");
        ben.expect_media("active");
        ben.hears(LOBBY_HZ, DESK_HZ);
        ann.hears(DESK_HZ, LOBBY_HZ);
        ann.tell("hangup");
        ben.expect_end(200);
        assert_eq!(switch.counter("jackfield_commands_refused_total"), 0);
        switch.stop();
    }
}
