//! The server's side of the connection of one client.
//!
//! Invariant: after every `handle_*` and every `wrote` or `take_writes`, the driver drains [`Session::poll_output`], writes what
//! [`Session::writes`] gives as far as the connection takes it, and asks [`Session::poll_timeout`] anew. It never waits for a client:
//! what a client does not read is bounded, and over the bound the client is closed.

mod config;
mod hello;
mod io;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use model::Instant;

use crate::{
    Attribute, DecodeError, Deframer, ErrorCode, Fault, Form, InputMask, Message, MessageType,
    Value,
    keep_alive::{Due, KeepAlive},
    outbox::Outbox,
    rate::Rate,
};

pub use config::SessionConfig;
pub use hello::{PROTOCOL_VERSION, Registration};
use hello::{Timeouts, ms};
pub use io::{CloseReason, Input, Outgoing, Output, SessionStats};

#[derive(Debug)]
enum State {
    /// Not registered; so many messages did not do it.
    New {
        attempts: u32,
    },
    /// Somebody decides about the registration.
    Asked {
        attempts: u32,
        reference: Option<u32>,
        timeouts: Timeouts,
    },
    Registered,
    /// What waits is written, and then it is closed.
    Closing {
        reason: CloseReason,
        until: Instant,
    },
    Closed,
}

/// The session with one client. See the invariant of this module.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    began: Instant,
    /// The time since 1970 at `Instant::ZERO`.
    unix_at_zero: Duration,
    state: State,
    deframer: Deframer,
    /// What came and is not looked at yet.
    rest: Bytes,
    keep_alive: KeepAlive,
    mask: InputMask,
    rate: Rate,
    refused_in_row: u32,
    malformed: u32,
    outbox: Outbox,
    outputs: VecDeque<Output>,
    stats: SessionStats,
}

impl Session {
    /// Begins with a connection that has just been made. `unix_at_zero` is the time since 1970 at `Instant::ZERO`, for the times in the
    /// answers of the session.
    pub fn new(config: SessionConfig, now: Instant, unix_at_zero: Duration) -> Self {
        Self {
            began: now,
            unix_at_zero,
            state: State::New { attempts: 0 },
            deframer: Deframer::new(config.hello_bytes_max),
            rest: Bytes::new(),
            keep_alive: KeepAlive::new(now),
            mask: InputMask::ALL,
            rate: Rate::new(config.requests_per_second, config.requests_burst, now),
            refused_in_row: 0,
            malformed: 0,
            outbox: Outbox::new(config.queue_bytes_max, config.queue_messages_max),
            outputs: VecDeque::new(),
            stats: SessionStats::default(),
            config,
        }
    }

    /// The form of its messages.
    pub const fn form(&self) -> Form {
        self.config.form
    }

    /// Whether [`Output::Took`] and [`Output::Gave`] are given from now on.
    pub const fn set_trace(&mut self, trace: bool) {
        self.config.trace = trace;
    }

    /// Whether the client is registered and not being closed.
    pub const fn is_registered(&self) -> bool {
        matches!(self.state, State::Registered)
    }

    /// Bytes of a message that the client may send now.
    pub const fn message_bytes_max(&self) -> usize {
        match self.state {
            State::Registered => self.config.limits.message_bytes_max,
            _ => self.config.hello_bytes_max,
        }
    }

    /// What was counted so far.
    pub const fn stats(&self) -> SessionStats {
        self.stats
    }

    /// Bytes and messages that wait to be written.
    pub fn queued(&self) -> (usize, usize) {
        (self.outbox.bytes(), self.outbox.messages())
    }

    /// Whether little waits to be written: at most a quarter of what may.
    pub fn has_room(&self) -> bool {
        self.outbox.bytes() <= self.config.queue_bytes_max / 4
            && self.outbox.messages() <= self.config.queue_messages_max / 4
    }

    /// Whether a message of so many bytes may wait with what waits already; one that may not is the end of the session.
    pub fn fits(&self, bytes: usize) -> bool {
        self.outbox.fits(bytes)
    }

    /// Takes something in.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Bytes(bytes) => self.on_bytes(now, bytes),
            Input::More => self.go_on(now),
            Input::Heard => self.heard(now),
            Input::Closed => self.close(CloseReason::Gone),
            Input::Accept(answer) => self.on_accept(now, answer),
            Input::Refuse(code, text) => self.on_refuse(now, code, text),
            Input::Send(outgoing) => {
                let _ = self.send(&outgoing);
            }
            Input::End(reason) => self.end(now, CloseReason::Ended(reason)),
        }
    }

    /// Puts an event into the queue, as [`Input::Send`] does. Gives whether the client gets it: not one that its input mask keeps out, nor
    /// anything where the session is not registered or is over, or is over by this one.
    pub fn send(&mut self, outgoing: &Outgoing) -> bool {
        if !self.is_registered() {
            return false;
        }
        if !outgoing.answers && !self.mask.lets(outgoing.kind) {
            self.stats.masked += 1;
            return false;
        }
        self.push(outgoing.bytes.clone());
        !self.is_over()
    }

    /// Whether messages that came wait for [`Input::More`]: then no other bytes are given before it.
    pub const fn is_behind(&self) -> bool {
        !self.rest.is_empty() && !self.is_over()
    }

    /// Whether a request that this session gave is still to be done. It is not when the session is over since; nor when what was done
    /// before it has cost more than the client may have ([`Self::charge`]), and that is answered.
    pub fn admits(&mut self, now: Instant, request: &Message) -> bool {
        if !self.is_registered() {
            return false;
        }
        let is_overdrawn = self.rate.is_overdrawn(now);
        if is_overdrawn {
            self.refuse(now, request.reference_id());
        }
        !is_overdrawn
    }

    /// What was done for a request was the work of so many more. Requests are refused until the client would have waited for as many.
    pub fn charge(&mut self, now: Instant, requests: u32) {
        self.rate.charge(now, requests);
    }

    /// The next output, if there is one.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is to be written, in order, for a vectored write; say with [`Self::wrote`] how far it came.
    pub fn writes(&self) -> impl Iterator<Item = &[u8]> {
        self.outbox.slices()
    }

    /// So many bytes of [`Self::writes`] were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.outbox.wrote(bytes);
        self.close_when_written();
    }

    /// Takes up to so many messages out of the queue as written: each is a frame, or the text of a WebSocket message.
    pub fn take_writes(&mut self, messages_max: usize) -> Vec<Bytes> {
        let taken = self.outbox.take(messages_max);
        self.close_when_written();
        taken
    }

    /// When [`Self::handle_timeout`] is to be called; changes with everything that is handled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::New { .. } | State::Asked { .. } => {
                Some(self.began + self.config.register_timeout)
            }
            State::Registered => self.keep_alive.deadline(),
            State::Closing { until, .. } => Some(*until),
            State::Closed => None,
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match &self.state {
            State::New { .. } | State::Asked { .. } => {
                let time = self.config.register_timeout;
                let text = format!("not registered after {time:?}");
                self.answer(now, None, ErrorCode::Timeout, text);
                self.end(now, CloseReason::NotRegistered(time));
            }
            State::Registered => match self.keep_alive.check(now) {
                Due::Nothing => {}
                Due::Poll => {
                    let poll = Message::new(MessageType::KeepAlivePoll);
                    self.push(self.config.form.write(&poll));
                }
                Due::Silent(time) => self.close(CloseReason::Silent(time)),
            },
            State::Closing { reason, .. } => {
                let reason = reason.clone();
                self.close(reason);
            }
            State::Closed => {}
        }
    }

    fn on_bytes(&mut self, now: Instant, bytes: Bytes) {
        if self.is_over() {
            return;
        }
        self.heard(now);
        if self.config.form == Form::Json {
            self.on_text(now, &bytes);
            return;
        }
        self.rest = match self.rest.is_empty() {
            true => bytes,
            false => [&self.rest[..], &bytes].concat().into(),
        };
        self.go_on(now);
    }

    fn go_on(&mut self, now: Instant) {
        let until = self.stats.received.saturating_add(self.config.turn_messages_max);
        let mut rest = std::mem::take(&mut self.rest);
        while !self.is_over() && self.stats.received < until {
            match self.deframer.take(&mut rest) {
                Ok(Some(frame)) => self.on_frame(now, &frame),
                Ok(None) => break,
                Err(error) => {
                    let what = error.to_string();
                    self.answer(now, None, ErrorCode::InvalidAttribute, what.clone());
                    self.end(now, CloseReason::Malformed(what));
                }
            }
        }
        self.rest = rest;
    }

    fn heard(&mut self, now: Instant) {
        let polled = self.keep_alive.heard(now);
        self.stats.round_trip = polled.or(self.stats.round_trip);
    }

    fn on_frame(&mut self, now: Instant, frame: &[u8]) {
        match Message::decode(frame, &self.config.limits) {
            Ok(message) => self.on_message(now, message),
            Err(DecodeError { fault: Fault::UnknownType { number, reference }, .. }) => {
                let what = format!("the message type {number} is not known");
                self.on_unreadable(now, reference, ErrorCode::BadMessageType, what);
            }
            Err(error) => {
                self.on_unreadable(now, None, ErrorCode::InvalidAttribute, error.to_string());
            }
        }
    }

    fn on_text(&mut self, now: Instant, text: &[u8]) {
        let mut limits = self.config.limits;
        if !self.is_registered() {
            limits.message_bytes_max = limits.message_bytes_max.min(self.config.hello_bytes_max);
        }
        match Message::from_json(text, &limits) {
            Ok(message) => self.on_message(now, message),
            Err(error) => {
                let code = match error.is_of_type {
                    true => ErrorCode::BadMessageType,
                    false => ErrorCode::InvalidAttribute,
                };
                self.on_unreadable(now, error.reference, code, error.what);
            }
        }
    }

    fn on_unreadable(
        &mut self,
        now: Instant,
        reference: Option<u32>,
        code: ErrorCode,
        what: String,
    ) {
        self.stats.received += 1;
        self.malformed += 1;
        let reference = reference.filter(|reference| *reference != 0);
        self.answer(now, reference, code, what.clone());
        if self.malformed >= self.config.malformed_max {
            self.end(now, CloseReason::Malformed(what));
        } else if !self.is_registered() {
            self.attempt(now);
        }
    }

    fn on_message(&mut self, now: Instant, mut message: Message) {
        self.stats.received += 1;
        let reference = match reference_of(&mut message) {
            Ok(reference) => reference,
            Err(given) => {
                let what = format!("the ReferenceID {given} is no positive number of 32 bits");
                self.on_unreadable(now, None, ErrorCode::InvalidAttribute, what);
                return;
            }
        };
        match &self.state {
            State::New { attempts } => {
                let attempts = *attempts;
                if message.kind() == MessageType::RequestRegisterClient {
                    self.on_hello(now, message, reference, attempts);
                } else {
                    self.out_of_sequence(now, message, reference);
                    self.attempt(now);
                }
            }
            State::Asked { .. } => {
                self.out_of_sequence(now, message, reference);
                self.attempt(now);
            }
            State::Registered => self.on_request(now, message, reference),
            State::Closing { .. } | State::Closed => {}
        }
    }

    fn on_hello(&mut self, now: Instant, message: Message, reference: Option<u32>, attempts: u32) {
        self.trace(|| Output::Took(message.clone()));
        match hello::read(message, &self.config) {
            Ok((registration, timeouts)) => {
                self.state = State::Asked { attempts, reference, timeouts };
                self.outputs.push_back(Output::Register(registration));
            }
            Err((code, text)) => {
                self.answer(now, reference, code, text);
                self.attempt(now);
            }
        }
    }

    fn on_accept(&mut self, now: Instant, mut answer: Message) {
        let State::Asked { reference, timeouts, .. } = &self.state else { return };
        let (reference, Timeouts { ours, theirs }) = (*reference, *timeouts);
        answer.set(Attribute::ProtocolVersion, PROTOCOL_VERSION);
        answer.set(Attribute::KeepAliveTimeout, ms(ours));
        answer.set(Attribute::KeepAliveRemoteTimeout, ms(theirs));
        if let Some(reference) = reference {
            answer.set(Attribute::ReferenceID, reference);
        }
        let (seconds, micros) = self.time(now);
        answer.set(Attribute::TimeinSecs, seconds);
        answer.set(Attribute::TimeinuSecs, micros);
        self.state = State::Registered;
        self.deframer.set_bytes_max(self.config.limits.message_bytes_max);
        self.keep_alive.heard(now);
        self.keep_alive.set(ours);
        self.give(answer);
    }

    fn on_refuse(&mut self, now: Instant, code: ErrorCode, text: String) {
        let State::Asked { reference, .. } = &self.state else { return };
        self.answer(now, *reference, code, text.clone());
        self.end(now, CloseReason::Refused(text));
    }

    fn on_request(&mut self, now: Instant, message: Message, reference: Option<u32>) {
        // It is what was asked for, and nothing answers it.
        if message.kind() == MessageType::KeepAliveAnswer {
            return;
        }
        if !self.rate.take(now) {
            self.trace(|| Output::Took(message));
            self.refuse(now, reference);
            return;
        }
        self.refused_in_row = 0;
        match message.kind() {
            MessageType::KeepAlivePoll => {
                let answer = Message::new(MessageType::KeepAliveAnswer);
                let answer = answer.with_some(Attribute::ReferenceID, reference);
                self.push(self.config.form.write(&answer));
            }
            MessageType::RequestRegisterClient => self.out_of_sequence(now, message, reference),
            MessageType::RequestSetInputMask => self.on_mask(now, message, reference),
            kind if kind.is_request() => self.outputs.push_back(Output::Request(message)),
            kind => {
                self.trace(|| Output::Took(message));
                let text = format!("{} is no request", kind.name());
                self.answer(now, reference, ErrorCode::BadMessageType, text);
            }
        }
    }

    /// A request is over the rate.
    fn refuse(&mut self, now: Instant, reference: Option<u32>) {
        self.stats.refused += 1;
        self.refused_in_row += 1;
        let text = format!("more than {} requests a second", self.config.requests_per_second);
        self.answer(now, reference, ErrorCode::CallRate, text);
        if self.refused_in_row >= self.config.refused_max {
            self.end(now, CloseReason::Flood(self.refused_in_row));
        }
    }

    fn on_mask(&mut self, now: Instant, message: Message, reference: Option<u32>) {
        let mask = match message.get(Attribute::InputMask) {
            Some(Value::Bytes(bytes)) => InputMask::of(bytes),
            _ => None,
        };
        self.trace(|| Output::Took(message));
        let Some(mask) = mask else {
            let text = format!("InputMask has {} bytes", crate::INPUT_MASK_BYTES);
            self.answer(now, reference, ErrorCode::InvalidAttribute, text);
            return;
        };
        self.mask = mask;
        let answer = self.timed(now, MessageType::EventACK);
        self.give(answer.with_some(Attribute::ReferenceID, reference));
    }

    fn out_of_sequence(&mut self, now: Instant, message: Message, reference: Option<u32>) {
        let text = match (&self.state, message.kind()) {
            (State::Registered, _) => "the client is registered already".to_owned(),
            (_, kind) => format!("{} before the client is registered", kind.name()),
        };
        self.trace(|| Output::Took(message));
        self.answer(now, reference, ErrorCode::OutOfSequence, text);
    }

    /// One message more has not registered the client.
    fn attempt(&mut self, now: Instant) {
        let (State::New { attempts } | State::Asked { attempts, .. }) = &mut self.state else {
            return;
        };
        *attempts += 1;
        let attempts = *attempts;
        if attempts >= self.config.attempts_max {
            self.end(now, CloseReason::Attempts(attempts));
        }
    }

    /// Answers EventError.
    fn answer(&mut self, now: Instant, reference: Option<u32>, code: ErrorCode, text: String) {
        let error = self
            .timed(now, MessageType::EventError)
            .with(Attribute::ErrorCode, i64::from(code.number()))
            .with(Attribute::ErrorMessage, text)
            .with_some(Attribute::ReferenceID, reference);
        self.give(error);
    }

    fn timed(&self, now: Instant, kind: MessageType) -> Message {
        let (seconds, micros) = self.time(now);
        Message::new(kind).with(Attribute::TimeinSecs, seconds).with(Attribute::TimeinuSecs, micros)
    }

    /// TimeinSecs and TimeinuSecs of now.
    fn time(&self, now: Instant) -> (i64, i64) {
        let time = self.unix_at_zero + Duration::from_nanos(now.as_nanos());
        (i64::try_from(time.as_secs()).unwrap_or(i64::MAX), i64::from(time.subsec_micros()))
    }

    fn give(&mut self, message: Message) {
        let bytes = self.config.form.write(&message);
        self.trace(|| Output::Gave(message));
        self.push(bytes);
    }

    fn trace(&mut self, output: impl FnOnce() -> Output) {
        if self.config.trace && !self.is_over() {
            self.outputs.push_back(output());
        }
    }

    fn push(&mut self, bytes: Bytes) {
        if self.is_over() {
            return;
        }
        match self.outbox.push(bytes) {
            Ok(()) => self.stats.sent += 1,
            Err(full) => {
                let (bytes, messages) = (full.bytes, full.messages);
                self.close(CloseReason::Slow { bytes, messages });
            }
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self.state, State::Closing { .. } | State::Closed)
    }

    /// Closes once what waits is written.
    fn end(&mut self, now: Instant, reason: CloseReason) {
        if !self.is_over() {
            self.state = State::Closing { reason, until: now + self.config.linger };
            self.close_when_written();
        }
    }

    fn close_when_written(&mut self) {
        if let State::Closing { reason, .. } = &self.state
            && self.outbox.is_empty()
        {
            let reason = reason.clone();
            self.close(reason);
        }
    }

    /// Closes now. What was to come of it before is not given any more.
    fn close(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let reason = match std::mem::replace(&mut self.state, State::Closed) {
            State::Closing { reason, .. } => reason,
            _ => reason,
        };
        self.outbox.clear();
        self.outputs.push_back(Output::Closed(reason));
    }
}

/// The ReferenceID of a request; 0 is as if there were none, and is taken out.
fn reference_of(message: &mut Message) -> Result<Option<u32>, i64> {
    match message.int(Attribute::ReferenceID) {
        None => Ok(None),
        Some(0) => {
            message.remove(Attribute::ReferenceID);
            Ok(None)
        }
        Some(id) => u32::try_from(id).map(Some).map_err(|_| id),
    }
}
