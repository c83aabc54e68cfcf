//! Trunks to a carrier that nobody here wrote: Debian's Kamailio.
#![allow(clippy::unwrap_used)]

use std::{path::PathBuf, process::Command};

use jackfield_interop::{
    Carrier, Dns, Sipp, Switch,
    carrier::{ACCOUNT, Terms},
    peers, ports,
    sipp::Scenario,
    switch::save,
    wait,
};
use serde_json::Value;
use tempfile::TempDir;

/// Carriers are at addresses of their own, so that they are known by them.
const FIRST: &str = "127.0.0.2";
const SECOND: &str = "127.0.0.3";

fn carrier(folder: &TempDir, ip: &str, world: &Sipp) -> Carrier {
    let terms = Terms { ip, port: ports::free(), world: world.port, qop: true, expires_min: 60 };
    Carrier::start(folder.path(), &terms)
}

/// The settings of a trunk to a carrier, and what is more.
fn trunk(name: &str, carrier: &Carrier, more: &str) -> String {
    format!(
        "{{name=\"{name}\",uri=\"sip:{}\",username=\"{ACCOUNT}\",password=\"secret\"{more}}}",
        carrier.address
    )
}

/// What the switch says of its trunk number `at`, once `is` holds of it.
#[track_caller]
fn until_trunk(switch: &Switch, at: usize, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || Some(switch.get("/api/trunks")[at].clone()).filter(&is))
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
    let trunk = format!("trunk=[{}]", trunk("carrier", &carrier, ""));
    let script =
        script(&folder, "fn route(call) { plan(trunk(\"carrier\", \"+43199\").ring(10)) }\n");
    let switch = Switch::start(&[&trunk, "media.mode=bypass"], &[&script]);
    let caller = Scenario::new("caller", folder.path()).value("TALK", 2000);
    let caller = caller.call(switch.sip_port, "2000");
    let legs = wait::until("the call to be up", || {
        let calls = switch.get("/api/calls");
        let is_up = calls[0]["phase"] == "established";
        is_up.then(|| calls[0]["legs"].clone())
    });
    assert_eq!((&legs[0]["trunk"], &legs[1]["trunk"]), (&Value::Null, &Value::from("carrier")));
    assert_eq!(switch.get("/api/trunks")[0]["calls"], 1);
    caller.succeed();
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

/// A trunk registers, is called, and takes its registration back. `uri` leads to the carrier, `@PORT@` being its port; the
/// carrier is known by nothing but where it registered.
#[track_caller]
fn a_call_comes_in(uri: &str, qop: bool) {
    let folder = tempfile::tempdir().unwrap();
    let dns = Dns::start(&[format!("--host-record=carrier.test,{FIRST}")]);
    let called = world(&folder, 1);
    // It wants longer registrations than the trunk asks for (423).
    let terms = Terms { ip: FIRST, port: ports::free(), world: called.port, qop, expires_min: 120 };
    let carrier = Carrier::start(folder.path(), &terms);
    let uri = uri.replace("@PORT@", &carrier.port().to_string());
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"{uri}\",username=\"{ACCOUNT}\",password=\"secret\",register=true,\
         register_expires_s=60,capacity=1}}]"
    );
    // The carrier's customer has this number; its calls go to a phone, which is another SIPp. Nobody else may call.
    let phone = Scenario::new("callee", folder.path()).value("RING", 0).listen();
    let script = script(
        &folder,
        &format!(
            "fn route(call) {{\n  if call.trunk == \"carrier\" && call.callee.user == \"{ACCOUNT}\" {{\n    \
             return plan(uri(\"sip:1000@127.0.0.1:{}\"));\n  }}\n  refuse(403)\n}}\n",
            phone.port
        ),
    );
    let listeners = [
        "name=\"udp\",bind=\"127.0.0.1:@PORT@\"",
        "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"",
    ];
    let settings = [&*trunk, &*dns.setting(), "media.mode=bypass", "auth.mode=digest"];
    let switch = Switch::listening(&listeners, &settings, &[&script]);
    let is_registered = |trunk: &Value| trunk["registration"] == "registered";
    let view = until_trunk(&switch, 0, "the registration", is_registered);
    assert!(view["expires_s"].as_u64().unwrap() > 60, "{view}");
    Scenario::new("caller", folder.path())
        .value("TALK", 0)
        .to(&carrier.address)
        .call(carrier.port(), ACCOUNT)
        .succeed();
    phone.succeed();
    until_trunk(&switch, 0, "the end of the call", |trunk| trunk["calls"] == 0);
    switch.stop();
    // Nobody is registered there any more.
    Scenario::new("caller_is_refused", folder.path())
        .value("STATUS", 404)
        .to(&carrier.address)
        .call(carrier.port(), ACCOUNT)
        .succeed();
}

#[test]
fn a_registered_trunk_is_called_and_its_registration_is_taken_back() {
    a_call_comes_in(&format!("sip:{FIRST}:@PORT@"), true);
}

#[test]
fn a_registrar_with_a_name_is_known_by_where_it_was_found() {
    a_call_comes_in("sip:carrier.test:@PORT@", false);
}

#[test]
fn a_trunk_over_tcp_is_called_over_tcp() {
    a_call_comes_in(&format!("sip:{FIRST}:@PORT@;transport=tcp"), true);
}

#[test]
fn a_wrong_password_is_what_the_operator_reads() {
    let folder = tempfile::tempdir().unwrap();
    let called = world(&folder, 1);
    let carrier = carrier(&folder, FIRST, &called);
    let trunk = trunk("carrier", &carrier, ",register=true").replace("\"secret\"", "\"guess\"");
    let switch = Switch::start(&[&format!("trunk=[{trunk}]")], &[]);
    until_trunk(&switch, 0, "the failure", |trunk| trunk["registration"] == "failed");
    let api = format!("http://127.0.0.1:{}", switch.http_port);
    let output = Command::new(peers::jackfield()).args(["trunks", "--api", &api]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("the user name or the password is wrong"), "{text}");
    assert!(!text.contains("guess") && !switch.log().contains("guess"), "{text}");
    switch.stop();
}

#[test]
fn a_dead_carrier_gives_way_to_the_second_and_is_used_again_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [world(&folder, 1), world(&folder, 1)];
    let mut first = carrier(&folder, FIRST, &one);
    let second = carrier(&folder, SECOND, &two);
    let port = one.port;
    let probed = ",register=true,group=\"outside\",probe_interval_s=1,probe_timeout_ms=500";
    let trunks = format!(
        "trunk=[{},{}]",
        trunk("first", &first, probed),
        trunk("second", &second, &format!("{probed},priority=2"))
    );
    let script = script(&folder, "fn route(call) { plan(trunk(\"outside\").ring(10)) }\n");
    // One worker keeps both trunks, and all of them use them.
    let switch = Switch::start(&[&trunks, "media.mode=bypass", "node.workers=3"], &[&script]);
    let is_ready = |trunk: &Value| trunk["reach"] == "up" && trunk["registration"] == "registered";
    for at in [0, 1] {
        until_trunk(&switch, at, "both trunks to be up", is_ready);
    }
    call_out(&folder, &switch);
    // Its BYE has come through as well.
    one.succeed();
    first.down();
    until_trunk(&switch, 0, "the first to be down", |trunk| trunk["reach"] == "down");
    call_out(&folder, &switch);
    // It was down and not only slow: the second was called at once.
    two.succeed();
    wait::until("the line that says so", || {
        switch.log().contains("a trunk is passed over").then_some(())
    });
    let one = Scenario::new("callee", folder.path()).value("RING", 0).on(port).listen();
    first.up();
    until_trunk(&switch, 0, "the first to be back", is_ready);
    call_out(&folder, &switch);
    one.succeed();
    assert_eq!(switch.counter("jackfield_trunk_up"), 2);
    switch.stop();
}

#[test]
fn a_call_under_way_to_a_carrier_that_has_just_died_goes_over_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [world(&folder, 1), world(&folder, 1)];
    let mut first = carrier(&folder, FIRST, &one);
    let second = carrier(&folder, SECOND, &two);
    let trunks = format!(
        "trunk=[{},{}]",
        trunk("first", &first, ",group=\"outside\",probe_interval_s=0"),
        trunk("second", &second, ",group=\"outside\",probe_interval_s=0,priority=2")
    );
    let script = script(&folder, "fn route(call) { plan(trunk(\"outside\").ring(10)) }\n");
    let settings = [&*trunks, "media.mode=bypass", "sip.failover_ms=300"];
    let switch = Switch::start(&settings, &[&script]);
    first.down();
    call_out(&folder, &switch);
    two.succeed();
    switch.stop();
}

#[test]
fn a_call_out_takes_the_route_that_the_registrar_has_named() {
    let folder = tempfile::tempdir().unwrap();
    let called = world(&folder, 1);
    let (port, edge) = (ports::free(), ports::free());
    // The registrar, and an edge of the same Kamailio that alone takes calls.
    let text = std::fs::read_to_string(peers::here().join("kamailio/carrier.cfg"))
        .unwrap()
        .replace("@IP@", FIRST)
        .replace("@WORLD@", &called.port.to_string())
        .replace("@EXPIRES_MIN@", "60")
        .replace("@QOP@", "1")
        .replacen("loadmodule", &format!("listen=udp:{FIRST}:{edge}\nloadmodule"), 1)
        .replace(
            "if (!save(\"location\"))",
            &format!("append_to_reply(\"Service-Route: <sip:edge@{FIRST}:{edge};lr>\\r\\n\");\n        if (!save(\"location\"))"),
        )
        .replace(
            "    record_route();\n",
            &format!(
                "    if ($Rp != {edge} || !($hdr(Route) =~ \"sip:edge@\")) {{\n        sl_send_reply(\"403\", \"Not This Way\");\n        exit;\n    }}\n    loose_route();\n    record_route();\n"
            ),
        );
    let carrier = Carrier::configured(folder.path(), FIRST, port, &text);
    let trunk = format!("trunk=[{}]", trunk("carrier", &carrier, ",register=true"));
    let script =
        script(&folder, "fn route(call) { plan(trunk(\"carrier\", \"+43199\").ring(10)) }\n");
    let switch = Switch::start(&[&trunk, "media.mode=bypass"], &[&script]);
    let told =
        until_trunk(&switch, 0, "the registration", |trunk| trunk["registration"] == "registered");
    assert_eq!(told["service_route"], format!("<sip:edge@{FIRST}:{edge};lr>"));
    call_out(&folder, &switch);
    called.succeed();
    switch.stop();
}

#[test]
fn a_carrier_with_too_much_to_do_is_spared_and_told_of_our_load() {
    let folder = tempfile::tempdir().unwrap();
    let busy = Scenario::new("callee_overloaded", folder.path()).listen();
    let free = world(&folder, 2);
    let trunk = |name, at: &Sipp, priority, more| {
        format!(
            "{{name=\"{name}\",group=\"outside\",uri=\"sip:127.0.0.1:{}\",priority={priority},probe_interval_s=0{more}}}",
            at.port
        )
    };
    let trunks = [
        trunk("busy", &busy, 1, ",overload_control=true,identify=[\"127.0.0.1\"]"),
        trunk("free", &free, 2, ""),
    ];
    let trunks = format!("trunk=[{}]", trunks.join(","));
    let script = script(&folder, "fn route(call) { plan(trunk(\"outside\").ring(10)) }\n");
    let switch = Switch::start(&[&trunks, "media.mode=bypass"], &[&script]);
    call_out(&folder, &switch);
    busy.succeed();
    call_out(&folder, &switch);
    free.succeed();
    let told = "asked for calls to be held back";
    wait::until("the log to say why", || switch.log().contains(told).then_some(()));
    assert_eq!(switch.log().matches(told).count(), 1, "{}", switch.log());
    Scenario::new("asks_load", folder.path()).call(switch.sip_port, "load").succeed();
    switch.stop();
}
