//! What the endpoint reads from, and writes into, responses that are bytes already.
//!
//! These are responses of our own, written by [`Writer`](crate::Writer): one field a line, no folds.

use std::net::SocketAddr;

use bytes::Bytes;

/// What the top Via of a response must tell its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stamp {
    /// The Via says already where the request came from.
    Nothing,
    /// The source address (RFC 3261 section 18.2.1).
    Received,
    /// The source address and port, because the client asked for them (RFC 3581 section 4).
    ReceivedAndPort,
}

/// The status code of a response, or `None` when the bytes are none.
pub(crate) fn status_of(response: &[u8]) -> Option<u16> {
    let rest = response.strip_prefix(b"SIP/2.0 ")?;
    let digits = std::str::from_utf8(rest.get(..3)?).ok()?;
    digits.parse().ok().filter(|status| (100..=699).contains(status))
}

/// The value of the first field of a message called `long` or, in its compact form, `compact`.
pub(crate) fn field<'a>(message: &'a [u8], long: &str, compact: &str) -> Option<&'a str> {
    let range = field_range(message, long, compact)?;
    std::str::from_utf8(message.get(range)?).ok()
}

/// The first Via value of a message.
pub(crate) fn top_via(message: &[u8]) -> Option<&str> {
    let value = field(message, "Via", "v")?;
    value.get(..first_value_len(value))
}

/// The tag of a From or To value, or an empty string.
pub(crate) fn tag_of(value: &str) -> &str {
    let params = value.rfind('>').map_or(value, |at| value.split_at(at).1);
    params
        .split(';')
        .skip(1)
        .filter_map(|param| param.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("tag"))
        .map_or("", |(_, tag)| tag.trim())
}

/// Writes where the request came from into the top Via of its response.
pub(crate) fn stamp(response: Bytes, stamp: Stamp, source: SocketAddr) -> Bytes {
    let ported = match stamp {
        Stamp::Nothing => return response,
        Stamp::Received => false,
        Stamp::ReceivedAndPort => true,
    };
    let Some(range) = field_range(&response, "Via", "v") else { return response };
    let Some(value) = response.get(range.clone()).and_then(|v| std::str::from_utf8(v).ok()) else {
        return response;
    };
    let via = stamped_value(value, ported, source);
    // To the byte: a Vec without room to spare becomes Bytes without another allocation.
    let mut stamped = Vec::with_capacity(response.len() - range.len() + via.len());
    stamped.extend_from_slice(response.get(..range.start).unwrap_or_default());
    stamped.extend_from_slice(via.as_bytes());
    stamped.extend_from_slice(response.get(range.end..).unwrap_or_default());
    stamped.into()
}

/// A response whose top Via has `params` in the place of its parameters of these names.
pub(crate) fn replaced(response: Bytes, is_old: impl Fn(&str) -> bool, params: &str) -> Bytes {
    let Some(range) = field_range(&response, "Via", "v") else { return response };
    let Some(value) = response.get(range.clone()).and_then(|v| std::str::from_utf8(v).ok()) else {
        return response;
    };
    let (top, others) = value.split_at(first_value_len(value));
    let mut via = String::with_capacity(value.len() + params.len());
    for (n, param) in top.split(';').enumerate() {
        let name = param.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        if n == 0 || !is_old(&name) {
            via.push_str(if n > 0 { ";" } else { "" });
            via.push_str(param.trim_end());
        }
    }
    via.push_str(params);
    via.push_str(others);
    let mut changed = Vec::with_capacity(response.len() - range.len() + via.len());
    changed.extend_from_slice(response.get(..range.start).unwrap_or_default());
    changed.extend_from_slice(via.as_bytes());
    changed.extend_from_slice(response.get(range.end..).unwrap_or_default());
    changed.into()
}

/// The value of a Via field with where the request came from in its first value.
pub(crate) fn stamped_value(value: &str, ported: bool, source: SocketAddr) -> String {
    // Only the first of several values in the field is the top Via.
    let (top, others) = value.split_at(first_value_len(value));
    let mut via = String::with_capacity(value.len() + 64);
    for (n, param) in top.split(';').enumerate() {
        let name = param.split('=').next().unwrap_or_default().trim();
        let replaced =
            name.eq_ignore_ascii_case("received") || (ported && name.eq_ignore_ascii_case("rport"));
        if n > 0 && replaced {
            continue;
        }
        if n > 0 {
            via.push(';');
        }
        via.push_str(param.trim_end());
    }
    via.push_str(";received=");
    via.push_str(&source.ip().to_canonical().to_string());
    if ported {
        via.push_str(";rport=");
        via.push_str(&source.port().to_string());
    }
    via.push_str(others);
    via
}

/// How long the first of the comma-separated values is; commas in quotes do not separate.
fn first_value_len(value: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    value.len()
}

fn field_range(message: &[u8], long: &str, compact: &str) -> Option<std::ops::Range<usize>> {
    let mut start = line_end(message, 0)? + 2;
    loop {
        let end = line_end(message, start)?;
        let line = message.get(start..end)?;
        if line.is_empty() {
            return None;
        }
        if let Some(colon) = line.iter().position(|b| *b == b':') {
            let name = line.get(..colon)?.trim_ascii_end();
            if name.eq_ignore_ascii_case(long.as_bytes())
                || name.eq_ignore_ascii_case(compact.as_bytes())
            {
                let value = line.get(colon + 1..)?;
                let value_start = end - value.trim_ascii_start().len();
                return Some(value_start..value_start + value.trim_ascii().len());
            }
        }
        start = end + 2;
    }
}

/// Where the line that starts at `from` ends, at its CR LF.
fn line_end(message: &[u8], from: usize) -> Option<usize> {
    let rest = message.get(from..)?;
    let mut searched = 0;
    loop {
        let at = searched + rest.get(searched..)?.iter().position(|b| *b == b'\r')?;
        if rest.get(at + 1) == Some(&b'\n') {
            return Some(from + at);
        }
        searched = at + 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"SIP/2.0 180 Ringing\r\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK0\r\n\
        t: \"Bob; tag=no\" <sip:b@x;tag=no>;tag=yes\r\n\
        \r\n\
        From: none";

    fn stamped(kind: Stamp) -> String {
        let source = "203.0.113.5:40000".parse().unwrap();
        let bytes = stamp(Bytes::from_static(RESPONSE), kind, source);
        let via = field(&bytes, "via", "v").unwrap().to_owned();
        // Nothing but the Via changes.
        let from = via.as_str();
        let restored = String::from_utf8(bytes.to_vec()).unwrap().replace(
            from,
            "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK0",
        );
        assert_eq!(restored.as_bytes(), RESPONSE);
        via
    }

    #[test]
    fn the_top_via_alone_is_stamped() {
        assert_eq!(
            stamped(Stamp::ReceivedAndPort),
            "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;received=203.0.113.5;rport=40000, \
             SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK0"
        );
        assert_eq!(
            stamped(Stamp::Received),
            "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport;received=203.0.113.5, \
             SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK0"
        );
        assert!(!stamped(Stamp::Nothing).contains("received"));
    }

    #[test]
    fn fields_are_found_by_long_and_compact_name_and_only_in_the_head() {
        assert_eq!(status_of(RESPONSE), Some(180));
        assert_eq!(tag_of(field(RESPONSE, "To", "t").unwrap()), "yes");
        assert_eq!(field(RESPONSE, "From", "f"), None);
        assert_eq!(status_of(b"INVITE sip:a SIP/2.0\r\n"), None);
        assert_eq!(status_of(b"SIP/2.0 999 x\r\n"), None);
        assert_eq!(tag_of("<sip:b@x;tag=no>"), "");
        assert_eq!(tag_of("sip:b@x;tag=z"), "z");
    }

    #[test]
    fn bytes_that_are_no_message_have_no_fields() {
        for bytes in [&b""[..], b"\r", b"SIP/2.0 200 OK\r\n", b"SIP/2.0 200 OK\r\nVia: x"] {
            assert_eq!(field(bytes, "Via", "v"), None);
        }
    }
}
