//! What of a message crosses from one leg to the other.

use std::net::SocketAddr;

use model::{Transport, hook::Party};
use sip::{Message, Name};

/// Whether a header field belongs to one leg: to its route, its dialog, its capabilities or its credentials. Everything else,
/// known or not, passes unchanged.
pub(super) const fn is_of_one_leg(name: Name) -> bool {
    matches!(
        name,
        Name::Via
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::Contact
            | Name::MaxForwards
            | Name::Route
            | Name::RecordRoute
            | Name::Path
            | Name::ServiceRoute
            | Name::ContentLength
            | Name::ContentType
            | Name::Allow
            | Name::Supported
            | Name::Require
            | Name::ProxyRequire
            | Name::Unsupported
            | Name::RSeq
            | Name::RAck
            | Name::SessionExpires
            | Name::MinSe
            | Name::Replaces
            | Name::Timestamp
            | Name::UserAgent
            | Name::Server
            | Name::Authorization
            | Name::ProxyAuthorization
            | Name::WwwAuthenticate
            | Name::ProxyAuthenticate
    )
}

/// Hands every field of `message` that may cross between legs to `write`, in order.
pub(super) fn copy_headers(message: &Message, mut write: impl FnMut(Name, &str, &[u8])) {
    for field in message.fields() {
        if !is_of_one_leg(field.name) {
            write(field.name, field.raw_name, field.value);
        }
    }
}

/// A party as the value of a From field, without a tag.
pub(super) fn name_addr(party: &Party) -> String {
    if party.display.is_empty() {
        return format!("<{}>", party.uri);
    }
    // RFC 3261 section 25.1: in a quoted string these two are escaped.
    let display = party.display.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{display}\" <{}>", party.uri)
}

/// The Contact URI of ours that a leg is shown, in angle brackets: the other party's user at our own address, so that the
/// party's address is hidden. A user part is written as it stood on the wire. `secure` is for a leg whose Request-URI was of
/// the scheme sips (RFC 3261 section 8.1.1.8).
pub(crate) fn our_contact(
    user: Option<&str>,
    advertised: SocketAddr,
    transport: Transport,
    secure: bool,
) -> String {
    let scheme = if secure { "sips" } else { "sip" };
    let user = user.filter(|user| !user.is_empty()).map(|user| format!("{user}@"));
    let user = user.unwrap_or_default();
    let transport = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        // Of a sips URI the transport parameter names what lies below TLS (RFC 3261 section 26.2.2).
        Transport::Tls if secure => "",
        Transport::Tls => ";transport=tls",
        Transport::Ws | Transport::Wss => ";transport=ws",
    };
    format!("<{scheme}:{user}{advertised}{transport}>")
}

/// Whether a Request-URI wants every hop secured (RFC 3261 section 26.2.2).
pub(crate) fn is_sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

/// Why a request was sent, as it says (RFC 3326): the value of a Reason; or empty.
pub(crate) fn reason_of(request: &Message) -> String {
    request.headers(Name::Reason).collect::<Vec<_>>().join(", ")
}

/// Why the other phones stop ringing when one has answered (RFC 3326 section 3.1): they list no missed call then.
pub(super) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// The option of who understands Replaces (RFC 3891 section 6.2): some phones join calls only where it is said.
pub(crate) const OPTION_REPLACES: &str = "replaces";

/// The methods of the Allow header.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, PRACK, UPDATE, REFER";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let party = |display: &str| {
            name_addr(&Party { uri: "sip:1@h".into(), display: display.into(), ..Party::default() })
        };
        assert_eq!(party(""), "<sip:1@h>");
        assert_eq!(party("Ada, Countess"), "\"Ada, Countess\" <sip:1@h>");
        assert_eq!(party("a\" <sip:x@y>\\"), "\"a\\\" <sip:x@y>\\\\\" <sip:1@h>");
    }
}

#[cfg(test)]
#[path = "reason_test.rs"]
mod reason;
