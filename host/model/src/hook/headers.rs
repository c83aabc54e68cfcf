//! Which header fields go to the other side of a call.

use std::fmt;

use super::{Destination, End, Target};

/// An INVITE that is about to go out, for the hook `header-policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Which target of the plan it is for.
    pub target: Target,
    /// Its Request-URI; of a target with several contacts that of the first.
    pub uri: String,
    /// The name of the trunk the call came over.
    pub from_trunk: Option<String>,
    /// The name of the trunk it goes over: of a target that is a group the one of it that is tried now.
    pub trunk: Option<String>,
    /// Whether who gets it is of the trust domain (RFC 3325 section 2.3).
    pub trusted: bool,
    /// Whether the caller is not to be known to who gets it.
    pub hidden: bool,
}

impl Outgoing {
    /// An INVITE to this target, over the trunk that it names if it does, from a caller who may be known.
    pub fn to(target: Target) -> Self {
        let (uri, trunk) = match &target.to {
            Destination::Aor(aor) | Destination::RoutingPoint(aor) => (format!("sip:{aor}"), None),
            Destination::Uri(uri) => (uri.clone(), None),
            Destination::Trunk { name, user } => {
                let user = user.as_deref().unwrap_or("2000");
                (format!("sip:{user}@{name}.invalid"), Some(name.clone()))
            }
        };
        let trusted = trunk.is_some();
        Self { target, uri, from_trunk: None, trunk, trusted, hidden: false }
    }

    /// `inbound` for a call from a trunk to one of ours, `outbound` for one of ours to a trunk, `transit` from trunk to trunk and
    /// `internal` for one that meets no trunk.
    pub const fn direction(&self) -> &'static str {
        match (&self.from_trunk, &self.trunk) {
            (Some(_), Some(_)) => "transit",
            (Some(_), None) => "inbound",
            (None, Some(_)) => "outbound",
            (None, None) => "internal",
        }
    }
}

/// As the journal writes it: its target, and its trunk where the target is a group, `trunk:outside/+43123 over carrier`.
impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = &self.target.to;
        match (to, &self.trunk) {
            (Destination::Trunk { name, .. }, Some(trunk)) if name != trunk => {
                write!(f, "{to} over {trunk}")
            }
            _ => write!(f, "{to}"),
        }
    }
}

/// What is to be changed of the header fields that go to one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEdit {
    /// Who gets them: the called party in its INVITE, or the caller in the responses to its own.
    pub toward: End,
    /// The name of the field in its long form; for [`HeaderChange::Remove`] it may end in `*` and is then the beginning of names.
    pub name: String,
    /// What.
    pub change: HeaderChange,
}

/// What becomes of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderChange {
    /// It is left out.
    Remove,
    /// It has this value, and no other.
    Set(String),
    /// It is there with this value as well.
    Add(String),
    /// It passes, although the switch would not copy it, or an edit before this one takes it away.
    Keep,
}

impl HeaderEdit {
    /// Whether it is about fields of this name, in the long form.
    pub fn names(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.get(..start.len()).is_some_and(|s| s.eq_ignore_ascii_case(start)),
            None => self.name.eq_ignore_ascii_case(name),
        }
    }

    /// The value it writes, if it writes one.
    pub fn value(&self) -> Option<&str> {
        match &self.change {
            HeaderChange::Set(value) | HeaderChange::Add(value) => Some(value),
            HeaderChange::Remove | HeaderChange::Keep => None,
        }
    }
}

/// As vectors, the journal and scenario files write it: `callee remove X-*`, `callee set User-Agent: Example`.
impl fmt::Display for HeaderEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { toward, name, change } = self;
        let toward = toward.name();
        match change {
            HeaderChange::Remove => write!(f, "{toward} remove {name}"),
            HeaderChange::Keep => write!(f, "{toward} keep {name}"),
            HeaderChange::Set(value) => write!(f, "{toward} set {name}: {value}"),
            HeaderChange::Add(value) => write!(f, "{toward} add {name}: {value}"),
        }
    }
}

/// Who answers for a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOwner {
    /// The switch, and nobody else; the reason goes with it.
    Switch(&'static str),
    /// Who wrote it: it may be left out, but not written by another; the reason goes with it.
    Author(&'static str),
    /// Nobody in particular: plugins may do with it what they like.
    Anybody,
}

const ROUTE: &str = "it is how messages find their way";
const DIALOG: &str = "it is what the dialog is known by";
const BODY: &str = "it describes the body, which the switch writes";
const ABLE: &str = "it says what the switch itself can do on this side";
const SECRET: &str = "it proves who somebody is to one side alone";
const IDENTITY: &str = "it says who calls, for which docs/identities.md has settings of its own";
const DIVERTED: &str =
    "it says who sent the call on, for which docs/diversion.md has settings of its own";
const SESSION: &str = "each side has a session of its own";
const CALLS: &str = "it moves calls, which is for the switch to do";

/// The fields that are not for plugins to write, each with its reason.
const OWNED: [(&str, &str); 55] = [
    ("Via", ROUTE),
    ("Route", ROUTE),
    ("Record-Route", ROUTE),
    ("Path", ROUTE),
    ("Service-Route", ROUTE),
    ("Max-Forwards", ROUTE),
    ("Max-Breadth", ROUTE),
    ("Contact", ROUTE),
    ("From", DIALOG),
    ("To", DIALOG),
    ("Call-ID", DIALOG),
    ("CSeq", DIALOG),
    ("RSeq", DIALOG),
    ("RAck", DIALOG),
    ("Timestamp", DIALOG),
    ("Event", DIALOG),
    ("Subscription-State", DIALOG),
    ("Content-Length", BODY),
    ("Content-Type", BODY),
    ("Content-Encoding", BODY),
    ("Content-Disposition", BODY),
    ("Content-Language", BODY),
    ("Content-ID", BODY),
    ("MIME-Version", BODY),
    ("Allow", ABLE),
    ("Allow-Events", ABLE),
    ("Accept", ABLE),
    ("Accept-Encoding", ABLE),
    ("Supported", ABLE),
    ("Require", ABLE),
    ("Proxy-Require", ABLE),
    ("Unsupported", ABLE),
    ("Recv-Info", ABLE),
    ("Session-Expires", SESSION),
    ("Min-SE", SESSION),
    ("Authorization", SECRET),
    ("Proxy-Authorization", SECRET),
    ("WWW-Authenticate", SECRET),
    ("Proxy-Authenticate", SECRET),
    ("Authentication-Info", SECRET),
    ("Proxy-Authentication-Info", SECRET),
    ("Security-Client", SECRET),
    ("Security-Server", SECRET),
    ("Security-Verify", SECRET),
    ("P-Asserted-Identity", IDENTITY),
    ("P-Preferred-Identity", IDENTITY),
    ("Remote-Party-ID", IDENTITY),
    ("Privacy", IDENTITY),
    ("Diversion", DIVERTED),
    ("History-Info", DIVERTED),
    ("Replaces", CALLS),
    ("Join", CALLS),
    ("Refer-To", CALLS),
    ("Referred-By", CALLS),
    ("Target-Dialog", CALLS),
];

/// The fields that plugins may leave out and not write.
const SIGNED: [(&str, &str); 5] = [
    ("Identity", "who signs for the caller writes it"),
    ("Identity-Info", "who signs for the caller writes it"),
    ("Date", "who signs for the caller signs it too, for which it stays where Identity passes"),
    ("Geolocation", "who knows where the caller is writes it"),
    ("Geolocation-Routing", "who knows where the caller is writes it"),
];

/// Fields with a compact form, which no edit is to name (RFC 3261 section 7.3.3; the registry of IANA).
const COMPACT: [(&str, &str); 21] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
    ("z", "Content-Language"),
];

/// The long form of a field's name, where this is a compact one.
pub fn long_form(name: &str) -> &str {
    let known = COMPACT.iter().find(|(compact, _)| compact.eq_ignore_ascii_case(name));
    known.map_or(name, |(_, long)| long)
}

/// Every field that is not for plugins to write, with its reason.
pub fn owned_fields() -> impl Iterator<Item = (&'static str, FieldOwner)> {
    let owned = OWNED.iter().map(|(name, why)| (*name, FieldOwner::Switch(why)));
    owned.chain(SIGNED.iter().map(|(name, why)| (*name, FieldOwner::Author(why))))
}

/// Who answers for a field of this name, in the long form.
pub fn owner_of(name: &str) -> FieldOwner {
    let found = owned_fields().find(|(owned, _)| owned.eq_ignore_ascii_case(name));
    found.map_or(FieldOwner::Anybody, |(_, owner)| owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_names_a_field_or_the_beginning_of_names() {
        let edit = |name: &str| HeaderEdit {
            toward: End::Callee,
            name: name.into(),
            change: HeaderChange::Remove,
        };
        assert!(edit("X-*").names("x-tag") && edit("x-tag").names("X-Tag"));
        assert!(edit("*").names("Subject"));
        assert!(!edit("X-*").names("X") && !edit("X-Tag").names("X-Tags"));
        assert!(!edit("X-*").names("\u{e9}-x"), "no half characters");
    }

    #[test]
    fn each_field_has_an_owner() {
        assert!(matches!(owner_of("call-id"), FieldOwner::Switch(why) if why == DIALOG));
        assert!(matches!(owner_of("IDENTITY"), FieldOwner::Author(_)));
        assert!(matches!(owner_of("join"), FieldOwner::Switch(why) if why == CALLS));
        assert!(matches!(owner_of("date"), FieldOwner::Author(_)));
        assert_eq!(owner_of("X-Customer"), FieldOwner::Anybody);
        assert_eq!(owner_of(long_form("F")), owner_of("From"));
        assert_eq!(long_form("Subject"), "Subject");
    }

    #[test]
    fn where_a_call_goes_is_seen_from_its_trunks() {
        let to = |kind| Outgoing::to(Target::new(kind));
        let uri = to(Destination::Uri("sip:1@192.0.2.1".into()));
        assert_eq!(uri.direction(), "internal");
        let trunk = to(Destination::Trunk { name: "t".into(), user: None });
        assert_eq!((trunk.direction(), trunk.uri.as_str()), ("outbound", "sip:2000@t.invalid"));
        assert_eq!(trunk.to_string(), "trunk:t");
        let of_group = Outgoing { trunk: Some("t1".into()), ..trunk.clone() };
        assert_eq!(of_group.to_string(), "trunk:t over t1");
        let through = Outgoing { from_trunk: Some("in".into()), ..trunk };
        assert_eq!(through.direction(), "transit");
        assert_eq!(Outgoing { trunk: None, ..through }.direction(), "inbound");
    }
}
