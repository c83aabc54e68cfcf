#![allow(clippy::unwrap_used)]
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use tlib::{Event, Form, session::PROTOCOL_VERSION};

use super::*;
use crate::poller::{Ready, Token};

/// Bytes of the events of a burst.
const EVENT_BYTES: usize = 4 << 10;
/// More events than may wait, and fewer than a connection of loopback takes by itself.
const EVENTS: usize = 32;

fn clients() -> (Clients, SocketAddr) {
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
            vec![Port::plain(Module::SmartProxy, listener)],
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
        clients.poller.wait(&mut ready, None);
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

fn burst(clients: &mut Clients, client: ClientId, events: usize) {
    let message =
        Message::new(MessageType::EventUserEvent).with(Attribute::ThisDN, "1".repeat(EVENT_BYTES));
    for number in 0..events {
        let event = Event::new(Arc::new(message.clone()), Some(number as u64));
        let clients_of_it = Arc::from([client]);
        clients.deliver(
            Instant::ZERO,
            &Deliver { event, clients: clients_of_it, filters: None, asked_by: None },
        );
    }
    clients.flush(Instant::ZERO);
}

#[test]
fn who_reads_is_not_closed_for_what_one_turn_makes_and_who_does_not_is() {
    let (mut clients, address) = clients();
    let mut socket = TcpStream::connect(address).unwrap();
    let register = Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
        .with(Attribute::ApplicationName, "desk");
    socket.write_all(&Form::Wire.write(&register)).unwrap();
    let happened = turn(&mut clients);
    let [Happened::Connected(client, _)] = happened[..] else { panic!("{happened:?}") };

    burst(&mut clients, client, EVENTS);
    assert!(clients.take_happened().is_empty(), "a client that reads was closed");
    let mut bytes = vec![0; EVENTS * EVENT_BYTES];
    socket.read_exact(&mut bytes).unwrap();

    // Sixteen megabytes are more than the kernel and the queue hold.
    burst(&mut clients, client, 4096);
    let happened = clients.take_happened();
    assert!(matches!(happened[..], [Happened::Gone(_)]), "{happened:?}");
    assert_eq!(clients.figures.not_reading, 1);
}
