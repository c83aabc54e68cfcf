//! The server's side of an opening handshake (RFC 6455 section 4.2).

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use httparse::{EMPTY_HEADER, Header, Status};
use sha1::{Digest as _, Sha1};

use crate::{Origins, Refused, base64};

/// Bytes that the head of a request may have.
pub const HEAD_BYTES_MAX: usize = 8192;
/// Header fields that it may have.
const FIELDS_MAX: usize = 64;
/// Characters of what a peer has sent that are said again to it and to the log.
const SHOWN_MAX: usize = 100;
/// What every key is hashed with (RFC 6455 section 1.3).
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const METHOD: &[u8] = b"GET ";
const END: &[u8] = b"\r\n\r\n";

/// What a server asks of who connects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The subprotocol that is spoken. Who names others and not this one is refused; who names none is taken.
    pub protocol: &'static str,
    /// The pages that may connect.
    pub origins: Origins,
}

/// One opening handshake.
#[derive(Debug)]
pub struct Opening {
    terms: Arc<Terms>,
    held: Vec<u8>,
}

/// A handshake that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The answer.
    pub answer: Bytes,
    /// What came after the request: frames already.
    pub rest: Bytes,
}

impl Opening {
    /// Begins with a connection of which nothing was read.
    pub const fn new(terms: Arc<Terms>) -> Self {
        Self { terms, held: Vec::new() }
    }

    /// Takes what has come; nothing while the request is not whole.
    ///
    /// # Errors
    ///
    /// When it is none, or none that is wanted.
    pub fn take(&mut self, mut chunk: Bytes) -> Result<Option<Accepted>, Refused> {
        let before = self.held.len();
        self.held.extend_from_slice(&chunk);
        let begins = METHOD.len().min(self.held.len());
        if self.held.get(..begins) != METHOD.get(..begins) {
            return Err(self.not_get());
        }
        let from = before.saturating_sub(END.len() - 1);
        let tail = self.held.get(from..).unwrap_or_default();
        let Some(at) = tail.windows(END.len()).position(|window| window == END) else {
            return if self.held.len() > HEAD_BYTES_MAX { Err(too_long()) } else { Ok(None) };
        };
        let end = from + at + END.len();
        if end > HEAD_BYTES_MAX {
            return Err(too_long());
        }
        self.held.truncate(end);
        let answer = self.answer()?;
        chunk.advance(end - before);
        self.held = Vec::new();
        Ok(Some(Accepted { answer, rest: chunk }))
    }

    /// What does not begin as a request that is wanted: one of another method, or no HTTP at all.
    fn not_get(&self) -> Refused {
        let word: Vec<u8> =
            self.held.iter().copied().take_while(u8::is_ascii_uppercase).take(8).collect();
        match word.len() {
            3..8 => Refused::new(405, "a WebSocket begins with GET"),
            _ => Refused::new(400, "this port speaks WebSocket, and what came is no HTTP request"),
        }
    }

    /// The answer to the whole request that is held.
    fn answer(&self) -> Result<Bytes, Refused> {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&self.held) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err(Refused::new(400, "the request has no end")),
            Err(httparse::Error::TooManyHeaders) => return Err(too_long()),
            Err(error) => return Err(Refused::new(400, format!("no HTTP request: {error}"))),
        }
        let fields = Fields(request.headers);
        if request.version != Some(1) {
            return Err(Refused::new(400, "a WebSocket begins with HTTP/1.1"));
        }
        if fields.only("Host")?.is_none() {
            return Err(Refused::new(400, "the request has no Host"));
        }
        if !fields.has("Upgrade", "websocket") || !fields.has("Connection", "Upgrade") {
            return Err(Refused::new(
                426,
                "this port speaks WebSocket: ask for Upgrade: websocket",
            ));
        }
        if fields.only("Sec-WebSocket-Version")? != Some(b"13") {
            return Err(Refused::new(426, "Sec-WebSocket-Version 13 is spoken here"));
        }
        let key = fields.only("Sec-WebSocket-Key")?;
        let Some(key) = key.filter(|key| base64::is_of_sixteen_bytes(key)) else {
            return Err(Refused::new(400, "Sec-WebSocket-Key is no base64 of sixteen bytes"));
        };
        if let Some(origin) = fields.only("Origin")? {
            self.check_origin(&String::from_utf8_lossy(origin))?;
        }
        let protocol = self.protocol(&fields)?;
        Ok(Bytes::from(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \
             {}\r\n{protocol}\r\n",
            accept_of(key)
        )))
    }

    fn check_origin(&self, origin: &str) -> Result<(), Refused> {
        if self.terms.origins.allow(origin) {
            return Ok(());
        }
        let origin = shown(origin);
        let what = format!(
            "pages of \"{origin}\" may not connect: it is not among the `origins` of this port"
        );
        Err(Refused::new(403, what))
    }

    /// The header field that names the subprotocol, if one was asked for.
    fn protocol(&self, fields: &Fields<'_>) -> Result<String, Refused> {
        let ours = self.terms.protocol;
        let mut asked = fields.tokens("Sec-WebSocket-Protocol").peekable();
        let Some(first) = asked.peek().copied() else { return Ok(String::new()) };
        if asked.any(|token| token == ours.as_bytes()) {
            return Ok(format!("Sec-WebSocket-Protocol: {ours}\r\n"));
        }
        let first = shown(&String::from_utf8_lossy(first));
        let what =
            format!("the subprotocol \"{first}\" is not spoken here; ask for {ours}, or for none");
        Err(Refused::new(400, what))
    }
}

/// What a server answers a key with (RFC 6455 section 4.2.2).
pub(crate) fn accept_of(key: &[u8]) -> String {
    base64::encode(&Sha1::new().chain_update(key).chain_update(SALT).finalize())
}

fn too_long() -> Refused {
    let what = format!(
        "the head of the request has more than {HEAD_BYTES_MAX} bytes or {FIELDS_MAX} fields"
    );
    Refused::new(431, what)
}

/// What a peer has sent, such as can be said again.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect()
}

/// The header fields of a request or an answer.
pub(crate) struct Fields<'a>(pub(crate) &'a [Header<'a>]);

impl<'a> Fields<'a> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let is_it = move |field: &&Header<'_>| field.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(is_it).map(|field| field.value.trim_ascii())
    }

    /// The value of a field that may be there once.
    pub(crate) fn only(&self, name: &'static str) -> Result<Option<&'a [u8]>, Refused> {
        let mut all = self.all(name);
        let first = all.next();
        match all.next() {
            None => Ok(first),
            Some(_) => Err(Refused::new(400, format!("there is more than one {name}"))),
        }
    }

    /// The tokens of a field that is a list.
    pub(crate) fn tokens(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let pieces = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        pieces.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
    }

    /// Whether a list has this token.
    pub(crate) fn has(&self, name: &'static str, token: &str) -> bool {
        self.tokens(name).any(|have| have.eq_ignore_ascii_case(token.as_bytes()))
    }
}
