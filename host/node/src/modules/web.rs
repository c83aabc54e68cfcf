//! A client's WebSocket: the handshake, what came of it, what waits to be sent.

use std::sync::Arc;

use bytes::Bytes;
use websocket::{Code, Decoder, Limits, Opening, Received, Side, Terms};

use super::connection::Fault;

/// The subprotocol (`docs/tlib.md`).
pub const PROTOCOL: &str = "tlib.jackfield";
/// With so many bytes staged no more are added before these are sent.
const STAGE_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum Stage {
    Opening(Opening),
    Open(Decoder),
    /// Nothing is read any more: the client has closed, or did what may not be.
    Ending(Code),
    /// The handshake was refused.
    Refused,
}

/// A WebSocket, above a connection that carries its bytes.
#[derive(Debug)]
pub(super) struct Web {
    stage: Stage,
    /// Frames of one message.
    fragments_max: usize,
    /// What has come and is not taken.
    chunk: Bytes,
    /// Frames on their way.
    out: Vec<u8>,
    sent: usize,
    /// What the newest Ping carried that is not answered. Older ones need no answer (RFC 6455 section 5.5.3).
    pinged: Option<Bytes>,
}

impl Web {
    pub(super) fn new(terms: Arc<Terms>, fragments_max: usize) -> Self {
        let stage = Stage::Opening(Opening::new(terms));
        let (chunk, out) = (Bytes::new(), Vec::new());
        Self { stage, fragments_max, chunk, out, sent: 0, pinged: None }
    }

    /// Whether the handshake is done.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_) | Stage::Ending(_))
    }

    /// Takes bytes of the connection.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    /// The next whole message of what was pushed.
    pub(super) fn next(&mut self, message_bytes_max: usize) -> Result<Option<Bytes>, Fault> {
        while !self.chunk.is_empty() {
            let decoder = match &mut self.stage {
                Stage::Open(decoder) => decoder,
                Stage::Opening(opening) => {
                    match opening.take(std::mem::take(&mut self.chunk)) {
                        Ok(None) => {}
                        Ok(Some(accepted)) => self.open(accepted, message_bytes_max),
                        Err(refused) => {
                            self.out.extend_from_slice(&refused.answer());
                            self.stage = Stage::Refused;
                            return Err(Fault::Refused(refused.what));
                        }
                    }
                    continue;
                }
                Stage::Ending(_) | Stage::Refused => {
                    self.chunk.clear();
                    continue;
                }
            };
            decoder.set_message_bytes_max(message_bytes_max);
            match decoder.take(&mut self.chunk) {
                Ok(None | Some(Received::Pong)) => {}
                Ok(Some(Received::Text(text))) => return Ok(Some(text)),
                Ok(Some(Received::Ping(carried))) => self.pinged = Some(carried),
                Ok(Some(Received::Binary(_))) => {
                    return Err(
                        self.end(Code::Unacceptable, "a message is binary, and JSON is text")
                    );
                }
                Ok(Some(Received::Close(code))) => {
                    self.stage = Stage::Ending(code.unwrap_or(Code::Normal));
                    return Err(Fault::Closed);
                }
                Err(violation) => return Err(self.end(violation.code, violation.what)),
            }
        }
        Ok(None)
    }

    fn open(&mut self, accepted: websocket::Accepted, message_bytes_max: usize) {
        self.out.extend_from_slice(&accepted.answer);
        self.chunk = accepted.rest;
        let limits = Limits { message_bytes_max, fragments_max: self.fragments_max };
        self.stage = Stage::Open(Decoder::new(Side::Server, limits));
    }

    fn end(&mut self, code: Code, what: &'static str) -> Fault {
        self.stage = Stage::Ending(code);
        Fault::Violation(what)
    }

    /// Puts messages in frames, when all before them are sent; gives how many bytes of messages there are in them.
    pub(super) fn stage<'a>(&mut self, messages: impl Iterator<Item = &'a [u8]>) -> usize {
        // A message that was long leaves no room behind that nobody needs.
        self.out.clear();
        self.out.shrink_to(STAGE_BYTES);
        self.sent = 0;
        if let Some(carried) = self.pinged.take() {
            websocket::pong(&mut self.out, &carried, None);
        }
        let mut staged = 0;
        for message in messages {
            websocket::message(&mut self.out, message, None);
            staged += message.len();
            if self.out.len() >= STAGE_BYTES {
                break;
            }
        }
        staged
    }

    /// What is to be sent.
    pub(super) fn rest(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// So many bytes of it are sent.
    pub(super) const fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// Puts a Close after what is to be sent, with the code of a fault or of the client's own Close, or else with this.
    pub(super) fn close(&mut self, code: Code, reason: &str) {
        let code = match self.stage {
            Stage::Open(_) => code,
            Stage::Ending(code) => code,
            Stage::Opening(_) | Stage::Refused => return,
        };
        websocket::close(&mut self.out, code, reason, None);
    }
}
