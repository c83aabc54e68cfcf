//! Messages to parse, and short names for what comes out.

use bytes::Bytes;
use sip::{Message, ParseError, ParseLimits};

/// Parses bytes with the usual limits.
pub(crate) fn parse(bytes: impl Into<Vec<u8>>) -> Result<Message, ParseError> {
    Message::parse(Bytes::from(bytes.into()), &ParseLimits::default())
}

/// Parses text whose lines end in LF as if they ended in CRLF.
pub(crate) fn read(text: &str) -> Result<Message, ParseError> {
    parse(text.replace('\n', "\r\n"))
}

/// An OPTIONS whose Via, From, To, Call-ID and CSeq are good, with `more` header lines before the empty one.
pub(crate) fn options(more: &str) -> String {
    format!(
        "OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\n\
         From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\nCall-ID: c1\n\
         CSeq: 7 OPTIONS\n{more}\n"
    )
}

/// [`options`] with one line in the place of another.
pub(crate) fn options_with(old: &str, new: &str) -> String {
    let text = options("");
    assert!(text.contains(old), "{old} stands in the message");
    text.replacen(old, new, 1)
}

/// What became of a datagram, in short: `read`, `400 reason`, `dropped: why`.
pub(crate) fn outcome(result: &Result<Message, ParseError>) -> String {
    match result {
        Ok(_) => "read".to_owned(),
        Err(ParseError::Refused { status, what, .. }) => format!("{status} {what}"),
        Err(ParseError::KeepAlive) => "keep-alive".to_owned(),
        Err(ParseError::NotSip(what) | ParseError::BadResponse(what)) => format!("dropped: {what}"),
    }
}
