//! The scanner: one pass over the bytes.

use std::ops::Range;

use bytes::Bytes;

use super::{
    CSeq, Message, Method, Name, ParseError, Via,
    name::is_token,
    params::split_outside_quotes,
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
        let Scan { mut message, fault } = scan(bytes.slice(skipped..), limits)?;
        make_addresses_text(&mut message);
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

/// The line from `at` with what is folded into it (RFC 3261 section 7.3.1), as [`line`]. The first fold that is met has all of
/// them replaced, in a copy; most messages have none and are not copied.
fn unfolded_line(bytes: &mut Bytes, at: usize) -> Option<(Range<usize>, usize)> {
    let (range, next) = line(bytes, at)?;
    if range.is_empty() || !is_continued(bytes, next) {
        return Some((range, next));
    }
    *bytes = unfolded(bytes, at);
    line(bytes, at)
}

/// A copy in which each line end that a fold has, from line `at` on, is spaces of the same number.
fn unfolded(bytes: &[u8], mut at: usize) -> Bytes {
    let mut copy = bytes.to_vec();
    while let Some((line, next)) = line(bytes, at) {
        if line.is_empty() {
            break;
        }
        if is_continued(bytes, next) {
            copy.get_mut(line.end..next).unwrap_or_default().fill(b' ');
        }
        at = next;
    }
    Bytes::from(copy)
}

fn is_continued(bytes: &[u8], next: usize) -> bool {
    matches!(bytes.get(next), Some(b' ' | b'\t'))
}

/// The next line from `at`: its range without its end, and where the following line begins.
fn line(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    let end = at + length;
    let trimmed = if length > 0 && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
    Some((at..trimmed, end + 1))
}

fn scan(mut bytes: Bytes, limits: &ParseLimits) -> Result<Scan, ParseError> {
    let (first, mut at) =
        unfolded_line(&mut bytes, 0).ok_or(ParseError::NotSip("no start line"))?;
    let (start, mut fault) = start_line(&bytes, first)?;
    let mut fields = Vec::with_capacity(FIELDS_USUAL);
    loop {
        let Some((range, next)) = unfolded_line(&mut bytes, at) else {
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
    let text = bytes.get(line.clone()).unwrap_or_default();
    let start = match text.split_at_checked(VERSION.len()) {
        Some((version, rest)) if is_version(version) && rest.starts_with(b" ") => {
            status_line(rest, to_u32(line.end))?
        }
        Some(_) | None => return request_line(text, line.start),
    };
    Ok((start, None))
}

/// What follows the version; the reason phrase may be in any character set, and absent with its space.
fn status_line(rest: &[u8], end: u32) -> Result<Start, ParseError> {
    let (code, reason) = match rest {
        [b' ', a, b, c] => ([*a, *b, *c], 0),
        [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason.len()),
        _ => return Err(ParseError::BadResponse("the status line has no status code")),
    };
    if !matches!(code, [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9']) {
        return Err(ParseError::BadResponse("the status code is not 100 to 699"));
    }
    let status = code.into_iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    Ok(Start::Response { status, reason: end - to_u32(reason)..end })
}

/// `begin` is where the line begins in the message. White space at its end is let pass.
fn request_line(text: &[u8], begin: usize) -> Result<(Start, Option<Fault>), ParseError> {
    let text =
        std::str::from_utf8(text).map_err(|_| ParseError::NotSip("the start line is not text"))?;
    let (method, rest) =
        text.trim_ascii_end().split_once(' ').ok_or(ParseError::NotSip("no start line"))?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(ParseError::NotSip("no protocol version"))?;
    let is_sip = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/"));
    if method.is_empty() || !method.bytes().all(is_token) || !is_sip {
        return Err(ParseError::NotSip("no SIP start line"));
    }
    let fault = if !is_version(version.as_bytes()) {
        Some(Fault { status: 505, what: "Version Not Supported" })
    } else if uri.is_empty() || uri.contains(|c| breaks_a_word(c) || matches!(c, '<' | '>' | '"')) {
        Some(bad("Malformed Request-URI"))
    } else {
        None
    };
    let uri_from = begin + method.len() + 1;
    let method = to_u32(begin)..to_u32(begin + method.len());
    Ok((Start::Request { method, uri: to_u32(uri_from)..to_u32(uri_from + uri.len()) }, fault))
}

const VERSION: &[u8] = b"SIP/2.0";

/// Its case does not count (RFC 3261 section 7.1).
const fn is_version(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(VERSION)
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
    if message.header(Name::CallId).is_none_or(|id| id.contains(breaks_a_word)) {
        return Some(bad("Malformed Call-ID"));
    }
    // Every value of the first field, since they share its grammar; the fields below it are only ever copied.
    let vias = message.header(Name::Via).unwrap_or_default();
    if split_outside_quotes(vias, b',').any(|via| Via::parse(via).is_err()) {
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
        // RFC 4475 section 3.1.2.18: of a method that is not known, that is what there is to say.
        let status = if let Method::Other(_) = message.method() { 501 } else { 400 };
        return Some(Fault { status, what: "CSeq method is not the request's" });
    }
    None
}

/// White space and control characters: they could not be written back as they came.
pub(super) fn breaks_a_word(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Replaces what is not UTF-8 in the fields that are read as addresses by question marks: some phones write display names in
/// a character set of their own, and their calls shall pass. Copies only when there is something to replace.
fn make_addresses_text(message: &mut Message) {
    let header = message.bytes.get(..message.body.start as usize).unwrap_or_default();
    if header.is_ascii() {
        return;
    }
    let mut copy: Option<Vec<u8>> = None;
    for field in message.fields.iter().filter(|field| holds_address(field.name)) {
        let value = field.value.start as usize..field.value.end as usize;
        if message.bytes.get(value.clone()).is_some_and(|value| std::str::from_utf8(value).is_err())
        {
            let copy = copy.get_or_insert_with(|| message.bytes.to_vec());
            replace_invalid(copy.get_mut(value).unwrap_or_default());
        }
    }
    if let Some(copy) = copy {
        message.bytes = Bytes::from(copy);
    }
}

const fn holds_address(name: Name) -> bool {
    matches!(
        name,
        Name::Via
            | Name::From
            | Name::To
            | Name::Contact
            | Name::Route
            | Name::RecordRoute
            | Name::PAssertedIdentity
            | Name::ReferTo
            | Name::ReferredBy
    )
}

/// Replaces what is not UTF-8 by question marks.
pub(super) fn replace_invalid(mut text: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(text) {
        let (_, rest) = text.split_at_mut(error.valid_up_to());
        let length = error.error_len().unwrap_or(rest.len());
        let (invalid, rest) = rest.split_at_mut(length);
        invalid.fill(b'?');
        text = rest;
    }
}

/// An answer needs the way back and the request's number; of From, To and Call-ID it has what the request has (RFC 4475 section
/// 3.3.1).
fn refusal(message: Message, fault: Fault) -> ParseError {
    if !message.is_request() {
        return ParseError::BadResponse(fault.what);
    }
    let answerable = message.header(Name::CSeq).is_some();
    // A later version of SIP may have its own in Via too, and is told 505 all the same.
    let via = split_outside_quotes(message.header(Name::Via).unwrap_or_default(), b',').next();
    if !answerable || !via.is_some_and(Via::has_sent_by) {
        return ParseError::NotSip(fault.what);
    }
    ParseError::Refused { status: fault.status, what: fault.what, request: Box::new(message) }
}

/// Messages are at most `message_bytes_max` long, which fits; a larger number would only cut the message off.
fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
