//! What the logs of the T-Library modules give back to who reads them by section 8.5 of the reference alone: every message that each client
//! was given and every request that it made, with every attribute, in order, and nothing else. Real phones and real clients.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "a test fails by panicking; the parser is shared with the tests of the printer"
)]

#[path = "../../../host/tlib/tests/log_parser/parser.rs"]
mod parser;

#[path = "../../../host/tlib/tests/log_parser/reading.rs"]
mod reading;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use jackfield_interop::{Desk, Floor, Handset as _};
use parser::{Entry, Peer, parse};
use reading::message_of;
use tlib::{
    Attribute as A, Form, InputMask, KvList, KvValue, Limits, Message, MessageType as M, Value,
};

/// How long an answer may take at most on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(30);
/// User events with much in them: enough for a log to be followed by another file, twice.
const LONG_EVENTS: i32 = 200;

/// A client that sends what a command line cannot, and keeps all that it sent and got.
struct Wire {
    stream: TcpStream,
    held: Vec<u8>,
    sent: Vec<Message>,
    got: Vec<Message>,
}

impl Wire {
    fn connect(port: SocketAddr, application: &str) -> Self {
        let stream = TcpStream::connect(port).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut wire = Self { stream, held: Vec::new(), sent: Vec::new(), got: Vec::new() };
        let hello = Message::new(M::RequestRegisterClient)
            .with(A::ProtocolVersion, tlib::session::PROTOCOL_VERSION)
            .with(A::ApplicationName, application);
        wire.ask(hello, M::EventLinkConnected);
        wire
    }

    fn send(&mut self, message: Message) {
        self.stream.write_all(&Form::Wire.write(&message)).expect("the switch reads");
        self.sent.push(message);
    }

    /// Sends with a ReferenceID of its own and waits for the answer, which must be of this kind.
    #[track_caller]
    fn ask(&mut self, message: Message, answer: M) {
        let reference = u32::try_from(self.sent.len() + 100).unwrap();
        self.send(message.with(A::ReferenceID, reference));
        loop {
            let got = self.next().expect("an answer");
            if got.reference_id() == Some(reference) {
                assert_eq!(got.kind(), answer, "{got:?}");
                return;
            }
        }
    }

    /// The next message; nothing at the end of the connection.
    fn next(&mut self) -> Option<Message> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            if let Some(prefix) = self.held.first_chunk::<4>() {
                let length = u32::from_be_bytes(*prefix) as usize;
                if self.held.len() >= 4 + length {
                    let frame: Vec<u8> = self.held.drain(..4 + length).skip(4).collect();
                    let message = Message::decode(&frame, &Limits::DEFAULT).expect("a message");
                    if message.kind() != M::KeepAlivePoll {
                        self.got.push(message.clone());
                        return Some(message);
                    }
                    self.stream
                        .write_all(&Form::Wire.write(&Message::new(M::KeepAliveAnswer)))
                        .expect("the switch reads");
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

    fn address(&self) -> String {
        self.stream.local_addr().expect("an address").to_string()
    }
}

fn of(kind: M, dn: &str) -> Message {
    Message::new(kind).with(A::ThisDN, dn)
}

/// User data with every kind of value, nested, and with what could be taken for something else in a log.
fn data() -> KvList {
    let inner =
        KvList::new().with("deep", KvList::new().with("deeper", -7)).with("none", KvList::new());
    KvList::new()
        .with("text", "it's 'quoted', [5] 00 01.. and (list)")
        .with("number", i32::MIN)
        .with("empty", "")
        .with("list", KvValue::List(inner))
        .with("binary", KvValue::Binary(vec![0, 10, 255].into()))
        .with("unicode", KvValue::Unicode("Zoë\u{3b2}".into()))
        .with("text", "message EventRinging")
}

/// The messages of a module's log, over all its files.
fn log_of(folder: &Path, stem: &str, files_min: usize) -> Vec<Entry> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
    });
    files.sort();
    assert!(files.len() >= files_min, "{files:?}");
    let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    parse(&text)
}

/// A message with what its distribution added at the end, where the wire has it.
fn as_sent(mut message: Message) -> Message {
    for added in [A::EventSequenceNumber, A::ReferenceID] {
        let value: Option<Value> = message.get(added).cloned();
        if let Some(value) = value {
            message.remove(added);
            message.set(added, value);
        }
    }
    message
}

/// What a log says that the client at this address got.
fn given(log: &[Entry], address: &str) -> Vec<Message> {
    let copies = |entry: &Entry| entry.sent.iter().filter(|peer| peer.address == address).count();
    log.iter()
        .flat_map(|entry| std::iter::repeat_with(|| as_sent(message_of(entry))).take(copies(entry)))
        .collect()
}

/// What a log says that the client at this address asked for.
fn asked(log: &[Entry], address: &str) -> Vec<Message> {
    let is_from = |entry: &&Entry| entry.from.as_ref().is_some_and(|peer| peer.address == address);
    log.iter().filter(is_from).map(message_of).collect()
}

/// Where a client of this name was connected from.
fn address_of(log: &[Entry], application: &str) -> String {
    let peers = log.iter().flat_map(|entry| &entry.sent);
    let addresses: BTreeSet<&String> = peers
        .filter(|peer: &&Peer| peer.application == application)
        .map(|peer| &peer.address)
        .collect();
    let [address] = addresses.into_iter().collect::<Vec<_>>()[..] else {
        panic!("{application} is no client of this log, or several are");
    };
    address.clone()
}

/// A desk's log has what it got, and the requests that it made.
#[track_caller]
fn told_to_desk(log: &[Entry], application: &str, desk: Desk, requests: &[M]) {
    let address = address_of(log, application);
    let got: Vec<Message> = desk
        .all_until_the_end()
        .iter()
        .map(|text| as_sent(Message::from_json(text.as_bytes(), &Limits::DEFAULT).unwrap()))
        .collect();
    same(&given(log, &address), &got, application);
    let kinds: Vec<M> = asked(log, &address).iter().map(Message::kind).collect();
    assert_eq!(kinds, [&[M::RequestRegisterClient], requests].concat(), "{application}");
}

#[track_caller]
fn same(log: &[Message], client: &[Message], who: &str) {
    for (nth, (told, got)) in log.iter().zip(client).enumerate() {
        assert_eq!(told, got, "message {nth} of {who}");
    }
    assert_eq!(log.len(), client.len(), "{who}");
}

/// No event that nobody got, and nobody whom the test does not know.
#[track_caller]
fn nothing_else(log: &[Entry], applications: &[&str]) {
    for entry in log {
        assert_eq!(entry.sent.is_empty(), entry.from.is_some(), "{entry:?}");
        for peer in entry.sent.iter().chain(&entry.from) {
            let is_new = entry.message == "RequestRegisterClient" && peer.application.is_empty();
            assert!(is_new || applications.contains(&peer.application.as_str()), "{entry:?}");
        }
    }
}

/// An agent's day in short: a routed call with user data, a consultation, a transfer, after-call work.
fn work(floor: &Floor, desk: &mut Desk, router: &mut Desk) {
    let (mut ann, mut ben) = (floor.phone("5551001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    desk.sees(&["2002 DNBackInService{}", "2003 DNBackInService{}"]);
    desk.ask("AgentLogin ThisDN=2002 AgentID=ben AgentWorkMode=1");
    desk.ask("AgentReady ThisDN=2002 Reason.back=1");
    ann.call("8000");
    router.sees(&[
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ]);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002 Extensions.NO_ANSWER_TIMEOUT=60");
    ben.ringing();
    desk.sees(&[
        "2002 AgentLogin{agent ben, mode 1, ref 1}",
        "2002 AgentNotReady{agent ben, mode 1}",
        "2002 AgentReady{why [back:1], agent ben, mode 1, ref 2}",
        "2002 Ringing{C1 De, O 5551001 Or, q 8000, agent ben}",
    ]);
    ben.answer();
    desk.sees(&["2002 Established{C1 De, O 5551001 Or, q 8000, agent ben}"]);
    desk.ask("AttachUserData ThisDN=2002 ConnID=C1 UserData.Name=O'Brien UserData.City=Köln");
    desk.ask("InitiateTransfer ThisDN=2002 ConnID=C1 OtherDN=2003");
    cas.ringing();
    cas.answer();
    let data = "data [Name:O'Brien City:Köln]";
    desk.sees(&[
        &format!(
            "2002 AttachedDataChanged{{C1 De, O 5551001 Or, 3 2002 De, q 8000, {data}, agent ben, ref 3}}"
        ),
        &format!("2002 Held{{C1 De, O 5551001 Or, q 8000, {data}, agent ben}}"),
        "2002 Dialing{C2 Or, O 2003 De, prev C1, agent ben, ref 4}",
        "2003 Ringing{C2 De, O 2002 Or, prev C1}",
        "2002 Established{C2 Or, O 2003 De, prev C1, agent ben}",
        "2003 Established{C2 De, O 2002 Or, prev C1}",
    ]);
    desk.ask("CompleteTransfer ThisDN=2002 ConnID=C1 TransferConnID=C2");
    ben.expect_call("DISCONNECTED");
    desk.ask("HoldCall ThisDN=2002 ConnID=C1");
    cas.hang_up();
    ann.expect_end(200);
}

#[test]
fn every_message_of_every_client_is_read_back_from_the_log_of_its_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("tlib.log_path={}", folder.path().display());
    let settings =
        [&*path, "tlib.log_deliveries=true", "tlib.log_mib_max=1", "tlib.log_files_max=50"];
    let floor = Floor::with(1, &[], &settings, &[]);
    let mut desk = Desk::connect(floor.tc_port, "desk one", &["2001", "2002", "2003"]);
    let mut second = Desk::connect(floor.tc_port, "desk (2)", &["2002"]);
    let mut router = floor.router();
    let monitor = Desk::connect(floor.monitor_port, "stat", &["2002", "8000"]);
    let mut recorder = Desk::connect(floor.ip_port, "icon", &[]);
    recorder.ask("StartCallMonitoring");
    let mut wire = Wire::connect(floor.tc_port, "wire");
    // Registered on everything, and does not want to know who is ready.
    wire.ask(Message::new(M::RequestRegisterAll), M::EventRegisteredAll);
    let mask = InputMask::ALL.without(M::EventAgentReady);
    let mask = Value::Bytes(mask.bytes().to_vec().into());
    wire.ask(Message::new(M::RequestSetInputMask).with(A::InputMask, mask), M::EventACK);
    work(&floor, &mut desk, &mut router);
    wire.ask(of(M::RequestRegisterAddress, "2001"), M::EventRegistered);
    wire.ask(of(M::RequestDistributeUserEvent, "2001").with(A::UserData, data()), M::EventACK);
    for number in 0..LONG_EVENTS {
        let data = KvList::new().with("number", number).with("text", "x".repeat(6000).as_str());
        wire.ask(of(M::RequestDistributeUserEvent, "2001").with(A::UserData, data), M::EventACK);
    }
    // What the session refuses by itself, and what the module does.
    wire.ask(of(M::EventRinging, "2001"), M::EventError);
    wire.ask(of(M::RequestAgentLogin, "2004").with(A::AgentID, "17"), M::EventError);
    second.ask("QueryServer");
    floor.switch.stop();
    while wire.next().is_some() {}

    let log = log_of(folder.path(), "SIPS-1280", 3);
    let register = M::RequestRegisterAddress;
    let work = [
        M::RequestAgentLogin,
        M::RequestAgentReady,
        M::RequestAttachUserData,
        M::RequestInitiateTransfer,
        M::RequestCompleteTransfer,
        M::RequestHoldCall,
    ];
    told_to_desk(&log, "desk one", desk, &[&[register; 3], &work[..]].concat());
    told_to_desk(&log, "desk (2)", second, &[register, M::RequestQueryServer]);
    let got: Vec<Message> = wire.got.iter().cloned().map(as_sent).collect();
    same(&given(&log, &wire.address()), &got, "wire");
    assert!(got.iter().all(|message| message.kind() != M::EventAgentReady));
    same(&asked(&log, &wire.address()), &wire.sent, "what wire asked for");
    nothing_else(&log, &["desk one", "desk (2)", "wire"]);

    let log = log_of(folder.path(), "SIPS", 1);
    told_to_desk(&log, "router", router, &[register, M::RequestRouteCall]);
    nothing_else(&log, &["router"]);
    let log = log_of(folder.path(), "SIPS-1792", 1);
    told_to_desk(&log, "stat", monitor, &[register; 2]);
    nothing_else(&log, &["stat"]);
    let log = log_of(folder.path(), "SIPS-1024", 1);
    told_to_desk(&log, "icon", recorder, &[M::RequestStartCallMonitoring]);
    nothing_else(&log, &["icon"]);
}
