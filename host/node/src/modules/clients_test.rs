#![allow(clippy::unwrap_used)]
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use tlib::{Event, Form, SessionConfig, session::PROTOCOL_VERSION};

use super::{limits::TURN_MESSAGES_MAX, *};
use crate::poller::{Ready, Token};

/// Bytes of the events of a burst.
const EVENT_BYTES: usize = 4 << 10;
/// More events than may wait, and fewer than a connection of loopback takes by itself.
const EVENTS: u64 = 32;

fn clients() -> (Clients, SocketAddr) {
    clients_at(Port::plain)
}

fn clients_at(port: fn(Module, TcpListener) -> Port) -> (Clients, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut session = SessionConfig::DEFAULT;
    session.queue_bytes_max = 64 << 10;
    let limits = ClientLimits {
        clients_max: 2,
        handshake_timeout: Duration::from_secs(5),
        handshakes_max: 2,
        password: None,
        session,
    };
    let poller = Arc::new(Poller::new().unwrap());
    let hello = (Duration::ZERO, hello("SIPS"));
    (
        Clients::new(
            Module::SmartProxy,
            poller,
            vec![port(Module::SmartProxy, listener)],
            limits,
            hello,
        )
        .unwrap(),
        address,
    )
}

/// Waits until somebody has done something.
fn turn(clients: &mut Clients) -> Vec<Happened> {
    let mut ready = Ready::new();
    loop {
        let behind = clients.take_behind();
        if behind.is_empty() {
            clients.poller.wait(&mut ready, None);
        } else {
            ready = Ready::new();
        }
        behind.into_iter().for_each(|slot| clients.read(Instant::ZERO, slot));
        for (token, flags) in (0..ready.len()).filter_map(|at| ready.at(at)) {
            match token {
                Token::Listener(number) => clients.on_listener(Instant::ZERO, number),
                Token::Connection { slot, generation } => {
                    clients.on_connection(Instant::ZERO, (slot, generation), flags);
                }
                Token::Bell => {}
            }
        }
        clients.flush(Instant::ZERO);
        let happened = clients.take_happened();
        if !happened.is_empty() {
            return happened;
        }
    }
}

fn register() -> Message {
    Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
        .with(Attribute::ApplicationName, "desk")
}

fn connect(clients: &mut Clients, address: SocketAddr) -> (TcpStream, ClientId) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(&Form::Wire.write(&register())).unwrap();
    let happened = turn(clients);
    let [Happened::Connected(client, _)] = happened[..] else { panic!("{happened:?}") };
    (socket, client)
}

/// Delivers one event; gives its bytes.
fn deliver(clients: &mut Clients, client: ClientId, number: u64) -> usize {
    let message =
        Message::new(MessageType::EventUserEvent).with(Attribute::ThisDN, "1".repeat(EVENT_BYTES));
    let event = Event::new(Arc::new(message), Some(number));
    let bytes = event.frame(Form::Wire, None).len();
    let clients_of_it = Arc::from([client]);
    clients.deliver(
        Instant::ZERO,
        &Deliver { event, clients: clients_of_it, filters: None, asked_by: None },
    );
    bytes
}

fn burst(clients: &mut Clients, client: ClientId, events: u64) {
    for number in 0..events {
        deliver(clients, client, number);
    }
    clients.flush(Instant::ZERO);
}

#[test]
fn who_reads_is_not_closed_for_what_one_turn_makes_and_who_does_not_is() {
    let (mut clients, address) = clients();
    let (mut socket, client) = connect(&mut clients, address);

    burst(&mut clients, client, EVENTS);
    assert!(clients.take_happened().is_empty(), "a client that reads was closed");
    let mut bytes = vec![0; EVENTS as usize * EVENT_BYTES];
    socket.read_exact(&mut bytes).unwrap();

    // Sixteen megabytes are more than the kernel and the queue hold.
    burst(&mut clients, client, 4096);
    let happened = clients.take_happened();
    assert!(matches!(happened[..], [Happened::Gone(_)]), "{happened:?}");
    assert_eq!(clients.figures.not_reading, 1);
}

#[test]
fn who_asks_much_at_once_has_turns_and_all_it_asked_before_it_went_is_done() {
    const REQUESTS: usize = 1000;
    let (mut clients, address) = clients();
    let (mut socket, client) = connect(&mut clients, address);
    let mut all = Vec::new();
    for n in 1..=REQUESTS {
        let request = Message::new(MessageType::RequestQueryServer);
        all.extend_from_slice(&Form::Wire.write(&request.with(Attribute::ReferenceID, n as i64)));
    }
    socket.write_all(&all).unwrap();
    drop(socket);
    let mut asked = Vec::new();
    loop {
        let happened = turn(&mut clients);
        if matches!(happened[..], [Happened::Gone(_)]) {
            break;
        }
        // A turn may begin with the rest of what was read before it.
        assert!(happened.len() < 2 * TURN_MESSAGES_MAX as usize, "{}", happened.len());
        for happened in happened {
            let Happened::Request(_, request) = happened else { panic!("{happened:?}") };
            assert!(clients.admits(Instant::ZERO, client, &request));
            asked.push(request.reference_id().unwrap() as usize);
        }
    }
    assert!(asked.into_iter().eq(1..=REQUESTS));
}

#[test]
fn what_is_left_of_a_client_that_is_over_or_owes_is_not_done() {
    let (mut clients, address) = clients();
    let (mut socket, client) = connect(&mut clients, address);
    let request = Message::new(MessageType::RequestQueryServer);
    for _ in 0..3 {
        socket.write_all(&Form::Wire.write(&request)).unwrap();
    }
    turn(&mut clients);
    clients.charge(Instant::ZERO, client, SessionConfig::DEFAULT.requests_burst);
    assert!(!clients.admits(Instant::ZERO, client, &request));
    let later = Instant::ZERO + Duration::from_secs(1);
    assert!(clients.admits(later, client, &request));
    clients.close(later, client, "enough");
    assert!(!clients.admits(later, client, &request));
}

/// Its queue was full when the turn began to make more for it.
#[test]
fn who_has_read_meanwhile_is_not_judged_by_what_waited_before() {
    let (mut clients, address) = clients();
    let (mut socket, client) = connect(&mut clients, address);
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).unwrap();
    let mut hello = vec![0; u32::from_be_bytes(prefix) as usize];
    socket.read_exact(&mut hello).unwrap();
    let (mut given, mut number) = (0, 0);
    let full = (64 << 10) - 2 * EVENT_BYTES;
    let queued = |clients: &Clients| clients.views()[0].queued.0;
    while queued(&clients) < full {
        given += deliver(&mut clients, client, number);
        number += 1;
    }
    let mut read = vec![0; given - queued(&clients)];
    socket.read_exact(&mut read).unwrap();
    for more in 0..8 {
        deliver(&mut clients, client, number + more);
    }
    clients.flush(Instant::ZERO);
    assert!(clients.take_happened().is_empty(), "a client that reads was closed");
}

/// As one connected by TCP does, whose session cuts the bytes into frames.
#[test]
fn who_is_connected_by_websocket_keeps_its_largest_message() {
    let (mut clients, address) = clients_at(Port::web);
    let mut socket = TcpStream::connect(address).unwrap();
    let say = |socket: &mut TcpStream, message: &Message| {
        let mut frame = Vec::new();
        websocket::message(&mut frame, &Form::Json.write(message), Some([1, 2, 3, 4]));
        socket.write_all(&frame).unwrap();
    };
    let long = |bytes: usize| {
        Message::new(MessageType::RequestDistributeUserEvent)
            .with(Attribute::ThisDN, "1".repeat(bytes))
    };
    let opening = websocket::Request::new([7; 16], crate::modules::PROTOCOL);
    socket.write_all(&opening.write("127.0.0.1", "/")).unwrap();
    say(&mut socket, &register());
    let happened = turn(&mut clients);
    assert!(matches!(happened[..], [Happened::Connected(..)]), "{happened:?}");
    let set = |clients: &mut Clients, bytes| {
        let mut limits = clients.limits.clone();
        limits.session.limits.message_bytes_max = bytes;
        clients.set_limits(limits);
    };
    set(&mut clients, 1 << 10);
    say(&mut socket, &long(4 << 10));
    let happened = turn(&mut clients);
    assert!(matches!(happened[..], [Happened::Request(..)]), "{happened:?}");
    set(&mut clients, 1 << 20);
    say(&mut socket, &long(300 << 10));
    let happened = turn(&mut clients);
    assert!(matches!(happened[..], [Happened::Gone(_)]), "{happened:?}");
}
