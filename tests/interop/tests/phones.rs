//! Phones of three makers, with passwords, over every transport and both families: what they say of the switch.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use jackfield_interop::{
    Baresip, Handset, Line, Linphone, Phone, Switch,
    certificates::{self, HERE, authority, certificate},
    ports,
    tone::assert_hears,
    wait,
};
use serde_json::json;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// What each phone plays; neither is a harmonic of the other.
const ANN_HZ: u32 = 440;
const BEN_HZ: u32 = 1000;

/// A switch that listens on both families, over UDP and TCP on one port and TLS on another, with two subscribers.
struct Switchboard {
    folder: tempfile::TempDir,
    tls_port: u16,
    switch: Switch,
}

impl Switchboard {
    fn open(algorithms: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        authority(folder.path());
        certificate(folder.path(), "server", HERE);
        let (tls_port, at) = (ports::free(), folder.path().display());
        let algorithms = format!("algorithms=[{algorithms}]");
        let mut listeners = Vec::new();
        for (family, host) in [("4", "127.0.0.1"), ("6", "[::1]")] {
            for by in ["udp", "tcp"] {
                listeners.push(format!(
                    "name=\"{by}{family}\",transport=\"{by}\",bind=\"{host}:@PORT@\",{algorithms}"
                ));
            }
            listeners.push(format!(
                "name=\"tls{family}\",transport=\"tls\",bind=\"{host}:{tls_port}\",\
                 certificate=\"{at}/server.pem\",key=\"{at}/server.key\",{algorithms}"
            ));
        }
        let listeners: Vec<&str> = listeners.iter().map(String::as_str).collect();
        let ours = [
            "subscriber=[{user=\"1000\",password=\"one\"},{user=\"2000\",password=\"two\"}]",
            "node.domains=[\"localhost\"]",
            "media.bind=127.0.0.1",
            "media.advertise6=::1",
        ];
        let settings: Vec<&str> = ours.iter().chain(settings).copied().collect();
        Self { switch: Switch::listening(&listeners, &settings, &[]), tls_port, folder }
    }

    fn line<'a>(&self, user: &'a str, transport: &'a str, host: IpAddr) -> Line<'a> {
        let port = if transport == "tls" { self.tls_port } else { self.switch.sip_port };
        let (password, tone_hz) = if user == "1000" { ("one", ANN_HZ) } else { ("two", BEN_HZ) };
        Line { user, password, transport, host, port, expires_s: 120, tone_hz }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn baresip(&self, line: &Line<'_>) -> Box<dyn Handset> {
        Box::new(Baresip::start(line, &self.ca()))
    }

    fn pjsua2(&self, line: &Line<'_>) -> Box<dyn Handset> {
        Box::new(Phone::on_line(line, self.folder.path(), &self.ca()))
    }

    fn linphone(&self, line: &Line<'_>) -> Box<dyn Handset> {
        Box::new(Linphone::start(line, &self.ca()))
    }
}

/// Ann calls Ben and he hangs up, then he calls her and she does; in both calls each hears the other's tone alone.
#[track_caller]
fn they_call_each_other(ann: &mut dyn Handset, ben: &mut dyn Handset) {
    ann.registered();
    ben.registered();
    ann.call("2000");
    // The called one first: it is where the call is answered.
    ben.connected();
    ann.connected();
    hear_each_other(ann, ben);
    ben.hang_up();
    ben.ended();
    ann.ended();
    ben.call("1000");
    ann.connected();
    ben.connected();
    hear_each_other(ann, ben);
    ann.hang_up();
    ann.ended();
    ben.ended();
}

#[track_caller]
fn hear_each_other(ann: &mut dyn Handset, ben: &mut dyn Handset) {
    assert_hears(&ann.heard(), BEN_HZ.into(), ANN_HZ.into());
    assert_hears(&ben.heard(), ANN_HZ.into(), BEN_HZ.into());
}

const MD5: &str = "\"MD5\"";
const SHA_256: &str = "\"SHA-256\"";

#[test]
fn baresip_by_tls_and_ipv6_and_linphone_by_udp_and_ipv4() {
    let board = Switchboard::open(MD5, &[]);
    let mut ann = board.baresip(&board.line("1000", "tls", V6));
    let mut ben = board.linphone(&board.line("2000", "udp", V4));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn two_linphones_by_sha_256_one_by_tls_and_ipv6_one_by_tcp_and_ipv4() {
    let board = Switchboard::open(SHA_256, &[]);
    let mut ann = board.linphone(&board.line("1000", "tls", V6));
    let mut ben = board.linphone(&board.line("2000", "tcp", V4));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn two_baresips_one_by_tcp_and_ipv6_one_by_tls_and_ipv4() {
    let board = Switchboard::open(MD5, &[]);
    let mut ann = board.baresip(&board.line("1000", "tcp", V6));
    let mut ben = board.baresip(&board.line("2000", "tls", V4));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn baresip_by_udp_and_ipv4_and_linphone_by_udp_and_ipv6() {
    let board = Switchboard::open(MD5, &[]);
    let mut ann = board.baresip(&board.line("1000", "udp", V4));
    let mut ben = board.linphone(&board.line("2000", "udp", V6));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn pjsua2_by_tls_and_ipv4_and_baresip_by_tls_and_ipv6() {
    let board = Switchboard::open(MD5, &[]);
    let mut ann = board.pjsua2(&board.line("1000", "tls", V4));
    let mut ben = board.baresip(&board.line("2000", "tls", V6));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn pjsua2_by_udp_and_linphone_by_tls_and_ipv6_by_what_they_choose() {
    let board = Switchboard::open("\"SHA-256\",\"MD5\"", &[]);
    let mut ann = board.pjsua2(&board.line("1000", "udp", V4));
    let mut ben = board.linphone(&board.line("2000", "tls", V6));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn two_pjsua2s_by_sha_256_one_by_tls_one_by_tcp() {
    let board = Switchboard::open(SHA_256, &[]);
    let mut ann = board.pjsua2(&board.line("1000", "tls", V4));
    let mut ben = board.pjsua2(&board.line("2000", "tcp", V4));
    they_call_each_other(&mut *ann, &mut *ben);
}

#[test]
fn a_phone_that_is_gone_is_forgotten_when_its_registration_ends() {
    let board = Switchboard::open(MD5, &["registrar.expires_min_s=1"]);
    let mut ann = board.baresip(&board.line("1000", "udp", V4));
    ann.registered();
    let mut ben =
        Baresip::start(&Line { expires_s: 3, ..board.line("2000", "udp", V6) }, &board.ca());
    ben.registered();
    ben.kill();
    wait::until("the registration to end", || {
        let registrations = board.switch.get("/api/registrations");
        (registrations.as_array()?.len() == 1).then_some(())
    });
    ann.call("2000");
    assert_eq!(ann.ended(), "480 Temporarily Unavailable");
}

#[test]
fn a_call_by_tls_outlives_the_certificate_it_began_with() {
    let board = Switchboard::open(MD5, &[]);
    let at = board.folder.path();
    let mut ann = board.baresip(&board.line("1000", "tls", V6));
    let mut ben = board.linphone(&board.line("2000", "udp", V4));
    ann.registered();
    ben.registered();
    ann.call("2000");
    ann.connected();
    ben.connected();
    let (ann_hears, ben_hears) = (ann.heard(), ben.heard());
    assert_eq!(certificates::shown(at, board.tls_port).as_deref(), Some("server"));
    certificate(at, "renewed", HERE);
    for end in ["key", "pem"] {
        std::fs::copy(at.join(format!("renewed.{end}")), at.join(format!("server.{end}")))
            .expect("a copy");
    }
    wait::until("the renewed certificate", || {
        (certificates::shown(at, board.tls_port)? == "renewed").then_some(())
    });
    let lengths = || [&ann_hears, &ben_hears].map(|file| file.metadata().expect("a file").len());
    let before = lengths();
    wait::until("another second on the new certificate", || {
        lengths().iter().zip(before).all(|(now, before)| *now > before + 16_000).then_some(())
    });
    // The BYE to the phone takes the connection that stands.
    ben.hang_up();
    ben.ended();
    ann.ended();
    assert_eq!(board.switch.counter("jackfield_connections_made_total"), 0);
    let mut fresh = board.linphone(&board.line("1000", "tls", V4));
    fresh.registered();
}

#[test]
fn a_wrong_password_does_not_register() {
    let board = Switchboard::open(MD5, &[]);
    let wrong = |user| Line { password: "three", ..board.line(user, "tcp", V4) };
    let mut ann = board.baresip(&wrong("1000"));
    let mut ben = board.linphone(&wrong("2000"));
    ann.refused();
    ben.refused();
    assert_eq!(board.switch.get("/api/registrations"), json!([]));
    assert!(board.switch.counter("jackfield_not_authenticated_total") >= 2);
}
