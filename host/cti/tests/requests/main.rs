//! The table of requests in `docs/cti.md` is what the modules do.
//!
//! `JACKFIELD_UPDATE_DOCS=1` writes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{env, fmt::Write as _, fs, path::Path};

use jackfield_cti::{DONE, Handler, handler};
use tlib::MessageType;

const MARK: &str = "do not edit below this line. -->\n";

/// What tells of the node and of no DN is answered everywhere.
const OF_THE_NODE: [MessageType; 3] = [
    MessageType::RequestQueryServer,
    MessageType::RequestQuerySwitch,
    MessageType::RequestQueryLocation,
];

fn table() -> String {
    let mut text = String::from("\n| number | request | done by | |\n|---|---|---|---|\n");
    for kind in MessageType::ALL.iter().filter(|kind| kind.is_request()) {
        let by = match handler(*kind) {
            Handler::Session => "every port",
            Handler::Registry if OF_THE_NODE.contains(kind) => "every port",
            Handler::Registry => "every port but IPport",
            Handler::Agents | Handler::Features | Handler::Supervision | Handler::Bulk => {
                "T-Controller"
            }
            Handler::Monitoring => "Interaction Proxy",
            Handler::Calls => "Session Controller, asked at `default` or `TCport`",
        };
        let (by, state) = match DONE.contains(kind) {
            true => (by, "done"),
            false => ("–", "EventError 51; to come"),
        };
        writeln!(text, "| {} | {} | {by} | {state} |", kind.number(), kind.name()).unwrap();
    }
    text
}

#[test]
fn the_table_of_requests_is_what_is_done() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cti.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, written) = text.split_once(MARK).unwrap();
    let table = table();
    if env::var_os("JACKFIELD_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{MARK}{table}")).unwrap();
        return;
    }
    assert!(written == table, "docs/cti.md is stale; run with JACKFIELD_UPDATE_DOCS=1");
}
