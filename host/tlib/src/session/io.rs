//! What a session takes and gives.

use std::time::Duration;

use bytes::Bytes;

use super::Registration;
use crate::{ErrorCode, Event, Form, Message, MessageType};

/// What a session is given.
#[derive(Clone, Debug)]
pub enum Input {
    /// Bytes of the connection as they came; in JSON, one whole WebSocket message.
    Bytes(Bytes),
    /// Those bytes are gone on with that were more than `turn_messages_max` ([`super::Session::is_behind`]).
    More,
    /// Something came that is no message, such as a part of one or a Ping: the client is there.
    Heard,
    /// The connection is gone.
    Closed,
    /// The registration is accepted. The answer is EventLinkConnected, or EventLinkDisconnected when there is no switch; the session
    /// adds ProtocolVersion, the timeouts of the keep-alive, the ReferenceID and the time.
    Accept(Message),
    /// The registration is refused: EventError, and the client is closed.
    Refuse(ErrorCode, String),
    /// An event for this client. A session that is not registered, or closed, takes none.
    Send(Outgoing),
    /// This side closes, once what waits is written or `linger` is over. The reason is for the log.
    End(String),
}

/// An event for one client, as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// What it is, for the input mask.
    pub kind: MessageType,
    /// Whether it answers a request of this client: then no mask keeps it out.
    pub answers: bool,
    /// Its bytes in the form of the session, from [`Event::frame`].
    pub bytes: Bytes,
}

impl Event {
    /// The event for a client of this form, with the ReferenceID if it is who asked.
    pub fn outgoing(&self, form: Form, reference: Option<u32>) -> Outgoing {
        let bytes = self.frame(form, reference);
        Outgoing { kind: self.kind(), answers: reference.is_some(), bytes }
    }
}

/// What a session gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// A client wants to register; it is answered by [`Input::Accept`] or [`Input::Refuse`].
    Register(Registration),
    /// A request of a registered client. A ReferenceID in it is a positive number of 32 bits.
    Request(Message),
    /// A message that the session answers by itself, with `trace` only.
    Took(Message),
    /// What it answered, with `trace` only.
    Gave(Message),
    /// The session is over: the driver closes the connection. Nothing comes after it.
    Closed(CloseReason),
}

/// Why a session is over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CloseReason {
    /// The client closed, or the connection broke.
    #[error("the client is gone")]
    Gone,
    /// It has not registered in time.
    #[error("the client was not registered after {0:?} (register_timeout)")]
    NotRegistered(Duration),
    /// It sends something else than its registration, or one that cannot be.
    #[error("the client sent {0} messages that did not register it (attempts_max)")]
    Attempts(u32),
    /// Its registration was refused.
    #[error("the registration was refused: {0}")]
    Refused(String),
    /// What it sends cannot be read.
    #[error("what the client sent cannot be read: {0}")]
    Malformed(String),
    /// It sends requests faster than it may and does not stop.
    #[error("the client sent {0} requests over its limit in a row (refused_max)")]
    Flood(u32),
    /// It does not read.
    #[error(
        "the client does not read: {bytes} bytes in {messages} messages wait (queue_bytes_max, queue_messages_max)"
    )]
    Slow {
        /// Bytes that wait.
        bytes: usize,
        /// Messages that wait.
        messages: usize,
    },
    /// It does not answer.
    #[error("nothing was heard of the client for {0:?}, though it was polled")]
    Silent(Duration),
    /// This side ended it.
    #[error("{0}")]
    Ended(String),
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SessionStats {
    /// Messages that came.
    pub received: u64,
    /// Messages that were put into the queue.
    pub sent: u64,
    /// Events that the input mask kept out.
    pub masked: u64,
    /// Requests that were over the limit.
    pub refused: u64,
    /// How long the answer to the last poll took.
    pub round_trip: Option<Duration>,
}
