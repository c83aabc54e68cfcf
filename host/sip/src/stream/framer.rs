//! The framer of one connection.

use bytes::Bytes;
use model::Flow;

use crate::{Message, ParseError, ParseLimits, endpoint::Endpoint, endpoint::wire, response_to};

/// The To tag of the one answer a broken stream gets; it makes no dialog and no transaction.
const LAST_TAG: &str = "stream";

/// A piece of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framed {
    /// A whole message, head and body.
    Message(Bytes),
    /// A keep-alive, two CRLFs, that wants one CRLF back (RFC 5626 section 4.4.1).
    Ping,
}

/// Why a stream cannot be read any further: its connection is closed, after [`Self::answer`] where there is one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Unframed {
    /// What is wrong with it.
    pub what: &'static str,
    /// The status it is answered with.
    status: u16,
    /// The head of the message at fault, when it came whole.
    head: Option<Bytes>,
}

impl Unframed {
    const fn silent(what: &'static str) -> Self {
        Self { what, status: 400, head: None }
    }

    /// The answer to the request at fault (RFC 3261 section 18.3); `None` for a response, an ACK, and what cannot be read so far.
    pub fn answer(&self, flow: Flow, limits: &ParseLimits) -> Option<Bytes> {
        let request = match Message::parse(self.head.clone()?, limits) {
            Ok(message) => message,
            Err(ParseError::Refused { request, .. }) => *request,
            Err(_) => return None,
        };
        if !request.is_request() || request.method() == crate::Method::Ack {
            return None;
        }
        let reason = if self.status == 400 { self.what } else { "" };
        let response = response_to(&request, self.status, reason, Some(LAST_TAG));
        let stamp = Endpoint::stamp_for(flow, request.top_via().ok());
        Some(wire::stamp(response.finish(None), stamp, flow.peer))
    }
}

/// Cuts the bytes of one connection into messages. Bytes are looked at once, however they come.
#[derive(Debug)]
pub struct Framer {
    limits: ParseLimits,
    buffer: Vec<u8>,
    /// Where the piece that is being read begins.
    begin: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Between messages, after so many bytes of CR LF CR LF.
    Between { crlf: usize },
    /// In a head; the line that is not whole yet begins at `line`, and nothing before `seen` ends it.
    Head { line: usize, seen: usize, lines: usize },
    /// In the body of a message that is `length` bytes long in all.
    Body { length: usize },
    /// Nothing more can be read.
    Broken,
}

const PING: [u8; 4] = *b"\r\n\r\n";

impl Framer {
    /// Makes a framer that has read nothing. A message may measure what `limits` say.
    pub const fn new(limits: ParseLimits) -> Self {
        let state = State::Between { crlf: 0 };
        Self { limits, buffer: Vec::new(), begin: 0, state }
    }

    /// Takes bytes in as they came. Call [`Self::take`] until it gives none before the next.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether part of a message has come and the rest is awaited.
    pub const fn is_within_message(&self) -> bool {
        matches!(self.state, State::Head { .. } | State::Body { .. })
    }

    /// Bytes that are held.
    pub const fn held(&self) -> usize {
        self.buffer.len() - self.begin
    }

    /// The next piece, or `None` until more has come.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read any further; from then on nothing is given.
    pub fn take(&mut self) -> Result<Option<Framed>, Unframed> {
        let piece = self.step();
        match &piece {
            Ok(Some(_)) => {}
            Ok(None) => self.compact(),
            Err(_) => {
                self.state = State::Broken;
                self.buffer = Vec::new();
                self.begin = 0;
            }
        }
        piece
    }

    fn step(&mut self) -> Result<Option<Framed>, Unframed> {
        loop {
            match self.state {
                State::Between { crlf } => {
                    if let Some(piece) = self.skip(crlf)? {
                        return Ok(piece);
                    }
                }
                State::Head { line, seen, lines } => {
                    if !self.read_head(line, seen, lines)? {
                        return Ok(None);
                    }
                }
                State::Body { length } => {
                    let end = self.begin + length;
                    let Some(message) = self.buffer.get(self.begin..end) else { return Ok(None) };
                    // A copy of its own size: a message that lives as long as its call must not keep the buffer alive.
                    let message = Bytes::copy_from_slice(message);
                    self.begin = end;
                    self.state = State::Between { crlf: 0 };
                    return Ok(Some(Framed::Message(message)));
                }
                State::Broken => return Ok(None),
            }
        }
    }

    /// Reads the CRs and LFs between messages (RFC 3261 section 7.5). Gives what `step` gives, or `None` when a message begins.
    fn skip(&mut self, mut crlf: usize) -> Result<Option<Option<Framed>>, Unframed> {
        while let Some(byte) = self.buffer.get(self.begin).copied() {
            if !matches!(byte, b'\r' | b'\n') {
                if !byte.is_ascii_alphanumeric() && !b"-.!%*_+`'~".contains(&byte) {
                    return Err(Unframed::silent("what came is no SIP message"));
                }
                self.state = State::Head { line: self.begin, seen: self.begin, lines: 0 };
                return Ok(None);
            }
            self.begin += 1;
            crlf =
                if PING.get(crlf) == Some(&byte) { crlf + 1 } else { usize::from(byte == b'\r') };
            self.state = State::Between { crlf };
            if crlf == PING.len() {
                self.state = State::Between { crlf: 0 };
                return Ok(Some(Some(Framed::Ping)));
            }
        }
        Ok(Some(None))
    }

    /// Reads whole lines of a head. True when it has ended.
    fn read_head(
        &mut self,
        mut line: usize,
        mut seen: usize,
        mut lines: usize,
    ) -> Result<bool, Unframed> {
        loop {
            let rest = self.buffer.get(seen..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', rest) else {
                // One more byte: the CR of a line as long as may be.
                if self.buffer.len() - line > self.limits.header_bytes_max + 1 {
                    return Err(Unframed::silent("a line is longer than header_bytes_max"));
                }
                self.state = State::Head { line, seen: self.buffer.len(), lines };
                return Ok(false);
            };
            let end = seen + at;
            let text = self.buffer.get(line..end).unwrap_or_default();
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if lines == 0 && !is_start_line(text) {
                return Err(Unframed::silent("what came is no SIP message"));
            }
            if text.len() > self.limits.header_bytes_max || lines > self.limits.headers_max {
                return Err(Unframed::silent(
                    "the head is larger than header_bytes_max or headers_max",
                ));
            }
            if text.is_empty() {
                self.end_head(end + 1)?;
                return Ok(true);
            }
            (line, seen, lines) = (end + 1, end + 1, lines + 1);
            if line - self.begin > self.limits.message_bytes_max {
                return Err(Unframed::silent("the head is larger than message_bytes_max"));
            }
        }
    }

    /// The head ends before `end`: its Content-Length says what follows.
    fn end_head(&mut self, end: usize) -> Result<(), Unframed> {
        let head = self.buffer.get(self.begin..end).unwrap_or_default();
        let fail =
            |what, status| Unframed { what, status, head: Some(Bytes::copy_from_slice(head)) };
        let body = content_length(head).map_err(|what| fail(what, 400))?;
        let length = head.len().saturating_add(body);
        if length > self.limits.message_bytes_max {
            return Err(fail("the message is larger than message_bytes_max", 513));
        }
        self.state = State::Body { length };
        Ok(())
    }

    /// Gives back what has been read; a buffer that is empty holds no memory.
    fn compact(&mut self) {
        let from = std::mem::take(&mut self.begin);
        if from == self.buffer.len() {
            self.buffer = Vec::new();
        } else if from > 0 {
            self.buffer.drain(..from);
        }
        if let State::Head { line, seen, .. } = &mut self.state {
            *line -= from;
            *seen -= from;
        }
    }
}

/// Whether a line may begin a message: it ends, or begins, with a version of SIP.
fn is_start_line(line: &[u8]) -> bool {
    let is_sip = |text: &[u8]| text.get(..4).is_some_and(|text| text.eq_ignore_ascii_case(b"SIP/"));
    let last = line.trim_ascii_end().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    is_sip(line) || is_sip(last)
}

/// What the Content-Length of a head says, which it must have (RFC 3261 section 18.3).
fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let mut found: Option<usize> = None;
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let mut value = value.get(1..).unwrap_or_default().trim_ascii();
        while let Some(folded) =
            lines.next_if(|next| next.starts_with(b" ") || next.starts_with(b"\t"))
        {
            let more = folded.trim_ascii();
            if !value.is_empty() && !more.is_empty() {
                return Err("Content-Length is not a number");
            }
            value = if value.is_empty() { more } else { value };
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err("Content-Length is not a number");
        }
        let digits = std::str::from_utf8(value).unwrap_or_default();
        let length = digits.parse().map_err(|_| "Content-Length is too large")?;
        if found.is_some_and(|found| found != length) {
            return Err("Content-Length stands twice");
        }
        found = Some(length);
    }
    found.ok_or("Missing Content-Length")
}

#[cfg(test)]
#[path = "framer_test.rs"]
mod tests;
