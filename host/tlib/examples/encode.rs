//! What it costs to encode and decode EventEstablished with 25 attributes and six pairs of user data, in nanoseconds of this machine:
//! `cargo run --release -p jackfield-tlib --example encode [WHAT]`.
#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    reason = "a measurement; the messages are those of the tests"
)]

extern crate jackfield_tlib as tlib;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tlib::{
    Client, ClientConfig, Encoded, EncodedJson, Event, Form, Limits, Message, MessageType,
    PREFIX_BYTES, Session, SessionConfig,
    log::{Function, LogTime, Printer},
    session::Input,
};

#[path = "../tests/protocol/messages.rs"]
mod messages;

/// The allocator of the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u32 = 200_000;

fn main() {
    let message = messages::established();
    assert_eq!(message.attributes().count(), 25);
    let frame = Encoded::new(&message).frame(Some(1), None);
    let body = frame.slice(PREFIX_BYTES..);
    let text = EncodedJson::new(&message).frame(Some(1), None);
    println!("frame of {} bytes, JSON of {} bytes", frame.len(), text.len());
    measure("encode", || Encoded::new(black_box(&message)));
    let encoded = Encoded::new(&message);
    measure("append sequence and reference", || encoded.frame(Some(black_box(7)), Some(9)));
    measure("decode", || Message::decode(black_box(&body), &Limits::DEFAULT).unwrap());
    measure("encode JSON", || EncodedJson::new(black_box(&message)));
    measure("decode JSON", || Message::from_json(black_box(&text), &Limits::DEFAULT).unwrap());
    let (mut log, time) = (String::new(), LogTime { unix_us: 1, utc_offset_min: 0 });
    let printer = Printer::default();
    measure("print in the log", || {
        log.clear();
        let server = ("0.1.0", Function::DistributeEvent);
        printer.event(&mut log, time, server, (black_box(&message), Some(1)));
    });
    let event = Event::new(message.into(), Some(1));
    measure("frame that is shared", || event.frame(Form::Wire, None));
    let mut session = registered();
    measure("one delivery", || {
        session.send(&event.outgoing(Form::Wire, None));
        let length = session.writes().map(<[u8]>::len).sum();
        session.wrote(length);
    });
}

/// The session of a client that is registered.
fn registered() -> Session {
    let now = model::Instant::ZERO;
    let mut session = Session::new(SessionConfig::DEFAULT, now, Duration::ZERO);
    for bytes in Client::new(ClientConfig::new("x"), now).take_writes(1) {
        session.handle_input(now, Input::Bytes(bytes));
    }
    session.handle_input(now, Input::Accept(Message::new(MessageType::EventLinkConnected)));
    assert_eq!(session.take_writes(1).len(), 1);
    session
}

/// The best of ten rounds: what others do on the machine is not counted.
fn measure<T>(what: &str, mut run: impl FnMut() -> T) {
    if std::env::args().nth(1).is_some_and(|only| only != what) {
        return;
    }
    let mut best = f64::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        for _ in 0..ROUNDS / 10 {
            black_box(run());
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS / 10));
    }
    println!("{what:<32}{best:>8.0} ns");
}
