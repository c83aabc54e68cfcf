//! Questions that are recorded while they are answered, and failures that are kept.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jackfield_plugin::{HostConfig, Kind, PluginHost, Recording, ReproPolicy, Source};
use model::hook::{Hook, Verdict};
use record::{Recorded, Repro};

use crate::{
    common::{failed, host, moment, patient, route, source, with_manifest},
    guest,
};

const SCRIPT: &str = r#"
fn dial_plan(call) { rewrite().label("class", "local") }
fn route(call) {
    if call.label("class") == "local" && call.callee.user == "9" { throw "nobody calls 9"; }
    refuse(404).because("none", "nobody")
}
fn route_on_failure(call, attempts, remaining) { proceed() }
"#;

type Lines = Arc<Mutex<Vec<Recorded>>>;

fn sink(lines: &Lines) -> jackfield_plugin::Sink {
    let lines = Arc::clone(lines);
    Box::new(move |seen| {
        lines.lock().unwrap().push(seen.recorded());
        true
    })
}

fn desk() -> Source {
    source("desk", Kind::Rhai, SCRIPT)
}

#[test]
fn what_each_plugin_is_asked_and_says_is_recorded_as_it_saw_it() {
    let other = source("other", Kind::Rhai, "fn route(call) { pass() }");
    let host = host(patient(), vec![other, desk()]);
    let mut worker = host.worker();
    let lines = Lines::default();
    worker.answer(&route("2000"), moment());
    let guard = host.record(Recording { calls: 100, ..Recording::default() }, sink(&lines));
    worker.answer(&route("2000"), moment());
    worker.rehearse(&route("2000"), moment());
    worker.answer(&failed("2000", 486), moment());
    drop(guard);
    worker.answer(&route("2000"), moment());
    let lines = lines.lock().unwrap();
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            let said = line.said.as_ref().unwrap();
            format!("{} {}: {}", said.plugin, line.question.hook(), said.shown())
        })
        .collect();
    assert_eq!(
        told,
        [
            "desk dial-plan: amend class=local",
            "other route: pass",
            "desk route: refuse 404",
            "desk route-on-failure: proceed"
        ]
    );
    assert_eq!(lines[2].question.call.label("class"), Some("local"), "as it was rewritten");
    for line in lines.iter() {
        assert_eq!(Recorded::from_line(&line.to_line()).as_ref(), Ok(line));
    }
}

#[test]
fn a_recording_is_of_what_was_wanted_and_ends() {
    let host = host(patient(), vec![desk()]);
    let mut worker = host.worker();
    let (all, routes, full) = (Lines::default(), Lines::default(), AtomicBool::new(true));
    let of_route = Recording { hook: Some(Hook::Route), plugin: Some("desk".to_owned()), calls: 2 };
    let nobody = Recording { plugin: Some("disk".to_owned()), calls: 9, ..Recording::default() };
    let _first = host.record(of_route, sink(&routes));
    let _second = host.record(nobody, sink(&all));
    let busy = host.record(
        Recording { calls: 1, ..Recording::default() },
        Box::new(move |_| !full.swap(false, Ordering::Relaxed)),
    );
    for _ in 0..3 {
        worker.answer(&route("2000"), moment());
    }
    assert_eq!(routes.lock().unwrap().len(), 2);
    assert_eq!(all.lock().unwrap().len(), 0);
    assert_eq!(busy.missed(), 1, "what finds no room is counted, and the next one is taken");
}

fn keeping(folder: &Path) -> HostConfig {
    let repro = ReproPolicy { folder: Some(folder.to_owned()), ..ReproPolicy::default() };
    let mut config = HostConfig { repro, ..patient() };
    config.quarantine.key_strikes = 0;
    config
}

/// The files, sorted by name, once the thread that writes them is done.
fn kept(host: Arc<PluginHost>, folder: &Path) -> Vec<(String, String)> {
    assert_eq!(host.stats().repros_dropped, 0);
    drop(host);
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_first_failures_of_a_version_and_hook_are_kept_with_what_made_them() {
    let folder = tempfile::TempDir::new().unwrap();
    let manifest = "version = \"1.2\"\n[config]\ndesk = \"2000\"\napi_token = \"hush, hush\"\n";
    let host =
        host(keeping(folder.path()), vec![with_manifest("desk", Kind::Rhai, SCRIPT, manifest)]);
    let short = host.list()[0].generation.digest.short();
    let mut worker = host.worker();
    for _ in 0..5 {
        assert_eq!(worker.answer(&route("9"), moment()).verdict, Verdict::BuiltIn);
    }
    drop(worker);
    let files = kept(host, folder.path());
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let name = |n| format!("desk-{short}-route-{n}-trap.repro");
    assert_eq!(names, [name(1), name(2), name(3)]);
    let repro = Repro::from_text(&files[0].1).unwrap();
    assert!(repro.failure().unwrap().detail.contains("nobody calls 9"), "{repro:?}");
    assert_eq!((repro.kind.as_str(), repro.version.as_str()), ("rhai", "1.2"));
    assert_eq!(repro.recorded.question.call.label("class"), Some("local"));
    assert_eq!(repro.recorded.moment, moment());
    assert_eq!(repro.hidden, ["api_token"]);
    assert!(!files[0].1.contains("hush"), "a secret is not written");
    assert_eq!(repro.config["desk"], "2000");
    assert_eq!(repro.cpu_limit_us, 20_000);
    assert_eq!(Repro::from_text(&repro.to_text()), Ok(repro));
}

#[test]
fn a_component_that_traps_leaves_where_it_was() {
    // The self-test calls 2000: the length of the user part lies 84 bytes into the facts.
    let is_probe = "(i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4))";
    let body = format!("(if (result i32) {is_probe} (then (call $pass)) (else (unreachable)))");
    let trapping = guest::route(&body);
    let folder = tempfile::TempDir::new().unwrap();
    let host = host(keeping(folder.path()), vec![source("desk", Kind::Wasm, trapping)]);
    let mut worker = host.worker();
    worker.answer(&route("9"), moment());
    drop(worker);
    let files = kept(host, folder.path());
    let repro = Repro::from_text(&files[0].1).unwrap();
    let trace = repro.backtrace.unwrap();
    assert!(trace.contains("wasm backtrace"), "{trace}");
}

#[test]
fn the_oldest_files_make_room() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut config = keeping(folder.path());
    config.repro.files_max = 2;
    fs::write(folder.path().join("old.repro"), "old").unwrap();
    fs::write(folder.path().join("note.txt"), "not ours").unwrap();
    let old = fs::File::options().write(true).open(folder.path().join("old.repro")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let host = host(config, vec![desk()]);
    let mut worker = host.worker();
    for _ in 0..2 {
        worker.answer(&route("9"), moment());
    }
    drop(worker);
    let names: Vec<String> = kept(host, folder.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().any(|name| name == "note.txt"), "{names:?}");
    assert!(!names.iter().any(|name| name == "old.repro"), "{names:?}");
}
