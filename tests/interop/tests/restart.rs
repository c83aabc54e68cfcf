//! Contacts over a restart: whoever was told 200 is there and is called, however the process ended.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jackfield_interop::{Switch, wait};

const USERS: u32 = 1000;
/// REGISTERs under way at once.
const WINDOW: u32 = 64;

/// All phones behind one socket.
struct Phones {
    socket: UdpSocket,
    port: u16,
}

impl Phones {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let port = socket.local_addr().unwrap().port();
        Self { socket, port }
    }

    fn send(&self, switch: u16, method: &str, user: u32, extra: &str) {
        let port = self.port;
        let text = format!(
            "{method} sip:{user}@127.0.0.1:{switch} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{user}\r\n\
             From: <sip:{user}@127.0.0.1>;tag=t{user}\r\nTo: <sip:{user}@127.0.0.1>\r\n\
             Call-ID: {method}-{user}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{user}@127.0.0.1:{port}>\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        // After the kill nobody listens, which the socket tells with the next send.
        let _ = self.socket.send_to(text.as_bytes(), (Ipv4Addr::LOCALHOST, switch));
    }

    fn receive(&self) -> Option<String> {
        let mut buffer = [0; 65_535];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Registers users in order, and kills the switch when this many have been told 200. Gives who was told so in the end.
    fn register_until_killed(&self, switch: &mut Switch, kill_after: usize) -> BTreeSet<u32> {
        let mut acknowledged = BTreeSet::new();
        let mut next = 0;
        let mut killed = false;
        loop {
            while !killed && next < USERS && next < acknowledged.len() as u32 + WINDOW {
                self.send(switch.sip_port, "REGISTER", next, "");
                next += 1;
            }
            match self.receive() {
                Some(text) if text.starts_with("SIP/2.0 200 ") => {
                    acknowledged.insert(user_of(&text));
                }
                Some(text) => assert!(text.starts_with("SIP/2.0 1"), "{text}"),
                None if killed => return acknowledged,
                None => panic!("no answer after {} were told 200", acknowledged.len()),
            }
            if !killed && acknowledged.len() >= kill_after {
                switch.kill();
                killed = true;
            }
        }
    }
}

/// The user of a message's Call-ID.
fn user_of(text: &str) -> u32 {
    let line = text.lines().find(|line| line.starts_with("Call-ID: ")).expect("a Call-ID");
    line.rsplit('-').next().and_then(|user| user.trim().parse().ok()).expect("a user")
}

/// The user of an INVITE's Request-URI.
fn invited(text: &str) -> Option<u32> {
    text.strip_prefix("INVITE sip:")?.split('@').next()?.parse().ok()
}

fn start(store: &Path, sip_port: Option<u16>) -> Switch {
    let store = format!("store.path={}", store.display());
    match sip_port {
        Some(port) => Switch::start_at(port, &[&store, "media.mode=bypass"], &[]),
        None => Switch::start(&[&store], &[]),
    }
}

fn registered(switch: &Switch) -> BTreeSet<u32> {
    let list = switch.get("/api/registrations?limit=100000");
    let users = list.as_array().unwrap().iter().map(|entry| entry["aor"].as_str().unwrap());
    users.map(|aor| aor.split('@').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn whoever_was_told_200_before_a_kill_is_there_after_it_and_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("contacts.db");
    let phones = Phones::new();
    let mut switch = start(&store, None);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let kill_after = 100 + nanos as usize % 800;
    let acknowledged = phones.register_until_killed(&mut switch, kill_after);
    assert!((kill_after..USERS as usize).contains(&acknowledged.len()), "{}", acknowledged.len());
    let switch = start(&store, Some(switch.sip_port));
    let there = registered(&switch);
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "killed after {kill_after}; told 200 and lost: {lost:?}");
    for user in &acknowledged {
        phones.send(switch.sip_port, "INVITE", *user, "");
        // Those before it are repeated all the while; a pause for each of them would never come to an end.
        wait::until("the INVITE to arrive", || {
            loop {
                if invited(&phones.receive()?) == Some(*user) {
                    return Some(());
                }
            }
        });
    }
    println!("killed after {kill_after}, {} told 200, {} there", acknowledged.len(), there.len());
}

#[test]
fn a_second_switch_on_the_same_store_does_not_start_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("contacts.db");
    let _first = start(&store, None);
    let output = std::process::Command::new(jackfield_interop::peers::jackfield())
        .args(["run", "--set", &format!("store.path={}", store.display())])
        .args(["--set", "sip.listen=[{name=\"udp\",bind=\"127.0.0.1:0\"}]"])
        .args(["--set", "http.bind=127.0.0.1:0"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(text.contains("another process has this store open"), "{text}");
}
