//! The scanner: one pass over the bytes.

use std::ops::Range;

use bytes::Bytes;

use super::{
    CSeq, Message, Name, ParseError,
    view::{FieldAt, Start},
};

/// What a message may measure.
#[derive(Clone, Debug)]
pub struct ParseLimits {
    /// Bytes of a whole message.
    pub message_bytes_max: usize,
    /// Header fields of a message.
    pub headers_max: usize,
    /// Bytes of one header field.
    pub header_bytes_max: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { message_bytes_max: 65_535, headers_max: 256, header_bytes_max: 8192 }
    }
}

impl Message {
    /// Reads one datagram (RFC 3261 section 7 and, for its framing, 18.3).
    ///
    /// A message that is given back has Via, From, To, Call-ID and CSeq, each once where it may stand once, each readable, and a
    /// CSeq method that is the request's.
    ///
    /// # Errors
    /// [`ParseError`] says what to do: nothing, or an answer with a status.
    pub fn parse(bytes: Bytes, limits: &ParseLimits) -> Result<Self, ParseError> {
        let skipped = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if skipped == bytes.len() {
            return Err(ParseError::KeepAlive);
        }
        if bytes.len() - skipped > limits.message_bytes_max {
            return Err(ParseError::NotSip("larger than message_bytes_max"));
        }
        let bytes = unfolded(bytes.slice(skipped..));
        let scan = scan(bytes, limits)?;
        let Scan { message, fault } = scan;
        match fault.or_else(|| fault_of(&message)) {
            None => Ok(message),
            Some(fault) => Err(refusal(message, fault)),
        }
    }
}

/// Room made for this many header fields at first.
const FIELDS_USUAL: usize = 20;

/// Something wrong that may have an answer.
#[derive(Clone, Copy)]
struct Fault {
    status: u16,
    what: &'static str,
}

const fn bad(what: &'static str) -> Fault {
    Fault { status: 400, what }
}

const NAMELESS: Option<Fault> = Some(bad("Header field without a name"));
const UNTERMINATED: Option<Fault> = Some(bad("Header not terminated"));
const CUT_OFF: Option<Fault> = Some(bad("Body shorter than Content-Length"));
const TOO_LARGE: Option<Fault> = Some(Fault { status: 513, what: "Message Too Large" });

struct Scan {
    message: Message,
    fault: Option<Fault>,
}

/// Replaces each fold (CRLF and white space, RFC 3261 section 7.3.1) by spaces of the same number. Copies only when there is one.
fn unfolded(bytes: Bytes) -> Bytes {
    let mut at = 0;
    let mut copy: Option<Vec<u8>> = None;
    while let Some((line, next)) = line(&bytes, at) {
        if line.is_empty() {
            break;
        }
        if matches!(bytes.get(next), Some(b' ' | b'\t')) {
            copy.get_or_insert_with(|| bytes.to_vec())
                .get_mut(line.end..next)
                .into_iter()
                .flatten()
                .for_each(|byte| *byte = b' ');
        }
        at = next;
    }
    copy.map_or(bytes, Bytes::from)
}

/// The next line from `at`: its range without its end, and where the following line begins.
fn line(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    let end = at + length;
    let trimmed = if length > 0 && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
    Some((at..trimmed, end + 1))
}

fn scan(bytes: Bytes, limits: &ParseLimits) -> Result<Scan, ParseError> {
    let (first, mut at) = line(&bytes, 0).ok_or(ParseError::NotSip("no start line"))?;
    let (start, mut fault) = start_line(&bytes, first)?;
    let mut fields = Vec::with_capacity(FIELDS_USUAL);
    loop {
        let Some((range, next)) = line(&bytes, at) else {
            fault = fault.or(UNTERMINATED);
            at = bytes.len();
            break;
        };
        at = next;
        if range.is_empty() {
            break;
        }
        if fields.len() >= limits.headers_max || range.len() > limits.header_bytes_max {
            fault = fault.or(TOO_LARGE);
            break;
        }
        match field(&bytes, range) {
            Some(field) => fields.push(field),
            None => fault = fault.or(NAMELESS),
        }
    }
    let whole = to_u32(bytes.len());
    let mut message = Message { bytes, start, fields, body: to_u32(at)..whole };
    match body_length(&message) {
        Ok(None) => {}
        Ok(Some(length)) => {
            let have = whole - message.body.start;
            if length > have {
                fault = fault.or(CUT_OFF);
            }
            message.body.end = message.body.start + length.min(have);
        }
        Err(what) => fault = fault.or_else(|| Some(bad(what))),
    }
    Ok(Scan { message, fault })
}

fn start_line(bytes: &[u8], line: Range<usize>) -> Result<(Start, Option<Fault>), ParseError> {
    let text = bytes
        .get(line.clone())
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(ParseError::NotSip("the start line is not text"))?;
    let base = line.start;
    let at = |from: usize, to: usize| to_u32(base + from)..to_u32(base + to);
    if let Some(rest) = text.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = match code.as_bytes() {
            [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9'] => code.parse().unwrap_or(0),
            _ => return Err(ParseError::BadResponse("the status code is not 100 to 699")),
        };
        let reason = at(text.len() - reason.len(), text.len());
        return Ok((Start::Response { status, reason }, None));
    }
    let (method, rest) = text.split_once(' ').ok_or(ParseError::NotSip("no start line"))?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(ParseError::NotSip("no protocol version"))?;
    if method.is_empty() || !method.bytes().all(is_token) || !version.starts_with("SIP/") {
        return Err(ParseError::NotSip("no SIP start line"));
    }
    let fault = if version != "SIP/2.0" {
        Some(Fault { status: 505, what: "Version Not Supported" })
    } else if uri.is_empty()
        || uri.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
    {
        Some(bad("Malformed Request-URI"))
    } else {
        None
    };
    let from = method.len() + 1;
    Ok((Start::Request { method: at(0, method.len()), uri: at(from, from + uri.len()) }, fault))
}

fn field(bytes: &[u8], range: Range<usize>) -> Option<FieldAt> {
    let text = bytes.get(range.clone())?;
    let colon = memchr::memchr(b':', text)?;
    let raw = text.get(..colon)?.trim_ascii_end();
    if raw.is_empty() || !raw.iter().copied().all(is_token) {
        return None;
    }
    let after = text.get(colon + 1..)?;
    let value = after.trim_ascii();
    let lead = after.len() - after.trim_ascii_start().len();
    let from = if value.is_empty() { range.end } else { range.start + colon + 1 + lead };
    Some(FieldAt {
        name: Name::classify(raw),
        raw_name: to_u32(range.start)..to_u32(range.start + raw.len()),
        value: to_u32(from)..to_u32(from + value.len()),
    })
}

/// RFC 3261 section 25.1, token.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

fn body_length(message: &Message) -> Result<Option<u32>, &'static str> {
    let mut length = None;
    for text in message.headers(Name::ContentLength) {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err("Content-Length is not a number");
        }
        let this = text.parse().map_err(|_| "Content-Length is too large")?;
        if length.is_some_and(|length| length != this) {
            return Err("Content-Length stands twice");
        }
        length = Some(this);
    }
    Ok(length)
}

/// What is wrong with the fields every message must have (RFC 3261 section 8.1.1).
fn fault_of(message: &Message) -> Option<Fault> {
    for (name, missing, twice) in [
        (Name::From, "Missing From", "From stands twice"),
        (Name::To, "Missing To", "To stands twice"),
        (Name::CallId, "Missing Call-ID", "Call-ID stands twice"),
        (Name::CSeq, "Missing CSeq", "CSeq stands twice"),
    ] {
        let mut fields = message.fields.iter().filter(|field| field.name == name);
        if fields.next().is_none_or(|field| field.value.is_empty()) {
            return Some(bad(missing));
        }
        if fields.next().is_some() {
            return Some(bad(twice));
        }
    }
    if message.header(Name::CallId).is_none_or(|id| id.contains(char::is_whitespace)) {
        return Some(bad("Malformed Call-ID"));
    }
    if message.top_via().is_err() {
        return Some(bad("Malformed Via"));
    }
    if message.from().is_err() {
        return Some(bad("Malformed From"));
    }
    if message.to().is_err() {
        return Some(bad("Malformed To"));
    }
    let Some(cseq) = message.header(Name::CSeq).and_then(CSeq::parse) else {
        return Some(bad("Malformed CSeq"));
    };
    if let Start::Request { .. } = message.start
        && message.method() != cseq.method
    {
        return Some(bad("CSeq method is not the request's"));
    }
    None
}

/// An answer needs the fields it copies; without them there is nobody to answer.
fn refusal(message: Message, fault: Fault) -> ParseError {
    if !message.is_request() {
        return ParseError::BadResponse(fault.what);
    }
    let answerable = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq]
        .iter()
        .all(|name| message.header(*name).is_some());
    if !answerable || message.top_via().is_err() {
        return ParseError::NotSip(fault.what);
    }
    ParseError::Refused { status: fault.status, what: fault.what, request: Box::new(message) }
}

/// Messages are at most `message_bytes_max` long, which fits; a larger number would only cut the message off.
fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
