//! SIPVicious, the scanner that finds every switch on the open Internet within the hour: what it can learn, and what is logged.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use jackfield_interop::{Switch, ports, wait};
use serde_json::json;

/// The users that are asked for: two are there, three are not.
const ASKED: &str = "1000,1001,2000,2001,3000";

/// The configuration that everybody begins with who gives a subscriber a password. The tool knows MD5 alone, so that is offered.
fn office() -> Switch {
    Switch::start(
        &[
            "auth.algorithms=[\"MD5\"]",
            "subscriber=[{user=\"1000\",password=\"summer\"},{user=\"2000\",password=\"winter\"}]",
        ],
        &[],
    )
}

/// Starts a tool of SIPVicious against the switch; what it says goes to `said`.
fn start(switch: &Switch, tool: &str, arguments: &[&str]) -> Child {
    let said = fs::File::create(switch.folder().join("said")).expect("a file");
    Command::new(tool)
        .args(arguments)
        .args(["-p", &switch.sip_port.to_string(), "-P", &ports::free().to_string(), "127.0.0.1"])
        .current_dir(switch.folder())
        .env("HOME", switch.folder())
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a second handle"))
        .stderr(said)
        .spawn()
        .unwrap_or_else(|error| panic!("{tool}: {error}; `cargo xtask test` installs sipvicious"))
}

fn said(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join("said")).unwrap_or_default()).into_owned()
}

/// What a tool says until it ends.
#[track_caller]
fn run(switch: &Switch, tool: &str, arguments: &[&str]) -> String {
    let mut process = start(switch, tool, arguments);
    wait::until(&format!("{tool} to end"), || process.try_wait().expect("the state of a child"));
    said(switch.folder())
}

#[test]
fn a_scan_finds_the_switch_and_its_name() {
    let switch = office();
    let found = run(&switch, "svmap", &[]);
    assert!(found.contains("Jackfield/"), "{found}");
}

#[test]
fn users_are_not_told_from_who_is_none() {
    let switch = office();
    for method in ["REGISTER", "INVITE"] {
        let asked = run(&switch, "svwar", &["-m", method, "-e", ASKED]);
        assert!(asked.contains("authentication request for an unknown extension"), "{asked}");
        assert!(asked.contains("found nothing"), "{method}: {asked}");
    }
    let forced = run(&switch, "svwar", &["--force", "-m", "REGISTER", "-e", ASKED]);
    assert!(forced.contains("found nothing"), "{forced}");
    assert_eq!(switch.get("/api/calls"), json!([]));
    assert_eq!(switch.counter("jackfield_not_authenticated_total"), 0);
}

#[test]
fn who_guesses_passwords_is_shut_out_before_it_comes_to_the_right_one() {
    let switch = office();
    let words: Vec<String> = (0..200).map(|n| format!("guess{n}")).collect();
    let list = format!("{}\nsummer\n", words.join("\n"));
    fs::write(switch.folder().join("words"), list).expect("a file");
    let mut guesser = start(&switch, "svcrack", &["-u", "1000", "-d", "words"]);
    let (counter, shut_out) = ("jackfield_blocked_total", 300);
    wait::until("the guesser to be shut out for longer than its list", || {
        let ended = guesser.try_wait().expect("the state of a child").is_some();
        (ended || switch.counter(counter) > shut_out).then_some(())
    });
    let _ = guesser.kill();
    let _ = guesser.wait();
    let said = said(switch.folder());
    assert!(switch.counter(counter) > shut_out, "{said}");
    assert!(!said.contains("summer"), "{said}");
    assert_eq!(
        switch.counter("jackfield_not_authenticated_total"),
        10,
        "what failures_max lets by"
    );
    let log = switch.log();
    let lines = log.lines().filter(|line| line.contains("not authenticated source=127.0.0.1:"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 11, "ten guesses, and that it is shut out: {log}");
    assert!(lines[0].ends_with("trouble=\"wrong password\""), "{}", lines[0]);
    assert!(lines[10].ends_with("trouble=\"too many failed attempts\""), "{}", lines[10]);
}
