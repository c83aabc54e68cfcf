//! URIs (RFC 3261 section 19.1, RFC 3966).

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use model::Aor;
use thiserror::Error;

use super::params::Params;

/// A URI as it stands in a message, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// Which scheme.
    pub scheme: Scheme,
    /// The user part as it stands (escaped, password included), or the number of a `tel:` URI.
    pub user: Option<&'a str>,
    /// The host, without the brackets of an IPv6 reference; empty for `tel:`.
    pub host: &'a str,
    /// The port, if one stands.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params<'a>,
    /// Everything after `?`, or empty.
    pub headers: &'a str,
}

/// A URI scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// RFC 3261.
    Sip,
    /// RFC 3261.
    Sips,
    /// RFC 3966.
    Tel,
}

/// Why a text is no URI that Jackfield can use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum UriError {
    /// RFC 3261 section 8.2.2.1: 416.
    #[error("the URI scheme is none of sip, sips and tel")]
    Scheme,
    /// No or an impossible host.
    #[error("the URI has no usable host")]
    Host,
    /// The port is no number from 0 to 65535.
    #[error("the URI's port is not a port number")]
    Port,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart, without angle brackets around it.
    ///
    /// # Errors
    /// When the scheme is another, or host or port cannot be.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        if scheme.eq_ignore_ascii_case("tel") {
            let (number, params) = split_at_byte(rest, ";");
            return Ok(Self {
                scheme: Scheme::Tel,
                user: Some(number),
                host: "",
                port: None,
                params: Params::new(params),
                headers: "",
            });
        }
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ => return Err(UriError::Scheme),
        };
        let (user, rest) = match user_end(rest) {
            Some(at) => (rest.get(..at), rest.get(at + 1..).unwrap_or_default()),
            None => (None, rest),
        };
        let (host_port, tail) = split_at_byte(rest, ";?");
        let (params, headers) = match tail.split_once('?') {
            Some((params, headers)) => (params, headers),
            None => (tail, ""),
        };
        let (host, port) = split_host_port(host_port)?;
        Ok(Self { scheme, user, host, port, params: Params::new(params), headers })
    }

    /// The user part with escapes undone and a password cut off.
    pub fn user_unescaped(&self) -> Cow<'a, str> {
        let user = self.user.unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        if user.contains('%') { unescape(user) } else { Cow::Borrowed(user) }
    }

    /// A URI parameter: `None` when absent, `Some(None)` without a value.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params.get(name)
    }

    /// Whether the URI is that of a loose router (RFC 3261 section 19.1.1).
    pub fn has_lr(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The address-of-record this URI names (RFC 3261 section 10.3 step 5); `None` without a user or a host.
    pub fn aor(&self) -> Option<Aor> {
        let user = self.user_unescaped();
        (!user.is_empty() && !self.host.is_empty()).then(|| Aor::new(&user, self.host))
    }

    /// `text`, the URI this was parsed from, as it may stand in a Request-URI: without the header fields, which RFC 3261 section
    /// 19.1.1 (table 1) allows in a Contact and not there.
    pub fn for_request<'t>(&self, text: &'t str) -> &'t str {
        let text = text.trim();
        if self.headers.is_empty() {
            return text.strip_suffix('?').unwrap_or(text);
        }
        let end = text.len() - self.headers.len() - 1;
        text.get(..end).unwrap_or(text)
    }

    /// The host as an address, where it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Where to send, when the host is an address: `maddr` first, port 5060 (5061 for sips and TLS) unless another stands.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let maddr = self.param("maddr").flatten().and_then(|maddr| maddr.parse().ok());
        let ip = maddr.or_else(|| self.host_ip())?;
        let transport = self.param("transport").flatten().unwrap_or_default();
        let is_tls = self.scheme == Scheme::Sips || transport.eq_ignore_ascii_case("tls");
        let default = if is_tls { 5061 } else { 5060 };
        Some(SocketAddr::new(ip, self.port.filter(|p| *p != 0).unwrap_or(default)))
    }
}

/// Where the `@` is that ends the user part. A user part may hold `;` and `?` (RFC 3261 user-unreserved), and some phones put
/// a second `@` into it; but behind a host an `@` belongs to a parameter, and must not choose another host.
fn user_end(text: &str) -> Option<usize> {
    let head = text.find([';', '?']).and_then(|end| text.get(..end)).unwrap_or(text);
    head.rfind('@').or_else(|| text.find('@'))
}

/// The comparison of RFC 3261 section 19.1.4 as far as bindings need it: scheme, user (case counts), host, port, and the
/// parameters that identify: `transport`, `user`, `method`, `maddr`, `ttl`.
impl PartialEq for Uri<'_> {
    fn eq(&self, other: &Self) -> bool {
        let same = |name| {
            let (a, b) = (self.param(name).flatten(), other.param(name).flatten());
            match (a, b) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                (a, b) => a == b,
            }
        };
        self.scheme == other.scheme
            && self.user_unescaped() == other.user_unescaped()
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
            && ["transport", "user", "method", "maddr", "ttl"].into_iter().all(same)
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; white space around the colon is let through, as Via has it.
pub(crate) fn split_host_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let text = text.trim();
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(UriError::Host)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| UriError::Host)?;
        let after = after.trim_start();
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(UriError::Host),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host.trim_end(), Some(port)),
            None => (text, None),
        }
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(UriError::Host);
    }
    let port = match port.map(str::trim) {
        None => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| UriError::Port)?)
        }
        Some(_) => return Err(UriError::Port),
    };
    Ok((host, port))
}

fn split_at_byte<'a>(text: &'a str, any_of: &str) -> (&'a str, &'a str) {
    let at = text.find(|c| any_of.contains(c)).unwrap_or(text.len());
    text.split_at(at)
}

/// Undoes the escapes of a part of a URI (RFC 3261 section 19.1.2); gives it back as it stands when what comes out would not be a text without
/// control characters.
pub fn unescape(text: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    // An escape that yields no UTF-8, or a control character, leaves the text as it stood: it must not reach a log or a header.
    match String::from_utf8(out) {
        Ok(text) if !text.chars().any(char::is_control) => Cow::Owned(text),
        Ok(_) | Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_sip_uri() {
        let uri = Uri::parse("sip:al%69ce:pw;x=1@Example.COM:5070;transport=tcp;lr?a=b").unwrap();
        assert_eq!(uri.user_unescaped(), "alice");
        assert_eq!((uri.host, uri.port, uri.headers), ("Example.COM", Some(5070), "a=b"));
        assert_eq!(uri.param("transport"), Some(Some("tcp")));
        assert!(uri.has_lr());
        assert_eq!(uri.aor().unwrap().as_str(), "alice@example.com");
    }

    #[test]
    fn ipv6_and_tel() {
        let uri = Uri::parse("sips:[2001:db8::1]:7").unwrap();
        assert_eq!(uri.socket_addr().unwrap().to_string(), "[2001:db8::1]:7");
        let tel = Uri::parse("tel:+49-30-1;phone-context=x").unwrap();
        assert_eq!((tel.scheme, tel.user, tel.host), (Scheme::Tel, Some("+49-30-1"), ""));
        assert!(tel.aor().is_none());
    }

    #[test]
    fn header_fields_do_not_reach_a_request_uri() {
        for (stood, written) in [
            ("sip:a@b;lr?Replaces=x&y=z", "sip:a@b;lr"),
            (" sip:a@b ", "sip:a@b"),
            ("sip:a?b@c", "sip:a?b@c"),
            ("sip:a@b?", "sip:a@b"),
            ("tel:+43?x", "tel:+43?x"),
        ] {
            assert_eq!(Uri::parse(stood).unwrap().for_request(stood), written);
        }
    }

    #[test]
    fn what_is_no_uri_is_refused_with_its_reason() {
        for (text, why) in [
            ("", UriError::Scheme),
            ("http:x", UriError::Scheme),
            ("sip:", UriError::Host),
            ("sip:a@", UriError::Host),
            ("sip:a@[::1", UriError::Host),
            ("sip:a@b:99999", UriError::Port),
            ("sip:a@b:", UriError::Port),
            ("sip:a@b c", UriError::Host),
        ] {
            assert_eq!(Uri::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
