//! Many reloads under load leave nothing behind, and a switch that is killed in the middle of a promotion comes up with one of the two
//! versions. `cargo xtask bench reloads` does more of both.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use jackfield_interop::{
    Switch, callee, http, peers, ports,
    sipp::{Scenario, Sipp},
    switch::save,
    wait,
};
use serde_json::Value;
use tempfile::TempDir;

const CALLS_PER_SECOND: u32 = 50;
/// Of so many reloads one is of a version that was never there, and one of a broken one.
const PART: u32 = 10;
const RELOADS: u32 = 100;
/// Calls end their transactions soon, so that it is soon seen what they held: 64 times this (RFC 3261 section 17).
const T1: &str = "sip.t1_ms=100";
const QUIET: Duration = Duration::from_secs(90);
/// What may be more than it was: an instance of the version that serves for each worker; and what belongs to compiled versions that are kept
/// for when they come back, sixteen at most. What a reload left behind each time would be more than that.
const INSTANCES_MORE: u64 = 2;
const HANDLES_MORE: usize = 20;
const MAPPINGS_MORE: usize = 40;
const CLIENTS: usize = 3;

/// A plugin that is written over and over, in the folder that is loaded.
struct Plugin {
    folder: TempDir,
    code: Vec<u8>,
}

impl Plugin {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = peers::here().join("../../plugins/route/plugin.toml");
        fs::copy(manifest, folder.path().join("plugin.toml")).unwrap();
        let plugin = Self { folder, code: peers::plugin("jackfield-route") };
        plugin.write(0);
        plugin
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("plugin.wasm")
    }

    /// The same code with another number in a section that nobody reads.
    fn write(&self, version: u32) {
        let note = [b"\x00\x09\x04note", version.to_le_bytes().as_slice()].concat();
        save(&self.file(), [self.code.as_slice(), &note].concat());
    }
}

/// What a switch holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    generations: u64,
    instances: u64,
    handles: usize,
    mappings: usize,
}

impl Held {
    fn by(switch: &Switch) -> Self {
        let process = PathBuf::from(format!("/proc/{}", switch.id()));
        Self {
            generations: switch.counter("jackfield_plugin_generations "),
            instances: switch.counter("jackfield_plugin_instances "),
            handles: fs::read_dir(process.join("fd")).unwrap().count(),
            mappings: fs::read_to_string(process.join("maps")).unwrap().lines().count(),
        }
    }

    fn is_no_more_than(self, before: Self) -> bool {
        self.generations <= before.generations
            && self.instances <= before.instances + INSTANCES_MORE
            && self.handles <= before.handles + HANDLES_MORE
            && self.mappings <= before.mappings + MAPPINGS_MORE
    }
}

fn start(plugin: &Plugin, sip_port: u16) -> Switch {
    let settings =
        ["node.workers=2", "plugins.stock=false", "plugins.watch=false", "media.mode=bypass", T1];
    Switch::start_at(sip_port, &settings, &[plugin.path()])
}

fn callee(switch: &Switch, calls: u32) -> Sipp {
    callee::answering(switch, &[2000], calls, CALLS_PER_SECOND)
}

fn calls(switch: &Switch, calls: u32) -> Sipp {
    let caller = Scenario::new("caller", switch.folder()).value("TALK", 100);
    caller.calls(calls, CALLS_PER_SECOND).call(switch.sip_port, "2000")
}

#[track_caller]
fn reload(switch: &Switch) -> (u16, String) {
    let (status, reports) = switch.post("/api/plugins/reload");
    (status, reports[0]["outcome"].as_str().unwrap_or_default().to_owned())
}

/// Two versions in turn, with others that were never there, broken ones, and several clients at once between them. Every good one is loaded.
fn reload_often(switch: &Switch, plugin: &Plugin, round: u32) {
    for number in 0..RELOADS {
        match number % PART {
            3 => plugin.write(1000 + round * RELOADS + number),
            6 => {
                let broken =
                    if number % 20 == 6 { &plugin.code[..200] } else { b"\0asm\x0d\0\x01\0broken" };
                save(&plugin.file(), broken);
                assert_eq!(reload(switch), (422, "refused".to_owned()));
                continue;
            }
            _ => plugin.write((number + 1) % 2),
        }
        if number % PART == 9 {
            let mut outcomes = thread::scope(|scope| {
                let clients: Vec<_> =
                    (0..CLIENTS).map(|_| scope.spawn(|| reload(switch).1)).collect();
                clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
            });
            outcomes.sort();
            assert_eq!(outcomes, ["loaded", "unchanged", "unchanged"]);
        } else {
            let outcome = reload(switch);
            // What is back after a broken one serves already.
            let is_back = number % PART == 7;
            assert!(
                outcome.0 == 200 && (outcome.1 == "loaded" || is_back),
                "{number}: {outcome:?}"
            );
        }
    }
}

#[test]
fn many_reloads_under_load_leave_nothing_behind_and_no_call_fails() {
    const CALLS: u32 = 300;
    let plugin = Plugin::new();
    let switch = start(&plugin, ports::free());
    let callee = callee(&switch, 2 * CALLS);
    let mut before: Option<Held> = None;
    for round in 0..2 {
        let caller = calls(&switch, CALLS);
        reload_often(&switch, &plugin, round);
        caller.succeed();
        let mut last = String::new();
        let held = wait::until_within(QUIET, "what was replaced to go", || {
            let held = Held::by(&switch);
            if format!("{held:?}") != last {
                last = format!("{held:?}");
                println!("round {round}: {last}");
            }
            // One version serves, one is kept to go back to.
            let is_quiet = held.generations <= 2;
            let is_flat = before.is_none_or(|before| held.is_no_more_than(before));
            (is_quiet && is_flat).then_some(held)
        });
        before = Some(held);
    }
    callee.succeed();
    switch.stop();
}

/// The digest of a generation.
fn digest(generation: &Value) -> String {
    let text = generation.as_str().unwrap();
    text.split_once('@').unwrap().1.to_owned()
}

#[test]
fn a_switch_that_is_killed_in_a_promotion_comes_up_with_one_of_both_versions() {
    const KILLS: u32 = 5;
    let plugin = Plugin::new();
    let mut switch = start(&plugin, ports::free());
    let id = switch.get("/api/plugins")[0]["id"].as_str().unwrap().to_owned();
    for kill in 0..KILLS {
        let served = digest(&switch.get("/api/plugins")[0]["generation"]);
        plugin.write(kill + 1);
        let (status, report) = switch.post(&format!("/api/plugins/reload?id={id}&canary=50%25"));
        assert_eq!(status, 200, "{report}");
        let promoted = digest(&switch.get("/api/plugins")[0]["trial"]["generation"]);
        let (http_port, path) = (switch.http_port, format!("/api/plugins/promote?id={id}"));
        let promotion = thread::spawn(move || {
            // It may not live to answer.
            let _ = http::request(http_port, "POST", &path, "");
        });
        if kill == KILLS - 1 {
            wait::until("the promotion", || promotion.is_finished().then_some(()));
        }
        switch.kill();
        promotion.join().unwrap();
        switch = start(&plugin, switch.sip_port);
        let serves = digest(&switch.get("/api/plugins")[0]["generation"]);
        assert!([served, promoted].contains(&serves), "kill {kill}: {serves} serves");
        let callee = callee(&switch, 1);
        calls(&switch, 1).succeed();
        callee.succeed();
    }
}
