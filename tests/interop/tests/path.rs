//! A phone behind an edge proxy (RFC 3327): Debian's Kamailio between SIPp and the switch.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use jackfield_interop::{Carrier, Phone, Switch, peers, ports, sipp::Scenario, switch::save};

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

#[test]
fn a_phone_sends_its_calls_through_the_proxy_that_the_registrar_names() {
    let folder = tempfile::tempdir().unwrap();
    let port = ports::free();
    let route = format!("registrar.service_route=[\"sip:127.0.0.1:{port};lr\"]");
    let script = folder.path().join("office.rhai");
    let policy = "fn route(call) { if call.header(\"X-Edge\") == \"yes\" { pass() } else { refuse(403) } }\n";
    save(&script, policy);
    let switch = Switch::start(&[&route], &[&script]);
    let text = fs::read_to_string(peers::here().join("kamailio/edge.cfg")).unwrap();
    let text = text.replace("@SWITCH@", &switch.sip_port.to_string());
    // What comes by the route goes on to whom it is for: the switch.
    let text = text.replace(
        "    record_route();\n",
        "    record_route();\n    append_hf(\"X-Edge: yes\\r\\n\");\n    loose_route();\n",
    );
    let _edge = Carrier::configured(folder.path(), "127.0.0.1", port, &text);
    let mut ann = Phone::register(&switch, "1000", 440);
    let mut ben = Phone::register(&switch, "2000", 1000);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("answer");
    ann.expect_call("CONFIRMED");
    ann.tell("hangup");
    ben.expect_call("DISCONNECTED");
}
