//! A look at a datagram, to hand it to its shard without reading it whole.

use model::Aor;

use super::{Name, NameAddr};

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

/// Finds what decides the shard. It looks at no more than the header fields up to the one it wants and never copies.
pub fn shard_hint(datagram: &[u8]) -> Hint<'_> {
    let start = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let datagram = datagram.get(start..).unwrap_or_default();
    if datagram.is_empty() {
        return Hint::KeepAlive;
    }
    let wanted = if datagram.starts_with(b"REGISTER ") { Name::To } else { Name::CallId };
    let lines = datagram.split(|b| *b == b'\n').skip(1);
    for line in lines {
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if Name::classify(name.trim_ascii_end()) != wanted {
            continue;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let Ok(value) = std::str::from_utf8(value) else { break };
        if wanted == Name::CallId {
            return Hint::CallId(value);
        }
        let aor = NameAddr::parse(value).ok().and_then(|to| to.parsed_uri().ok()?.aor());
        return aor.map_or(Hint::Unreadable, Hint::RegisterAor);
    }
    Hint::Unreadable
}
