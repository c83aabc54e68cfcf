//! Devices, and what clients of T-Library may have, changed while the switch runs: who is connected, and a call that is up, go on.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use jackfield_interop::{
    Desk, Handset as _, Phone, Switch, ports, sipp::Scenario, switch::save, wait,
};
use serde_json::{Value, json};

/// A switch with a configuration file that begins with its T-Library ports.
struct Bench {
    switch: Switch,
    file: PathBuf,
    folder: tempfile::TempDir,
    ports: [SocketAddr; 4],
}

const NAMES: [&str; 4] = ["default", "TCport", "IPport", "SmartProxy"];

/// Two phones and a Routing Point.
const BEFORE: &str = r#"
[[dn]]
number = ["2001", "2002"]
[[dn]]
number = "8000"
type = "routing-point"
"#;

/// One of the phones with another option, another phone, another Routing Point.
const AFTER: &str = r#"
[[dn]]
number = "2001"
options = { wrap-up-time = "3" }
[[dn]]
number = "2003"
[[dn]]
number = "8001"
type = "routing-point"
"#;

impl Bench {
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jackfield.toml");
        let ports = NAMES.map(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free())));
        save(&file, configuration(ports, text));
        Self { switch: Switch::with_file(&file, &[]), file, folder, ports }
    }

    /// Has another configuration read; gives what changed, each as `live KEY` or `restart KEY`.
    #[track_caller]
    fn reload(&self, text: &str) -> Vec<String> {
        save(&self.file, configuration(self.ports, text));
        let (status, answer) = self.switch.post("/api/reload");
        assert_eq!((status, &answer["problems"]), (200, &json!([])), "{answer}");
        let shown = |change: &Value| {
            let how = if change["live"] == true { "live" } else { "restart" };
            format!("{how} {}", change["key"].as_str().unwrap())
        };
        answer["changes"].as_array().unwrap().iter().map(shown).collect()
    }

    fn client(&self, port: &str, dns: &[&str]) -> Desk {
        let at = NAMES.iter().position(|name| *name == port).unwrap();
        Desk::connect(self.ports[at], port, dns)
    }

    fn phone(&self, user: &str) -> Phone {
        Phone::register(&self.switch, user, 440)
    }

    /// A call to this number is refused with this status.
    #[track_caller]
    fn refused(&self, number: &str, status: u16) {
        Scenario::new("caller_is_refused", self.switch.folder())
            .value("STATUS", status)
            .call(self.switch.sip_port, number)
            .succeed();
    }
}

fn configuration(ports: [SocketAddr; 4], text: &str) -> String {
    let listen = NAMES.iter().zip(ports);
    let listen: String = listen
        .map(|(name, bind)| format!("[[tlib.listen]]\nname = \"{name}\"\nbind = \"{bind}\"\n"))
        .collect();
    format!("{listen}{text}")
}

#[test]
fn devices_come_change_and_go_while_a_call_is_up() {
    let bench = Bench::start(BEFORE);
    let (mut ann, mut ben) = (bench.phone("2001"), bench.phone("2002"));
    let mut cas = bench.phone("2003");
    let mut desk = bench.client("TCport", &["2001", "2002"]);
    let mut monitor = bench.client("SmartProxy", &["2001", "2002"]);
    let mut router = bench.client("default", &["8000"]);
    let mut recorder = bench.client("IPport", &[]);
    recorder.ask("StartCallMonitoring");
    recorder.sees(&["ACK{event 167, ref 1}"]);
    ann.call("2002");
    ben.ringing();
    ben.answer();
    ann.expect_call("CONFIRMED");
    let talk = [
        "2001 Dialing{C1 Or, O 2002 De}",
        "2002 Ringing{C1 De, O 2001 Or}",
        "2001 Established{C1 Or, O 2002 De}",
        "2002 Established{C1 De, O 2001 Or}",
    ];
    desk.sees(&talk);
    monitor.sees(&talk);
    desk.ask("RegisterAddress ThisDN=2003");
    desk.sees(&["2003 Error{error 59, ref 1}"]);

    let changes = bench.reload(AFTER);
    let of = |number: &str, keys: &[&str]| -> Vec<String> {
        keys.iter().map(|key| format!("live dn.{number}.{key}")).collect()
    };
    let all = ["contact", "number", "type"];
    let expected = [
        of("2001,2002", &all),
        of("2001", &["contact", "number", "options.wrap-up-time", "type"]),
        of("2003", &all),
        of("8000", &all),
        of("8001", &all),
    ];
    assert_eq!(changes, expected.concat());
    desk.sees(&["2002 Unregistered{}"]);
    monitor.sees(&["2002 Unregistered{}"]);
    router.sees(&["8000 Unregistered{}"]);
    // Everybody knows what is new, and nobody what is gone.
    for (client, dn, number) in
        [(&mut desk, "2003", 2), (&mut monitor, "2003", 1), (&mut router, "8001", 1)]
    {
        client.ask(&format!("RegisterAddress ThisDN={dn}"));
        client.sees(&[&format!("{dn} Registered{{ref {number}}}")]);
    }
    desk.ask("RegisterAddress ThisDN=2002");
    desk.sees(&["2002 Error{error 59, ref 3}"]);
    monitor.ask("RegisterAddress ThisDN=2002");
    monitor.sees(&["2002 Error{error 59, ref 2}"]);
    router.ask("RegisterAddress ThisDN=8000");
    router.sees(&["8000 Error{error 59, ref 2}"]);
    bench.refused("8000", 480);
    // The phone that was registered before it was a device is in service, and calls go by what is said of it.
    desk.ask("SetDNDOn ThisDN=2003");
    desk.sees(&["2003 DNDOn{ref 4}"]);
    monitor.sees(&["2003 DNDOn{}"]);
    bench.refused("2003", 486);
    // The call goes on and ends as ever.
    ben.hang_up();
    ann.expect_end(200);
    desk.sees(&["2001 Released{C1 Or, O 2002 De}"]);
    monitor.sees(&["2001 Released{C1 Or, O 2002 De}"]);
    cas.call("8001");
    router.sees(&[
        "8001 Queued{C1 De, O 2003 Or, q 8001}",
        "8001 RouteRequest{C1 De, O 2003 Or, q 8001}",
    ]);
    desk.sees(&["2003 Dialing{C2 Or, O 8001 De}"]);
    assert_eq!(bench.reload(AFTER), [""; 0]);
}

#[test]
fn the_hosts_of_devices_change_with_the_domains() {
    let bench = Bench::start(BEFORE);
    let _ann = bench.phone("2001");
    let mut desk = bench.client("TCport", &["2001"]);
    let domains = format!("[node]\ndomains = [\"example.test\"]\n{BEFORE}");
    assert_eq!(bench.reload(&domains), ["live node.domains"]);
    desk.sees(&["2001 DNOutOfService{}"]);
    assert_eq!(bench.reload(BEFORE), ["live node.domains"]);
    desk.sees(&["2001 DNBackInService{}"]);
    desk.sees_nothing_more();
}

#[test]
fn what_clients_may_have_changes_for_those_to_come_and_logs_begin_and_end() {
    let bench = Bench::start(BEFORE);
    let mut desk = bench.client("TCport", &["2001"]);
    let logs = bench.folder.path().join("logs");
    let tlib = |keys: &str| format!("[tlib]\n{keys}\n{BEFORE}");
    let log = format!("log_path = {:?}\nlog_deliveries = true", logs.display().to_string());
    let changes = bench.reload(&tlib(&format!(
        "{log}\npassword = \"secret\"\ndns_per_client_max = 1\nmailbox_max = 70000\napplication = \"other\""
    )));
    let expected = [
        "restart tlib.application",
        "live tlib.dns_per_client_max",
        "live tlib.log_deliveries",
        "live tlib.log_path",
        "restart tlib.mailbox_max",
        "live tlib.password",
    ];
    assert_eq!(changes, expected);
    // Who is there stays, and may not have more DNs.
    desk.ask("RegisterAddress ThisDN=2002");
    desk.sees(&["2002 Error{error 122, ref 1}"]);
    desk.ask("SetDNDOn ThisDN=2001");
    desk.sees(&["2001 DNDOn{ref 2}"]);
    // Who comes needs the password.
    let refused = |password: &str| {
        let mut command = std::process::Command::new(jackfield_interop::peers::jackfield());
        command.args(["tlib", "--connect", &bench.ports[1].to_string(), "QueryServer"]);
        let output = command.args(["--password", password]).output().unwrap();
        (!output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_refused, why) = refused("guess");
    assert!(is_refused && why.contains("119"), "{why}");
    assert!(!refused("secret").0);
    let read = || -> Option<String> {
        let mut files = fs::read_dir(&logs).ok()?.map(|entry| entry.unwrap().path());
        let path = files.find(|path| path.to_str().is_some_and(|it| it.contains("SIPS-1280.")));
        fs::read_to_string(path?).ok()
    };
    let text = wait::until("the log of the T-Controller", || {
        read().filter(|text| text.contains("sent to") && text.contains("RequestQueryServer"))
    });
    let dnd = text.lines().filter(|line| line.starts_with('@') && line.ends_with("EventDNDOn"));
    assert_eq!(dnd.count(), 1, "{text}");
    assert!(!text.contains("secret"), "{text}");
    // And it ends.
    let expected = [
        "live tlib.dns_per_client_max",
        "live tlib.log_deliveries",
        "live tlib.log_path",
        "live tlib.password",
    ];
    assert_eq!(bench.reload(&tlib("")), expected);
    let before = read().unwrap();
    desk.ask("SetDNDOff ThisDN=2001");
    desk.sees(&["2001 DNDOff{ref 3}"]);
    desk.sees_nothing_more();
    assert_eq!(read().unwrap(), before);
    // A folder that cannot be made refuses all of it.
    save(
        &bench.file,
        configuration(bench.ports, &tlib("log_path = \"/proc/no/folder\"\npassword = \"x\"")),
    );
    let (status, answer) = bench.switch.post("/api/reload");
    assert_eq!((status, &answer["outcome"]), (422, &json!("refused")));
    assert!(answer["problems"][0]["what"].as_str().unwrap().contains("tlib.log_path"), "{answer}");
    assert!(!refused("").0);
}

#[test]
fn the_first_device_needs_ports_which_need_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jackfield.toml");
    save(&file, "");
    let switch = Switch::with_file(&file, &[]);
    save(&file, "[[dn]]\nnumber = \"8000\"\ntype = \"routing-point\"\n");
    let (status, answer) = switch.post("/api/reload");
    let ports = "default at 127.0.0.1:7000, TCport at 127.0.0.1:7001, IPport at 127.0.0.1:7002, SmartProxy at 127.0.0.1:7003";
    let missing = json!({"key": "tlib.listen", "from": null, "to": ports, "live": false});
    assert_eq!(status, 200, "{answer}");
    let changes = answer["changes"].as_array().unwrap();
    assert!(changes.contains(&missing), "{answer}");
    let taken = |key: &str| changes.iter().any(|it| it["key"] == key && it["live"] == true);
    assert!(taken("dn.8000.number") && taken("dn.8000.type"), "{answer}");
}
