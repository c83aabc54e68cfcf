//! What of a message crosses from one leg to the other.

use std::net::SocketAddr;

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
/// party's address is hidden. A user part is written as it stood on the wire.
pub(crate) fn our_contact(user: Option<&str>, advertised: SocketAddr) -> String {
    match user {
        Some(user) if !user.is_empty() => format!("<sip:{user}@{advertised}>"),
        Some(_) | None => format!("<sip:{advertised}>"),
    }
}

/// The methods of the Allow header.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE";
