//! What a session is told when it begins.

use std::time::Duration;

use crate::{Form, Limits};

/// Settings of the session with one client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// How messages are written on its connection.
    pub form: Form,
    /// How large a message may be.
    pub limits: Limits,
    /// Bytes of a message of a client that is not registered yet.
    pub hello_bytes_max: usize,
    /// A client that is not registered after this time is closed.
    pub register_timeout: Duration,
    /// A client that is not registered, and sent so many messages that did not register it, is closed.
    pub attempts_max: u32,
    /// After what silence this side polls, unless the client wishes otherwise (KeepAliveRemoteTimeout). Zero: never.
    pub keep_alive_timeout: Duration,
    /// After what silence the client shall poll, unless it says otherwise (KeepAliveTimeout). Zero: never.
    pub keep_alive_remote_timeout: Duration,
    /// The shortest timeout that a client may wish for.
    pub keep_alive_timeout_min: Duration,
    /// The longest timeout that a client may wish for.
    pub keep_alive_timeout_max: Duration,
    /// Requests that a client may send in a second in the long run; what is over it is answered EventError 569. Zero: as many as it likes.
    pub requests_per_second: u32,
    /// Requests that a client may send at once.
    pub requests_burst: u32,
    /// Messages that are taken of one input; what came after them waits for [`super::Input::More`].
    pub turn_messages_max: u64,
    /// A client that sent so many requests in a row that were over the limit is closed.
    pub refused_max: u32,
    /// A client that sent so many messages that could not be read is closed.
    pub malformed_max: u32,
    /// Bytes that may wait to be written; a client that lets more come together does not read, and is closed.
    pub queue_bytes_max: usize,
    /// Messages that may wait to be written.
    pub queue_messages_max: usize,
    /// For how long what is still to be written is waited for when this side closes.
    pub linger: Duration,
    /// Whether what the session answers by itself is told, for the log ([`super::Output::Took`], [`super::Output::Gave`]).
    pub trace: bool,
}

impl SessionConfig {
    /// What holds where nothing is set.
    pub const DEFAULT: Self = Self {
        form: Form::Wire,
        limits: Limits::DEFAULT,
        hello_bytes_max: 8192,
        register_timeout: Duration::from_secs(10),
        attempts_max: 3,
        keep_alive_timeout: Duration::from_secs(30),
        keep_alive_remote_timeout: Duration::from_secs(30),
        keep_alive_timeout_min: Duration::from_secs(1),
        keep_alive_timeout_max: Duration::from_secs(3600),
        requests_per_second: 2000,
        requests_burst: 20_000,
        turn_messages_max: u64::MAX,
        refused_max: 10_000,
        malformed_max: 10,
        queue_bytes_max: 4 << 20,
        queue_messages_max: 50_000,
        linger: Duration::from_secs(2),
        trace: false,
    };
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}
