//! What goes wrong.

use std::{io, sync::Arc};

use tlib::{
    Attribute, ErrorCode, Message,
    client::{ClientEnd, NotSent},
};

/// Why something was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("no connection to the server: {0}")]
    Connect(Arc<io::Error>),
    /// What TLS was to trust cannot be.
    #[error("no TLS: {0}")]
    Tls(String),
    /// The connection is over.
    #[error("the connection is over: {0}")]
    Closed(ClientEnd),
    /// The request was not sent.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The request was answered EventError.
    #[error("{text} (error {code})")]
    Event {
        /// ErrorCode.
        code: i64,
        /// ErrorMessage.
        text: String,
        /// The whole event.
        event: Box<Message>,
    },
    /// The request has no answer in the time that the configuration allows.
    #[error("the request has no answer (request_timeout)")]
    Unanswered,
    /// More events wait than may, since nobody takes them; the connection is closed.
    #[error("{0} events wait, and nobody takes them (events_max)")]
    EventsMax(usize),
}

impl Error {
    /// The code of the EventError, if it is one that has a name.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Event { code, .. } => ErrorCode::of(*code),
            Self::Closed(ClientEnd::Refused { code, .. }) => ErrorCode::of(*code),
            _ => None,
        }
    }

    pub(crate) fn of_event(event: Message) -> Self {
        let code = event.int(Attribute::ErrorCode).unwrap_or_default();
        let text = event.text(Attribute::ErrorMessage).map(|text| (**text).to_owned());
        Self::Event { code, text: text.unwrap_or_default(), event: Box::new(event) }
    }
}
