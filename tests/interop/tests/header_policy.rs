//! The hook `header-policy`, live: what a carrier and a caller get, with SIPp on both sides.
#![allow(clippy::expect_used)]

use std::process::Command;

use jackfield_interop::{Switch, peers, ports, sipp::Scenario, switch::save};
use tempfile::TempDir;

/// A trunk of the group `out`, which is known by no address: the phones have the same.
fn trunk(name: &str, uri: &str, more: &str) -> String {
    format!(
        "{{name=\"{name}\",uri=\"sip:{uri}\",identify=[\"192.0.2.1\"],probe_interval_s=0,group=\"out\"{more}}}"
    )
}

/// A switch with these trunks and this script.
fn border(folder: &TempDir, trunks: &[String], script: &str) -> Switch {
    let path = folder.path().join("border.rhai");
    save(&path, script);
    let trunks = format!("trunk=[{}]", trunks.join(","));
    let listeners = ["udp", "tcp"]
        .map(|name| format!("name=\"{name}\",transport=\"{name}\",bind=\"127.0.0.1:@PORT@\""));
    let listeners: Vec<&str> = listeners.iter().map(String::as_str).collect();
    Switch::listening(&listeners, &[&trunks, "media.mode=bypass"], &[&path])
}

/// A switch whose only trunk is this gateway, with this script.
fn office(folder: &TempDir, gateway: u16, script: &str) -> Switch {
    border(folder, &[trunk("carrier", &format!("127.0.0.1:{gateway}"), "")], script)
}

/// The first INVITE in what a gateway has seen.
fn invite(seen: &str) -> String {
    let rest = seen.split_once("INVITE sip:").expect("an INVITE").1;
    rest.split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

/// What the program says on the command line.
fn jackfield(switch: &Switch, arguments: &[&str]) -> String {
    let api = format!("127.0.0.1:{}", switch.http_port);
    let mut command = Command::new(peers::jackfield());
    let output = command.args(arguments).args(["--api", &api]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
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
    (invite(&seen), caller, switch)
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

#[test]
fn who_is_not_to_be_known_is_in_no_field_that_a_script_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let carrier = Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    let uri = format!("127.0.0.1:{}", carrier.port);
    let script = format!(
        "{ROUTE}fn header_policy(call, outgoing) {{
             edit().set(\"X-Asserted\", `by ${{call.header(\"P-Asserted-Identity\")}}`)
                 .set(\"X-Number\", \"0043 1 555-54321\").set(\"X-Party\", \"the countess calls\").set(\"X-Contact\", \"line=1000\")
                 .set(\"X-Customer\", \"4711\").set(\"X-Hidden\", `${{outgoing.hidden}}`).set(\"X-Region\", \"Al 10001\")
         }}\n"
    );
    let switch = border(&folder, &[trunk("carrier", &uri, ",trusted=false")], &script);
    let caller = Scenario::new("caller_is_private", folder.path());
    caller.call(switch.sip_port, "2000").succeed();
    let invite = invite(&carrier.succeed_with_trace());
    for known in ["X-Customer: 4711", "X-Hidden: true", "X-Region: Al 10001"] {
        assert!(invite.contains(known), "{known} in {invite}");
    }
    for secret in ["X-Asserted", "X-Number", "X-Party", "X-Contact", "Lovelace", "+431555"] {
        assert!(!invite.contains(secret), "{secret} in {invite}");
    }
    let journal = switch.get("/api/journal?limit=10").to_string();
    assert_eq!(journal.matches("hidden-caller").count(), 4, "{journal}");
    switch.stop();
}

#[test]
fn each_trunk_of_a_group_is_edited_for_and_the_call_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let carrier = Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    // Nobody listens there: the connection is refused when the INVITE is to go out.
    let dead = format!("127.0.0.1:{};transport=tcp", ports::free());
    let trunks = [
        trunk("dead", &dead, ",priority=1"),
        trunk("live", &format!("127.0.0.1:{}", carrier.port), ",priority=2"),
    ];
    let script = "fn route(call) { plan(trunk(\"out\", \"2000\")) }
         fn header_policy(call, outgoing) { edit().set(\"X-Trunk\", `over ${outgoing.trunk}`).because(\"way\", \"so that it shows\") }\n";
    let switch = border(&folder, &trunks, script);
    let caller = Scenario::new("caller", folder.path()).value("TALK", 0).traced();
    let heard = caller.call(switch.sip_port, "2000").succeed_with_trace();
    let invite = invite(&carrier.succeed_with_trace());
    assert!(invite.contains("X-Trunk: over live"), "{invite}");
    let call_id = heard.lines().find_map(|line| line.strip_prefix("Call-ID: "));
    let explained = jackfield(&switch, &["explain", call_id.expect("a Call-ID").trim()]);
    let rehearsed = jackfield(&switch, &["explain", "--dry-run", "2000"]);
    for told in [&explained, &rehearsed] {
        for trunk in ["dead", "live"] {
            let about = format!("header-policy, the INVITE to trunk:out/2000 over {trunk}\n");
            let (_, rest) = told.split_once(&about).unwrap_or_else(|| panic!("{about} in {told}"));
            let edit = format!("=> callee set X-Trunk: over {trunk}, by border#1@");
            let step = rest.lines().next().unwrap_or_default();
            assert!(step.contains("border#1@") && step.ends_with("amended"), "{told}");
            let said = rest.lines().nth(1).unwrap_or_default();
            assert!(said.trim_start().starts_with(&edit), "{edit} in {told}");
            assert!(rest.lines().nth(2).is_some_and(|why| why.contains("because way")), "{told}");
        }
    }
    switch.stop();
}
