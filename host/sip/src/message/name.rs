//! Header field names.

/// A header field name known to Jackfield, or [`Name::Other`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // Each is the header field of that name; the table below spells it.
pub enum Name {
    Accept,
    Allow,
    AllowEvents,
    Authorization,
    CallInfo,
    CallId,
    Contact,
    ContentDisposition,
    ContentEncoding,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    Event,
    Expires,
    From,
    HistoryInfo,
    InReplyTo,
    MaxForwards,
    MinExpires,
    MinSe,
    Organization,
    PAssertedIdentity,
    Path,
    PPreferredIdentity,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    RAck,
    Reason,
    RecordRoute,
    ReferTo,
    ReferredBy,
    RemotePartyId,
    Replaces,
    ReplyTo,
    Require,
    RetryAfter,
    Route,
    RSeq,
    Server,
    ServiceRoute,
    SessionExpires,
    SipEtag,
    SipIfMatch,
    Subject,
    SubscriptionState,
    Supported,
    Timestamp,
    To,
    Unsupported,
    UserAgent,
    Via,
    Warning,
    WwwAuthenticate,
    /// A name that is not in this list.
    Other,
}

/// Name, spelling, compact form.
const TABLE: [(Name, &str, Option<u8>); 57] = [
    (Name::Accept, "Accept", None),
    (Name::Allow, "Allow", None),
    (Name::AllowEvents, "Allow-Events", Some(b'u')),
    (Name::Authorization, "Authorization", None),
    (Name::CallInfo, "Call-Info", None),
    (Name::CallId, "Call-ID", Some(b'i')),
    (Name::Contact, "Contact", Some(b'm')),
    (Name::ContentDisposition, "Content-Disposition", None),
    (Name::ContentEncoding, "Content-Encoding", Some(b'e')),
    (Name::ContentLength, "Content-Length", Some(b'l')),
    (Name::ContentType, "Content-Type", Some(b'c')),
    (Name::CSeq, "CSeq", None),
    (Name::Date, "Date", None),
    (Name::Diversion, "Diversion", None),
    (Name::Event, "Event", Some(b'o')),
    (Name::Expires, "Expires", None),
    (Name::From, "From", Some(b'f')),
    (Name::HistoryInfo, "History-Info", None),
    (Name::InReplyTo, "In-Reply-To", None),
    (Name::MaxForwards, "Max-Forwards", None),
    (Name::MinExpires, "Min-Expires", None),
    (Name::MinSe, "Min-SE", None),
    (Name::Organization, "Organization", None),
    (Name::PAssertedIdentity, "P-Asserted-Identity", None),
    (Name::Path, "Path", None),
    (Name::PPreferredIdentity, "P-Preferred-Identity", None),
    (Name::Privacy, "Privacy", None),
    (Name::ProxyAuthenticate, "Proxy-Authenticate", None),
    (Name::ProxyAuthorization, "Proxy-Authorization", None),
    (Name::ProxyRequire, "Proxy-Require", None),
    (Name::RAck, "RAck", None),
    (Name::Reason, "Reason", None),
    (Name::RecordRoute, "Record-Route", None),
    (Name::ReferTo, "Refer-To", Some(b'r')),
    (Name::ReferredBy, "Referred-By", Some(b'b')),
    (Name::RemotePartyId, "Remote-Party-ID", None),
    (Name::Replaces, "Replaces", None),
    (Name::ReplyTo, "Reply-To", None),
    (Name::Require, "Require", None),
    (Name::RetryAfter, "Retry-After", None),
    (Name::Route, "Route", None),
    (Name::RSeq, "RSeq", None),
    (Name::Server, "Server", None),
    (Name::ServiceRoute, "Service-Route", None),
    (Name::SessionExpires, "Session-Expires", Some(b'x')),
    (Name::SipEtag, "SIP-ETag", None),
    (Name::SipIfMatch, "SIP-If-Match", None),
    (Name::Subject, "Subject", Some(b's')),
    (Name::SubscriptionState, "Subscription-State", None),
    (Name::Supported, "Supported", Some(b'k')),
    (Name::Timestamp, "Timestamp", None),
    (Name::To, "To", Some(b't')),
    (Name::Unsupported, "Unsupported", None),
    (Name::UserAgent, "User-Agent", None),
    (Name::Via, "Via", Some(b'v')),
    (Name::Warning, "Warning", None),
    (Name::WwwAuthenticate, "WWW-Authenticate", None),
];

impl Name {
    /// Classifies a name as it stands on the wire: any case, long or compact (RFC 3261 sections 7.3.1 and 7.3.3).
    pub fn classify(raw: &[u8]) -> Self {
        if let [letter] = raw {
            let lower = letter.to_ascii_lowercase();
            return TABLE
                .iter()
                .find(|(_, _, compact)| *compact == Some(lower))
                .map_or(Self::Other, |(name, _, _)| *name);
        }
        candidates(raw.len())
            .iter()
            .copied()
            .find(|name| name.as_str().as_bytes().eq_ignore_ascii_case(raw))
            .unwrap_or(Self::Other)
    }

    /// The spelling of the RFC; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        TABLE.get(self as usize).map_or("", |(_, long, _)| *long)
    }
}

/// Whether the byte may stand in a token (RFC 3261 section 25.1).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// The names of one length, those that come most often first.
const fn candidates(length: usize) -> &'static [Name] {
    use Name::*;
    match length {
        2 => &[To],
        3 => &[Via],
        4 => &[From, CSeq, Date, Path, RAck, RSeq],
        5 => &[Allow, Route, Event],
        6 => &[Accept, Server, Reason, MinSe],
        7 => &[CallId, Contact, Expires, Subject, Require, Privacy, Warning],
        8 => &[ReferTo, Replaces, SipEtag, ReplyTo],
        9 => &[Supported, Timestamp, Diversion, CallInfo],
        10 => &[UserAgent],
        11 => &[MinExpires, RetryAfter, ReferredBy, Unsupported, InReplyTo],
        12 => &[
            MaxForwards,
            ContentType,
            RecordRoute,
            HistoryInfo,
            AllowEvents,
            SipIfMatch,
            Organization,
        ],
        13 => &[Authorization, ServiceRoute, ProxyRequire],
        14 => &[ContentLength],
        15 => &[SessionExpires, RemotePartyId],
        16 => &[ContentEncoding, WwwAuthenticate],
        18 => &[ProxyAuthenticate, SubscriptionState],
        19 => &[PAssertedIdentity, ContentDisposition, ProxyAuthorization],
        20 => &[PPreferredIdentity],
        _ => &[],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_at_its_own_place_in_the_table() {
        for (at, (name, long, compact)) in TABLE.iter().enumerate() {
            assert_eq!(*name as usize, at, "{long}");
            assert_eq!(Name::classify(long.to_lowercase().as_bytes()), *name);
            if let Some(letter) = compact {
                assert_eq!(Name::classify(&[letter.to_ascii_uppercase()]), *name);
            }
        }
        assert_eq!(Name::classify(b"X-Mine"), Name::Other);
        assert_eq!(Name::Other.as_str(), "");
    }
}
