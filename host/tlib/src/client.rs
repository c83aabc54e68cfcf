//! A client's side of its connection: registers, keeps the connection alive, and finds the request that an event answers.
//!
//! Invariant: after every `handle_*` and every request the driver drains [`Client::poll_output`], writes what [`Client::writes`] gives, and
//! asks [`Client::poll_timeout`] anew.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use model::Instant;

use crate::{
    Attribute, DecodeError, Deframer, Fault, Form, Limits, Message, MessageType,
    keep_alive::{Due, KeepAlive},
    outbox::Outbox,
    session::PROTOCOL_VERSION,
};

/// Settings of a client.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientConfig {
    /// ApplicationName.
    pub name: String,
    /// ApplicationPassword; none is sent when it is empty.
    pub password: String,
    /// What else RequestRegisterClient says: Host, Extensions.
    pub hello: Vec<(Attribute, crate::Value)>,
    /// How messages are written on the connection.
    pub form: Form,
    /// How large a message may be.
    pub limits: Limits,
    /// After what silence the client polls. Zero: never; `None`: as the server thinks.
    pub keep_alive_timeout: Option<Duration>,
    /// After what silence the server shall poll. Zero: never; `None`: as the server thinks.
    pub keep_alive_remote_timeout: Option<Duration>,
    /// For how long the answer to the registration is waited for.
    pub register_timeout: Duration,
    /// For how long the answer to a request is waited for.
    pub request_timeout: Duration,
    /// Requests whose answers may be awaited at once.
    pub pending_max: usize,
    /// Bytes that may wait to be written.
    pub queue_bytes_max: usize,
    /// Messages that may wait to be written.
    pub queue_messages_max: usize,
}

impl ClientConfig {
    /// Settings of a client of this name, with what holds where nothing is said.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: String::new(),
            hello: Vec::new(),
            form: Form::Wire,
            limits: Limits::DEFAULT,
            keep_alive_timeout: None,
            keep_alive_remote_timeout: None,
            register_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            pending_max: 100_000,
            queue_bytes_max: 16 << 20,
            queue_messages_max: 200_000,
        }
    }
}

/// What a client gives.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientOutput {
    /// The server took the registration: EventLinkConnected, or EventLinkDisconnected.
    Registered(Message),
    /// An event, and the request that it answers.
    Event {
        /// The event.
        message: Message,
        /// The ReferenceID of the request, in the first event that has it.
        answers: Option<u32>,
    },
    /// A request has no answer in time.
    Unanswered(u32),
    /// The connection is over: the driver closes it. Nothing comes after it.
    Closed(ClientEnd),
}

/// Why a client's connection is over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientEnd {
    /// The server closed, or the connection broke.
    #[error("the server is gone")]
    Gone,
    /// The server refused the registration.
    #[error("the server refused the registration: {text} (error {code})")]
    Refused {
        /// ErrorCode.
        code: i64,
        /// ErrorMessage.
        text: String,
    },
    /// The registration was not answered.
    #[error("the registration was not answered in {0:?} (register_timeout)")]
    NotRegistered(Duration),
    /// The server does not answer.
    #[error("nothing was heard of the server for {0:?}, though it was polled")]
    Silent(Duration),
    /// What the server sends cannot be read.
    #[error("what the server sent cannot be read: {0}")]
    Malformed(String),
    /// The client closed.
    #[error("closed by this client")]
    Closed,
}

/// Why a request was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotSent {
    /// The connection is over, or the registration is not answered yet.
    #[error("the client is not registered")]
    NotRegistered,
    /// Too many requests wait for their answers.
    #[error("too many requests wait for an answer (pending_max)")]
    Pending,
    /// Too much waits to be written.
    #[error("the server does not read: the queue is full (queue_bytes_max, queue_messages_max)")]
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Registering,
    Registered,
    Closed,
}

/// One connection of a client. See the invariant of this module.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    began: Instant,
    state: State,
    deframer: Deframer,
    keep_alive: KeepAlive,
    /// When each request is given up, indexed by ReferenceID.
    due_by_reference: BTreeMap<u32, Instant>,
    /// ReferenceIDs in the order in which they are due; some are answered already.
    due: VecDeque<(Instant, u32)>,
    last_reference: u32,
    outbox: Outbox,
    outputs: VecDeque<ClientOutput>,
}

/// The ReferenceID of the registration.
const HELLO: u32 = 1;

impl Client {
    /// Begins with a connection that has just been made: the registration waits to be written.
    pub fn new(config: ClientConfig, now: Instant) -> Self {
        let mut client = Self {
            began: now,
            state: State::Registering,
            deframer: Deframer::new(config.limits.message_bytes_max),
            keep_alive: KeepAlive::new(now),
            due_by_reference: BTreeMap::new(),
            due: VecDeque::new(),
            last_reference: HELLO,
            outbox: Outbox::new(config.queue_bytes_max, config.queue_messages_max),
            outputs: VecDeque::new(),
            config,
        };
        let hello = client.hello();
        // The registration finds the queue empty.
        let _ = client.push(&hello);
        client
    }

    fn hello(&self) -> Message {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let config = &self.config;
        let password = Some(config.password.as_str()).filter(|password| !password.is_empty());
        let mut hello = Message::new(MessageType::RequestRegisterClient)
            .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
            .with(Attribute::ApplicationName, config.name.as_str())
            .with_some(Attribute::ApplicationPassword, password)
            .with_some(Attribute::KeepAliveTimeout, config.keep_alive_timeout.map(ms))
            .with_some(Attribute::KeepAliveRemoteTimeout, config.keep_alive_remote_timeout.map(ms));
        for (attribute, value) in &config.hello {
            hello.set(*attribute, value.clone());
        }
        hello.with(Attribute::ReferenceID, HELLO)
    }

    /// Whether requests can be sent.
    pub fn is_registered(&self) -> bool {
        self.state == State::Registered
    }

    /// Requests whose answers are awaited.
    pub fn pending(&self) -> usize {
        self.due_by_reference.len()
    }

    /// Takes bytes of the connection; in JSON, one whole WebSocket message.
    pub fn handle_bytes(&mut self, now: Instant, mut bytes: Bytes) {
        if self.state == State::Closed {
            return;
        }
        self.keep_alive.heard(now);
        if self.config.form == Form::Json {
            match Message::from_json(&bytes, &self.config.limits) {
                Ok(message) => self.on_message(message),
                Err(error) => self.close(ClientEnd::Malformed(error.what)),
            }
            return;
        }
        while self.state != State::Closed {
            match self.deframer.take(&mut bytes) {
                Ok(Some(frame)) => self.on_frame(&frame),
                Ok(None) => break,
                Err(error) => self.close(ClientEnd::Malformed(error.to_string())),
            }
        }
    }

    /// The connection is gone.
    pub fn handle_closed(&mut self) {
        self.close(ClientEnd::Gone);
    }

    /// Sends a request, and awaits its answer. Gives the ReferenceID, which the session sets.
    ///
    /// # Errors
    ///
    /// When the client is not registered, or a queue is full.
    pub fn request(&mut self, now: Instant, mut message: Message) -> Result<u32, NotSent> {
        if self.state != State::Registered {
            return Err(NotSent::NotRegistered);
        }
        if self.due_by_reference.len() >= self.config.pending_max {
            return Err(NotSent::Pending);
        }
        let reference = self.next_reference();
        message.set(Attribute::ReferenceID, reference);
        if !self.push(&message) {
            return Err(NotSent::Full);
        }
        let due = now + self.config.request_timeout;
        self.due_by_reference.insert(reference, due);
        self.due.push_back((due, reference));
        Ok(reference)
    }

    /// Closes from this side.
    pub fn close_now(&mut self) {
        self.close(ClientEnd::Closed);
    }

    /// The next output, if there is one.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// What is to be written, in order, for a vectored write; say with [`Self::wrote`] how far it came.
    pub fn writes(&self) -> impl Iterator<Item = &[u8]> {
        self.outbox.slices()
    }

    /// So many bytes of [`Self::writes`] were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.outbox.wrote(bytes);
    }

    /// Takes up to so many messages out of the queue as written: each is a frame, or the text of a WebSocket message.
    pub fn take_writes(&mut self, messages_max: usize) -> Vec<Bytes> {
        self.outbox.take(messages_max)
    }

    /// When [`Self::handle_timeout`] is to be called; changes with everything that is handled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Registering => Some(self.began + self.config.register_timeout),
            State::Registered => {
                let due = self.due.front().map(|(due, _)| *due);
                [due, self.keep_alive.deadline()].into_iter().flatten().min()
            }
            State::Closed => None,
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        if self.state == State::Registering {
            self.close(ClientEnd::NotRegistered(self.config.register_timeout));
            return;
        }
        while let Some((due, reference)) = self.due.front().copied()
            && due <= now
        {
            self.due.pop_front();
            if self.due_by_reference.get(&reference) == Some(&due) {
                self.due_by_reference.remove(&reference);
                self.outputs.push_back(ClientOutput::Unanswered(reference));
            }
        }
        match self.keep_alive.check(now) {
            Due::Nothing => {}
            Due::Poll => {
                let _ = self.push(&Message::new(MessageType::KeepAlivePoll));
            }
            Due::Silent(time) => self.close(ClientEnd::Silent(time)),
        }
    }

    fn on_frame(&mut self, frame: &[u8]) {
        match Message::decode(frame, &self.config.limits) {
            Ok(message) => self.on_message(message),
            // A newer server may have events that this client does not know.
            Err(DecodeError { fault: Fault::UnknownType { .. }, .. }) => {}
            Err(error) => self.close(ClientEnd::Malformed(error.to_string())),
        }
    }

    fn on_message(&mut self, message: Message) {
        match (message.kind(), self.state) {
            (MessageType::KeepAliveAnswer, _) | (_, State::Closed) => {}
            (MessageType::KeepAlivePoll, _) => {
                let answer = Message::new(MessageType::KeepAliveAnswer);
                let answer = answer.with_some(Attribute::ReferenceID, message.reference_id());
                let _ = self.push(&answer);
            }
            (MessageType::EventError, State::Registering) => {
                let code = message.int(Attribute::ErrorCode).unwrap_or_default();
                let text = message.text(Attribute::ErrorMessage).map(|text| (**text).to_owned());
                self.close(ClientEnd::Refused { code, text: text.unwrap_or_default() });
            }
            (_, State::Registering) => {
                if message.reference_id() == Some(HELLO) {
                    let ms = message.int(Attribute::KeepAliveRemoteTimeout).unwrap_or_default();
                    self.keep_alive
                        .set(Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
                    self.state = State::Registered;
                    self.outputs.push_back(ClientOutput::Registered(message));
                }
            }
            (_, State::Registered) => {
                let answers = message.reference_id();
                let answers = answers.filter(|id| self.due_by_reference.remove(id).is_some());
                self.forget_answered();
                self.outputs.push_back(ClientOutput::Event { message, answers });
            }
        }
    }

    /// Takes from the front of the queue what is answered.
    fn forget_answered(&mut self) {
        while let Some((due, reference)) = self.due.front()
            && self.due_by_reference.get(reference) != Some(due)
        {
            self.due.pop_front();
        }
    }

    fn next_reference(&mut self) -> u32 {
        loop {
            self.last_reference = match self.last_reference {
                // The largest is what routers give to what they make themselves.
                id if id >= u32::MAX - 1 => HELLO + 1,
                id => id + 1,
            };
            if !self.due_by_reference.contains_key(&self.last_reference) {
                return self.last_reference;
            }
        }
    }

    fn push(&mut self, message: &Message) -> bool {
        self.outbox.push(self.config.form.write(message)).is_ok()
    }

    fn close(&mut self, end: ClientEnd) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.outbox.clear();
            self.due.clear();
            self.due_by_reference.clear();
            self.outputs.push_back(ClientOutput::Closed(end));
        }
    }
}
