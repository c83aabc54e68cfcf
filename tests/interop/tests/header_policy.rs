//! The hook `header-policy`, live: what a carrier and a caller get, with SIPp on both sides.
#![allow(clippy::expect_used)]

use jackfield_interop::{Switch, ports, sipp::Scenario, switch::save};
use tempfile::TempDir;

/// A switch whose only trunk is this gateway, with this script.
fn office(folder: &TempDir, gateway: u16, script: &str) -> Switch {
    let path = folder.path().join("border.rhai");
    save(&path, script);
    let trunk = format!(
        "trunk=[{{name=\"carrier\",uri=\"sip:127.0.0.1:{}\",identify=[\"192.0.2.1\"],probe_interval_s=0}}]",
        gateway
    );
    Switch::start(&[&trunk, "media.mode=bypass"], &[&path])
}

/// One call over the trunk: the INVITE that the carrier got, and all that the caller got.
fn call(script: &str) -> (String, String, Switch) {
    let folder = tempfile::tempdir().expect("a folder");
    let port = ports::free();
    let switch = office(&folder, port, script);
    let carrier =
        Scenario::new("callee", folder.path()).value("RING", 0).traced().on(port).listen();
    let caller = Scenario::new("caller", folder.path()).value("TALK", 0).value("SUBJECT", "lunch");
    let caller = caller.traced().call(switch.sip_port, "2000").succeed_with_trace();
    let seen = carrier.succeed_with_trace();
    let rest = seen.split_once("INVITE sip:").expect("an INVITE").1;
    let invite = rest.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    (invite, caller, switch)
}

const ROUTE: &str = "fn route(call) { plan(trunk(\"carrier\", \"2000\")) }\n";

#[test]
fn a_carrier_and_a_caller_get_what_a_script_wants() {
    let script = format!(
        "{ROUTE}fn header_policy(call, outgoing) {{
             edit().remove(\"Subject\").set(\"User-Agent\", \"Border\").set(\"X-Customer\", outgoing.trunk + \" 4711\")
                 .to_caller().set(\"Server\", \"Nobody\").because(\"border\", outgoing.direction)
         }}\n"
    );
    let (invite, caller, switch) = call(&script);
    assert!(invite.contains("X-Customer: carrier 4711"), "{invite}");
    assert!(invite.contains("User-Agent: Border") && !invite.contains("Jackfield"), "{invite}");
    assert!(!invite.contains("lunch"), "{invite}");
    let ok = caller.split("SIP/2.0 200").nth(1).expect("a 200").split("\r\n\r\n").next();
    let ok = ok.unwrap_or_default();
    assert!(ok.contains("Server: Nobody") && !ok.contains("Jackfield"), "{ok}");
    let journal = switch.get("/api/journal?limit=10").to_string();
    for told in ["header-policy", "outbound", "callee remove Subject", "caller set Server: Nobody"]
    {
        assert!(journal.contains(told), "{told} in {journal}");
    }
    switch.stop();
}

#[test]
fn what_a_script_slips_into_a_value_reaches_nobody_and_the_call_is_made() {
    let script = format!(
        "{ROUTE}fn header_policy(call, outgoing) {{
             if call.callee.user != \"2000\" {{ return pass(); }}
             let value = if outgoing.trunk == \"\" {{ \"x\" }} else {{ \"1\\r\\nX-Evil: 1\" }};
             edit().set(\"X-Good\", value)
         }}\n"
    );
    let (invite, _, switch) = call(&script);
    assert!(!invite.contains("X-Evil") && !invite.contains("X-Good"), "{invite}");
    assert!(invite.contains("Subject: lunch"), "{invite}");
    let journal = switch.get("/api/journal?limit=10").to_string();
    assert!(journal.contains("control characters"), "{journal}");
    switch.stop();
}
