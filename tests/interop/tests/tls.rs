//! TLS, with OpenSSL's own client: certificates, mutual authentication, renewal under a connection that stands.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use jackfield_interop::{
    Dns, Switch, Wire,
    certificates::{self, authority, openssl},
    ports,
    sipp::Scenario,
    switch::save,
    wait,
};

/// Makes a certificate of the authority for 127.0.0.1.
fn certificate(folder: &Path, name: &str) {
    certificates::certificate(folder, name, "IP:127.0.0.1");
}

/// OpenSSL's client on a connection.
struct Client {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Client {
    fn connect(folder: &Path, port: u16, more: &str) -> Self {
        let at = format!("127.0.0.1:{port}");
        let mut process = Command::new("openssl")
            .args(["s_client", "-connect", &at, "-CAfile", "ca.pem", "-verify_return_error"])
            .args(["-nocommands", "-verify_ip", "127.0.0.1"])
            .args(more.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, input, lines }
    }

    /// The next line that begins so, or nothing when the client has ended.
    fn line(&self, begin: &str) -> Option<String> {
        loop {
            let line = self.lines.recv_timeout(wait::PATIENCE).ok()?;
            if line.starts_with(begin) {
                return Some(line);
            }
        }
    }

    /// Sends an OPTIONS and gives the status line of its answer.
    fn ask(&mut self, number: u32) -> Option<String> {
        let options = format!(
            "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{number}\r\n\
             From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: {number}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        self.input.write_all(options.as_bytes()).ok()?;
        self.line("SIP/2.0 ")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn switch(folder: &Path, more: &str, settings: &[&str]) -> Switch {
    let (listener, udp) = listeners(folder, more);
    Switch::listening(&[&listener, udp], settings, &[])
}

fn listeners(folder: &Path, more: &str) -> (String, &'static str) {
    let at = folder.display();
    let listener = format!(
        "name=\"tls\",transport=\"tls\",bind=\"127.0.0.1:@PORT@\",certificate=\"{at}/server.pem\",key=\"{at}/server.key\"{more}"
    );
    (listener, "name=\"udp\",bind=\"127.0.0.1:@PORT@\"")
}

const OK: &str = "SIP/2.0 200 OK";

#[test]
fn a_renewed_certificate_serves_new_connections_and_a_bad_one_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    let switch = switch(at, "", &[]);
    let mut standing = Client::connect(at, switch.sip_port, "");
    assert!(standing.line(" 0 s:CN = server").is_some());
    assert_eq!(standing.ask(1).as_deref(), Some(OK));
    certificate(at, "renewed");
    std::fs::copy(at.join("renewed.key"), at.join("server.key")).expect("a copy");
    std::fs::copy(at.join("renewed.pem"), at.join("server.pem")).expect("a copy");
    wait::until("the renewed certificate", || {
        let client = Client::connect(at, switch.sip_port, "");
        client.line(" 0 s:CN = ").filter(|line| line.ends_with("renewed"))
    });
    assert_eq!(standing.ask(2).as_deref(), Some(OK), "the standing connection stands");
    std::fs::write(at.join("server.pem"), "nothing").expect("a file");
    wait::until("the refusal of a bad certificate", || {
        let log = switch.log();
        (log.contains("server.pem") && log.contains("the old one serves on")).then_some(())
    });
    let mut fresh = Client::connect(at, switch.sip_port, "");
    assert_eq!(fresh.ask(3).as_deref(), Some(OK));
    assert_eq!(standing.ask(4).as_deref(), Some(OK));
}

#[test]
fn who_has_no_certificate_of_the_authority_is_not_served_where_one_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    certificate(at, "phone");
    let switch = switch(at, &format!(",client_ca=\"{}/ca.pem\"", at.display()), &[]);
    let mut known = Client::connect(at, switch.sip_port, "-cert phone.pem -key phone.key");
    assert_eq!(known.ask(1).as_deref(), Some(OK));
    let mut unknown = Client::connect(at, switch.sip_port, "");
    assert_eq!(unknown.ask(2), None);
    assert_eq!(known.ask(3).as_deref(), Some(OK));
}

#[test]
fn who_does_not_speak_tls_or_never_ends_its_handshake_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    let switch = switch(at, "", &["streams.handshake_timeout_ms=1000"]);
    let mut plain = Wire::connect(switch.sip_port);
    let options = plain.options("Content-Length: 0\r\n");
    plain.send(options);
    plain.expect_end();
    let mut silent = Wire::connect(switch.sip_port);
    silent.expect_end();
    assert!(switch.log().contains("handshake_timeout_ms"), "{}", switch.log());
    let mut client = Client::connect(at, switch.sip_port, "");
    assert_eq!(client.ask(1).as_deref(), Some(OK));
}

/// OpenSSL's server with a certificate; gives its port, and what it is told.
fn server(folder: &Path, certificate: &str) -> (u16, Client) {
    let port = ports::free();
    let mut process = Command::new("openssl")
        .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-quiet"])
        .args(["-cert", &format!("{certificate}.pem"), "-key", &format!("{certificate}.key")])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let input = process.stdin.take().expect("a pipe");
    let output = BufReader::new(process.stdout.take().expect("a pipe"));
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    wait::until("openssl to listen", || ports::is_bound("tcp", port).then_some(()));
    (port, Client { process, input, lines })
}

/// Registers 2000 over UDP at a TLS port, and calls it: the status that is not provisional, if `answered`.
fn call(switch: &Switch, port: u16, answered: bool) -> Option<String> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(wait::PATIENCE)).expect("a time-out");
    let here = socket.local_addr().expect("an address");
    let ask = |method: &str, more: &str, wait_for_it: bool| {
        let text = format!(
            "{method} sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}\r\n\
             From: <sip:2000@127.0.0.1>;tag=a\r\nTo: <sip:2000@127.0.0.1>\r\nCall-ID: {here}-{method}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), ("127.0.0.1", switch.sip_port)).expect("sent");
        if !wait_for_it {
            return None;
        }
        loop {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).expect("an answer");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") {
                return text.lines().next().map(str::to_owned);
            }
        }
    };
    let contact = format!("Contact: <sip:2000@127.0.0.1:{port};transport=tls>\r\n");
    assert_eq!(ask("REGISTER", &contact, true).as_deref(), Some(OK));
    ask("INVITE", &format!("Contact: <sip:1000@{here}>\r\n"), answered)
}

#[test]
fn a_contact_with_a_certificate_we_trust_is_called_and_another_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    certificate(at, "phone");
    openssl(
        at,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout stranger.key -out stranger.pem -days 2 -subj /CN=stranger -addext subjectAltName=IP:127.0.0.1",
    );
    let switch = switch(at, &format!(",ca=\"{}/ca.pem\"", at.display()), &[]);
    let (port, phone) = server(at, "phone");
    call(&switch, port, false);
    let line = phone.line("INVITE ").expect("the INVITE arrives");
    assert_eq!(line, format!("INVITE sip:2000@127.0.0.1:{port};transport=tls SIP/2.0"));
    let via = phone.line("Via: ").expect("a Via");
    assert!(via.starts_with("Via: SIP/2.0/TLS 127.0.0.1:"), "{via}");
    let other = self::switch(at, &format!(",ca=\"{}/ca.pem\"", at.display()), &[]);
    let (port, _stranger) = server(at, "stranger");
    assert_eq!(call(&other, port, true).as_deref(), Some("SIP/2.0 503 Service Unavailable"));
    assert!(other.log().contains("the TLS handshake failed"), "{}", other.log());
}

/// A switch that probes a trunk at `carrier.test:PORT` over TLS, and trusts the test's authority, or those of the system.
fn switch_with_a_trunk(folder: &Path, dns: &Dns, port: u16, ca: bool) -> Switch {
    let ca = if ca { format!(",ca=\"{}/ca.pem\"", folder.display()) } else { String::new() };
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"sip:carrier.test:{port};transport=tls\",probe_interval_s=1}}]"
    );
    switch(folder, &ca, &[&dns.setting(), &trunk])
}

#[test]
fn a_carrier_must_have_a_certificate_of_the_domain_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    certificates::certificate(at, "carrier", "DNS:carrier.test");
    certificates::certificate(at, "other", "DNS:other.test,IP:127.0.0.1");
    let dns = Dns::start(&["--host-record=carrier.test,127.0.0.1".to_owned()]);
    let (port, carrier) = server(at, "carrier");
    let trusting = switch_with_a_trunk(at, &dns, port, true);
    let line = carrier.line("OPTIONS ").expect("the probe arrives");
    assert_eq!(line, format!("OPTIONS sip:carrier.test:{port};transport=tls SIP/2.0"));
    drop(trusting);
    let refused = |switch: &Switch| {
        wait::until("the certificate to be refused", || {
            switch.log().contains("the TLS handshake failed").then_some(())
        });
    };
    // Its name is another, though the authority is right and so is the address.
    let (port, _other) = server(at, "other");
    refused(&switch_with_a_trunk(at, &dns, port, true));
    // The name is right, and the system knows nothing of the authority.
    let (port, _carrier) = server(at, "carrier");
    refused(&switch_with_a_trunk(at, &dns, port, false));
}

#[test]
fn without_authorities_of_its_own_a_listener_trusts_those_of_the_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    let (port, carrier) = server(at, "server");
    let (listener, udp) = listeners(at, "");
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"sip:127.0.0.1:{port};transport=tls\",probe_interval_s=1}}]"
    );
    let _switch = Switch::trusting(&at.join("ca.pem"), &[&listener, udp], &[&trunk]);
    let line = carrier.line("OPTIONS ").expect("the probe arrives");
    assert_eq!(line, format!("OPTIONS sip:127.0.0.1:{port};transport=tls SIP/2.0"));
}

#[test]
fn what_is_for_one_domain_does_not_go_to_who_speaks_for_another_at_the_same_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    certificates::certificate(at, "carrier", "DNS:carrier.test");
    let names = ["carrier", "second"].map(|name| format!("--host-record={name}.test,127.0.0.1"));
    let dns = Dns::start(&names);
    let (port, carrier) = server(at, "carrier");
    let trunk = |name: &str| {
        format!(
            "{{name=\"{name}\",uri=\"sip:{name}.test:{port};transport=tls\",probe_interval_s=1}}"
        )
    };
    let trunks = format!("trunk=[{},{}]", trunk("carrier"), trunk("second"));
    let ca = format!(",ca=\"{}/ca.pem\"", at.display());
    let switch = switch(at, &ca, &[&dns.setting(), &trunks]);
    wait::until("what is for the second to be held back", || {
        switch.log().contains("certificate is not of the host that was asked for").then_some(())
    });
    for _ in 0..3 {
        let line = carrier.line("OPTIONS ").expect("a probe arrives");
        assert!(line.contains("carrier.test"), "{line}");
    }
}

/// Two switches with certificates, of which `west` keeps a connection to `east`; then a call from east to west. Gives how many connections
/// east has made.
fn connections_made(reuse: bool) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    authority(at);
    certificate(at, "server");
    let authorities = at.join("ca.pem");
    let (tls, udp) =
        listeners(at, &format!(",client_ca=\"{0}\",ca=\"{0}\"", authorities.display()));
    let script = |name: &str, target: &str| {
        let script = at.join(name);
        save(&script, format!("fn route(call) {{ plan({target}) }}\n"));
        script
    };
    // The port of the one must be known before the other starts.
    let west_port = ports::free();
    let to_west = format!(
        "trunk=[{{name=\"west\",uri=\"sip:127.0.0.1:{west_port};transport=tls\",probe_interval_s=0}}]"
    );
    let reuses = format!("streams.reuse_connections={reuse}");
    let east_script = script("east.rhai", "trunk(\"west\")");
    let east =
        Switch::listening(&[&tls, udp], &[&to_west, &reuses, "media.mode=bypass"], &[&east_script]);
    let called = Scenario::new("callee", at).value("RING", 0).listen();
    let west_script =
        script("west.rhai", &format!("\"sip:2000@127.0.0.1:{};transport=udp\"", called.port));
    let to_east = format!(
        "trunk=[{{name=\"east\",uri=\"sip:127.0.0.1:{};transport=tls\",probe_interval_s=1,connection_reuse=true}}]",
        east.sip_port
    );
    let west = Switch::listening_at(
        west_port,
        &[&tls, udp],
        &[&to_east, "media.mode=bypass"],
        &[&west_script],
    );
    wait::until("west to be connected to east", || {
        (west.get("/api/trunks")[0]["reach"] == "up").then_some(())
    });
    Scenario::new("caller", at).value("TALK", 0).call(east.sip_port, "2000").succeed();
    called.succeed();
    east.counter("jackfield_connections_made_total")
}

#[test]
fn a_peer_with_a_certificate_is_sent_calls_over_the_connection_it_made() {
    assert_eq!(connections_made(true), 0);
    assert_eq!(connections_made(false), 1);
}
