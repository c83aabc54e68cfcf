//! Calls over TCP, alone and mixed with UDP, between SIPp and SIPp.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jackfield_interop::{Sipp, Switch, sipp::Scenario};

const UDP: &str = "name=\"udp\",bind=\"127.0.0.1:@PORT@\"";
const TCP: &str = "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"";

const UDP6: &str = "name=\"udp6\",bind=\"[::1]:@PORT@\"";
const TCP6: &str = "name=\"tcp6\",transport=\"tcp\",bind=\"[::1]:@PORT@\"";

/// Registers 2000 at the callee's port, over the callee's transport.
#[track_caller]
fn register(switch: &Switch, callee: &Sipp, address: &str, transport: &str) {
    Scenario::new("register", switch.folder())
        .at(address)
        .over(transport)
        .value("USER", "2000")
        .value("CONTACT", callee.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
}

#[track_caller]
fn calls(switch: &Switch, from: &str, to: &str, count: u32) {
    calls_at(switch, "127.0.0.1", from, to, count);
}

#[track_caller]
fn calls_at(switch: &Switch, address: &str, from: &str, to: &str, count: u32) {
    let callee = Scenario::new("callee", switch.folder())
        .at(address)
        .value("RING", 20)
        .over(to)
        .calls(count, 50)
        .listen();
    register(switch, &callee, address, to);
    Scenario::new("caller", switch.folder())
        .at(address)
        .value("TALK", 50)
        .over(from)
        .calls(count, 50)
        .call(switch.sip_port, "2000")
        .succeed();
    callee.succeed();
}

#[test]
fn a_call_over_tcp_uses_one_connection_a_side() {
    let switch = Switch::listening(&[TCP], &[], &[]);
    calls(&switch, "t1", "t1", 20);
    // The callee's connection is ours, since the one it registered over is gone.
    assert_eq!(switch.counter("jackfield_connections_made_total"), 1);
    assert_eq!(switch.counter("jackfield_connections_accepted_total"), 2);
    assert_eq!(switch.counter("jackfield_sip_retransmissions_sent_total"), 0);
}

#[test]
fn every_call_may_come_over_a_connection_of_its_own() {
    let switch = Switch::listening(&[TCP], &[], &[]);
    calls(&switch, "tn", "t1", 20);
    // One for each call and one of the registration.
    assert_eq!(switch.counter("jackfield_connections_accepted_total"), 21);
}

#[test]
fn calls_cross_between_tcp_and_udp() {
    let switch = Switch::listening(&[UDP, TCP], &[], &[]);
    calls(&switch, "t1", "u1", 5);
    let switch = Switch::listening(&[UDP, TCP], &[], &[]);
    calls(&switch, "u1", "t1", 5);
}

#[test]
fn several_workers_share_connections_and_calls() {
    let switch = Switch::listening(&[UDP, TCP], &["node.workers=3"], &[]);
    calls(&switch, "tn", "t1", 60);
    assert!(switch.counter("jackfield_handed_over_total") > 0);
}

#[test]
fn calls_are_made_over_ipv6_by_udp_and_tcp() {
    for (listener, transport) in [(UDP6, "u1"), (TCP6, "t1")] {
        let switch = Switch::listening(&[UDP, listener], &["media.bind=::1"], &[]);
        calls_at(&switch, "::1", transport, transport, 5);
    }
}

#[test]
fn a_call_crosses_between_ipv4_and_ipv6_and_each_is_told_an_address_of_its_own_family() {
    let switch = Switch::listening(&[UDP, UDP6], &["media.advertise6=::1"], &[]);
    let callee = Scenario::new("callee", switch.folder())
        .at("::1")
        .value("RING", 20)
        .value("DOMAIN", "localhost")
        .traced()
        .listen();
    Scenario::new("register", switch.folder())
        .at("::1")
        .value("USER", "2000")
        .value("CONTACT", callee.port)
        .value("EXPIRES", 3600)
        .value("DOMAIN", "localhost")
        .call(switch.sip_port, "2000")
        .succeed();
    let caller = Scenario::new("caller", switch.folder())
        .value("TALK", 50)
        .value("DOMAIN", "localhost")
        .traced()
        .call(switch.sip_port, "2000");
    let (told_caller, told_callee) = (caller.succeed_with_trace(), callee.succeed_with_trace());
    assert!(told_callee.contains("c=IN IP6 ::1"), "{told_callee}");
    assert!(!told_callee.contains("IP4"), "{told_callee}");
    assert!(told_caller.contains("c=IN IP4 127.0.0.1"), "{told_caller}");
    assert!(!told_caller.contains("IP6"), "{told_caller}");
}

#[test]
fn media_that_is_not_relayed_does_not_cross_between_families() {
    let settings = ["media.mode=bypass"];
    let switch = Switch::listening(&[UDP, UDP6], &settings, &[]);
    Scenario::new("register", switch.folder())
        .at("::1")
        .value("USER", "2000")
        .value("CONTACT", 9)
        .value("EXPIRES", 3600)
        .value("DOMAIN", "localhost")
        .call(switch.sip_port, "2000")
        .succeed();
    Scenario::new("caller_is_refused", switch.folder())
        .value("STATUS", 488)
        .value("DOMAIN", "localhost")
        .call(switch.sip_port, "2000")
        .succeed();
}

/// A call to a phone that registered over UDP and listens over `to`, with an INVITE that is too large for a datagram.
#[track_caller]
fn a_large_call(switch: &Switch, to: &str) {
    let callee = Scenario::new("callee", switch.folder()).value("RING", 20).over(to).listen();
    register(switch, &callee, "127.0.0.1", "u1");
    Scenario::new("caller", switch.folder())
        .value("TALK", 50)
        .value("SUBJECT", "x".repeat(1400))
        .call(switch.sip_port, "2000")
        .succeed();
    callee.succeed();
}

#[test]
fn an_invite_too_large_for_a_datagram_goes_over_tcp() {
    let switch = Switch::listening(&[UDP, TCP], &[], &[]);
    a_large_call(&switch, "t1");
    assert_eq!(switch.counter("jackfield_connections_made_total"), 1);
}

#[test]
fn an_invite_too_large_for_a_datagram_goes_over_udp_where_nobody_listens_over_tcp() {
    let switch = Switch::listening(&[UDP, TCP], &[], &[]);
    a_large_call(&switch, "u1");
}

#[test]
fn an_invite_as_large_as_allowed_goes_over_udp() {
    let switch = Switch::listening(&[UDP, TCP], &["sip.udp_request_max=4000"], &[]);
    a_large_call(&switch, "u1");
    assert_eq!(switch.counter("jackfield_connections_made_total"), 0);
}
