//! The client's side of an opening handshake (RFC 6455 section 4.1).

use bytes::{Buf as _, Bytes};
use httparse::{EMPTY_HEADER, Status};

use crate::{
    Refused, base64,
    opening::{Fields, HEAD_BYTES_MAX, accept_of},
};

/// Header fields that an answer may have.
const FIELDS_MAX: usize = 64;

/// One opening handshake of a client.
#[derive(Debug)]
pub struct Request {
    key: String,
    protocol: &'static str,
    held: Vec<u8>,
}

/// A handshake that the server has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// What came after the answer: frames already.
    pub rest: Bytes,
}

impl Request {
    /// Begins one that asks for a subprotocol. `nonce` is of chance, and another for each connection.
    pub fn new(nonce: [u8; 16], protocol: &'static str) -> Self {
        Self { key: base64::encode(&nonce), protocol, held: Vec::new() }
    }

    /// The request, to `host` (with its port) and `path`, which begins with `/`.
    pub fn write(&self, host: &str, path: &str) -> Bytes {
        let Self { key, protocol, .. } = self;
        Bytes::from(format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: \
             {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        ))
    }

    /// Takes what has come; nothing while the answer is not whole.
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not answer as a WebSocket of this subprotocol does; with the status it gave.
    pub fn take(&mut self, mut chunk: Bytes) -> Result<Option<Answered>, Refused> {
        let before = self.held.len();
        self.held.extend_from_slice(&chunk);
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut answer = httparse::Response::new(&mut fields);
        let end = match answer.parse(&self.held) {
            Ok(Status::Complete(end)) => end,
            Ok(Status::Partial) if self.held.len() <= HEAD_BYTES_MAX => return Ok(None),
            Ok(Status::Partial) => return Err(Refused::new(0, "the server's answer has no end")),
            Err(error) => {
                return Err(Refused::new(0, format!("the server speaks no HTTP: {error}")));
            }
        };
        let status = answer.code.unwrap_or_default();
        if status != 101 {
            let said = self.held.get(end..).unwrap_or_default();
            let said = String::from_utf8_lossy(said);
            return Err(Refused::new(
                status,
                format!("the server answered {status}: {}", said.trim()),
            ));
        }
        let fields = Fields(answer.headers);
        let is_taken = fields.has("Upgrade", "websocket")
            && fields.has("Connection", "Upgrade")
            && fields.only("Sec-WebSocket-Accept")?
                == Some(accept_of(self.key.as_bytes()).as_bytes())
            && fields.only("Sec-WebSocket-Protocol")? == Some(self.protocol.as_bytes())
            && fields.only("Sec-WebSocket-Extensions")?.is_none();
        if !is_taken {
            let what = format!("the server's answer is none to a WebSocket of {}", self.protocol);
            return Err(Refused::new(status, what));
        }
        chunk.advance(end - before.min(end));
        Ok(Some(Answered { rest: chunk }))
    }
}
