//! The switch as a record-routing proxy, where the route says so: SIPp, pjsua2 and Kamailio through it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf};

use jackfield_interop::{Carrier, Phone, Switch, peers, ports, sipp::Scenario, tone::assert_hears};

const LISTENERS: [&str; 2] = [
    "name=\"udp\",bind=\"127.0.0.1:@PORT@\"",
    "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"",
];

fn script() -> PathBuf {
    peers::here().join("plugins/proxy.rhai")
}

fn proxy() -> Switch {
    Switch::listening(&LISTENERS, &[], &[&script()])
}

#[track_caller]
fn register(switch: &Switch, contact: u16) {
    Scenario::new("register", switch.folder())
        .value("USER", "2000")
        .value("CONTACT", contact)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
}

/// A scenario for each end of a call through this proxy: both must go as written.
#[track_caller]
fn both_succeed<'a>(switch: &'a Switch, caller: Scenario<'a>, callee: Scenario<'a>) {
    let called = callee.listen();
    register(switch, called.port);
    caller.call(switch.sip_port, "2000").succeed();
    called.succeed();
    // One phone at a time.
    Scenario::new("register_contact", switch.folder())
        .value("USER", "2000")
        .value("CONTACT", "*")
        .value("EXPIRES", 0)
        .call(switch.sip_port, "2000")
        .succeed();
}

#[test]
fn calls_of_every_kind_go_through_and_leave_nothing() {
    let switch = proxy();
    let at = |name| Scenario::new(name, switch.folder());
    both_succeed(&switch, at("caller").value("TALK", 100), at("callee").value("RING", 100));
    both_succeed(&switch, at("caller_is_left"), at("callee_leaves"));
    both_succeed(&switch, at("caller_cancels"), at("callee_is_cancelled_behind"));
    let busy = at("callee_refuses").value("STATUS", 486);
    both_succeed(&switch, at("caller_is_refused").value("STATUS", 486), busy);
    both_succeed(&switch, at("caller_holds"), at("callee_is_held"));
    both_succeed(&switch, at("caller_is_held"), at("callee_holds"));
    both_succeed(&switch, at("caller_offers_late"), at("callee_offers"));
    assert_eq!(switch.get("/api/calls").as_array().unwrap().len(), 0);
    switch.stop();
}

#[test]
fn the_call_is_the_callers_own_all_the_way_and_its_bye_finds_the_way_after_a_restart() {
    let secret = ["proxy.secret=\"the same after a restart\""];
    let mut switch = Switch::start(&secret, &[&script()]);
    let port = switch.sip_port;
    let folder = tempfile::tempdir().unwrap();
    let called = Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    register(&switch, called.port);
    let caller = Scenario::new("caller", folder.path()).value("TALK", 4000).traced();
    let caller = caller.call(port, "2000");
    jackfield_interop::wait::until("the call to be up", || {
        let calls = switch.get("/api/calls");
        (calls[0]["phase"] == "established").then_some(())
    });
    // A proxy has passed the 200 on by then, and nobody sends an ACK again that is lost with it.
    jackfield_interop::wait::until("the callee to have the ACK", || {
        called.trace().contains("\nACK sip:").then_some(())
    });
    switch.kill();
    let again = Switch::start_at(port, &secret, &[&script()]);
    let said = caller.succeed_with_trace();
    let heard = called.succeed_with_trace();
    let line = |text: &str, name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    assert_eq!(line(&heard, "Call-ID:"), line(&said, "Call-ID:"));
    assert_eq!(line(&heard, "From:"), line(&said, "From:"));
    let record = line(&heard, "Record-Route:");
    let ours = format!("@127.0.0.1:{port};lr>");
    assert!(record.starts_with("<sip:.") && record.ends_with(&ours), "{record}");
    again.stop();
}

#[test]
fn two_pjsua2_phones_over_two_transports_hear_each_other_directly() {
    for (ann_by, ben_by) in [("udp", "udp"), ("tcp", "udp"), ("udp", "tcp")] {
        let switch = proxy();
        let mut ann = Phone::register_by(&switch, "1000", 440, ann_by);
        let mut ben = Phone::register_by(&switch, "2000", 1000, ben_by);
        ann.call("2000");
        ben.expect(&serde_json::json!({ "event": "incoming" }));
        ben.tell("answer");
        for phone in [&mut ann, &mut ben] {
            phone.expect_media("active");
            phone.expect_call("CONFIRMED");
        }
        for (phone, who, theirs, own) in
            [(&mut ann, "ann", 1000, 440), (&mut ben, "ben", 440, 1000)]
        {
            let file = switch.folder().join(format!("{who}.wav"));
            phone.record(&file, 100);
            assert_hears(&file, theirs.into(), own.into());
        }
        ben.tell("hangup");
        ben.expect_call("DISCONNECTED");
        ann.expect_end(200);
        assert_eq!(switch.get("/api/calls").as_array().unwrap().len(), 0, "{ann_by} {ben_by}");
    }
}

#[test]
fn kamailio_behind_it_record_routes_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let switch = proxy();
    let text = fs::read_to_string(peers::here().join("kamailio/edge.cfg")).unwrap();
    let text = text.replace("@SWITCH@", &switch.sip_port.to_string());
    let edge = Carrier::configured(folder.path(), "127.0.0.1", ports::free(), &text);
    let port: u16 = edge.address.rsplit(':').next().unwrap().parse().unwrap();
    let called = Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    Scenario::new("register_through", folder.path())
        .value("SWITCH", switch.sip_port)
        .value("CONTACT", called.port)
        .call(port, "2000")
        .succeed();
    let caller = Scenario::new("caller", folder.path()).value("TALK", 100);
    caller.call(switch.sip_port, "2000").succeed();
    let heard = called.succeed_with_trace();
    let invite = heard.split("INVITE sip:").nth(1).unwrap();
    let routes: Vec<&str> = invite
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|l| l.starts_with("Record-Route:"))
        .collect();
    // Two of ours: the phone is not where the way to it leads, so that ours names the flow.
    assert_eq!(routes.len(), 3, "{invite}");
    assert!(routes[0].contains(&edge.address), "{routes:?}");
    switch.stop();
}
