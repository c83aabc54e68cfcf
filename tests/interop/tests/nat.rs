//! A baresip phone behind a NAT that the test plays: reached as long as it is kept awake.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};

use jackfield_interop::{
    Baresip, Handset, Line, Nat, Switch,
    certificates::{HERE, authority, certificate},
    wait,
};
use serde_json::Value;

struct Street {
    switch: Switch,
    nat: Nat,
    ann: Baresip,
    ben: Baresip,
    _folder: tempfile::TempDir,
}

/// Ann's phone beside the switch, and Ben's behind a NAT.
fn street(settings: &[&str]) -> Street {
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path());
    certificate(folder.path(), "server", HERE);
    let ca = folder.path().join("ca.pem");
    let ours = ["node.domains=[\"localhost\"]"];
    let settings: Vec<&str> = ours.iter().chain(settings).copied().collect();
    let switch = Switch::start(&settings, &[]);
    let nat = Nat::before(switch.sip_port);
    let phone = |user, port| {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let line =
            Line { user, password: "", transport: "udp", host, port, expires_s: 600, tone_hz: 440 };
        let mut phone = Baresip::start(&line, &ca);
        phone.registered();
        phone
    };
    let (ann, ben) = (phone("1000", switch.sip_port), phone("2000", nat.port));
    Street { switch, nat, ann, ben, _folder: folder }
}

fn registration(switch: &Switch, user: &str) -> Option<Value> {
    let all = switch.get("/api/registrations");
    let of = |one: &&Value| one["aor"].as_str().is_some_and(|aor| aor.starts_with(user));
    all.as_array().unwrap().iter().find(of).cloned()
}

#[test]
fn a_phone_behind_nat_stays_reachable_and_one_that_is_gone_is_forgotten() {
    let Street { switch, mut nat, mut ann, mut ben, .. } =
        street(&["registrar.keepalive_s=1", "registrar.keepalive_failures=2"]);
    for (user, is_behind) in [("1000", false), ("2000", true)] {
        let contact = &registration(&switch, user).unwrap()["contacts"][0];
        assert_eq!(contact["behind_nat"], is_behind, "{user}: {contact}");
    }
    nat.time_passes();
    for _ in 0..3 {
        wait::until("the phone to be asked and to answer", || nat.is_used().then_some(()));
        nat.time_passes();
    }
    assert_eq!(nat.dropped(), 0);
    ann.call("2000");
    ben.connected();
    ann.connected();
    ann.hang_up();
    ben.ended();
    ben.kill();
    wait::until("the phone to be forgotten", || match registration(&switch, "2000") {
        Some(_) => None,
        None => Some(()),
    });
    assert!(registration(&switch, "1000").is_some());
}

#[test]
fn without_keep_alives_the_nat_forgets_it() {
    let Street { switch: _switch, mut nat, mut ann, ben: _ben, .. } =
        street(&["registrar.keepalive_s=0"]);
    nat.time_passes();
    nat.time_passes();
    ann.call("2000");
    wait::until("the INVITE to be lost", || (nat.dropped() > 0).then_some(()));
}
