//! Via (RFC 3261 section 20.42, RFC 3581).

use super::{name::is_token, params::Params, uri::split_host_port};

/// One Via value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The transport token, as it stands.
    pub transport: &'a str,
    /// The host of sent-by, without the brackets of an IPv6 reference.
    pub host: &'a str,
    /// The port of sent-by, if one stands.
    pub port: Option<u16>,
    /// Its parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value: `SIP/2.0/UDP host:port;params`, white space where the grammar lets it be.
    ///
    /// # Errors
    /// With what is wrong, in words.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let (version, via) = Self::read(text)?;
        if version == "2.0" { Ok(via) } else { Err("the protocol is not SIP/2.0") }
    }

    /// Whether it can be read apart from its version, which says where it comes from.
    pub(crate) fn has_sent_by(text: &str) -> bool {
        Via::read(text).is_ok()
    }

    /// The version and the rest of one value.
    fn read(text: &'a str) -> Result<(&'a str, Self), &'static str> {
        let (protocol, rest) = text.trim().split_once('/').ok_or("no protocol")?;
        let (version, rest) = rest.split_once('/').ok_or("no protocol version")?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") {
            return Err("the protocol is not SIP");
        }
        let rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).ok_or("no sent-by")?;
        let (transport, rest) = rest.split_at(end);
        if !transport.bytes().all(is_token) {
            return Err("the transport is no token");
        }
        let at = rest.find(';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(at);
        let (host, port) = split_host_port(sent_by).map_err(|_| "sent-by is no host")?;
        Ok((version.trim(), Self { transport, host, port, params: Params::new(params) }))
    }

    /// The branch parameter.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").flatten()
    }

    /// The received parameter.
    pub fn received(&self) -> Option<&'a str> {
        self.params.get("received").flatten()
    }

    /// The rport parameter (RFC 3581): `Some(None)` is a request for it, `Some(Some(port))` its answer.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| value.and_then(|port| port.parse().ok()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_via_with_everything_a_peer_may_write() {
        let via =
            Via::parse("SIP / 2.0 / UDP  [2001:db8::9]: 5070 ;branch=z9hG4bKa;rport").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("UDP", "2001:db8::9", Some(5070)));
        assert_eq!(
            (via.branch(), via.rport(), via.received()),
            (Some("z9hG4bKa"), Some(None), None)
        );
        assert!(Via::parse("SIP/2.0/UDP").is_err());
        assert!(Via::parse("SIP/3.0/UDP a").is_err());
    }
}
