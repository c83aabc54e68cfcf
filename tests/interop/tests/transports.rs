//! Calls over TCP, alone and mixed with UDP, between SIPp and SIPp.

use jackfield_interop::{Sipp, Switch, sipp::Scenario};

const UDP: &str = "name=\"udp\",bind=\"127.0.0.1:@PORT@\"";
const TCP: &str = "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"";

/// Registers 2000 at the callee's port, over the callee's transport.
#[track_caller]
fn register(switch: &Switch, callee: &Sipp, transport: &str) {
    Scenario::new("register", switch.folder())
        .over(transport)
        .value("USER", "2000")
        .value("CONTACT", callee.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
}

#[track_caller]
fn calls(switch: &Switch, from: &str, to: &str, count: u32) {
    let callee = Scenario::new("callee", switch.folder())
        .value("RING", 20)
        .over(to)
        .calls(count, 50)
        .listen();
    register(switch, &callee, to);
    Scenario::new("caller", switch.folder())
        .value("TALK", 50)
        .over(from)
        .calls(count, 50)
        .call(switch.sip_port, "2000")
        .succeed();
    callee.succeed();
}

fn counter(switch: &Switch, name: &str) -> u64 {
    let text = jackfield_interop::http::request(switch.http_port, "GET", "/metrics", "")
        .expect("the HTTP API answers")
        .body;
    let of_worker = |line: &str| Some(line.strip_prefix(name)?.split(' ').next_back()?.to_owned());
    text.lines().filter_map(of_worker).filter_map(|value| value.parse::<u64>().ok()).sum()
}

#[test]
fn a_call_over_tcp_uses_one_connection_a_side() {
    let switch = Switch::listening(&[TCP], &[], &[]);
    calls(&switch, "t1", "t1", 20);
    // The callee's connection is ours, since the one it registered over is gone.
    assert_eq!(counter(&switch, "jackfield_connections_made_total"), 1);
    assert_eq!(counter(&switch, "jackfield_connections_accepted_total"), 2);
    assert_eq!(counter(&switch, "jackfield_retransmissions_sent_total"), 0);
}

#[test]
fn every_call_may_come_over_a_connection_of_its_own() {
    let switch = Switch::listening(&[TCP], &[], &[]);
    calls(&switch, "tn", "t1", 20);
    // One for each call and one of the registration.
    assert_eq!(counter(&switch, "jackfield_connections_accepted_total"), 21);
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
    assert!(counter(&switch, "jackfield_handed_over_total") > 0);
}
