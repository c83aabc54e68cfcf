//! Trunks to a carrier that nobody here wrote: Debian's Kamailio.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use jackfield_interop::{
    Carrier, Sipp, Switch,
    carrier::{ACCOUNT, Terms},
    ports,
    sipp::Scenario,
    switch::save,
};
use tempfile::TempDir;

/// Carriers are at addresses of their own, so that they are known by them.
const FIRST: &str = "127.0.0.2";

fn carrier(folder: &TempDir, ip: &str, world: &Sipp) -> Carrier {
    let terms = Terms { ip, port: ports::free(), world: world.port, qop: true, expires_min: 60 };
    Carrier::start(folder.path(), &terms)
}

/// Somebody in the world whom calls out reach.
fn world(folder: &TempDir, calls: u32) -> Sipp {
    Scenario::new("callee", folder.path()).value("RING", 0).calls(calls, 10).listen()
}

fn script(folder: &TempDir, text: &str) -> PathBuf {
    let script = folder.path().join("office.rhai");
    save(&script, text);
    script
}

fn call_out(folder: &TempDir, switch: &Switch) {
    Scenario::new("caller", folder.path()).value("TALK", 0).call(switch.sip_port, "2000").succeed();
}

#[test]
fn a_call_out_is_challenged_by_the_carrier_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let called = world(&folder, 1);
    let carrier = carrier(&folder, FIRST, &called);
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"sip:{}\",username=\"{ACCOUNT}\",password=\"secret\"}}]",
        carrier.address
    );
    let script =
        script(&folder, "fn route(call) { plan(trunk(\"carrier\", \"+43199\").ring(10)) }\n");
    let switch = Switch::start(&[&trunk, "media.mode=bypass"], &[&script]);
    call_out(&folder, &switch);
    called.succeed();
    switch.stop();
}

#[test]
fn a_wrong_password_is_a_failed_target_and_no_challenge_reaches_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let called = world(&folder, 1);
    let carrier = carrier(&folder, FIRST, &called);
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"sip:{}\",username=\"{ACCOUNT}\",password=\"guess\"}}]",
        carrier.address
    );
    let script = script(&folder, "fn route(call) { plan(trunk(\"carrier\")) }\n");
    let switch = Switch::start(&[&trunk], &[&script]);
    Scenario::new("caller_is_refused", folder.path())
        .value("STATUS", 502)
        .call(switch.sip_port, "2000")
        .succeed();
    switch.stop();
}
