//! The configuration read again while calls stand: what is taken, what waits for a restart, what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jackfield_interop::{Phone, Switch, peers, sipp::Scenario, switch::save, wait};
use serde_json::{Value, json};

const TWO: &str = r#"
[[subscriber]]
user = "1000"
password = "one-secret"
[[subscriber]]
user = "2000"
password = "two-secret"
"#;

/// A switch and its configuration file.
struct Bench {
    switch: Switch,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jackfield.toml");
        save(&file, text);
        let switch = Switch::with_file(&file, &[]);
        Self { switch, file, _folder: folder }
    }

    /// Writes the file, has it read, and gives status and answer.
    fn reload(&self, text: &str) -> (u16, Value) {
        save(&self.file, text);
        self.switch.post("/api/reload")
    }

    /// The same on the command line.
    fn command(&self, text: &str) -> Output {
        save(&self.file, text);
        Command::new(peers::jackfield())
            .args(["reload", "--api", &format!("127.0.0.1:{}", self.switch.http_port)])
            .output()
            .unwrap()
    }

    /// The status a call to this user is refused with.
    fn call_is_refused(&self, user: &str, status: u16) {
        Scenario::new("caller_is_refused", self.switch.folder())
            .value("STATUS", status)
            .call(self.switch.sip_port, user)
            .succeed();
    }
}

fn registered(code: u16, active: bool) -> Value {
    json!({ "event": "registration", "code": code, "active": active })
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_password_changes_while_a_call_is_up() {
    let bench = Bench::start(TWO);
    let switch = &bench.switch;
    let mut ann = Phone::with_password(switch, "1000", "one-secret");
    let mut ben = Phone::with_password(switch, "2000", "two-secret");
    for phone in [&mut ann, &mut ben] {
        phone.expect(&registered(200, true));
    }
    ann.call("2000");
    ben.expect(&json!({ "event": "incoming" }));
    ben.tell("answer");
    ann.expect_call("CONFIRMED");
    ben.expect_call("CONFIRMED");
    let (status, answer) = bench.reload(&TWO.replace("two-secret", "new-secret"));
    let hidden = "(hidden)";
    let change =
        json!({"key": "subscriber.2000.password", "from": hidden, "to": hidden, "live": true});
    assert_eq!(status, 200);
    assert_eq!(answer, json!({"outcome": "changed", "changes": [change], "problems": []}));
    assert_eq!(switch.get("/api/calls")[0]["phase"], "established");
    assert_eq!(switch.get("/api/registrations").as_array().unwrap().len(), 2);
    let mut old = Phone::with_password(switch, "2000", "two-secret");
    old.expect(&registered(401, false));
    let mut new = Phone::with_password(switch, "2000", "new-secret");
    new.expect(&registered(200, true));
    ann.tell("hangup");
    ben.expect_call("DISCONNECTED");
    assert!(!switch.log().contains("new-secret"), "{}", switch.log());
}

#[test]
fn what_needs_a_restart_is_said_until_it_is_taken_back_and_the_rest_is_taken() {
    let bench = Bench::start("");
    let timers = "[sip]\nring_timeout_s = 30\nt1_ms = 400\n[node]\nworkers = 2\n";
    let (code, out, _) = text(&bench.command(timers));
    let expected = "restart  node.workers  1 -> 2\nchanged  sip.ring_timeout_s  120 -> 30\n\
                    restart  sip.t1_ms  500 -> 400\ntaken, but for 2 that need a restart\n";
    assert_eq!((code, out.as_str()), (Some(0), expected));
    let (_, out, _) = text(&bench.command("[sip]\nring_timeout_s = 30\nt1_ms = 400\n"));
    assert_eq!(out, "restart  sip.t1_ms  500 -> 400\ntaken, but for 1 that need a restart\n");
    let (_, out, _) = text(&bench.command("[sip]\nring_timeout_s = 30\n"));
    assert_eq!(out, "nothing has changed\n");
    let log = bench.switch.log();
    assert!(log.contains("this change of the configuration needs a restart"), "{log}");
}

#[test]
fn a_broken_file_is_refused_with_its_place_and_the_old_one_serves() {
    let bench = Bench::start("[emergency]\nnumbers = [\"112\"]\n");
    let (code, out, error) =
        text(&bench.command("[node]\nzone = \"UTC\"\n[sip]\nring_timeout = 3\n"));
    assert_eq!(code, Some(1));
    let place = format!("{}:4:1: unknown key `ring_timeout`", bench.file.display());
    assert!(out.starts_with(&place), "{out}");
    assert_eq!(error, "jackfield: refused; the former configuration serves on\n");
    let (status, answer) = bench.reload("[sip]\nring_timeout_s = 0\n");
    assert_eq!((status, &answer["outcome"]), (422, &json!("refused")));
    assert_eq!(answer["changes"], json!([]));
    assert_eq!(answer["problems"][0]["line"], 2);
    // A file that cannot be written to, and a plugin that does not load, refuse all of it too.
    let (status, answer) =
        bench.reload("[records]\npath = \"/proc/nowhere/calls\"\n[emergency]\nnumbers = []\n");
    assert_eq!(status, 422, "{answer}");
    let (status, answer) =
        bench.reload("[plugins]\nload = [\"none.rhai\"]\n[emergency]\nnumbers = []\n");
    assert_eq!(status, 422, "{answer}");
    // 503: still known as an emergency number, which it is in the first file alone.
    bench.call_is_refused("112", 503);
    let (status, _) = bench.reload("[emergency]\nnumbers = []\n");
    assert_eq!(status, 200);
    bench.call_is_refused("112", 480);
}

#[test]
fn credentials_are_asked_for_from_the_moment_there_are_passwords() {
    let bench = Bench::start("");
    bench.call_is_refused("1999", 480);
    bench.reload(TWO);
    bench.call_is_refused("1999", 401);
    bench.reload("[auth]\nmode = \"off\"\n");
    bench.call_is_refused("1999", 480);
}

#[test]
fn records_plugins_and_the_log_change_with_the_file_on_a_signal() {
    let bench = Bench::start("[node]\nwatch_config = false\n");
    let folder = bench.file.parent().unwrap().to_owned();
    save(&folder.join("bar.rhai"), "fn route(call) { refuse(403) }");
    bench.call_is_refused("1999", 480);
    let all = "[records]\npath = \"calls.jsonl\"\n[plugins]\nload = [\"bar.rhai\"]\n[log]\nfilter = \"debug\"\n";
    save(&bench.file, all);
    bench.switch.signal("HUP");
    wait::until("the plugin to be loaded", || {
        let plugins = bench.switch.get("/api/plugins");
        (plugins[0]["id"] == "bar").then_some(())
    });
    // It says more of what happens; nothing may until then.
    wait::until("the log to say more", || {
        bench.call_is_refused("1999", 403);
        bench.switch.log().contains("DEBUG").then_some(())
    });
    // Plugins of a new configuration are watched.
    save(&folder.join("bar.rhai"), "fn route(call) { refuse(410) }");
    wait::until("the new version", || {
        let plugins = bench.switch.get("/api/plugins");
        (plugins[0]["serial"] == 2).then_some(())
    });
    bench.call_is_refused("1999", 410);
    let written = |path: &Path, count: usize| {
        wait::until("the records", || {
            let text = fs::read_to_string(path).unwrap_or_default();
            (text.lines().count() == count).then_some(())
        });
    };
    written(&folder.join("calls.jsonl"), 2);
    bench.reload(&all.replace("calls.jsonl", "other.jsonl"));
    bench.call_is_refused("1999", 410);
    written(&folder.join("other.jsonl"), 1);
    bench.reload("");
    bench.call_is_refused("1999", 480);
    assert_eq!(fs::read_to_string(folder.join("other.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn a_watched_file_is_read_when_it_changes() {
    let bench = Bench::start("[node]\nwatch_config = true\n");
    save(&bench.file, TWO);
    wait::until("the file to be read", || {
        bench.switch.log().contains("configuration changed").then_some(())
    });
    bench.call_is_refused("1999", 401);
}

#[test]
fn a_file_that_was_cut_short_does_not_open_the_door() {
    let bench = Bench::start(TWO);
    for cut in ["", "[node]\nname = \"office\"\n"] {
        let (status, answer) = bench.reload(cut);
        assert_eq!((status, &answer["outcome"]), (422, &json!("refused")), "{answer}");
        let what = answer["problems"][0]["what"].as_str().unwrap();
        assert!(what.contains("no [[subscriber]] has a password any more"), "{what}");
        let mut stranger = Phone::with_password(&bench.switch, "1000", "guess");
        stranger.expect(&registered(401, false));
    }
    let (status, _) = bench.reload("[auth]\nmode = \"off\"\n");
    assert_eq!(status, 200);
}
