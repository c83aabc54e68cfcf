//! What of a message crosses from one leg to the other.

use std::net::SocketAddr;

use model::Transport;
use sip::{Message, Name};

/// Whether a header field belongs to one leg: to its route, its dialog, its capabilities or its credentials. Everything else,
/// known or not, passes unchanged.
const fn is_of_one_leg(name: Name) -> bool {
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

/// Hands every field of `message` that crosses between legs to `write`, in order.
pub(crate) fn copy_headers(message: &Message, mut write: impl FnMut(&str, &[u8])) {
    for field in message.fields() {
        if !is_of_one_leg(field.name) {
            write(field.raw_name, field.value);
        }
    }
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

/// The methods of the Allow header.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE";
