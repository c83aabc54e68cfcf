use std::{fmt, time::Duration};

use model::Transport;
use sip::{Scheme, Uri};

use super::Network;
use crate::DiversionStyle;

/// A trunk as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkConfig {
    /// What plans call it.
    pub name: String,
    /// The group it belongs to, which plans may name as well.
    pub group: Option<String>,
    /// Where its calls go: a SIP URI without a user.
    pub uri: String,
    /// What challenges are answered with.
    pub login: Option<Login>,
    /// How it registers; `None` for a trunk that does not.
    pub register: Option<Registering>,
    /// How it is probed; `None` for a trunk that counts as up.
    pub probe: Option<Probing>,
    /// Calls and requests from here are this trunk's.
    pub identify: Vec<Network>,
    /// Lower ones of a group are tried first.
    pub priority: u16,
    /// The share among those of the same priority.
    pub weight: u16,
    /// The user part of From, instead of the caller's.
    pub from_user: Option<String>,
    /// The host part of From, instead of the trunk's.
    pub from_domain: Option<String>,
    /// Whether it is of our trust domain (RFC 3325 section 2.3).
    pub trusted: bool,
    /// Whether it is told in P-Asserted-Identity who calls.
    pub assert_identity: bool,
    /// How it is told that a call was diverted.
    pub diversion: DiversionStyle,
    /// Whether it and we tell one another of our load (RFC 7339).
    pub overload_control: bool,
    /// Whether it may send us its requests over the TLS connection that we make to it (RFC 5923).
    pub connection_reuse: bool,
    /// Whether calls out take the route that its registrar names (RFC 3608).
    pub service_route: bool,
}

/// How a trunk registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registering {
    /// The user of the address-of-record.
    pub user: String,
    /// The user of the Contact.
    pub contact_user: String,
    /// How long a registration is asked for.
    pub expires: Duration,
    /// How long after a registration that was not taken it is tried again; doubled by each failure.
    pub retry: Duration,
}

/// How a trunk is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Between the end of one probe and the next.
    pub interval: Duration,
    /// How long one place may take for its answer.
    pub timeout: Duration,
    /// Failures in a row after which the trunk is down.
    pub failures: u32,
}

/// What challenges are answered with. It is shown by no formatter.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Why a URI cannot be that of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no URI of a trunk; write sip:HOST, sip:HOST:PORT or the same with sips: or ;transport=…"
)]
pub struct TrunkError(String);

impl TrunkConfig {
    /// Whether a text can be the URI of a trunk.
    ///
    /// # Errors
    ///
    /// When it is no SIP URI, or has a user part or header fields.
    pub fn check_uri(text: &str) -> Result<(), TrunkError> {
        let parsed = Uri::parse(text).ok().filter(|uri| {
            uri.scheme != Scheme::Tel && uri.user.is_none() && uri.headers.is_empty()
        });
        let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"".contains(c);
        parsed
            .filter(|_| text.chars().all(is_plain))
            .map(|_| ())
            .ok_or_else(|| TrunkError(text.to_owned()))
    }

    /// What the Via of a request to it has besides.
    pub(crate) const fn via_params(&self, transport: Transport) -> &'static str {
        // RFC 5923 section 9.1: who it is, its certificate has told.
        let is_tls = matches!(transport, Transport::Tls);
        match (self.overload_control, self.connection_reuse && is_tls) {
            (false, false) => "",
            (false, true) => ";alias",
            (true, false) => sip::overload::ASKING,
            (true, true) => ";alias;oc;oc-algo=\"loss\"",
        }
    }

    /// The Request-URI of a call to `number`.
    pub fn request_uri(&self, number: &str) -> String {
        let (scheme, rest) = self.uri.split_once(':').unwrap_or(("sip", &self.uri));
        format!("{scheme}:{}@{rest}", escaped(number))
    }

    /// The host of its URI.
    pub(crate) fn host(&self) -> &str {
        Uri::parse(&self.uri).map_or("", |uri| uri.host)
    }

    /// The host as it stands in a URI: an IPv6 address in brackets.
    fn host_in_uri(&self) -> String {
        match self.host() {
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        }
    }

    /// An address of ours towards the trunk, `user@domain`.
    pub(crate) fn own_uri(&self, user: &str) -> String {
        let domain = self.from_domain.clone().unwrap_or_else(|| self.host_in_uri());
        match user {
            "" => format!("sip:{domain}"),
            user => format!("sip:{}@{domain}", escaped(user)),
        }
    }

    /// The number as the trunk names who is called.
    pub(crate) fn called_uri(&self, number: &str) -> String {
        format!("sip:{}@{}", escaped(number), self.host_in_uri())
    }
}

/// A user part with everything escaped that may not stand in one (RFC 3261 section 25.1, `user`). What is escaped already stays.
pub(crate) fn escaped(user: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&byte);
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        match is_plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, hidden)", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_of_a_trunk_names_a_host_and_no_user() {
        for right in ["sip:a.example", "sips:a.example:5071", "sip:[2001:db8::1];transport=tcp"] {
            assert_eq!(TrunkConfig::check_uri(right), Ok(()));
        }
        for wrong in ["", "a.example", "tel:+43", "sip:1@a.example", "sip:a?b=c", "sip:a b"] {
            assert_eq!(TrunkConfig::check_uri(wrong), Err(TrunkError(wrong.to_owned())));
        }
    }

    #[test]
    fn an_address_of_ipv6_stands_in_brackets() {
        let trunk = crate::trunk::bench::trunk("a", "sips:[2001:db8::1]:5071;transport=tcp", 1);
        assert_eq!(trunk.request_uri("+43 1"), "sips:+43%201@[2001:db8::1]:5071;transport=tcp");
        assert_eq!(trunk.called_uri("112"), "sip:112@[2001:db8::1]");
        assert_eq!(
            [trunk.own_uri("u"), trunk.own_uri("")],
            ["sip:u@[2001:db8::1]", "sip:[2001:db8::1]"]
        );
    }

    #[test]
    fn a_number_cannot_leave_its_place() {
        assert_eq!(escaped("+43 1@x>\r\n#1%23"), "+43%201%40x%3E%0D%0A%231%23");
    }
}
