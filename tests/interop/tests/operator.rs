//! What an operator does at a terminal: watching messages pass, listing, ending a call.
#![allow(clippy::unwrap_used)]

use std::{
    net::UdpSocket,
    process::{Command, Output, Stdio},
    time::Duration,
};

use jackfield_interop::{Sipp, Switch, peers, sipp::Scenario, wait};

fn jackfield(switch: &Switch, arguments: &[&str]) -> Command {
    let mut command = Command::new(peers::jackfield());
    command.args(arguments).args(["--api", &format!("127.0.0.1:{}", switch.http_port)]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn register(switch: &Switch, callee: &Sipp) {
    Scenario::new("register", switch.folder())
        .value("USER", "2000")
        .value("CONTACT", callee.port)
        .value("EXPIRES", 3600)
        .call(switch.sip_port, "2000")
        .succeed();
}

#[test]
fn a_trace_draws_both_legs_of_a_call_as_it_passes() {
    let switch = Switch::start(&[], &[]);
    // INVITE, 180, 200, ACK, BYE and 200 on either side.
    let mut trace = jackfield(&switch, &["trace", "2000", "--count", "12"]).spawn().unwrap();
    let ended = wait::until("a trace of twelve messages", || {
        let callee = Scenario::new("callee", switch.folder()).value("RING", 0).listen();
        register(&switch, &callee);
        Scenario::new("caller", switch.folder())
            .value("TALK", 0)
            .call(switch.sip_port, "2000")
            .succeed();
        callee.succeed();
        trace.try_wait().unwrap()
    });
    assert!(ended.success());
    let drawn = told(&trace.wait_with_output().unwrap());
    for message in ["│─ INVITE sip:2000@", "◀─────────────── 180 Ringing ─│", "─ BYE sip:"]
    {
        assert!(drawn.contains(message), "no {message} in\n{drawn}");
    }
    let sides = |arrow: &str| drawn.lines().filter(|line| line.contains(arrow)).count();
    assert!(
        sides("│                              │─ INVITE") >= 1,
        "no leg to the callee in\n{drawn}"
    );
    assert!(sides("│─ INVITE") > sides("│                              │─ INVITE"), "{drawn}");
}

#[test]
fn a_call_is_found_by_a_filter_and_ended() {
    let switch = Switch::start(&[], &[]);
    let callee = Scenario::new("callee", switch.folder()).value("RING", 0).listen();
    register(&switch, &callee);
    let caller = Scenario::new("caller_is_left", switch.folder()).call(switch.sip_port, "2000");
    let conn = wait::until("the call to be up", || {
        let listed = jackfield(&switch, &["calls", "established", "--json"]).output().unwrap();
        let calls: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        calls[0]["conn"].as_str().map(str::to_owned)
    });
    let none = jackfield(&switch, &["calls", "nobody", "--json"]).output().unwrap();
    assert_eq!(told(&none).trim(), "[]");
    let ended = jackfield(&switch, &["hangup", &conn]).output().unwrap();
    assert_eq!(told(&ended), format!("{conn} is being ended\n"));
    caller.succeed();
    callee.succeed();
    let again = jackfield(&switch, &["hangup", "0000000000000000"]).output().unwrap();
    let error = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && error.contains("there is no call"), "{error}");
}

/// Registers so many users, `user-0000` onwards, from one socket.
fn register_many(switch: &Switch, users: u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (port, to) = (socket.local_addr().unwrap().port(), ("127.0.0.1", switch.sip_port));
    let mut answer = [0; 4096];
    for number in 0..users {
        let aor = format!("sip:user-{number:04}@127.0.0.1");
        let text = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number}\r\n\
             From: <{aor}>;tag=t\r\nTo: <{aor}>\r\nCall-ID: {number}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
             Contact: <{aor}:{port}>\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), to).unwrap();
        let length = socket.recv(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"SIP/2.0 200 "));
    }
}

#[test]
fn a_filter_looks_at_every_registration_there_is() {
    let switch = Switch::start(&[], &[]);
    register_many(&switch, 1100);
    let listed = |arguments: &[&str]| -> Vec<String> {
        let output = jackfield(&switch, arguments).output().unwrap();
        let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let aors = all.as_array().unwrap().iter();
        aors.map(|registration| registration["aor"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&["registrations", "user-1099", "--json"]), ["user-1099@127.0.0.1"]);
    assert_eq!(listed(&["registrations", "--json"]).len(), 1100);
    let output = jackfield(&switch, &["registrations", "USER-0007"]).output().unwrap();
    let text = told(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("ADDRESS ") && lines[1].starts_with("user-0007@127.0.0.1 "),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");
}
