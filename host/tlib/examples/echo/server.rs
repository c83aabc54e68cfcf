//! A server of T-Library that has no switch behind it.
//!
//! Every client is taken whose ApplicationPassword is not `wrong`. TRegisterAddress is answered EventRegistered, TMakeCall EventDialing (and
//! EventRinging comes after it, to the caller as well), TSendEvent EventACK and the event it describes. Everything else is answered
//! EventError 51.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use model::ConnId;
use tlib::{
    Attribute, CallType, DNRole, ErrorCode, Event, Form, Message, MessageType, Session,
    SessionConfig, Value,
    session::{Input, Output},
};

/// Serves whoever connects, each on a thread of its own.
pub(crate) fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        thread::spawn(move || Connection::new(stream).run());
    }
}

struct Connection {
    stream: TcpStream,
    session: Session,
    began: Instant,
    sequence: u64,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let session = Session::new(SessionConfig::DEFAULT, model::Instant::ZERO, unix);
        Self { stream, session, began: Instant::now(), sequence: 0 }
    }

    fn now(&self) -> model::Instant {
        model::Instant::ZERO + self.began.elapsed()
    }

    fn run(mut self) {
        let mut buffer = vec![0; 65_536];
        while self.write_and_look() {
            let now = self.now();
            let wait = self.session.poll_timeout().map(|due| due.saturating_since(now));
            let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
            self.stream.set_read_timeout(wait).unwrap();
            match self.stream.read(&mut buffer) {
                Ok(0) => self.session.handle_input(self.now(), Input::Closed),
                Ok(read) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..read]);
                    self.session.handle_input(self.now(), Input::Bytes(bytes));
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    self.session.handle_timeout(self.now());
                }
                Err(_) => self.session.handle_input(self.now(), Input::Closed),
            }
        }
    }

    /// Writes what waits and does what the client wants; false when it is over.
    fn write_and_look(&mut self) -> bool {
        loop {
            for bytes in self.session.take_writes(usize::MAX) {
                if self.stream.write_all(&bytes).is_err() {
                    self.session.handle_input(self.now(), Input::Closed);
                    break;
                }
            }
            let Some(output) = self.session.poll_output() else { return true };
            match output {
                Output::Register(registration) => {
                    let answer = if &*registration.password == "wrong" {
                        Input::Refuse(ErrorCode::BadPassword, ErrorCode::BadPassword.text().into())
                    } else {
                        let name = &registration.name;
                        let link = Message::new(MessageType::EventLinkConnected);
                        Input::Accept(link.with(Attribute::ApplicationName, name))
                    };
                    self.session.handle_input(self.now(), answer);
                }
                Output::Request(request) => self.on_request(&request),
                Output::Took(_) | Output::Gave(_) => {}
                Output::Closed(reason) => {
                    eprintln!("{reason}");
                    return false;
                }
            }
        }
    }

    fn on_request(&mut self, request: &Message) {
        let reference = request.reference_id();
        match request.kind() {
            MessageType::RequestRegisterAddress => {
                self.send(echo(MessageType::EventRegistered, request), reference);
            }
            MessageType::RequestUnregisterAddress => {
                self.send(echo(MessageType::EventUnregistered, request), reference);
            }
            MessageType::RequestMakeCall => {
                let call = |kind| {
                    echo(kind, request)
                        .with(Attribute::CallType, CallType::Internal)
                        .with(Attribute::ConnID, ConnId(0x006c_0246_2a16_1006))
                };
                let dialing = call(MessageType::EventDialing);
                self.send(dialing.with(Attribute::ThisDNRole, DNRole::Origination), reference);
                self.send(call(MessageType::EventRinging), None);
            }
            MessageType::RequestDistributeEvent => {
                let kind = request.int(Attribute::UserEvent).and_then(MessageType::of);
                self.send(Message::new(MessageType::EventACK), reference);
                let kind = kind.unwrap_or(MessageType::EventUserEvent);
                self.send(echo(kind, request), None);
            }
            kind => {
                let error = Message::new(MessageType::EventError)
                    .with(Attribute::ErrorCode, i64::from(ErrorCode::Unsupported.number()))
                    .with(Attribute::ErrorMessage, format!("{} is not done here", kind.name()));
                self.send(error, reference);
            }
        }
    }

    fn send(&mut self, message: Message, reference: Option<u32>) {
        self.sequence += 1;
        let event = Event::new(Arc::new(message), Some(self.sequence));
        self.session.send(&event.outgoing(Form::Wire, reference));
    }
}

/// An event with what the request had.
fn echo(kind: MessageType, request: &Message) -> Message {
    let mut event = Message::new(kind);
    for (attribute, value) in request.attributes() {
        if attribute != Attribute::ReferenceID {
            event.set(attribute, Value::clone(value));
        }
    }
    event
}
