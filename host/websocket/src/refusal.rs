//! An opening handshake that is refused.

use bytes::Bytes;

/// Why an opening handshake is refused, and the HTTP status it is answered with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// What is wrong and what to do, for the answer's body and for the log.
    pub what: String,
}

impl Refused {
    pub(crate) fn new(status: u16, what: impl Into<String>) -> Self {
        Self { status, what: what.into() }
    }

    /// The answer; the connection is closed after it.
    pub fn answer(&self) -> Bytes {
        let reason = match self.status {
            400 => "Bad Request",
            403 => "Forbidden",
            405 => "Method Not Allowed",
            426 => "Upgrade Required",
            431 => "Request Header Fields Too Large",
            _ => "Refused",
        };
        // What is spoken instead (RFC 6455 section 4.4, RFC 9110 sections 15.5.6 and 15.5.22).
        let more = match self.status {
            405 => "Allow: GET\r\n",
            426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            _ => "",
        };
        let (status, body) = (self.status, &self.what);
        let length = body.len() + 1;
        Bytes::from(format!(
            "HTTP/1.1 {status} {reason}\r\n{more}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: \
             close\r\n\r\n{body}\n"
        ))
    }
}
