//! Messages of our own, written once into one buffer.

use std::fmt::{self, Display, Write as _};

use bytes::Bytes;

use super::{Message, Method, Name};

/// A message being written, header by header.
#[derive(Clone, Debug)]
pub struct Writer {
    head: String,
    /// Where the header fields begin: a Via can be put in there.
    fields_at: usize,
    /// Values that are not UTF-8 are kept as bytes: where in `head` each stands, and what.
    raw: Vec<(usize, Vec<u8>)>,
}

/// A request that lacks only its Via, which the transport layer gives it.
#[derive(Clone, Debug)]
pub struct RequestDraft {
    writer: Writer,
    method: String,
    body: Option<(String, Bytes)>,
    /// What its Via has besides.
    via_params: &'static str,
}

impl Writer {
    /// Begins a request.
    pub fn request(method: Method<'_>, uri: &str) -> Self {
        let mut head = String::with_capacity(1024);
        let _ = write!(Clean(&mut head), "{method} {uri} SIP/2.0");
        head.push_str("\r\n");
        Self { fields_at: head.len(), head, raw: Vec::new() }
    }

    /// Begins a response; an empty reason stands for the RFC's phrase of the status.
    pub fn response(status: u16, reason: &str) -> Self {
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let mut head = String::with_capacity(1024);
        let _ = write!(Clean(&mut head), "SIP/2.0 {status} {reason}");
        head.push_str("\r\n");
        Self { fields_at: head.len(), head, raw: Vec::new() }
    }

    /// Adds a field. CR, LF and NUL in the value are written as spaces, so that nothing can be slipped in.
    pub fn header(&mut self, name: Name, value: impl Display) -> &mut Self {
        self.head.push_str(name.as_str());
        self.head.push_str(": ");
        // Writing to a String does not fail.
        let _ = write!(Clean(&mut self.head), "{value}");
        self.head.push_str("\r\n");
        self
    }

    /// Adds a field as it stood in another message, its value maybe not UTF-8.
    pub fn other(&mut self, raw_name: &str, value: &[u8]) -> &mut Self {
        let _ = write!(Clean(&mut self.head), "{raw_name}: ");
        match std::str::from_utf8(value) {
            Ok(text) => {
                let _ = Clean(&mut self.head).write_str(text);
            }
            Err(_) => {
                let clean = value.iter().map(|b| if is_breaking(*b) { b' ' } else { *b }).collect();
                self.raw.push((self.head.len(), clean));
            }
        }
        self.head.push_str("\r\n");
        self
    }

    /// Finishes a message: Content-Type where there is a body, Content-Length, the body.
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        self.end(body);
        let bytes = self.into_bytes("", body.map_or(&[], |(_, body)| body));
        Bytes::from(bytes)
    }

    /// Makes a draft of a request: everything but its Via.
    pub fn draft(self, body: Option<(&str, &[u8])>) -> RequestDraft {
        let method = self.head.split(' ').next().unwrap_or_default().to_owned();
        let body = body.map(|(kind, body)| (kind.to_owned(), Bytes::copy_from_slice(body)));
        RequestDraft { writer: self, method, body, via_params: "" }
    }

    fn end(&mut self, body: Option<(&str, &[u8])>) {
        if let Some((kind, _)) = body {
            self.header(Name::ContentType, kind);
        }
        self.header(Name::ContentLength, body.map_or(0, |(_, body)| body.len()));
        self.head.push_str("\r\n");
    }

    fn into_bytes(self, via: &str, body: &[u8]) -> Vec<u8> {
        let extra: usize = self.raw.iter().map(|(_, value)| value.len()).sum();
        let mut out = Vec::with_capacity(self.head.len() + extra + via.len() + body.len() + 8);
        let (start, fields) = self.head.as_bytes().split_at(self.fields_at);
        out.extend_from_slice(start);
        if !via.is_empty() {
            out.extend_from_slice(b"Via: ");
            out.extend_from_slice(via.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        let mut done = 0;
        for (at, value) in &self.raw {
            let upto = at.saturating_sub(self.fields_at);
            out.extend_from_slice(fields.get(done..upto).unwrap_or_default());
            out.extend_from_slice(value);
            done = upto;
        }
        out.extend_from_slice(fields.get(done..).unwrap_or_default());
        out.extend_from_slice(body);
        out
    }
}

impl RequestDraft {
    /// The request's method.
    pub fn method(&self) -> Method<'_> {
        Method::from_token(&self.method)
    }

    /// The request's Request-URI.
    pub fn request_uri(&self) -> &str {
        self.writer.head.split(' ').nth(1).unwrap_or_default()
    }

    /// About how many bytes it has so far, in all: without its Via and the fields that describe the body.
    pub fn size(&self) -> usize {
        let raw: usize = self.writer.raw.iter().map(|(_, value)| value.len()).sum();
        self.writer.head.len() + raw + self.body.as_ref().map_or(0, |(_, body)| body.len())
    }

    /// Adds a field, as [`Writer::header`].
    pub fn header(&mut self, name: Name, value: impl Display) -> &mut Self {
        self.writer.header(name, value);
        self
    }

    /// Adds a field as it stood elsewhere, as [`Writer::other`].
    pub fn other(&mut self, raw_name: &str, value: &[u8]) -> &mut Self {
        self.writer.other(raw_name, value);
        self
    }

    /// Gives its Via these parameters besides, each with its semicolon before it.
    pub const fn via_params(&mut self, params: &'static str) -> &mut Self {
        self.via_params = params;
        self
    }

    /// Gives the request this body (its content type and its bytes), or none.
    #[must_use]
    pub fn with_body(mut self, body: Option<(String, Bytes)>) -> Self {
        self.body = body;
        self
    }

    /// Finishes the request with its Via value as the first field.
    pub fn finish(self, via: &str) -> Bytes {
        let Self { mut writer, body, via_params, .. } = self;
        let via = if via_params.is_empty() {
            std::borrow::Cow::Borrowed(via)
        } else {
            std::borrow::Cow::Owned(format!("{via}{via_params}"))
        };
        let body = body.as_ref().map(|(kind, body)| (kind.as_str(), body.as_ref()));
        writer.end(body);
        Bytes::from(writer.into_bytes(&via, body.map_or(&[], |(_, body)| body)))
    }
}

/// Begins the response to a request with the fields RFC 3261 section 8.2.6.2 says: every Via, From, To, Call-ID and CSeq as they
/// came, and Timestamp in a 100. `to_tag` is added to a To that has none.
pub fn response_to(request: &Message, status: u16, reason: &str, to_tag: Option<&str>) -> Writer {
    let mut writer = Writer::response(status, reason);
    for via in request.headers(Name::Via) {
        writer.header(Name::Via, via);
    }
    // A request that was read has all four; one that is refused may lack them, and then its answer does.
    if let Some(from) = request.header(Name::From) {
        writer.header(Name::From, from);
    }
    if let Some(to) = request.header(Name::To) {
        let tagged = request.to().is_ok_and(|to| to.tag().is_some());
        match to_tag {
            Some(tag) if !tagged => writer.header(Name::To, format_args!("{to};tag={tag}")),
            Some(_) | None => writer.header(Name::To, to),
        };
    }
    if let Some(call_id) = request.header(Name::CallId) {
        writer.header(Name::CallId, call_id);
    }
    writer.header(Name::CSeq, request.header(Name::CSeq).unwrap_or_default());
    if request.is_request()
        && matches!(request.method(), Method::Invite | Method::Register | Method::Subscribe)
    {
        for record in request.headers(Name::RecordRoute).filter(|_| (101..300).contains(&status)) {
            writer.header(Name::RecordRoute, record);
        }
    }
    if status == 100 {
        for timestamp in request.headers(Name::Timestamp) {
            writer.header(Name::Timestamp, timestamp);
        }
    }
    writer
}

const fn is_breaking(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Writes text with everything that could break a line replaced.
struct Clean<'a>(&'a mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(is_breaking) {
            self.0.extend(
                text.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }),
            );
        } else {
            self.0.push_str(text);
        }
        Ok(())
    }
}

// table:
/// The reason phrase of a status (RFC 3261 section 21 and its extensions); that of its class for one that is not known.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => class_phrase(status),
    }
}

/// The phrase of a status that has none of its own.
const fn class_phrase(status: u16) -> &'static str {
    match status / 100 {
        1 => "Progress",
        2 => "Success",
        3 => "Redirection",
        5 => "Server Failure",
        6 => "Global Failure",
        _ => "Failure",
    }
}
