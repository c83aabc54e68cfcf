//! Transfers and late offers between phones here and somebody behind a carrier, which is Debian's Kamailio.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use jackfield_interop::{
    Carrier, Handset, Phone, Switch,
    carrier::{ACCOUNT, Terms},
    ports,
    sipp::Scenario,
    switch::save,
};
use serde_json::json;
use tempfile::TempDir;

/// The carrier is at an address of its own, so that it is known by it.
const CARRIER: &str = "127.0.0.2";
const ANN_HZ: u32 = 440;
const BEN_HZ: u32 = 1000;
const WORLD_HZ: u32 = 1430;

/// Calls to 900 go out.
const SCRIPT: &str = "fn route(call) {\n  if call.callee.user == \"900\" { return plan(trunk(\"carrier\", \"+43199\").ring(30)); }\n  pass()\n}\n";

struct Outside {
    folder: TempDir,
    carrier: Carrier,
    script: PathBuf,
}

/// A carrier whose calls to the world arrive at a port.
fn outside(world: u16) -> Outside {
    let folder = tempfile::tempdir().expect("a folder");
    let terms = Terms { ip: CARRIER, port: ports::free(), world, qop: true, expires_min: 60 };
    let carrier = Carrier::start(folder.path(), &terms);
    let script = folder.path().join("office.rhai");
    save(&script, SCRIPT);
    Outside { folder, carrier, script }
}

impl Outside {
    fn switch(&self, more: &str) -> Switch {
        let trunk = format!(
            "trunk=[{{name=\"carrier\",uri=\"sip:{}\",username=\"{ACCOUNT}\",password=\"secret\",probe_interval_s=0}}]",
            self.carrier.address
        );
        let settings = [trunk.as_str(), more];
        Switch::start(&settings[..if more.is_empty() { 1 } else { 2 }], &[&self.script])
    }
}

#[test]
fn a_party_is_sent_on_to_somebody_behind_the_carrier() {
    let port = ports::free();
    let outside = outside(port);
    let switch = outside.switch("");
    let mut ann = Phone::register(&switch, "1000", ANN_HZ);
    let mut ben = Phone::register(&switch, "2000", BEN_HZ);
    let mut world = Phone::of_the_world(&switch, "43199", port, WORLD_HZ);
    ann.call("2000");
    ann.is_answered_by(&mut ben);
    ben.tell("hold");
    ben.expect_media("local-hold");
    ben.transfer("900");
    world.ringing();
    ben.expect(&json!({ "event": "transfer", "code": 180 }));
    world.answer();
    ben.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
    ben.expect_call("DISCONNECTED");
    world.expect_call("CONFIRMED");
    Handset::hears(&mut ann, WORLD_HZ, ANN_HZ);
    Handset::hears(&mut world, ANN_HZ, WORLD_HZ);
    // The carrier asks for the password once more when its customer hangs up.
    ann.tell("hangup");
    world.expect_end(200);
}

#[test]
fn somebody_behind_the_carrier_sends_a_phone_on_where_carriers_may() {
    let port = ports::free();
    let outside = outside(port);
    let switch = outside.switch("transfers.by=anybody");
    let mut ann = Phone::register(&switch, "1000", ANN_HZ);
    let mut ben = Phone::register(&switch, "2000", BEN_HZ);
    let mut world = Phone::of_the_world(&switch, "43199", port, WORLD_HZ);
    ann.call("900");
    ann.is_answered_by(&mut world);
    world.transfer("2000");
    ben.ringing();
    world.expect(&json!({ "event": "transfer", "code": 180 }));
    ben.answer();
    world.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
    world.expect_call("DISCONNECTED");
    ben.expect_call("CONFIRMED");
    Handset::hears(&mut ann, BEN_HZ, ANN_HZ);
    Handset::hears(&mut ben, ANN_HZ, BEN_HZ);
    ben.tell("hangup");
    ann.expect_end(200);
}

#[test]
fn somebody_behind_the_carrier_may_not_send_on_by_default_and_the_call_stays() {
    let port = ports::free();
    let outside = outside(port);
    let switch = outside.switch("");
    let mut ann = Phone::register(&switch, "1000", ANN_HZ);
    let mut world = Phone::of_the_world(&switch, "43199", port, WORLD_HZ);
    ann.call("900");
    ann.is_answered_by(&mut world);
    world.transfer("2000");
    world.expect(&json!({ "event": "transfer", "code": 403, "final": true }));
    Handset::hears(&mut ann, WORLD_HZ, ANN_HZ);
    ann.tell("hangup");
    world.expect_end(200);
}

#[test]
fn a_late_offer_goes_out_through_the_carrier() {
    let folder = tempfile::tempdir().expect("a folder");
    let called = Scenario::new("callee_offers", folder.path()).listen();
    let outside = outside(called.port);
    let switch = outside.switch("");
    Scenario::new("caller_offers_late", outside.folder.path())
        .call(switch.sip_port, "900")
        .succeed();
    called.succeed();
}

#[test]
fn a_late_offer_comes_in_through_the_carrier() {
    let outside = outside(9);
    let phone = Scenario::new("callee_offers", outside.folder.path()).listen();
    save(
        &outside.script,
        format!("fn route(call) {{ plan(uri(\"sip:1000@127.0.0.1:{}\")) }}\n", phone.port),
    );
    let switch = Switch::start(
        &[&format!(
            "trunk=[{{name=\"carrier\",uri=\"sip:{}\",username=\"{ACCOUNT}\",password=\"secret\",register=true}}]",
            outside.carrier.address
        )],
        &[&outside.script],
    );
    jackfield_interop::wait::until("the registration", || {
        (switch.get("/api/trunks")[0]["registration"] == "registered").then_some(())
    });
    Scenario::new("caller_offers_late", outside.folder.path())
        .to(&outside.carrier.address)
        .call(outside.carrier.port(), ACCOUNT)
        .succeed();
    phone.succeed();
}
