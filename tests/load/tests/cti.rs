//! The benchmarks of T-Library run: `tests/bench/cti.py` and `events.py` with a few calls and clients. What each client is told is exact;
//! how long it took is looked at by whoever measures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use jackfield_interop::{peers, ports};
use serde_json::{Value, json};

fn bench(script: &str, ports: usize, options: &[&str]) -> Output {
    let ports: Vec<String> = (0..ports).map(|_| ports::free().to_string()).collect();
    Command::new("python3")
        .arg(peers::here().join("../bench").join(script))
        .args(["--rounds", "1", "--ports", &ports.join(",")])
        .args(options)
        .env("JACKFIELD_BIN", peers::jackfield())
        .env("JACKFIELD_LOAD", env!("CARGO_BIN_EXE_load"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

/// The runs of a benchmark, which it writes to its standard error, one JSON object a line.
fn runs(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_event_of_a_call_is_timed_beside_its_sip_message() {
    let output = bench("cti.py", 6, &["--only", "p99", "--calls", "9", "--warm", "3"]);
    let runs = runs(&output);
    let times = runs[0]["times"].as_array().unwrap();
    let rows: Vec<_> = times
        .iter()
        .map(|row| {
            json!([
                row["client"],
                row["message"],
                row["event"],
                row["passed_on"]["count"],
                row["told"]["count"]
            ])
        })
        .collect();
    assert_eq!(
        rows,
        [
            json!(["desk", "INVITE", "EventDialing", 9, 9]),
            json!(["desk", "180", "EventRinging", 9, 9]),
            json!(["desk", "200", "EventEstablished", 9, 9]),
            json!(["desk", "BYE", "EventReleased", 9, 9]),
            json!(["all", "INVITE", "EventDialing", 9, 9]),
            json!(["all", "180", "EventRinging", 9, 9]),
            json!(["all", "200", "EventEstablished", 9, 9]),
            json!(["all", "BYE", "EventReleased", 9, 9]),
        ]
    );
    let table = String::from_utf8_lossy(&output.stdout);
    assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count(), 9, "{table}");
}

#[test]
fn every_client_of_a_call_is_counted() {
    let output = bench("cti.py", 6, &["--only", "calls", "--calls", "9", "--warm", "3"]);
    let told: Vec<_> = runs(&output).iter().map(|run| json!([run["name"], run["told"]])).collect();
    // Of each call: EventQueued, EventRouteRequest, EventRouteUsed and EventDiverted to who routes; EventRinging, EventEstablished and
    // EventReleased to the agent's desktop; all of these to who watches; to the recorder what happens to the call and its parties as well.
    assert_eq!(
        told,
        [
            json!(["plain", {}]),
            json!(["DNs, nobody told", {}]),
            json!(["routed, nobody else told", { "route": 4 * 9 }]),
            json!([
                "routed, desk, recorder, monitor",
                { "all": 7 * 9, "desk": 3 * 9, "record": 17 * 9, "route": 4 * 9 }
            ]),
        ]
    );
}

#[test]
fn every_client_of_all_dns_is_counted() {
    let options =
        ["--only", "legacy", "--calls", "9", "--warm", "3", "--dns", "20", "--legacy", "0,2"];
    let output = bench("cti.py", 6, &options);
    let told: Vec<_> = runs(&output)
        .iter()
        .map(|run| json!([run["name"], run["told"], run["module_deliveries"]]))
        .collect();
    let of = |tco: u32, spx: u32| json!({ "CTI": 0.0, "TCO": f64::from(tco), "IPR": 0.0, "SPX": f64::from(spx) });
    assert_eq!(
        told,
        [
            json!(["0 on -, off", {}, of(0, 0)]),
            json!(["0 on -, on", {}, of(0, 0)]),
            json!(["2 on TCport, off", { "all": 2 * 3 * 9 }, of(6, 0)]),
            json!(["2 on TCport, on", { "all": 2 * 3 * 9 }, of(6, 0)]),
            json!(["2 on SmartProxy, off", { "all": 2 * 3 * 9 }, of(0, 6)]),
            json!(["2 on SmartProxy, on", { "all": 2 * 3 * 9 }, of(0, 6)]),
        ]
    );
}

#[test]
fn every_copy_of_an_event_is_counted() {
    let output = bench("events.py", 3, &["--copies", "120", "--clients", "1,3"]);
    let copies: Vec<_> = runs(&output).iter().map(|run| run["copies"].clone()).collect();
    assert_eq!(copies, [json!(120), json!(120)]);
}
