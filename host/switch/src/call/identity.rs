//! Who a party says it is, and who may read it (RFC 3323, RFC 3325; what each field gives away: RFC 5379 section 5.1).

use std::net::IpAddr;

use media::Side;
use model::{
    Flow, TrunkId,
    hook::{self, End, HeaderEdit, long_form},
};
use sip::{Field, Message, Name};

use super::{
    Call,
    headers::{copy_headers, is_of_one_leg, name_addr},
    over_trunk::OnTrunk,
    policy::fate,
};
use crate::tables::Tables;

/// From of who wants not to be known (RFC 3323 section 4.1).
pub(crate) const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// The host of who wants not to be known.
const NOWHERE: &str = "anonymous.invalid";

/// What a party wants hidden: the values of its Privacy (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Privacy(u8);

impl Privacy {
    const ID: Self = Self(1);
    const USER: Self = Self(1 << 1);
    const HEADER: Self = Self(1 << 2);
    const SESSION: Self = Self(1 << 3);
    const HISTORY: Self = Self(1 << 4);
    const CRITICAL: Self = Self(1 << 5);
    /// Not the party's own word, but that of the dial plan.
    const DECIDED: Self = Self(1 << 6);

    const NAMES: [(&str, Self); 7] = [
        ("id", Self::ID),
        ("user", Self::USER),
        ("header", Self::HEADER),
        ("session", Self::SESSION),
        ("history", Self::HISTORY),
        ("critical", Self::CRITICAL),
        ("decided", Self::DECIDED),
    ];

    /// The names of what is set; `decided` is none of the RFC's.
    pub(crate) fn names(self) -> Vec<String> {
        let set = Self::NAMES.into_iter().filter(|(_, one)| self.has(*one));
        set.map(|(name, _)| name.to_owned()).collect()
    }

    /// What [`Self::names`] gave; the error is a name that is none.
    pub(crate) fn of_names(names: &[String]) -> Result<Self, &str> {
        names.iter().try_fold(Self::default(), |all, name| {
            let known = Self::NAMES.into_iter().find(|(known, _)| known == name);
            known.map(|(_, one)| all.with(one)).ok_or(name.as_str())
        })
    }

    /// What a message asks for.
    pub(crate) fn of(message: &Message) -> Self {
        let values = message.headers(Name::Privacy).flat_map(|value| value.split(';'));
        values.fold(Self::default(), |all, value| match value.trim() {
            value if value.eq_ignore_ascii_case("id") => all.with(Self::ID),
            value if value.eq_ignore_ascii_case("user") => all.with(Self::USER),
            value if value.eq_ignore_ascii_case("header") => all.with(Self::HEADER),
            value if value.eq_ignore_ascii_case("session") => all.with(Self::SESSION),
            value if value.eq_ignore_ascii_case("history") => all.with(Self::HISTORY),
            value if value.eq_ignore_ascii_case("critical") => all.with(Self::CRITICAL),
            _ => all,
        })
    }

    /// The same of the sender of a request: one that does not say who it is in From wants nobody else to say it either.
    pub(crate) fn of_sender(request: &Message) -> Self {
        let asked = Self::of(request);
        if is_anonymous(request) { asked.with(Self::ID) } else { asked }
    }

    /// The same where From has been read.
    pub(super) fn of_party(self, from: &hook::Party) -> Self {
        if is_nobody(&from.user, &from.host) { self.with(Self::ID) } else { self }
    }

    /// The dial plan decides.
    pub(super) fn decided(self, by: hook::Privacy) -> Self {
        match by {
            hook::Privacy::Id => self.with(Self::ID).with(Self::DECIDED),
            hook::Privacy::None => Self::DECIDED,
        }
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, any_of: Self) -> bool {
        self.0 & any_of.0 != 0
    }

    /// Whether the party is not to be known.
    pub(crate) const fn hides_party(self) -> bool {
        self.has(Self(Self::ID.0 | Self::USER.0))
    }

    /// Whether the media must not show where the party is.
    pub(super) const fn hides_media(self) -> bool {
        self.has(Self::SESSION)
    }

    /// Whether the request must fail rather than go on without what a proxy cannot hide.
    pub(super) const fn forbids_proxying(self) -> bool {
        self.has(Self::CRITICAL) && self.has(Self(Self::USER.0 | Self::HEADER.0 | Self::SESSION.0))
    }
}

/// Whether From names nobody (RFC 3323 section 4.1.1.3).
pub(crate) fn is_anonymous(request: &Message) -> bool {
    let from = request.from().ok();
    let from = from.as_ref().and_then(|from| from.parsed_uri().ok());
    from.is_some_and(|uri| is_nobody(uri.user.unwrap_or_default(), uri.host))
}

/// Whether these name nobody.
pub(crate) fn is_nobody(user: &str, host: &str) -> bool {
    host.eq_ignore_ascii_case(NOWHERE)
        && (user.is_empty() || user.eq_ignore_ascii_case("anonymous"))
}

/// What of one party's messages the other may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Crossing {
    /// Whether the word of the one on who somebody is counts: it is of our trust domain (RFC 3325 section 2.3).
    pub(crate) believed: bool,
    /// Whether the other may know who wants not to be known: it is of that domain too, and keeps it to itself.
    pub(crate) told: bool,
    /// The one is shown as somebody else, and must not say itself who it is.
    pub(crate) shown: bool,
    pub(crate) privacy: Privacy,
}

impl Crossing {
    /// Between parties of whom neither is trusted.
    pub(crate) const fn of_strangers(privacy: Privacy) -> Self {
        Self { believed: false, told: false, shown: false, privacy }
    }

    /// Whether a field crosses, of those that cross at all.
    pub(crate) const fn lets(self, name: Name) -> bool {
        let private = !self.told && self.privacy.hides_party();
        match name {
            // It is for the first of a trust domain alone (RFC 3325 section 9.2).
            Name::PPreferredIdentity => false,
            Name::PAssertedIdentity | Name::RemotePartyId => {
                self.believed && !self.shown && !private
            }
            // What it asks for has been done for who is not told, and what the dial plan says stands instead.
            Name::Privacy => self.told && !self.privacy.has(Privacy::DECIDED),
            Name::CallInfo
            | Name::InReplyTo
            | Name::Organization
            | Name::ReferredBy
            | Name::ReplyTo
            | Name::Subject => self.told || !self.privacy.has(Privacy::USER),
            Name::HistoryInfo => {
                let hidden = Privacy(Privacy::HISTORY.0 | Privacy::HEADER.0 | Privacy::SESSION.0);
                self.believed && (self.told || !self.privacy.has(hidden))
            }
            Name::Diversion => self.believed,
            _ => true,
        }
    }

    /// Whether a field without a name of its own here crosses. Those that begin with P- are said within a network (RFC 3455), and the
    /// others name or place who signs.
    fn lets_other(self, raw_name: &str) -> bool {
        let private = !self.told && self.privacy.hides_party();
        let name = long_form(raw_name);
        let is_of_network = name.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("P-"));
        let names = [SIGNATURE, SIGNER, "Geolocation"].iter().any(|n| n.eq_ignore_ascii_case(name));
        match (is_of_network, names) {
            (true, _) => self.believed && !private,
            (_, true) => !private,
            _ => true,
        }
    }

    /// Whether the one wants something hidden of which the other is not told.
    pub(crate) const fn hides(self) -> bool {
        !self.told && self.privacy.has(Privacy(!(Privacy::CRITICAL.0 | Privacy::DECIDED.0)))
    }

    /// Hands every field of `message` that crosses to `write`, in order.
    pub(crate) fn copy(self, message: &Message, mut write: impl FnMut(&str, &[u8])) {
        copy_headers(message, |name, raw_name, value| {
            if self.lets_field(name, raw_name) {
                write(raw_name, value);
            }
        });
    }

    fn lets_field(self, name: Name, raw_name: &str) -> bool {
        self.lets(name) && (name != Name::Other || self.lets_other(raw_name))
    }

    /// The same where plugins have a say. What hides a party stands whatever they say.
    pub(super) fn copy_edited(
        self,
        message: &Message,
        (edits, toward): (&[HeaderEdit], End),
        mut write: impl FnMut(&str, &[u8]),
    ) {
        if edits.is_empty() {
            return self.copy(message, write);
        }
        let crosses = |field: &Field<'_>| {
            !is_of_one_leg(field.name) && self.lets_field(field.name, field.raw_name)
        };
        let passes = |field: &Field<'_>| match fate(edits, toward, long_name(field)) {
            None => crosses(field),
            Some(true) => crosses(field) || !self.hides(),
            Some(false) => false,
        };
        // RFC 8224 section 4.1: a signature in its compact form is of the time that Date says, and nobody can check it without.
        let is_signed = || {
            let mut signatures =
                message.fields().filter(|f| long_name(f).eq_ignore_ascii_case(SIGNATURE));
            signatures.any(|field| passes(&field))
        };
        for field in message.fields() {
            let is_date = || field.name == Name::Date && crosses(&field);
            if passes(&field) || is_date() && is_signed() {
                write(field.raw_name, field.value);
            }
        }
    }
}

/// The field with the signature of who vouches for the caller (RFC 8224).
const SIGNATURE: &str = "Identity";

/// The field with the certificate of who signed, as it was before (RFC 4474).
const SIGNER: &str = "Identity-Info";

/// The name of a field in its long form.
fn long_name<'a>(field: &Field<'a>) -> &'a str {
    match field.name {
        Name::Other => long_form(field.raw_name),
        known => known.as_str(),
    }
}

impl Tables {
    /// Whether a peer is of our trust domain: a trunk that is, or an address.
    pub(crate) fn trusts(&self, trunk: Option<TrunkId>, ip: IpAddr) -> bool {
        match trunk.and_then(|id| self.trunks.get(id)) {
            Some(trunk) => trunk.trusted,
            None => self.config.trusted.iter().any(|network| network.holds(ip)),
        }
    }

    /// What of a request that is only sent on may be read where it goes.
    pub(crate) fn crossing_between(&self, from: Flow, to: Flow, request: &Message) -> Crossing {
        let trusts = |flow: Flow| self.trusts(self.trunks.at(flow.peer.ip()), flow.peer.ip());
        let privacy = Privacy::of_sender(request);
        Crossing { believed: trusts(from), told: trusts(to), shown: false, privacy }
    }
}

impl Call {
    /// What the other side may read of a message from this one, in a call that is up.
    pub(crate) fn crossing(&self, tables: &Tables, from: Side) -> Crossing {
        Crossing {
            believed: self.is_trusted(tables, from),
            told: self.is_trusted(tables, from.other()),
            shown: from == Side::A && self.shown.is_some(),
            privacy: self.privacy(from),
        }
    }

    /// What the called side may read of the caller's messages, which go over this trunk or to this place.
    pub(super) fn crossing_to(
        &self,
        tables: &Tables,
        trunk: Option<TrunkId>,
        flow: Flow,
    ) -> Crossing {
        Crossing {
            believed: self.is_trusted(tables, Side::A),
            // Whoever helps has to know whom.
            told: self.calls_for_help(tables) || tables.trusts(trunk, flow.peer.ip()),
            shown: self.shown.is_some(),
            privacy: self.privacy[0],
        }
    }

    /// Whether it goes where the operator sends calls for help, and not where anybody has.
    fn calls_for_help(&self, tables: &Tables) -> bool {
        self.facts.emergency && tables.config.emergency.has_route()
    }

    /// What the caller may read of a response of somebody who is called.
    pub(super) fn crossing_from(
        &self,
        tables: &Tables,
        on: Option<&OnTrunk>,
        flow: Flow,
        response: &Message,
    ) -> Crossing {
        Crossing {
            believed: tables.trusts(on.map(|on| on.id), flow.peer.ip()),
            told: self.is_trusted(tables, Side::A),
            shown: false,
            privacy: Privacy::of(response),
        }
    }

    /// What a party wants hidden.
    pub(super) fn privacy(&self, side: Side) -> Privacy {
        self.privacy[usize::from(side == Side::B)]
    }

    pub(super) fn note_privacy(&mut self, side: Side, privacy: Privacy) {
        self.privacy[usize::from(side == Side::B)] = privacy;
    }

    fn is_trusted(&self, tables: &Tables, side: Side) -> bool {
        let flow = match side {
            Side::A => Some(self.caller.flow),
            Side::B => self.callee.as_ref().map(|leg| leg.dialog.flow),
        };
        flow.is_some_and(|flow| tables.trusts(self.trunk_of_side(tables, side), flow.peer.ip()))
    }

    /// Whether From must not name the caller: nobody is told, or who may know is told by other means.
    pub(super) fn hides_from(
        &self,
        tables: &Tables,
        crossing: Crossing,
        on: Option<TrunkId>,
    ) -> bool {
        let tells = || self.asserted(tables, crossing, on).is_some();
        let caller = &self.facts.caller;
        let nameless = || self.shown.is_none() && is_nobody(&caller.user, &caller.host);
        crossing.privacy.hides_party() && (!crossing.told || nameless() || tells())
    }

    /// What a trunk that wants it is told of who calls (RFC 3325 section 5): the caller that the dial plan shows, or who has proved
    /// to be it; `None` where it is not known, or the word of another one crosses.
    pub(super) fn asserted(
        &self,
        tables: &Tables,
        crossing: Crossing,
        on: Option<TrunkId>,
    ) -> Option<String> {
        let trunk = tables.trunks.get(on?).filter(|trunk| trunk.assert_identity)?;
        if !crossing.told && crossing.privacy.hides_party() {
            return None;
        }
        let (user, display) = match (&self.shown, &self.facts.identity) {
            (Some(shown), _) => (shown.user.as_str(), shown.display.as_str()),
            (None, Some(proved)) => (proved.user(), ""),
            (None, None) => return None,
        };
        let uri = trunk.own_uri(user);
        let display = display.to_owned();
        Some(name_addr(&hook::Party { uri, display, ..hook::Party::default() }))
    }
}

#[cfg(test)]
#[path = "identity_test.rs"]
mod tests;
