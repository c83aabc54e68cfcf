//! The hooks before a call, live: the example in Rust and the one in Rhai at the door of the real program.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    net::UdpSocket,
    path::{Path, PathBuf},
    time::Duration,
};

use jackfield_interop::{Sipp, Switch, peers, sipp::Scenario, switch::save};

/// Without a subscriber in the configuration: nobody is asked for a password but by the plugin. SIPp knows MD5 alone.
fn switch(plugin: &Path) -> Switch {
    Switch::start(&["auth.algorithms=[\"MD5\"]"], &[plugin])
}

fn script(folder: &Path) -> PathBuf {
    let path = folder.join("front-door.rhai");
    let text = std::fs::read_to_string(peers::here().join("../../sdk/examples/front-door.rhai"));
    save(&path, text.unwrap());
    path
}

fn component(folder: &Path) -> PathBuf {
    let path = folder.join("front-door.wasm");
    save(&path, peers::plugin("front-door"));
    path
}

fn at_either_door(check: impl Fn(&Switch)) {
    for body in [script, component] {
        let folder = tempfile::tempdir().unwrap();
        let switch = switch(&body(folder.path()));
        check(&switch);
        switch.stop();
    }
}

/// What an OPTIONS-like REGISTER of a program that calls itself `agent` hears first, if anything.
fn answer_to(switch: &Switch, agent: &str) -> Option<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let send = |agent: &str, branch: &str| {
        let text = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch}\r\n\
             From: <sip:100@127.0.0.1>;tag=a\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 REGISTER\r\n\
             Max-Forwards: 70\r\nUser-Agent: {agent}\r\nContact: <sip:100@127.0.0.1:{port}>\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), ("127.0.0.1", switch.sip_port)).unwrap();
    };
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    send(agent, "first");
    // Datagrams of one socket are answered in their order, so this one's answer says that there is none to the first.
    send("Desk Phone", "second");
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    answer.contains("Call-ID: first").then_some(answer)
}

#[test]
fn a_scanner_hears_nothing_and_a_phone_is_answered() {
    at_either_door(|switch| {
        assert_eq!(answer_to(switch, "friendly-scanner"), None);
        let answer = answer_to(switch, "Another Phone").unwrap();
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        assert_eq!(switch.counter("jackfield_dropped_total"), 1);
        let journal = switch.get("/api/journal");
        let dropped = journal.as_array().unwrap().iter().find(|entry| entry["hook"] == "admission");
        let dropped = dropped.expect("the journal tells of it");
        assert_eq!(dropped["reasons"][0]["code"], "scanner", "{dropped}");
        assert_eq!(dropped["call_id"], "first", "{dropped}");
    });
}

#[test]
fn a_guest_registers_with_the_password_of_the_plugin_and_with_no_other() {
    at_either_door(|switch| {
        for (password, status) in [("welcome", 200), ("guess", 401)] {
            register(switch, "guest", password, 5999, status).succeed();
        }
        // Its second phone takes the place of the first.
        register(switch, "guest", "welcome", 5998, 200).succeed();
        let registrations = switch.get("/api/registrations").to_string();
        assert!(
            registrations.contains(":5998") && !registrations.contains(":5999"),
            "{registrations}"
        );
    });
}

fn register(switch: &Switch, user: &str, password: &str, contact: u16, status: u16) -> Sipp {
    Scenario::new("register_with_password", switch.folder())
        .value("USER", user)
        .value("PASSWORD", password)
        .value("CONTACT", contact)
        .value("STATUS", status)
        .call(switch.sip_port, user)
}
