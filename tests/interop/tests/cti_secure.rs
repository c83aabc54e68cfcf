//! T-Library ports over TLS and WebSocket: certificates as at the SIP listeners, and the same events as over TCP, with clients that nobody
//! here wrote (OpenSSL, the Python package websockets) and our own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
};

use jackfield_interop::{
    Desk, Floor,
    certificates::{self, HERE, authority, certificate},
    lines, peers, ports,
    sipp::Scenario,
    wait,
};
use tlib_client::{Client, Options, Tls, requests};

const ORIGIN: &str = "https://desk.example";

/// A floor whose T-Controller has a port of each transport besides.
struct Office {
    floor: Floor,
    folder: tempfile::TempDir,
    tls: SocketAddr,
    ws: SocketAddr,
    wss: SocketAddr,
    /// TLS that wants certificates of its clients.
    mutual: SocketAddr,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        authority(at);
        certificate(at, "server", HERE);
        certificate(at, "desk", "DNS:desk.example");
        let [tls, ws, wss, mutual] =
            [(); 4].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free())));
        let files = format!("certificate=\"{0}/server.pem\",key=\"{0}/server.key\"", at.display());
        let wants = format!("{files},client_ca=\"{}/ca.pem\"", at.display());
        let pages = format!("origins=[\"{ORIGIN}\"]");
        let more = [
            format!("{{name=\"TCport\",bind=\"{tls}\",transport=\"tls\",{files}}}"),
            format!("{{name=\"TCport\",bind=\"{ws}\",transport=\"ws\",{pages}}}"),
            format!("{{name=\"TCport\",bind=\"{wss}\",transport=\"wss\",{files},{pages}}}"),
            format!("{{name=\"TCport\",bind=\"{mutual}\",transport=\"tls\",{wants}}}"),
        ];
        Self { floor: Floor::with(0, &more, &[], &[]), folder, tls, ws, wss, mutual }
    }

    fn at(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// Registers the phone of 2002; gives the port that it will listen at.
    fn register(&self) -> u16 {
        let port = ports::free();
        Scenario::new("register_contact", self.floor.switch.folder())
            .value("USER", "2002")
            .value("CONTACT", format!("<sip:2002@127.0.0.1:{port}>"))
            .value("EXPIRES", 3600)
            .call(self.floor.switch.sip_port, "2002")
            .succeed();
        port
    }

    /// Has 5551001 call 2002, which answers; the call is over when this returns.
    fn call(&self, port: u16) {
        let scenario = |name| Scenario::new(name, self.floor.switch.folder());
        let ben = scenario("callee").value("RING", 100).on(port).listen();
        scenario("caller")
            .value("FROM", "5551001")
            .value("TALK", 100)
            .call(self.floor.switch.sip_port, "2002")
            .succeed();
        ben.succeed();
    }

    /// What `jackfield tlib` says that is to fail.
    fn refused(&self, port: SocketAddr, arguments: &[&str]) -> String {
        let output = Command::new(peers::jackfield())
            .args(["tlib", "--connect", &port.to_string(), "QueryServer"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// A client in Python; ended when dropped.
struct Script {
    process: Child,
    lines: Receiver<String>,
}

impl Script {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(peers::tlib_python().join("python"))
            .arg(peers::here().join("tlib").join(name))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines::text(process.stdout.take().unwrap());
        Self { process, lines }
    }

    #[track_caller]
    fn says(&self, expected: &[&str]) {
        for line in expected {
            assert_eq!(self.lines.recv_timeout(wait::PATIENCE).as_deref(), Ok(*line));
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_client_for_rust_speaks_tls() {
    let office = Office::open();
    let phone = office.register();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connect = |folder: &Path, name| {
        let tls = Tls::trusting(&fs::read(folder.join("ca.pem")).unwrap(), name).unwrap();
        runtime.block_on(Client::connect(office.tls, Options::new("desk").tls(tls)))
    };
    let others = tempfile::tempdir().unwrap();
    authority(others.path());
    let stranger = connect(others.path(), "localhost").unwrap_err().to_string();
    assert!(stranger.contains("invalid peer certificate"), "{stranger}");
    let named = connect(office.folder.path(), "desk.example").unwrap_err().to_string();
    assert!(named.contains("not valid for name"), "{named}");
    let mut client = connect(office.folder.path(), "localhost").unwrap();
    runtime.block_on(client.call(requests::register_address("2002"))).unwrap();
    office.call(phone);
    let events: Vec<&str> = runtime.block_on(async {
        let mut events = Vec::new();
        while events.last() != Some(&"EventReleased") {
            events.push(client.event().await.unwrap().kind().name());
        }
        events
    });
    assert_eq!(events, ["EventRegistered", "EventRinging", "EventEstablished", "EventReleased"]);
}

const EVENTS: [&str; 3] =
    ["EventRinging 2002 5551001", "EventEstablished 2002 5551001", "EventReleased 2002 5551001"];

#[test]
fn every_transport_has_the_events_of_a_call() {
    let office = Office::open();
    let phone = office.register();
    let (ca, desk) = (office.at("ca.pem"), office.at("desk.pem"));
    let key = office.at("desk.key");
    let tls = ["--tls", "--ca", &ca];
    let mutual = [&tls[..], &["--certificate", &desk, "--key", &key]].concat();
    let connect = |port, more: &[&str]| Desk::connect_with(port, "desk", &["2002"], more);
    let mut desks = [
        connect(office.floor.tc_port, &[]),
        connect(office.tls, &tls),
        connect(office.ws, &["--websocket"]),
        connect(office.wss, &["--websocket", "--tls", "--ca", &ca]),
        connect(office.mutual, &mutual),
    ];
    let port = office.tls.port().to_string();
    let python = Script::start("secure.py", &[&port, &ca, "2002"]);
    let urls = [format!("ws://{}/", office.ws), format!("wss://localhost:{}/", office.wss.port())];
    let pages = urls.map(|url| Script::start("page.py", &[&url, &ca, ORIGIN, "2002"]));
    for script in pages.iter().chain([&python]) {
        script.says(&["ready"]);
    }
    office.call(phone);
    for desk in &mut desks {
        desk.sees(&[
            "2002 Ringing{C1 De, O 5551001 Or}",
            "2002 Established{C1 De, O 5551001 Or}",
            "2002 Released{C1 De, O 5551001 Or}",
        ]);
        desk.sees_nothing_more();
    }
    python.says(&EVENTS);
    for page in &pages {
        page.says(&EVENTS);
        page.says(&["closed 1000"]);
    }
}

#[test]
fn who_is_not_trusted_is_not_talked_to_on_either_side() {
    let office = Office::open();
    let ca = office.at("ca.pem");
    let other = tempfile::tempdir().unwrap();
    authority(other.path());
    let others = other.path().join("ca.pem").display().to_string();
    for (port, arguments, said) in [
        (office.tls, &["--tls", "--ca", &others][..], "invalid peer certificate"),
        (
            office.tls,
            &["--tls", "--ca", &ca, "--server-name", "desk.example"],
            "not valid for name",
        ),
        (office.mutual, &["--tls", "--ca", &ca], "CertificateRequired"),
        (office.floor.tc_port, &["--tls", "--ca", &ca], "no TLS with"),
        (office.tls, &["--websocket"], "no WebSocket with"),
    ] {
        let error = office.refused(port, arguments);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    let page = Script::start(
        "page.py",
        &[&format!("ws://{}/", office.ws), &ca, "https://evil.example", "2002"],
    );
    page.says(&["403 pages of \"https://evil.example\" may not connect: it is not among the `origins` of this port"]);
}

#[test]
fn a_renewed_certificate_is_shown_to_new_clients_and_those_that_are_there_stay() {
    let office = Office::open();
    let folder: &Path = office.folder.path();
    let ca = office.at("ca.pem");
    let mut standing =
        Desk::connect_with(office.wss, "desk", &["2001"], &["--websocket", "--tls", "--ca", &ca]);
    for port in [office.tls, office.wss] {
        assert_eq!(certificates::shown(folder, port.port()).as_deref(), Some("server"));
    }
    certificate(folder, "renewed", HERE);
    fs::copy(folder.join("renewed.key"), folder.join("server.key")).unwrap();
    fs::copy(folder.join("renewed.pem"), folder.join("server.pem")).unwrap();
    for port in [office.tls, office.wss] {
        wait::until("the renewed certificate", || {
            certificates::shown(folder, port.port()).filter(|name| name == "renewed")
        });
    }
    standing.sees_nothing_more();
}
