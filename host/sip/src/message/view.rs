//! A message as it came: bytes, and where its parts are.

use std::{fmt, ops::Range};

use bytes::Bytes;
use model::HeaderBlock;

use super::{
    HeaderError, Method, Name, NameAddr, Via,
    name::is_token,
    params::{find_outside_quotes, split_outside_quotes},
};

/// A SIP message over the bytes it came in. Header fields are found when it is parsed and read when they are asked for.
#[derive(Clone)]
pub struct Message {
    pub(super) bytes: Bytes,
    pub(super) start: Start,
    pub(super) fields: Vec<FieldAt>,
    pub(super) body: Range<u32>,
}

/// The parts of the start line.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Request { method: Range<u32>, uri: Range<u32> },
    Response { status: u16, reason: Range<u32> },
}

/// Where a field is.
#[derive(Clone, Debug)]
pub(super) struct FieldAt {
    pub(super) name: Name,
    pub(super) raw_name: Range<u32>,
    pub(super) value: Range<u32>,
}

/// A header field as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// Which field.
    pub name: Name,
    /// Its name as written.
    pub raw_name: &'a str,
    /// Its value, trimmed, folds replaced by spaces.
    pub value: &'a [u8],
}

/// CSeq (RFC 3261 section 20.16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CSeq<'a> {
    /// The sequence number, below 2^31.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl Message {
    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of a request, or of the CSeq of a response.
    pub fn method(&self) -> Method<'_> {
        match &self.start {
            Start::Request { method, .. } => Method::from_token(self.text(method)),
            Start::Response { .. } => self.cseq().method,
        }
    }

    /// The Request-URI; empty for a response.
    pub fn request_uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.text(uri),
            Start::Response { .. } => "",
        }
    }

    /// The status code; 0 for a request.
    pub const fn status(&self) -> u16 {
        match self.start {
            Start::Response { status, .. } => status,
            Start::Request { .. } => 0,
        }
    }

    /// The reason phrase; empty for a request.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Response { reason, .. } => self.text(reason),
            Start::Request { .. } => "",
        }
    }

    /// The value of the first field of that name, trimmed. One that is not UTF-8 counts as absent.
    pub fn header(&self, name: Name) -> Option<&str> {
        self.headers(name).next()
    }

    /// The value of each field of that name, trimmed; values that are not UTF-8 are left out.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &str> {
        let at = self.fields.iter().filter(move |field| field.name == name);
        at.filter_map(|field| std::str::from_utf8(self.slice(&field.value)).ok())
    }

    /// Each member of the comma-separated lists of all fields of that name, trimmed.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &str> {
        self.headers(name)
            .flat_map(|value| split_outside_quotes(value, b','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Every field in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|field| Field {
            name: field.name,
            raw_name: self.text(&field.raw_name),
            value: self.slice(&field.value),
        })
    }

    /// The body, of the length the message declares.
    pub fn body(&self) -> &[u8] {
        self.slice(&self.body)
    }

    /// The body, sharing this message's bytes.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(self.body.start as usize..self.body.end as usize)
    }

    /// The whole message (with folds replaced by spaces).
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The header fields for a plugin to read on demand.
    pub fn header_block(&self) -> HeaderBlock {
        let fields = self.fields.iter().map(|f| (f.raw_name.clone(), f.value.clone())).collect();
        HeaderBlock::new(self.bytes.clone(), fields)
    }

    /// The first Via value.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        let error = |what| HeaderError { name: "Via", what };
        let value = self.header(Name::Via).ok_or_else(|| error("missing"))?;
        let end = find_outside_quotes(value, b',').unwrap_or(value.len());
        Via::parse(value.get(..end).unwrap_or(value)).map_err(error)
    }

    /// From.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(Name::From)
    }

    /// To.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(Name::To)
    }

    /// The first Contact, when there is one and it is not `*`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contact(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        match self.values(Name::Contact).next() {
            None | Some("*") => Ok(None),
            Some(text) => NameAddr::parse(text)
                .map(Some)
                .map_err(|what| HeaderError { name: "Contact", what }),
        }
    }

    /// Call-ID; empty only in a message that was refused.
    pub fn call_id(&self) -> &str {
        self.header(Name::CallId).unwrap_or_default()
    }

    /// CSeq; number 0 and an empty method only in a message that was refused.
    pub fn cseq(&self) -> CSeq<'_> {
        self.header(Name::CSeq)
            .and_then(CSeq::parse)
            .unwrap_or(CSeq { number: 0, method: Method::Other("") })
    }

    /// Max-Forwards, when it is a number.
    pub fn max_forwards(&self) -> Option<u32> {
        self.header(Name::MaxForwards)?.parse().ok()
    }

    /// Expires, when it is a number of seconds; one beyond 2^32-1 counts as that.
    pub fn expires(&self) -> Option<u32> {
        let text = self.header(Name::Expires)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    }

    pub(super) fn address(&self, name: Name) -> Result<NameAddr<'_>, HeaderError> {
        let error = |what| HeaderError { name: name.as_str(), what };
        let value = self.header(name).ok_or_else(|| error("missing"))?;
        NameAddr::parse(value).map_err(error)
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    fn text(&self, range: &Range<u32>) -> &str {
        std::str::from_utf8(self.slice(range)).unwrap_or_default()
    }
}

impl<'a> CSeq<'a> {
    /// Reads `4711 INVITE`; `None` when it is not that, or the number is 2^31 or more (RFC 3261 section 8.1.1.5).
    pub fn parse(text: &'a str) -> Option<Self> {
        let (number, method) = text.split_once(|c: char| c.is_ascii_whitespace())?;
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse().ok().filter(|n: &u32| digits && *n < 1 << 31)?;
        let method = method.trim();
        let is_method = !method.is_empty() && method.bytes().all(is_token);
        is_method.then(|| Self { number, method: Method::from_token(method) })
    }
}

impl fmt::Debug for Message {
    /// The start line only: the rest is the users' business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_request() {
            write!(f, "{} {}", self.method(), self.request_uri())
        } else {
            write!(f, "{} {} ({})", self.status(), self.reason(), self.method())
        }
    }
}
