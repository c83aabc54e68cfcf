//! A phone behind an edge proxy (RFC 3327): Debian's Kamailio between SIPp and the switch.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use jackfield_interop::{Carrier, Switch, peers, ports, sipp::Scenario};

#[test]
fn a_phone_behind_a_proxy_is_called_through_it_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("store.path={}", folder.path().join("contacts.db").display());
    let settings = [store.as_str(), "media.mode=bypass"];
    let mut switch = Switch::start(&settings, &[]);
    let port = ports::free();
    let text = fs::read_to_string(peers::here().join("kamailio/edge.cfg")).unwrap();
    let text = text.replace("@SWITCH@", &switch.sip_port.to_string());
    let edge = Carrier::configured(folder.path(), "127.0.0.1", port, &text);

    let phone = || Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    let register = |contact: u16| {
        Scenario::new("register_through", folder.path())
            .value("SWITCH", switch.sip_port)
            .value("CONTACT", contact)
            .call(port, "2000")
            .succeed();
    };
    let call = |switch: &Switch| {
        let caller = Scenario::new("caller", folder.path()).value("TALK", 0);
        caller.call(switch.sip_port, "2000").succeed();
    };
    let first = phone();
    register(first.port);
    let path = switch.get("/api/registrations").to_string();
    assert!(path.contains(&format!("sip:edge@{}", edge.address)), "{path}");
    call(&switch);
    let seen = first.succeed_with_trace();
    let invite = seen.split("INVITE sip:").nth(1).unwrap();
    let vias: Vec<&str> = invite.lines().filter(|line| line.starts_with("Via:")).take(2).collect();
    assert!(vias[0].contains(&edge.address), "the INVITE came from the proxy: {vias:?}");
    assert!(!invite.contains("Route: <sip:edge@"), "which took itself out of the route: {invite}");

    let second = phone();
    register(second.port);
    let sip_port = switch.sip_port;
    switch.kill();
    let again = Switch::start_at(sip_port, &settings, &[]);
    // The first phone's contact is still bound, and its phone is gone; the second answers.
    call(&again);
    second.succeed();
    again.stop();
}
