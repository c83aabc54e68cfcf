//! A small shift: `tests/bench/shift.py` with 10 agents and 60 calls. Each call has one story, each party's events are a legal sequence and
//! each agent's state adds up, or it says what does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use jackfield_interop::{peers, ports};

/// The figures of a shift, which has had no fault.
fn shift(settings: &[&str]) -> serde_json::Value {
    let ports: Vec<String> = (0..10).map(|_| ports::free().to_string()).collect();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(peers::tlib_python().join("python"))
        .arg(peers::here().join("../bench/shift.py"))
        .args(["--agents", "10", "--office", "4", "--calls", "60", "--rate", "4", "--talk", "0.6"])
        .args(settings)
        .args(["--ports", &ports.join(",")])
        .arg("--keep")
        .arg(folder.path())
        .env("JACKFIELD_BIN", peers::jackfield())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
    // Those who give up before anybody answers are three; all others are answered.
    assert_eq!(figures["answered"], 57, "{said}");
    figures
}

#[test]
fn what_clients_are_told_in_a_shift_adds_up() {
    shift(&[]);
}

/// The stock plugins get other settings and a script another text, and each version is in force when the next client subscribes.
#[test]
fn plugins_that_are_replaced_in_a_shift_lose_no_event_and_double_none() {
    let figures = shift(&["--changes", "12"]);
    assert_eq!(figures["versions of plugins"], 12, "{figures}");
}
