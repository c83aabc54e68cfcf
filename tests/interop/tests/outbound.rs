//! Phones that bind themselves to the ways they opened (RFC 5626): baresip with two of them, pjsua2, and what a restart keeps.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use jackfield_interop::{
    Baresip, Handset, Line, Phone, Switch, Wire, certificates::authority, wait,
};
use serde_json::Value;

const LISTENERS: [&str; 2] = [
    "name=\"udp\",bind=\"127.0.0.1:@PORT@\"",
    "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"",
];
const DOMAIN: &str = "node.domains=[\"localhost\"]";

/// A cable to the switch that can be cut. Nobody gets through any more then.
struct Cable {
    port: u16,
    ends: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Cable {
    fn to(switch_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ends = Arc::new(Mutex::new(Some(Vec::new())));
        let kept = ends.clone();
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let far = TcpStream::connect(("127.0.0.1", switch_port)).unwrap();
                let mut kept = kept.lock().unwrap();
                let Some(ends) = kept.as_mut() else { return };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || carry(from, to));
                }
                ends.extend([near, far]);
            }
        });
        Self { port, ends }
    }

    fn cut(&self) {
        for end in self.ends.lock().unwrap().take().into_iter().flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// The contacts of a user, as the switch tells them.
fn contacts(switch: &Switch, user: &str) -> Vec<Value> {
    let all = switch.get("/api/registrations");
    let of = |one: &&Value| one["aor"].as_str().is_some_and(|aor| aor.starts_with(user));
    let found = all.as_array().unwrap().iter().find(of);
    found.map_or_else(Vec::new, |one| one["contacts"].as_array().unwrap().clone())
}

/// The ways of a user: their numbers, in order.
fn ways(switch: &Switch, user: &str) -> Vec<u64> {
    let contacts = contacts(switch, user);
    let mut ways: Vec<u64> = contacts.iter().map(|one| one["reg_id"].as_u64().unwrap()).collect();
    ways.sort_unstable();
    ways
}

fn line(user: &'static str, transport: &'static str, port: u16) -> Line<'static> {
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Line { user, password: "", transport, host, port, expires_s: 600, tone_hz: 440 }
}

#[test]
fn a_phone_with_two_ways_rings_once_and_is_reached_by_the_other_when_one_is_cut() {
    let switch = Switch::listening(&LISTENERS, &[DOMAIN], &[]);
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path());
    let ca = folder.path().join("ca.pem");
    let cable = Cable::to(switch.sip_port);
    let more = format!(";outbound2=\"sip:127.0.0.1:{};transport=tcp\";sipnat=outbound", cable.port);
    let mut ben = Baresip::with_account(&line("2000", "tcp", switch.sip_port), &ca, &more);
    wait::until("both ways of the phone", || (ways(&switch, "2000") == [1, 2]).then_some(()));
    let instances: Vec<_> = contacts(&switch, "2000");
    assert_eq!(instances[0]["instance"], instances[1]["instance"], "{instances:?}");
    assert!(instances[0]["instance"].as_str().unwrap().starts_with("urn:uuid:"), "{instances:?}");

    let mut ann = Baresip::start(&line("1000", "udp", switch.sip_port), &ca);
    ann.registered();
    let mut call = |ben: &mut Baresip| {
        ann.call("2000");
        ben.connected();
        ann.connected();
        let calls = switch.get("/api/calls");
        assert_eq!(calls[0]["legs"].as_array().unwrap().len(), 2, "{calls}");
        ann.hang_up();
        ben.ended();
        ann.ended();
    };
    call(&mut ben);
    cable.cut();
    wait::until("the way that was cut to be forgotten", || {
        (ways(&switch, "2000") == [1]).then_some(())
    });
    call(&mut ben);
    ben.kill();
    wait::until("a phone without a way to be forgotten", || {
        ways(&switch, "2000").is_empty().then_some(())
    });
}

#[test]
fn of_two_phones_of_a_user_the_one_whose_gruu_is_called_rings() {
    let switch = Switch::listening(&LISTENERS, &[DOMAIN], &[]);
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path());
    let ca = folder.path().join("ca.pem");
    let port = switch.sip_port;
    let nat = ";sipnat=outbound";
    let mut desk = Baresip::with_account(&line("2000", "tcp", port), &ca, nat);
    wait::until("the first phone", || (ways(&switch, "2000") == [1]).then_some(()));
    let instance = contacts(&switch, "2000")[0]["instance"].as_str().unwrap().to_owned();
    let _sofa = Baresip::with_account(&line("2000", "tcp", port), &ca, nat);
    wait::until("the second phone", || (ways(&switch, "2000") == [1, 1]).then_some(()));
    let mut ann = Baresip::start(&line("1000", "udp", port), &ca);
    ann.registered();
    ann.dial(&format!("sip:2000@localhost;gr={instance}"));
    desk.connected();
    ann.connected();
    let calls = switch.get("/api/calls");
    assert_eq!(calls[0]["legs"].as_array().unwrap().len(), 2, "the second was not called: {calls}");
    // Its Contact in the call is its GRUU: what belongs to the call comes over its connection all the same.
    ann.hang_up();
    desk.ended();
}

#[test]
fn pjsua_binds_itself_to_its_connection() {
    let switch = Switch::listening(&LISTENERS, &[], &[]);
    let mut ann = Phone::register_by(&switch, "1000", 440, "tcp");
    assert_eq!(ways(&switch, "1000"), [1]);
    let mut ben = Phone::register_by(&switch, "2000", 1000, "udp");
    assert_eq!(ways(&switch, "2000"), [0], "it does so over connections alone");
    ben.call("1000");
    ann.expect(&serde_json::json!({ "event": "incoming" }));
    ann.tell("answer");
    ann.expect_call("CONFIRMED");
    ben.expect_call("CONFIRMED");
    ben.tell("hangup");
    ann.expect_call("DISCONNECTED");
}

/// A REGISTER of a phone that names its way.
fn register(transport: &str, here: &str, user: &str) -> String {
    format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {here};branch=z9hG4bK{user}\r\n\
         From: <sip:{user}@127.0.0.1>;tag=1\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {user}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:{user}@{here};transport={transport}>;reg-id=1;+sip.instance=\"<urn:uuid:{user}>\"\r\n\
         Supported: outbound, path\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn after_a_restart_a_way_over_udp_is_there_and_a_connection_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("store.path={}", folder.path().join("contacts.db").display());
    let mut switch = Switch::listening(&LISTENERS, &[&store], &[]);
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    datagrams.connect(("127.0.0.1", switch.sip_port)).unwrap();
    let here = datagrams.local_addr().unwrap().to_string();
    let mut buffer = [0; 4096];

    // STUN on the same port: a Binding Request is told where it came from.
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    datagrams.send(&request).unwrap();
    let length = datagrams.recv(&mut buffer).unwrap();
    let port = datagrams.local_addr().unwrap().port() ^ 0x2112;
    assert_eq!(buffer[..8], [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42]);
    assert_eq!((&buffer[8..20], &buffer[26..length][..2]), (&[7; 12][..], &port.to_be_bytes()[..]));

    datagrams.send(register("UDP", &here, "2000").as_bytes()).unwrap();
    let length = datagrams.recv(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(answer.contains("Require: outbound\r\n") && !answer.contains("Flow-Timer"), "{answer}");

    let mut wire = Wire::connect(switch.sip_port);
    let here = wire.stream().local_addr().unwrap().to_string();
    wire.send(register("TCP", &here, "3000"));
    let answer = wire.answer();
    assert!(answer.contains("Require: outbound\r\nFlow-Timer: 120\r\n"), "{answer}");
    wire.send("\r\n\r\n");
    assert_eq!(wire.answer(), "\r\n");
    assert_eq!((ways(&switch, "2000"), ways(&switch, "3000")), (vec![1], vec![1]));
    switch.kill();
    let again = Switch::listening(&LISTENERS, &[&store], &[]);
    assert_eq!((ways(&again, "2000"), ways(&again, "3000")), (vec![1], vec![]));
}
