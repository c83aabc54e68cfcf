//! A rewrite of a routing plugin is compared with what serves on live calls, approved, and serves; its failures are kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use jackfield_interop::{
    Switch, callee,
    sipp::{Scenario, Sipp},
    switch::save,
    wait,
};
use serde_json::Value;

const CALLS: u32 = 200;
const CALLS_PER_SECOND: u32 = 100;

const SERVING: &str = r#"fn route(call) {
    plan([aor(call.callee.user + "@127.0.0.1")]).because("v1", "")
}
"#;
/// Sends one number elsewhere; the rest is written in another way and the same.
const REWRITE: &str = r#"fn route(call) {
    let to = call.callee.user;
    if to == "2666" { return refuse(480).because("v1", "") }
    plan(`${to}@127.0.0.1`).because("v1", "")
}
"#;

struct Bench {
    program: PathBuf,
    switch: Switch,
    _callee: Sipp,
}

impl Bench {
    fn new(script: &Path, settings: &[&str]) -> Self {
        save(script, SERVING);
        let common =
            ["media.mode=\"bypass\"", "plugins.shadow_calls=100", "plugins.shadow_p99_us=10000000"];
        let settings: Vec<&str> = common.iter().chain(settings).copied().collect();
        let switch = Switch::start(&settings, &[script]);
        let callee = callee::answering(&switch, &[2000, 2666], 3 * CALLS, CALLS_PER_SECOND);
        Self { program: jackfield_interop::peers::jackfield(), switch, _callee: callee }
    }

    fn calls(&self, user: &str, calls: u32) -> Sipp {
        let scenario = Scenario::new("caller", self.switch.folder()).value("TALK", 50);
        scenario.calls(calls, CALLS_PER_SECOND).call(self.switch.sip_port, user)
    }

    /// Runs `jackfield plugin` with these words against the switch; gives what it said and whether it ended well.
    fn plugin(&self, words: &[&str]) -> (String, bool) {
        let api = format!("http://127.0.0.1:{}", self.switch.http_port);
        self.run(&[words, &["--api", &api]].concat())
    }

    /// The same without a switch.
    fn run(&self, words: &[&str]) -> (String, bool) {
        let output = Command::new(&self.program).arg("plugin").args(words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.success())
    }

    fn diff(&self) -> Value {
        self.switch.get("/api/plugins/diff?id=desk")
    }
}

#[test]
fn a_rewrite_is_compared_on_live_calls_and_serves_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (script, rewrite) = (folder.path().join("desk.rhai"), folder.path().join("rewrite.rhai"));
    let bench = Bench::new(&script, &[]);
    fs::write(&rewrite, REWRITE).unwrap();
    let rewrite = rewrite.to_str().unwrap();
    let (said, is_ok) = bench.plugin(&["shadow", "desk", "--from", rewrite]);
    assert!(is_ok && said.contains("decides nothing"), "{said}");

    let (calls, few) = (bench.calls("2000", CALLS), bench.calls("2666", 20));
    calls.succeed();
    few.succeed();
    let diff = wait::until("all calls to be compared", || {
        let diff = bench.diff();
        (diff["shadow"]["compared"].as_u64()? >= u64::from(CALLS) + 20).then_some(diff)
    });
    // One answer in hundreds took long on a machine that has other things to do: that is a group of its own, which holds nothing up.
    let (slower, groups): (Vec<&Value>, Vec<&Value>) =
        diff["groups"].as_array().unwrap().iter().partition(|group| group["class"] == "slower");
    let answers_slower: u64 = slower.iter().filter_map(|group| group["count"].as_u64()).sum();
    assert!(answers_slower <= u64::from(CALLS) / 20, "{diff}");
    assert_eq!(groups.len(), 1, "{diff}");
    assert_eq!(
        (groups[0]["count"].as_u64(), groups[0]["class"].as_str()),
        (Some(20), Some("different-refusal"))
    );
    let id = groups[0]["id"].as_str().unwrap();
    let (said, is_ok) = bench.plugin(&["diff", "desk"]);
    assert!(is_ok && said.contains("aor:2666@127.0.0.1 (v1) -> refuse 480 (v1)"), "{said}");
    let (said, is_ok) = bench.plugin(&["promote", "desk"]);
    assert!(!is_ok && said.contains(&format!("neither expected nor approved: {id}")), "{said}");
    let (said, is_ok) =
        bench.plugin(&["approve", "desk", id, "--by", "ada", "--why", "the number is gone"]);
    assert!(is_ok && said.contains("approved by ada: the number is gone"), "{said}");
    let (said, is_ok) = bench.plugin(&["promote", "desk"]);
    assert!(is_ok && said.contains("plugins.load names that path"), "{said}");
    let refused = bench.calls("2666", 1);
    assert!(!refused.end().success(), "the rewrite decides now");
    bench.calls("2000", 5).succeed();
    let journal = bench.switch.get("/api/plugins");
    assert_eq!(journal[0]["source"].as_str(), Some(rewrite), "{journal}");
}

#[test]
fn live_calls_are_recorded_and_a_failure_is_asked_again_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("desk.rhai");
    let kept = folder.path().join("kept");
    let setting = format!("plugins.repro_dir={:?}", kept.to_str().unwrap());
    let bench = Bench::new(&script, &["plugins.watch=false", &setting]);
    let calls_file = folder.path().join("calls.jsonl");
    let to = calls_file.to_str().unwrap();
    let words = ["record", "--hook", "route", "--plugin", "desk", "--calls", "50", "--to", to];
    let said = std::thread::scope(|scope| {
        let recording = scope.spawn(|| bench.plugin(&words));
        let mut placed = 0;
        while !recording.is_finished() && placed < 10 {
            bench.calls("2000", CALLS / 4).succeed();
            placed += 1;
        }
        recording.join().unwrap()
    });
    assert_eq!(said, (format!("50 questions in {to}\n"), true));
    let replay = |words: &[&str]| bench.run(&[&["replay"], words].concat());
    let rewrite = folder.path().join("rewrite.rhai");
    fs::write(&rewrite, REWRITE.replace("2666", "2000")).unwrap();
    let path = script.to_str().unwrap();
    let (said, is_ok) = replay(&["--calls", to, "--against", path]);
    assert!(is_ok && said.starts_with("desk: 50 answers beside those of desk, same 50"), "{said}");
    let (said, is_ok) = replay(&["--calls", to, "--against", rewrite.to_str().unwrap()]);
    assert!(!is_ok && said.contains("-> refuse 480"), "{said}");

    let broken =
        SERVING.replace("plan(", "if call.callee.user == \"2666\" { throw \"gone\"; }\n    plan(");
    save(&script, &broken);
    assert_eq!(bench.switch.post("/api/plugins/reload?id=desk").0, 200);
    bench.calls("2666", 1).succeed();
    let file = wait::until("the failure to be kept", || {
        let mut files = fs::read_dir(&kept).ok()?.map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|ending| ending == "repro"))
    });
    let file = file.to_str().unwrap();
    let (said, is_ok) = replay(&[file, "--plugin", path]);
    assert!(is_ok && said.contains("it fails in the same way\n"), "{said}");
    let (said, is_ok) = replay(&[file, "--plugin", rewrite.to_str().unwrap()]);
    assert!(!is_ok && said.contains("it does not fail and says"), "{said}");
}
