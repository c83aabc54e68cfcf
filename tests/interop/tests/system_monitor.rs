//! What the System Monitor shows of calls over trunks and of a T-Library client, and the logs that seed 001 has beside those of the modules.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use jackfield_interop::{Desk, Switch, ports, sipp::Scenario, switch::save, wait};
use serde_json::{Value, json};

/// Carriers are at an address of their own, so that callers are none.
const CARRIERS: &str = "127.0.0.2";
const ROUTE: &str = r#"
fn route(call) {
    if call.callee.user == "2000" { return plan(trunk("good", "+43199").ring(10)); }
    plan(trunk("bad", "+43199").ring(10))
}
"#;

/// What the log of this thread says; nothing before there is one.
fn log(folder: &Path, thread: &str) -> String {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let stem = format!("SIPS-{thread}.");
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&stem));
    assert!(files.len() < 2, "{files:?}");
    files.first().map(|file| fs::read_to_string(file).unwrap()).unwrap_or_default()
}

fn trunk<'a>(monitor: &'a Value, name: &str) -> &'a Value {
    let trunks = monitor["sipTrunkStatistics"].as_array().unwrap();
    trunks.iter().find(|trunk| trunk["trunk"] == name).unwrap()
}

/// What was counted of a trunk: attempts, released, calls, the most at once, refused with 4xx, 5xx and 6xx.
fn counts(monitor: &Value, name: &str) -> Value {
    let of = trunk(monitor, name);
    let keys = ["attempts", "released", "calls", "peak_calls"];
    let failed = ["failed_4xx", "failed_5xx", "failed_6xx"];
    keys.iter().chain(&failed).map(|key| of[*key].clone()).collect()
}

#[test]
fn trunks_clients_and_logs_tell_of_calls_over_trunks() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let script = folder.path().join("office.rhai");
    save(&script, ROUTE);
    let answers = Scenario::new("callee", folder.path()).value("RING", 0).at(CARRIERS).listen();
    let refuses = folder.path().join("refuses");
    fs::create_dir(&refuses).unwrap();
    let refuses =
        Scenario::new("callee_refuses", &refuses).value("STATUS", 486).at(CARRIERS).listen();
    let uri = |port: u16| format!("uri=\"sip:{CARRIERS}:{port}\"");
    // SIPp's carriers know no OPTIONS; nobody is where the third should be.
    let trunks = format!(
        "trunk=[{{name=\"good\",{},probe_interval_s=0,group=\"all\",capacity=5}},{{name=\"bad\",{},probe_interval_s=0}},\
         {{name=\"gone\",{},probe_interval_s=1,probe_timeout_ms=500,probe_failures=1}}]",
        uri(answers.port),
        uri(refuses.port),
        uri(ports::free()),
    );
    let desks = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
    let listen = format!("tlib.listen=[{{name=\"TCport\",bind=\"{desks}\"}}]");
    let path = format!("tlib.log_path={}", logs.display());
    let settings = [
        &trunks,
        &listen,
        &path,
        "dn=[{number=[\"2001-2003\"]}]",
        "media.mode=bypass",
        "tlib.keep_alive_s=0",
    ];
    let switch = Switch::start(&settings, &[&script]);
    let mut desk = Desk::connect(desks, "desk", &["2001", "2002"]);
    desk.ask("AgentLogin ThisDN=2001 AgentID=ann");
    desk.sees(&[
        "2001 AgentLogin{agent ann, mode 1, ref 1}",
        "2001 AgentNotReady{agent ann, mode 1}",
    ]);

    let own = folder.path();
    Scenario::new("caller", own).value("TALK", 0).call(switch.sip_port, "2000").succeed();
    let refused = Scenario::new("caller_is_refused", own).value("STATUS", 486);
    refused.call(switch.sip_port, "2999").succeed();
    let monitor = wait::until("both calls to be over and the third trunk to be down", || {
        let monitor = switch.get("/api/monitor");
        let is_over = monitor["sipTrunkStatistics"].as_array()?.iter().all(|it| it["calls"] == 0);
        (is_over && trunk(&monitor, "gone")["in_service"] == false).then_some(monitor)
    });
    assert_eq!(counts(&monitor, "good"), json!([1, 1, 0, 1, 0, 0, 0]));
    assert_eq!(counts(&monitor, "bad"), json!([1, 1, 0, 1, 1, 0, 0]));
    assert_eq!(counts(&monitor, "gone"), json!([0, 0, 0, 0, 0, 0, 0]));
    check_trunks(&monitor);
    let cti = &monitor["sipTSCP"];
    assert_eq!([&cti["dns"], &cti["agents"], &cti["registrations"]], [3, 1, 2]);
    assert_eq!(monitor["sipSessionController"]["module"], "CTI");
    let [client] = &monitor["tLibClientsStatistics"].as_array().unwrap()[..] else { panic!() };
    assert_eq!((&client["application"], &client["module"]), (&json!("desk"), &json!("TCO")));
    // It has registered itself and on two DNs, and logged in.
    assert_eq!([&client["received"], &client["sent"], &client["queued"]], [4, 5, 0]);
    assert_eq!(switch.counter("jackfield_trunk_refused_total{trunk=\"bad\",status=\"4xx\"}"), 1);
    assert_eq!(switch.counter("jackfield_trunk_attempts_total{trunk=\"good\"}"), 1);

    wait::until("the log of the System Monitor", || {
        log(&logs, "1536").contains("---- SIP Server Statistics ----").then_some(())
    });
    switch.stop();
    check_logs(&logs);
}

fn check_trunks(monitor: &Value) {
    let good = trunk(monitor, "good");
    assert_eq!((&good["capacity_group"], &good["capacity"]), (&json!("all"), &json!(5)));
    assert!(good["in_service"] == true && good["peak_rate"] == 0.1, "{good}");
    let server = &monitor["sipServer"];
    assert_eq!((&server["calls_offered"], &server["calls_established"]), (&json!(2), &json!(1)));
    let checks = &monitor["sipServiceChecker"];
    let wanted = json!({"trunks_up": 0, "trunks_down": 1, "trunks_unknown": 2, "outages": 1});
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&checks[key], value, "{checks}");
    }
}

fn check_logs(logs: &Path) {
    let figures = log(logs, "1536");
    assert!(figures.contains("\nsipTrunkStatistics TRUNK=\"good\" "), "{figures}");
    assert!(figures.contains("\ngtsCore/sipServer "), "{figures}");
    let calls = log(logs, "001");
    for said in ["<<<<<\nINVITE sip:2000@", ">>>>>\nINVITE sip:+43199@", ">>>>>\nSIP/2.0 486 "] {
        assert!(calls.contains(said), "{said} in\n{calls}");
    }
    assert!(!calls.contains("\nOPTIONS sip:"), "{calls}");
    let checks = log(logs, "512");
    assert!(checks.contains(">>>>>\nOPTIONS sip:") && !checks.contains("INVITE"), "{checks}");
    assert!(checks.contains(" Std 52003 Trunk gone: service unavailable\n"), "{checks}");
    let transport = log(logs, "768");
    assert!(transport.contains(": Listening on 127.0.0.1:"), "{transport}");
}
