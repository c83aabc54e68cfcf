//! A look at a datagram, to hand it to its shard without reading it whole.

use std::borrow::Cow;

use model::Aor;

use super::{Name, NameAddr, parse::replace_invalid};

/// What decides the shard of a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hint<'a> {
    /// The value of Call-ID.
    CallId(&'a str),
    /// A REGISTER, for this address-of-record.
    RegisterAor(Aor),
    /// CRLF only.
    KeepAlive,
    /// No Call-ID was found.
    Unreadable,
}

/// Finds what decides the shard. It looks at no more than the header fields up to the one it wants, and finds what
/// [`Message::parse`](super::Message::parse) finds.
pub fn shard_hint(datagram: &[u8]) -> Hint<'_> {
    let start = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let datagram = datagram.get(start..).unwrap_or_default();
    if datagram.is_empty() {
        return Hint::KeepAlive;
    }
    let wanted = if datagram.starts_with(b"REGISTER ") { Name::To } else { Name::CallId };
    let mut rest = after_field(datagram);
    while !rest.is_empty() && !rest.starts_with(b"\n") && !rest.starts_with(b"\r\n") {
        let next = after_field(rest);
        let field = rest.get(..rest.len() - next.len()).unwrap_or_default();
        rest = next;
        let Some(colon) = memchr::memchr(b':', field) else { continue };
        let (name, value) = field.split_at(colon);
        if Name::classify(name.trim_ascii_end()) != wanted {
            continue;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if wanted == Name::CallId {
            return std::str::from_utf8(value).map_or(Hint::Unreadable, Hint::CallId);
        }
        let value = as_scanned(value);
        let aor = NameAddr::parse(&value).ok().and_then(|to| to.parsed_uri().ok()?.aor());
        return aor.map_or(Hint::Unreadable, Hint::RegisterAor);
    }
    Hint::Unreadable
}

/// The value as the scanner leaves it: folds are spaces, and what is not UTF-8 is question marks.
fn as_scanned(value: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\n', value).is_none()
        && let Ok(text) = std::str::from_utf8(value)
    {
        return Cow::Borrowed(text);
    }
    let mut copy = value.to_vec();
    for end in memchr::memchr_iter(b'\n', value) {
        let begin =
            if value.get(..end).is_some_and(|line| line.ends_with(b"\r")) { end - 1 } else { end };
        copy.get_mut(begin..=end).unwrap_or_default().fill(b' ');
    }
    replace_invalid(&mut copy);
    Cow::Owned(String::from_utf8(copy).unwrap_or_default())
}

/// What follows the first line and the lines folded into it (RFC 3261 section 7.3.1).
fn after_field(bytes: &[u8]) -> &[u8] {
    memchr::memchr_iter(b'\n', bytes)
        .filter_map(|end| bytes.get(end + 1..))
        .find(|next| !matches!(next, [b' ' | b'\t', ..]))
        .unwrap_or_default()
}
