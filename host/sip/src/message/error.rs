//! What can be wrong with a message.

use thiserror::Error;

use super::Message;

/// A datagram that is no usable SIP message.
#[derive(Clone, Debug, Error)]
pub enum ParseError {
    /// Nothing but CRLF: a keep-alive (RFC 5626 section 4.4.1).
    #[error("a keep-alive")]
    KeepAlive,
    /// Not SIP, or so broken that nothing can be answered.
    #[error("not a SIP message: {0}")]
    NotSip(&'static str),
    /// A request that can be answered: with `status`, to the Via it carries.
    #[error("{status}: {what}")]
    Refused {
        /// The status the answer has.
        status: u16,
        /// What is wrong, in words fit for a reason phrase.
        what: &'static str,
        /// The request as far as it could be read: it has Via, From, To, Call-ID and CSeq.
        request: Box<Message>,
    },
    /// A response that breaks the grammar: it is dropped.
    #[error("a response that cannot be used: {0}")]
    BadResponse(&'static str),
}

/// A header field that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{name}: {what}")]
pub struct HeaderError {
    /// The header field's name.
    pub name: &'static str,
    /// What is wrong.
    pub what: &'static str,
}
