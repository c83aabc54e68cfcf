//! T-Library ports of TLS and WebSocket, and who connects to them to do harm: each is closed with what RFC 6455 or TLS have to say it, what is
//! kept for them is bounded, and clients that behave see everything meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use jackfield_interop::{
    Desk, Floor,
    certificates::{HERE, authority, certificate},
    ports, wait,
};
use tlib::{Attribute as A, Form, Message, MessageType as M};

/// How long an answer may take at most on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// A floor whose T-Controller has ports of TLS and WebSocket besides.
struct Node {
    floor: Floor,
    folder: tempfile::TempDir,
    tls: SocketAddr,
    ws: SocketAddr,
    wss: SocketAddr,
}

impl Node {
    fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path());
        certificate(folder.path(), "server", HERE);
        let at = folder.path().display();
        let files = format!("certificate=\"{at}/server.pem\",key=\"{at}/server.key\"");
        let [tls, ws, wss] =
            [(); 3].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free())));
        let more = [
            format!("{{name=\"TCport\",bind=\"{tls}\",transport=\"tls\",{files}}}"),
            format!("{{name=\"TCport\",bind=\"{ws}\",transport=\"ws\"}}"),
            format!("{{name=\"TCport\",bind=\"{wss}\",transport=\"wss\",{files}}}"),
        ];
        Self { floor: Floor::with(0, &more, settings, &[]), folder, tls, ws, wss }
    }

    fn ca(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// Resident bytes of the program.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.floor.switch.id()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() << 10
    }

    fn log(&self) -> String {
        self.floor.switch.log()
    }
}

/// Who behaves: a desktop that says something on 2001, and a monitor that must see it.
struct Others {
    desk: Desk,
    monitor: Desk,
    said: u32,
}

impl Others {
    fn of(node: &Node) -> Self {
        let monitor = Desk::connect(node.floor.monitor_port, "monitor", &["2001"]);
        Self { desk: node.floor.desk(&["2001"]), monitor, said: 0 }
    }

    /// Says something with user data of this size: the next that the monitor sees is this.
    #[track_caller]
    fn talk(&mut self, bytes: usize) {
        self.said += 1;
        let (said, text) = (self.said, "x".repeat(bytes));
        self.desk.ask(&format!(
            "DistributeUserEvent ThisDN=2001 UserData.n={said} UserData.text={text}"
        ));
        self.monitor.sees(&[&format!("2001 UserEvent{{data [n:{said} text:{text}]}}")]);
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// All that comes until the end of the connection.
#[track_caller]
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return all,
            Ok(length) => all.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("the connection is to be closed: {error}"),
        }
    }
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A WebSocket that sends what it likes.
struct Web(TcpStream);

impl Web {
    fn open(to: SocketAddr) -> Self {
        let mut stream = connect(to);
        stream.write_all(format!("{ASK}\r\n").as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// One that has said who it is.
    fn registered(to: SocketAddr) -> Self {
        let mut web = Self::open(to);
        web.write(&frame(0x81, &Form::Json.write(&hello())));
        assert_eq!(web.event()["type"], "EventLinkConnected");
        web
    }

    /// Sends; who is closed already does not take it.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next frame: its first byte and what it carries.
    #[track_caller]
    fn next(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let mut long = [0; 8];
        let length = match head[1] {
            127 => {
                self.0.read_exact(&mut long).unwrap();
                u64::from_be_bytes(long) as usize
            }
            126 => {
                self.0.read_exact(&mut long[6..]).unwrap();
                u64::from_be_bytes(long) as usize
            }
            // A frame of a server is not masked.
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        (head[0], payload)
    }

    #[track_caller]
    fn event(&mut self) -> serde_json::Value {
        let (first, text) = self.next();
        assert_eq!(first, 0x81, "{}", String::from_utf8_lossy(&text));
        serde_json::from_slice(&text).unwrap()
    }

    /// The code of the Close that is the last to come.
    #[track_caller]
    fn closed(&mut self) -> u16 {
        loop {
            let (first, payload) = self.next();
            if first == 0x88 {
                assert_eq!(rest(&mut self.0), b"", "nothing comes after a Close");
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        long @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
        longest => {
            frame.push(0x80 | 127);
            frame.extend((longest as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn hello() -> Message {
    Message::new(M::RequestRegisterClient)
        .with(A::ProtocolVersion, tlib::session::PROTOCOL_VERSION)
        .with(A::ApplicationName, "peer")
        .with(A::ReferenceID, 1_u32)
}

/// The beginning of a TLS handshake, which announces more than comes.
const HALF_HELLO: [u8; 9] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
/// The alert close_notify.
const GOODBYE: [u8; 7] = [0x15, 3, 3, 0, 2, 1, 0];

#[test]
fn what_is_no_handshake_ends_and_so_does_half_of_one() {
    let node = Node::start(&["tlib.handshake_timeout_ms=3000"]);
    let mut others = Others::of(&node);
    let plain: [&[u8]; 3] = [b"GET / HTTP/1.1\r\n\r\n", &Form::Wire.write(&hello()), &[0xff; 64]];
    for port in [node.tls, node.wss] {
        for bytes in plain {
            let mut peer = connect(port);
            peer.write_all(bytes).unwrap();
            // A fatal alert of TLS.
            assert_eq!(rest(&mut peer).first(), Some(&0x15), "{bytes:?}");
        }
        others.talk(0);
    }
    let field = |field: &str| format!("{ASK}{field}\r\n\r\n");
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("\0\0\0\u{10}".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "426"),
        (field("Origin: https://evil.example"), "403"),
        (field("Sec-WebSocket-Protocol: sip"), "400"),
        (field(&format!("X: {}", "x".repeat(9000))), "431"),
    ] {
        let mut peer = connect(node.ws);
        peer.write_all(request.as_bytes()).unwrap();
        let answer = String::from_utf8(rest(&mut peer)).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }
    others.talk(0);
    let halves: [(SocketAddr, &[u8], &[u8]); 4] = [
        (node.tls, &HALF_HELLO, &GOODBYE),
        (node.wss, &[], &GOODBYE),
        (node.ws, &ASK.as_bytes()[..50], &[]),
        (node.ws, &[], &[]),
    ];
    let mut stuck = halves.map(|(port, bytes, end)| {
        let mut peer = connect(port);
        peer.write_all(bytes).unwrap();
        (peer, end)
    });
    for (peer, end) in &mut stuck {
        assert_eq!(rest(peer), *end);
    }
    others.talk(0);
    assert!(node.log().contains("handshake_timeout_ms"), "{}", node.log());
}

#[test]
fn who_is_stuck_in_a_handshake_makes_room_for_who_comes() {
    let node = Node::start(&["tlib.handshake_timeout_ms=600000", "tlib.handshakes_max=8"]);
    let mut others = Others::of(&node);
    let ca = node.ca();
    for (port, bytes, transport) in [
        (node.tls, &HALF_HELLO[..], &["--tls", "--ca", &ca][..]),
        (node.ws, &ASK.as_bytes()[..50], &["--websocket"]),
        (node.wss, &[], &["--websocket", "--tls", "--ca", &ca]),
    ] {
        let mut stuck: Vec<TcpStream> = (0..40)
            .map(|_| {
                let mut peer = connect(port);
                // The first are closed before the last have come.
                let _ = peer.write_all(bytes);
                peer
            })
            .collect();
        let mut desk = Desk::connect_with(port, "desk", &["2002"], transport);
        for peer in &mut stuck[..32] {
            rest(peer);
        }
        desk.sees_nothing_more();
        others.talk(0);
    }
    assert!(node.log().contains("handshakes_max"), "{}", node.log());
}

#[test]
fn what_may_not_be_in_a_frame_closes_the_connection_with_its_code() {
    let node = Node::start(&["tlib.fragments_max=16", "tlib.message_kib_max=64"]);
    let mut others = Others::of(&node);
    let begun = frame(0x01, b"{");
    let half = [0xc3];
    let kib = [b' '; 1 << 10];
    let cases = [
        ("not masked", vec![0x81, 2, b'{', b'}'], 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("an unknown opcode", frame(0x83, b"{}"), 1002),
        ("a Ping in fragments", frame(0x09, b""), 1002),
        ("a long Ping", frame(0x89, &[0; 126]), 1002),
        ("continued and not begun", frame(0x80, b"{}"), 1002),
        ("begun within another", [&*begun, &*begun].concat(), 1002),
        ("half a code", frame(0x88, &[3]), 1002),
        ("binary", frame(0x82, &Form::Wire.write(&hello())), 1003),
        ("no UTF-8", frame(0x81, b"\"\xff\""), 1007),
        ("half a character", [frame(0x01, &half), frame(0x80, b"")].concat(), 1007),
        ("a flood of fragments", [begun, frame(0x00, b"").repeat(20_000)].concat(), 1008),
        (
            "announced as huge",
            [&[0x81, 0xff][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
        (
            "announced as longer than may be",
            [&[0x81, 0xff][..], &65_537_u64.to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
        (
            "longer in its fragments",
            [frame(0x01, &kib.repeat(60)), frame(0x80, &kib.repeat(5))].concat(),
            1009,
        ),
        ("its own Close", frame(0x88, &[3, 0xe9, b'b', b'y', b'e']), 1001),
    ];
    for (what, bytes, code) in cases {
        let mut peer = Web::registered(node.ws);
        peer.write(&bytes);
        assert_eq!(peer.closed(), code, "{what}");
        others.talk(0);
    }
    // Before it has said who it is less is taken of it.
    let mut peer = Web::open(node.ws);
    peer.write(&frame(0x81, &kib.repeat(9)));
    assert_eq!(peer.closed(), 1009);
    // What is no message in good frames is answered, and the tenth is the end.
    let mut peer = Web::registered(node.ws);
    for text in
        ["", "{", "[]", "{\"type\":\"RequestQueryServer\",\"No\":1}"].iter().cycle().take(10)
    {
        peer.write(&frame(0x81, text.as_bytes()));
        let event = peer.event();
        assert_eq!((&event["type"], &event["ErrorCode"]), (&"EventError".into(), &53.into()));
    }
    assert_eq!(peer.closed(), 1008);
    others.talk(0);
}

#[test]
fn pings_and_halves_of_messages_are_kept_no_more_than_one_of_each() {
    let node = Node::start(&["tlib.message_kib_max=64"]);
    let mut others = Others::of(&node);
    others.talk(0);
    let before = node.memory();
    let mut peers: Vec<Web> = (0..4).map(|_| Web::registered(node.ws)).collect();
    // What answers it all is far more than the kernel holds of it.
    let flood = frame(0x89, &[7; 125]).repeat(200_000);
    let half = frame(0x01, &[b' '; 65_000]);
    for peer in &mut peers {
        peer.write(&half);
        peer.write(&flood);
        peer.write(&frame(0x89, b"last"));
    }
    others.talk(0);
    let grown = node.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    for peer in &mut peers {
        let mut pongs = 0;
        loop {
            let (first, carried) = peer.next();
            assert_eq!(first, 0x8a);
            pongs += 1;
            if carried == b"last" {
                break;
            }
            assert_eq!(carried, [7; 125]);
        }
        assert!(pongs <= 200_001, "{pongs} Pongs");
    }
    // They are good clients still: the message goes on where it was.
    for peer in &mut peers {
        let message =
            Form::Json.write(&Message::new(M::RequestQueryServer).with(A::ReferenceID, 2_u32));
        peer.write(&frame(0x80, &message));
        assert_eq!(peer.event()["type"], "EventServerInfo");
    }
    others.talk(0);
}

/// OpenSSL's client, of which nobody takes what it gets; ended when dropped.
struct Deaf(Child);

impl Deaf {
    fn register(node: &Node, dn: &str) -> Self {
        let mut process = Command::new("openssl")
            .args(["s_client", "-quiet", "-nocommands", "-connect", &node.tls.to_string()])
            .args(["-CAfile", &node.ca(), "-verify_return_error"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let register = Message::new(M::RequestRegisterAddress).with(A::ThisDN, dn);
        let mut input = process.stdin.as_ref().unwrap();
        input.write_all(&Form::Wire.write(&hello())).unwrap();
        // EventLinkConnected begins: it is in. What is left of it is never taken.
        process.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
        input.write_all(&Form::Wire.write(&register)).unwrap();
        Self(process)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_does_not_read_is_closed_over_tls_and_websocket_too() {
    let node = Node::start(&["tlib.write_queue_kib=1024"]);
    let mut others = Others::of(&node);
    others.talk(0);
    let before = node.memory();
    let deaf: Vec<Deaf> = (0..4).map(|_| Deaf::register(&node, "2001")).collect();
    let mut webs: Vec<Web> = (0..4)
        .map(|_| {
            let mut web = Web::registered(node.ws);
            let register = Message::new(M::RequestRegisterAddress).with(A::ThisDN, "2001");
            web.write(&frame(0x81, &Form::Json.write(&register)));
            assert_eq!(web.event()["type"], "EventRegistered");
            web
        })
        .collect();
    let closed = || node.log().matches("the client does not read").count();
    // Until more was said than the kernel and the queues hold together.
    let mut rounds = 0;
    while closed() < deaf.len() + webs.len() {
        for _ in 0..50 {
            others.talk(30_000);
        }
        rounds += 1;
        assert!(rounds < 40, "{}", node.log());
    }
    for web in &mut webs {
        let mut bytes = vec![0; 1 << 20];
        wait::until("the end of a connection that was not read", || {
            matches!(web.0.read(&mut bytes), Ok(0) | Err(_)).then_some(())
        });
    }
    let grown = node.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    others.talk(0);
}
