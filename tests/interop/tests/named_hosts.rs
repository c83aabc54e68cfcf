//! Routes to host names: NAPTR, SRV and addresses from a real name server, and on to the next place when one is dead.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use jackfield_interop::{Dns, Sipp, Switch, ports, sipp::Scenario, switch::save};

/// A script that sends every call to `uri`.
fn route_to(folder: &tempfile::TempDir, uri: &str) -> PathBuf {
    let script = folder.path().join("carrier.rhai");
    save(&script, format!("fn route(call) {{ plan([uri(\"{uri}\").ring(20)]) }}\n"));
    script
}

fn callee(folder: &tempfile::TempDir) -> Sipp {
    Scenario::new("callee", folder.path()).value("RING", 0).listen()
}

/// Calls through a switch that routes everything to `uri` and asks `dns`.
#[track_caller]
fn call(folder: &tempfile::TempDir, dns: &Dns, uri: &str) -> Switch {
    let script = route_to(folder, uri);
    let settings =
        [dns.setting(), "sip.failover_ms=300".to_owned(), "media.mode=bypass".to_owned()];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let switch = Switch::start(&settings, &[&script]);
    Scenario::new("caller", folder.path()).value("TALK", 0).call(switch.sip_port, "2000").succeed();
    switch
}

#[test]
fn naptr_and_srv_lead_to_the_carrier_and_its_second_host_takes_over_from_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let called = callee(&folder);
    let dead = ports::free();
    let dns = Dns::start(&[
        "--naptr-record=carrier.test,10,10,s,SIP+D2T,,_sip._tcp.carrier.test".to_owned(),
        "--naptr-record=carrier.test,20,10,s,SIP+D2U,,_sip._udp.carrier.test".to_owned(),
        format!("--srv-host=_sip._udp.carrier.test,gw1.carrier.test,{dead},10,0"),
        format!("--srv-host=_sip._udp.carrier.test,gw2.carrier.test,{},20,0", called.port),
        "--host-record=gw1.carrier.test,127.0.0.1".to_owned(),
        "--host-record=gw2.carrier.test,127.0.0.1".to_owned(),
    ]);
    let switch = call(&folder, &dns, "sip:2000@carrier.test");
    called.succeed();
    switch.stop();
}

#[test]
fn a_port_leaves_only_the_address_to_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let called = callee(&folder);
    let dns = Dns::start(&["--host-record=pbx.test,127.0.0.1".to_owned()]);
    let switch = call(&folder, &dns, &format!("sip:2000@pbx.test:{}", called.port));
    called.succeed();
    switch.stop();
}

#[test]
fn a_name_that_does_not_exist_is_a_failed_target() {
    let folder = tempfile::tempdir().unwrap();
    let dns = Dns::start(&[]);
    let script = route_to(&folder, "sip:2000@nowhere.test");
    let switch = Switch::start(&[&dns.setting()], &[&script]);
    Scenario::new("caller_is_refused", folder.path())
        .value("STATUS", 503)
        .call(switch.sip_port, "2000")
        .succeed();
    switch.stop();
}
