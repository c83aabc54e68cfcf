//! Clients of the T-Library ports that are broken, greedy, silent or lie: each is answered as specified or closed with a reason, what is
//! kept for them is bounded, and a client that behaves sees everything meanwhile.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use jackfield_interop::{Switch, ports, wait};
use model::ConnId;
use rustix::net::sockopt;
use tlib::{Attribute as A, Form, KvList, KvValue, Limits, Message, MessageType as M};

/// How long an answer may take at most on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(30);
/// Session Controller, T-Controller, Interaction Proxy, Smart Proxy.
const PORTS: [&str; 4] = ["default", "TCport", "IPport", "SmartProxy"];

/// A switch with four ports, the phones 2001 to 2009 and the Routing Point 8000.
struct Node {
    switch: Switch,
    ports: [u16; 4],
}

impl Node {
    fn start(settings: &[&str]) -> Self {
        Self::with("{number=[\"2001-2009\"]},{number=[\"8000\"],type=\"routing-point\"}", settings)
    }

    /// One with these DNs and the default limits.
    fn of(dns: &str) -> Self {
        Self::with(dns, &[])
    }

    fn with(dns: &str, settings: &[&str]) -> Self {
        let ports = PORTS.map(|_| ports::free());
        let listen: Vec<String> = PORTS
            .iter()
            .zip(ports)
            .map(|(name, port)| format!("{{name=\"{name}\",bind=\"127.0.0.1:{port}\"}}"))
            .collect();
        let listen = format!("tlib.listen=[{}]", listen.join(","));
        let dns = format!("dn=[{dns}]");
        let settings: Vec<&str> =
            [listen.as_str(), dns.as_str()].into_iter().chain(settings.iter().copied()).collect();
        Self { switch: Switch::start(&settings, &[]), ports }
    }

    /// Resident bytes of the program.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.switch.id()));
        let status = status.expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        kib.expect("resident memory") << 10
    }

    /// Descriptors of the program.
    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.switch.id())).expect("the program runs").count()
    }
}

/// A connection that sends what it likes.
struct Peer {
    stream: TcpStream,
    held: Vec<u8>,
    reference: u32,
}

impl Peer {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Self { stream, held: Vec::new(), reference: 0 }
    }

    /// One that has said who it is.
    fn registered(port: u16) -> Self {
        let mut peer = Self::connect(port);
        peer.write(&Form::Wire.write(&hello()));
        assert_eq!(peer.next().map(|m| m.kind()), Some(M::EventLinkConnected));
        peer
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the switch reads");
    }

    /// Sends a request with the next ReferenceID, which it gives.
    fn send(&mut self, message: Message) -> u32 {
        self.reference += 1;
        self.write(&Form::Wire.write(&message.with(A::ReferenceID, self.reference)));
        self.reference
    }

    /// The next message; nothing at the end of the connection.
    fn next(&mut self) -> Option<Message> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            if let Some(prefix) = self.held.first_chunk::<4>() {
                let length = u32::from_be_bytes(*prefix) as usize;
                if self.held.len() >= 4 + length {
                    let frame: Vec<u8> = self.held.drain(..4 + length).skip(4).collect();
                    return Some(Message::decode(&frame, &Limits::DEFAULT).expect("a message"));
                }
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.held.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// What answers a request, whatever comes before it.
    #[track_caller]
    fn answer(&mut self, reference: u32) -> Message {
        loop {
            let message = self.next().expect("an answer before the end of the connection");
            if message.reference_id() == Some(reference) {
                return message;
            }
        }
    }

    #[track_caller]
    fn ask(&mut self, message: Message) -> Message {
        let reference = self.send(message);
        self.answer(reference)
    }

    /// Asks and gives the ErrorCode of the answer.
    #[track_caller]
    fn refused(&mut self, message: Message) -> i64 {
        let answer = self.ask(message);
        assert_eq!(answer.kind(), M::EventError, "{answer:?}");
        answer.int(A::ErrorCode).expect("an ErrorCode")
    }

    /// The ErrorCode of the next message.
    #[track_caller]
    fn error(&mut self) -> i64 {
        let message = self.next().expect("EventError before the end of the connection");
        assert_eq!(message.kind(), M::EventError, "{message:?}");
        message.int(A::ErrorCode).expect("an ErrorCode")
    }

    #[track_caller]
    fn ended(&mut self) {
        assert_eq!(self.next(), None, "the connection is to be closed");
    }
}

fn hello() -> Message {
    Message::new(M::RequestRegisterClient)
        .with(A::ProtocolVersion, tlib::session::PROTOCOL_VERSION)
        .with(A::ApplicationName, "peer")
}

fn of(kind: M, dn: &str) -> Message {
    Message::new(kind).with(A::ThisDN, dn)
}

/// Who behaves: a desktop that says something on 2001, and a monitor that must see it.
struct Others {
    desk: Peer,
    monitor: Peer,
    said: i32,
}

impl Others {
    fn of(node: &Node) -> Self {
        let [_, desk, _, monitor] = node.ports;
        let (mut desk, mut monitor) = (Peer::registered(desk), Peer::registered(monitor));
        for peer in [&mut desk, &mut monitor] {
            let answer = peer.ask(of(M::RequestRegisterAddress, "2001"));
            assert_eq!(answer.kind(), M::EventRegistered);
        }
        Self { desk, monitor, said: 0 }
    }

    /// Says something with user data of this size: it is acknowledged, and the next that the monitor sees is this.
    #[track_caller]
    fn talk(&mut self, bytes: usize) {
        self.said += 1;
        let data = KvList::new().with("number", self.said).with("text", "x".repeat(bytes).as_str());
        let say = of(M::RequestDistributeUserEvent, "2001").with(A::UserData, data);
        assert_eq!(self.desk.ask(say).kind(), M::EventACK);
        let seen = self.monitor.next().expect("the monitor stays connected");
        assert_eq!(seen.kind(), M::EventUserEvent, "{seen:?}");
        let number = seen.list(A::UserData).and_then(|data| data.int("number"));
        assert_eq!(number, Some(self.said));
    }
}

#[test]
fn garbage_and_half_messages_are_answered_and_end_at_every_port() {
    let node = Node::start(&["tlib.hello_timeout_ms=600"]);
    let mut others = Others::of(&node);
    for port in node.ports {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0x80, 0, 0, 0]] {
            let mut peer = Peer::connect(port);
            peer.write(garbage);
            // Whatever is announced is too long.
            assert_eq!(peer.error(), 53);
            peer.ended();
        }
        // A frame without anything in it, three times.
        let mut peer = Peer::connect(port);
        peer.write(&[0; 12]);
        assert_eq!([peer.error(), peer.error(), peer.error()], [53, 53, 53]);
        peer.ended();
        // Who asks before it has said who it is.
        let mut peer = Peer::connect(port);
        assert_eq!(peer.refused(Message::new(M::RequestQueryServer)), 112);
        // Half a message, and nothing more: its time is over.
        let whole = Form::Wire.write(&hello());
        let mut half = Peer::connect(port);
        half.write(&whole[..whole.len() / 2]);
        assert_eq!(half.error(), 57);
        half.ended();
        // Half a message and the end of the connection.
        let mut gone = Peer::connect(port);
        gone.write(&whole[..3]);
        gone.stream.shutdown(Shutdown::Both).expect("a connection");
        // One byte at a time is slow and no fault.
        let mut slow = Peer::connect(port);
        for byte in whole.iter() {
            slow.write(&[*byte]);
        }
        assert_eq!(slow.next().map(|m| m.kind()), Some(M::EventLinkConnected));
        others.talk(0);
    }
    let log = node.switch.log();
    assert!(log.contains("register_timeout") && log.contains("message_bytes_max"), "{log}");
}

#[test]
fn what_cannot_be_is_refused_and_the_session_goes_on() {
    let node = Node::start(&[]);
    let mut others = Others::of(&node);
    for port in node.ports {
        let mut peer = Peer::registered(port);
        // Registered twice.
        assert_eq!(peer.refused(hello()), 112);
        // What is no request of a client.
        assert_eq!(peer.refused(of(M::EventRinging, "2001")), 102);
        assert_eq!(peer.refused(of(M::EventAgentLogin, "2001")), 102);
        // A ReferenceID that cannot be.
        for reference in [-1, 1 << 32, i64::MIN] {
            let message = Message::new(M::RequestQueryServer).with(A::ReferenceID, reference);
            peer.write(&Form::Wire.write(&message));
            assert_eq!(peer.error(), 53);
        }
        // One that is used twice: both are answered.
        for _ in 0..2 {
            let message = Message::new(M::RequestQueryServer).with(A::ReferenceID, 7_u32);
            peer.write(&Form::Wire.write(&message));
        }
        assert_eq!(peer.answer(7).kind(), M::EventServerInfo);
        assert_eq!(peer.answer(7).kind(), M::EventServerInfo);
        peer.reference = 100;
        // Lists that are deep, and long.
        let deep =
            (0..64).fold(KvList::new(), |list, _| KvList::new().with("in", KvValue::List(list)));
        let mut long = KvList::new();
        for number in 0..20_000 {
            long.push("k", number);
        }
        for list in [deep, long] {
            peer.send(of(M::RequestDistributeUserEvent, "2001").with(A::UserData, list));
            assert_eq!(peer.error(), 53);
        }
        assert_eq!(peer.ask(Message::new(M::RequestQueryServer)).kind(), M::EventServerInfo);
        // A frame that is longer than may be is the end.
        peer.write(&u32::MAX.to_be_bytes());
        assert_eq!(peer.error(), 53);
        peer.ended();
        others.talk(0);
    }
}

#[test]
fn nobody_speaks_for_somebody_else() {
    let node = Node::start(&["tlib.password=secret"]);
    let [default, desks, recorders, monitors] = node.ports;
    let with = |password: &str| hello().with(A::ApplicationPassword, password);
    let enter = |port, password: &str| {
        let mut peer = Peer::connect(port);
        peer.write(&Form::Wire.write(&with(password)));
        peer
    };
    for port in node.ports {
        for password in ["", "secre", "secret ", "SECRET"] {
            let mut peer = enter(port, password);
            assert_eq!(peer.error(), 119, "{password:?}");
            peer.ended();
        }
    }
    let member = |port| {
        let mut peer = enter(port, "secret");
        assert_eq!(peer.next().map(|m| m.kind()), Some(M::EventLinkConnected));
        peer
    };
    let mut watch = member(desks);
    assert_eq!(watch.ask(of(M::RequestRegisterAddress, "2001")).kind(), M::EventRegistered);
    // Who has not registered the DN does nothing there.
    let mut peer = member(desks);
    let asked = [
        of(M::RequestAgentLogin, "2001").with(A::AgentID, "17"),
        of(M::RequestAgentReady, "2001"),
        of(M::RequestSetDNDOn, "2001"),
        of(M::RequestMakeCall, "2001").with(A::OtherDN, "2002"),
        of(M::RequestReleaseCall, "2001").with(A::ConnID, conn(1)),
        of(M::RequestDistributeUserEvent, "2001"),
    ];
    for message in asked.clone() {
        assert_eq!(peer.refused(message), 41);
    }
    // Nor does who is at a port where nothing is done.
    for port in [recorders, monitors] {
        let mut peer = member(port);
        for message in asked.clone() {
            assert_eq!(peer.refused(message), 258);
        }
    }
    // Nobody reports what the switch itself knows.
    for port in [default, desks] {
        let mut peer = member(port);
        let report = |kind: M| {
            of(M::RequestDistributeEvent, "2001")
                .with(A::UserEvent, i64::from(kind.number()))
                .with(A::ConnID, conn(1))
        };
        for kind in
            [M::EventAgentLogin, M::EventRinging, M::EventReleased, M::EventLinkDisconnected]
        {
            assert_eq!(peer.refused(report(kind)), 53, "{kind:?}");
        }
        assert_eq!(peer.refused(report(M::EventQueued)), 128);
    }
    // All this while nothing was told of 2001.
    let mark = watch.send(Message::new(M::RequestQueryServer));
    let next = watch.next().expect("an answer");
    assert_eq!((next.kind(), next.reference_id()), (M::EventServerInfo, Some(mark)));
}

fn conn(number: u64) -> ConnId {
    ConnId(number)
}

#[test]
fn a_flood_is_refused_and_every_request_of_it_is_answered_once() {
    let node = Node::start(&["tlib.requests_per_second_max=100", "tlib.requests_burst_max=100"]);
    let mut others = Others::of(&node);
    const FLOOD: u32 = 2000;
    for port in node.ports {
        let mut peer = Peer::registered(port);
        for _ in 0..FLOOD {
            peer.send(Message::new(M::RequestQueryServer));
        }
        others.talk(0);
        let mut answered: BTreeMap<u32, u32> = BTreeMap::new();
        let (mut done, mut refused) = (0, 0);
        for _ in 0..FLOOD {
            let answer = peer.next().expect("an answer");
            let reference = answer.reference_id().expect("a ReferenceID");
            *answered.entry(reference).or_default() += 1;
            match answer.int(A::ErrorCode) {
                Some(569) => refused += 1,
                None => done += 1,
                other => panic!("EventError {other:?}"),
            }
        }
        assert_eq!(answered.len(), FLOOD as usize);
        assert!(done >= 100 && refused > 0, "{done} done, {refused} refused");
        others.talk(0);
    }
}

/// DNs that one client registers on, and so owns.
const OWNED: u32 = 500;
/// Requests of a flood: as many as the switch lets through at once without knowing what they are.
const REQUESTS: u32 = 20_000;

/// Sends two requests in turn until there are enough, all at once, while the others talk; gives what came of that type.
fn flood(peer: Peer, pair: [M; 2], others: &mut Others, counted: M) -> usize {
    let Peer { stream, held, .. } = peer;
    let mut writing = stream.try_clone().expect("a connection");
    let writer = thread::spawn(move || {
        let requests = (1..=REQUESTS).zip(pair.into_iter().cycle());
        let request = |(n, kind)| Form::Wire.write(&Message::new(kind).with(A::ReferenceID, n));
        let all: Vec<u8> = requests.flat_map(|request_of| request(request_of).to_vec()).collect();
        // Who is closed for its flood cannot write all of it.
        let _ = writing.write_all(&all);
    });
    let reader = thread::spawn(move || {
        let mut peer = Peer { stream, held, reference: 0 };
        let mut count = 0;
        while let Some(message) = peer.next() {
            count += usize::from(message.kind() == counted);
            if message.reference_id() == Some(REQUESTS) {
                break;
            }
        }
        count
    });
    while !reader.is_finished() {
        others.talk(0);
    }
    writer.join().expect("a writer");
    reader.join().expect("a reader")
}

/// What a client may be told that asks for much, when its rate is the default and it began so long ago: its burst, what it was given since,
/// and the last request that was done.
fn at_most(began: Instant, of_one: usize) -> usize {
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("seconds");
    20_000 + 1000 * (seconds + 1) + of_one
}

#[test]
fn who_asks_for_every_dn_again_and_again_disturbs_nobody() {
    let node = Node::of(
        "{number=[\"2001-2500\"],contact=\"elsewhere\"},{number=\"7999\",type=\"voip-service\",options={\"service-type\"=\"sip-cluster-nodes\",\"dn-owner-applications\"=\"peer\"}}",
    );
    let mut owner = Peer::registered(node.ports[1]);
    let last =
        (2001..2001 + OWNED).map(|dn| owner.send(of(M::RequestRegisterAddress, &dn.to_string())));
    let last = last.last().expect("DNs");
    assert_eq!(owner.answer(last).kind(), M::EventRegistered);
    let mut others = Others::of(&node);
    let began = Instant::now();
    let peer = Peer::registered(node.ports[1]);
    let pair = [M::RequestRegisterAll, M::RequestUnregisterAll];
    let told = flood(peer, pair, &mut others, M::EventRegistered);
    let owned = usize::try_from(OWNED).expect("a number");
    assert!(told >= owned && told <= at_most(began, owned), "{told} after {:?}", began.elapsed());
    others.talk(0);
}

#[test]
fn who_takes_all_calls_again_and_again_disturbs_nobody() {
    const CALLS: usize = 100;
    let node = Node::of("{number=[\"2001-2009\"]},{number=[\"8000\"],type=\"routing-point\"}");
    let mut others = Others::of(&node);
    let mut router = Peer::registered(node.ports[0]);
    assert_eq!(router.ask(of(M::RequestRegisterAddress, "8000")).kind(), M::EventRegistered);
    let mut recorder = Peer::registered(node.ports[2]);
    let start = Message::new(M::RequestStartCallMonitoring);
    assert_eq!(recorder.ask(start).kind(), M::EventACK);
    let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    for number in 0..CALLS {
        let invite = invite(&phone, node.switch.sip_port, number);
        phone
            .send_to(invite.as_bytes(), (Ipv4Addr::LOCALHOST, node.switch.sip_port))
            .expect("sent");
        while recorder.next().expect("a recorder stays").kind() != M::EventCallCreated {}
    }
    drop(recorder);
    let began = Instant::now();
    let peer = Peer::registered(node.ports[2]);
    let pair = [M::RequestStartCallMonitoring, M::RequestStopCallMonitoring];
    let told = flood(peer, pair, &mut others, M::EventCallCreated);
    assert!(told >= CALLS && told <= at_most(began, CALLS), "{told} after {:?}", began.elapsed());
    others.talk(0);
}

/// A call to the Routing Point, which waits there.
fn invite(phone: &UdpSocket, sip_port: u16, number: usize) -> String {
    let here = phone.local_addr().expect("an address");
    let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";
    format!(
        "INVITE sip:8000@127.0.0.1:{sip_port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKflood{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:5551001@127.0.0.1>;tag=a{number}\r\nTo: <sip:8000@127.0.0.1>\r\nCall-ID: flood-{number}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:5551001@{here}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn who_does_not_read_is_closed_and_costs_no_more_than_its_queue() {
    let node = Node::start(&["tlib.write_queue_kib=1024"]);
    let mut others = Others::of(&node);
    others.talk(0);
    let before = node.memory();
    let mut stuck: Vec<Peer> = (0..20)
        .map(|number| {
            let mut peer = Peer::registered(node.ports[if number % 2 == 0 { 1 } else { 3 }]);
            // Left alone, the kernel may take for it all that comes here.
            sockopt::set_socket_recv_buffer_size(&peer.stream, 64 << 10).expect("an option");
            assert_eq!(peer.ask(of(M::RequestRegisterAddress, "2001")).kind(), M::EventRegistered);
            peer
        })
        .collect();
    // More than the kernel and the queue hold for a connection together.
    for _ in 0..600 {
        others.talk(30_000);
    }
    assert!(node.switch.log().contains("the client does not read"), "{}", node.switch.log());
    for peer in &mut stuck {
        // What the kernel has taken for it comes, and then the end.
        let mut bytes = vec![0; 1 << 20];
        wait::until("the end of a connection that was not read", || {
            matches!(peer.stream.read(&mut bytes), Ok(0) | Err(_)).then_some(())
        });
    }
    let grown = node.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    others.talk(0);
}

#[test]
fn who_comes_and_goes_in_the_middle_of_anything_leaves_nothing_behind() {
    let node = Node::start(&["tlib.hello_timeout_ms=600", "tlib.clients_max=64"]);
    let mut others = Others::of(&node);
    others.talk(0);
    let before = node.descriptors();
    let whole = Form::Wire.write(&hello());
    let register = Form::Wire.write(&of(M::RequestRegisterAddress, "2001"));
    let call = of(M::RequestMakeCall, "2001").with(A::OtherDN, "2002");
    let all = [&whole[..], &register, &Form::Wire.write(&call)].concat();
    for round in 0..400 {
        let mut peer = Peer::connect(node.ports[round % 4]);
        // It may be closed before it has said all.
        let _ = peer.stream.write_all(&all[..(round * 7) % all.len()]);
        if round % 40 == 0 {
            others.talk(0);
        }
    }
    // More than may be at once, none of which says anything.
    let silent: Vec<Peer> = (0..100).map(|_| Peer::connect(node.ports[1])).collect();
    others.talk(0);
    wait::until("the silent ones to be closed", || (node.descriptors() <= before).then_some(()));
    drop(silent);
    others.talk(0);
    assert_eq!(
        Peer::registered(node.ports[1]).ask(Message::new(M::RequestQueryServer)).kind(),
        M::EventServerInfo
    );
}
