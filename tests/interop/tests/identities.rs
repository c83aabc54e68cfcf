//! Who calls and who may know it (RFC 3323, RFC 3325), and calls that are sent on (RFC 5806, RFC 7044), with SIPp.
#![allow(clippy::expect_used)]

use jackfield_interop::{Sipp, Switch, ports, sipp::Scenario, switch::save};
use tempfile::TempDir;

/// A trunk to a gateway here, which is known by no address: the phones have the same.
fn trunk(name: &str, port: u16, more: &str) -> String {
    format!(
        "{{name=\"{name}\",uri=\"sip:127.0.0.1:{port}\",identify=[\"192.0.2.1\"],probe_interval_s=0,\
         from_domain=\"office.test\"{more}}}"
    )
}

fn gateway(folder: &TempDir) -> Sipp {
    Scenario::new("callee", folder.path()).value("RING", 0).traced().listen()
}

/// A switch with these trunks whose calls go where the script says.
fn office(folder: &TempDir, trunks: &[String], script: &str, more: &[&str]) -> Switch {
    let path = folder.path().join("office.rhai");
    save(&path, script);
    let trunks = format!("trunk=[{}]", trunks.join(","));
    let mut settings = vec![trunks.as_str(), "media.mode=bypass"];
    settings.extend(more);
    Switch::start(&settings, &[&path])
}

/// The INVITE in what a gateway has seen.
fn invite(seen: &str) -> String {
    let from = seen.find("INVITE sip:").expect("an INVITE");
    let rest = &seen[from..];
    rest[..rest.find("\r\n\r\n").or_else(|| rest.find("\n\n")).unwrap_or(rest.len())].to_owned()
}

#[test]
fn who_wants_not_to_be_known_logs_in_and_is_known_to_the_trusted_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (told, untold) = (gateway(&folder), gateway(&folder));
    let trunks = [
        trunk("told", told.port, ",assert_identity=true"),
        trunk("untold", untold.port, ",trusted=false,assert_identity=true"),
    ];
    let script =
        "fn route(call) { plan(trunk(call.callee.user)).because(\"who\", call.identity) }\n";
    let subscriber = "subscriber=[{user=\"1000\",password=\"one-secret\"}]";
    let auth = ["auth.mode=digest", "auth.algorithms=[\"MD5\"]", subscriber];
    let switch = office(&folder, &trunks, script, &auth);
    for to in ["told", "untold"] {
        let uri = format!("{to}@127.0.0.1:{}", switch.sip_port);
        let caller = Scenario::new("caller_is_anonymous", folder.path()).proves_for(&uri);
        caller.call(switch.sip_port, to).succeed();
    }
    let told = invite(&told.succeed_with_trace());
    assert!(told.contains("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{told}");
    assert!(told.contains("P-Asserted-Identity: <sip:1000@office.test>"), "{told}");
    assert!(told.contains("Privacy: id") && !told.contains("+43900"), "{told}");
    let untold = invite(&untold.succeed_with_trace());
    assert!(untold.contains("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{untold}");
    for secret in ["1000", "+43900", "Privacy", "Authorization"] {
        assert!(!untold.contains(secret), "{secret} in {untold}");
    }
    switch.stop();
}

#[test]
fn a_phone_sends_a_call_on_and_the_carrier_is_told_by_whom_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let carrier = gateway(&folder);
    let spare = ports::free();
    let trunks = [trunk("carrier", carrier.port, ""), trunk("spare", spare, "")];
    let script = r#"
        fn route(call) {
            if !call.callee.user.starts_with("0") { return pass(); }
            if call.redirections != 1 { return refuse(403); }
            plan(trunk("carrier")).because(call.redirected_because, call.redirected_by)
        }
    "#;
    let switch = office(&folder, &trunks, script, &[]);
    let phone =
        Scenario::new("callee_sends_on", folder.path()).value("FORWARD", "0664123").listen();
    Scenario::new("register", folder.path())
        .value("USER", "2000")
        .value("CONTACT", phone.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
    Scenario::new("caller", folder.path()).value("TALK", 0).call(switch.sip_port, "2000").succeed();
    phone.succeed();
    let told = invite(&carrier.succeed_with_trace());
    assert!(told.contains("INVITE sip:0664123@127.0.0.1"), "{told}");
    assert!(
        told.contains("Diversion: <sip:2000@office.test>;reason=no-answer;counter=1"),
        "{told}"
    );
    let history = "History-Info: <sip:2000@office.test>;index=1, <sip:0664123@127.0.0.1:";
    assert!(told.contains(history) && told.contains("cause=408>;index=1.1;mp=1"), "{told}");
    switch.stop();
}
