//! The closed list of things that can happen to a call or a registration.

use std::{fmt, net::SocketAddr, sync::Arc};

use model::{
    Aor, ConnId, Flow, LegId,
    hook::{Attempt, CallFacts, Decision, Destination},
};
use sip::auth::Trouble;

use crate::{DeviceChange, TrunkChange};

/// Something that happened. Facts are neutral: T-Library events, call records, logs and metrics are made from them elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// An INVITE made a call, or a third party wanted one made.
    CallOffered {
        /// What is known of it.
        facts: Arc<CallFacts>,
        /// The ticket of the [`crate::Action::Make`] or [`crate::Action::Consult`] that made it.
        ticket: Option<u64>,
    },
    /// The plugins (or the built-in default) decided.
    Decided {
        /// The call.
        conn: ConnId,
        /// Who, what and why.
        decision: Decision,
    },
    /// The plugins decided on a request that is no call yet, or none at all.
    Judged {
        /// What is known of it.
        facts: Arc<CallFacts>,
        /// Who, what and why.
        decision: Decision,
    },
    /// An INVITE was refused because of what [`Self::Judged`] told, and makes no call.
    TurnedAway {
        /// What it has for a name there.
        conn: ConnId,
        /// The status it was refused with.
        status: u16,
    },
    /// The dial plan was asked; this is the call as it left it.
    Amended {
        /// What is known of it from now on.
        facts: Arc<CallFacts>,
    },
    /// A leg towards a target was opened.
    LegOffered {
        /// The leg.
        leg: LegId,
        /// The Request-URI it was sent with.
        uri: String,
        /// The Call-ID of its INVITE.
        call_id: String,
        /// Where it was sent.
        flow: Flow,
        /// The target of the plan it belongs to.
        target: Destination,
    },
    /// The leg just opened goes over a trunk.
    LegOnTrunk {
        /// The leg.
        leg: LegId,
        /// The name of the trunk.
        trunk: String,
    },
    /// A trunk of a target was not tried.
    TrunkPassed {
        /// The call.
        conn: ConnId,
        /// The name of the trunk, or that the target gave.
        trunk: String,
        /// Why.
        why: TrunkPassed,
    },
    /// A trunk was registered, or not, or it came up or went down.
    Trunk {
        /// Its name.
        trunk: String,
        /// What happened.
        change: TrunkChange,
    },
    /// The check of a device has found it gone or there again, or is over.
    Device {
        /// Whose.
        aor: Aor,
        /// What was found.
        change: DeviceChange,
    },
    /// A leg is alerting (180 or another 101–199).
    LegAlerting {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// A leg ended without being answered.
    LegFailed {
        /// The leg.
        leg: LegId,
        /// The SIP status: the peer's, or 408 (no answer in time), 487 (cancelled), 503 (not reachable).
        status: u16,
    },
    /// A target of the plan has failed, with all its legs; or it had none to try.
    TargetFailed {
        /// The call.
        conn: ConnId,
        /// The target, what came of it and how long it was tried.
        attempt: Attempt,
        /// Who is called in its place, unless a plugin has another opinion: as its phone has said (3xx), or as was set for it
        /// ([`model::Directory::forward`]).
        sent_to: Option<Box<model::hook::Party>>,
    },
    /// A target answered; the parties talk.
    Established {
        /// The call.
        conn: ConnId,
        /// The leg that answered.
        leg: LegId,
    },
    /// A party put the other on hold (RFC 3264 section 8.4).
    Held {
        /// The party's leg.
        leg: LegId,
    },
    /// A party took the other back.
    Retrieved {
        /// The party's leg.
        leg: LegId,
    },
    /// A party asked for the other party to be sent on, and it is tried.
    TransferBegun {
        /// The party's leg.
        leg: LegId,
        /// The call that the other party is to be in.
        into: ConnId,
        /// Whom it is sent to, a URI.
        to: String,
        /// Whether header fields of that URI were left out, which are not taken from a transferring party.
        dropped: bool,
    },
    /// The other party is in its new call; this one ends.
    Transferred {
        /// The call that ends.
        conn: ConnId,
        /// The other party's new one.
        into: ConnId,
    },
    /// Nobody took the party that was sent on; it is where it was.
    TransferFailed {
        /// The call.
        conn: ConnId,
        /// The status that its target gave.
        status: u16,
    },
    /// A call waits at a routing point for somebody to say where it goes ([`crate::Action::Route`]). Again, when where it was sent has
    /// failed.
    Queued {
        /// The call.
        conn: ConnId,
        /// The routing point, as the plan or the configuration names it.
        point: Aor,
        /// The status of where it was sent last; `None` when it has just come.
        failed: Option<u16>,
    },
    /// A call leaves a routing point for where it was sent.
    Routed {
        /// The call.
        conn: ConnId,
        /// What of it is known from now on; the callee is where it was sent.
        facts: Arc<CallFacts>,
    },
    /// The leg of a party is in another call from now on: in its consultation call, or back in the one that was held.
    LegMoved {
        /// The leg as it was named.
        from: LegId,
        /// As it is named from now on.
        to: LegId,
    },
    /// Digits went from one party to the other by [`crate::Action::Dtmf`].
    DtmfSent {
        /// The leg of the party that is heard to press them.
        leg: LegId,
        /// Which.
        digits: String,
    },
    /// What came of a [`crate::Control`]. What it changed was told before.
    Controlled {
        /// Its ticket.
        ticket: u64,
        /// The call that it was carried out in, or made; or why it was not.
        outcome: Result<ConnId, crate::Unfit>,
    },
    /// The call is over.
    Released {
        /// The call.
        conn: ConnId,
        /// Why, and who ended it.
        cause: Cause,
        /// Whether its media went through the relay.
        anchored: bool,
        /// The hook table it was pinned to; `None` when no plugin was ever asked.
        table: Option<u64>,
    },
    /// Somebody gave credentials that did not count.
    NotAuthenticated {
        /// From where.
        source: SocketAddr,
        /// Who it said it was.
        claimed: String,
        /// `REGISTER` or `INVITE`.
        method: &'static str,
        /// What was wrong; `None` when it had tried too often.
        trouble: Option<Trouble>,
    },
    /// Contacts of an address-of-record changed.
    Registered {
        /// Whose.
        aor: Aor,
        /// How many contacts it has now.
        contacts: usize,
    },
    /// The last contact of an address-of-record went.
    Unregistered {
        /// Whose.
        aor: Aor,
        /// Whether it lapsed, rather than being removed by its phone.
        lapsed: bool,
    },
}

impl Fact {
    /// The call that it is about, of those that may be about one of a phone that is called first.
    pub(crate) const fn call(&self) -> Option<ConnId> {
        match self {
            Self::LegOffered { leg, .. }
            | Self::LegOnTrunk { leg, .. }
            | Self::LegAlerting { leg, .. }
            | Self::LegFailed { leg, .. } => Some(leg.conn),
            Self::TargetFailed { conn, .. }
            | Self::TrunkPassed { conn, .. }
            | Self::Released { conn, .. } => Some(*conn),
            _ => None,
        }
    }

    /// The call whose dialogs it changes, and whether one of a user came in.
    pub(crate) fn touches(&self) -> Option<(ConnId, bool)> {
        match self {
            Self::CallOffered { facts, .. } | Self::Amended { facts } => {
                Some((facts.conn_id, true))
            }
            Self::LegOffered { leg, .. } => Some((leg.conn, true)),
            Self::LegAlerting { leg, .. }
            | Self::LegFailed { leg, .. }
            | Self::Held { leg }
            | Self::Retrieved { leg } => Some((leg.conn, false)),
            Self::Queued { conn, .. } | Self::Routed { conn, .. } => Some((*conn, false)),
            // Its parties may have come from other calls.
            Self::Established { conn, .. } => Some((*conn, true)),
            Self::Released { conn, .. } => Some((*conn, false)),
            Self::Decided { .. }
            | Self::Judged { .. }
            | Self::TurnedAway { .. }
            | Self::LegOnTrunk { .. }
            | Self::TrunkPassed { .. }
            | Self::Trunk { .. }
            | Self::Device { .. }
            | Self::TargetFailed { .. }
            | Self::TransferBegun { .. }
            | Self::Transferred { .. }
            | Self::TransferFailed { .. }
            | Self::LegMoved { .. }
            | Self::DtmfSent { .. }
            | Self::Controlled { .. }
            | Self::NotAuthenticated { .. }
            | Self::Registered { .. }
            | Self::Unregistered { .. } => None,
        }
    }
}

/// Why a trunk of a target was not tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrunkPassed {
    /// There is no trunk and no group of this name.
    Unknown,
    /// It does not answer its probes.
    Down,
    /// It carries as many calls as it may.
    Full,
    /// It has asked for calls to be held back (RFC 7339), and this is one of them.
    Overloaded,
}

impl TrunkPassed {
    /// The status that the target fails with when there is nothing else.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unknown => 404,
            Self::Down | Self::Full | Self::Overloaded => 503,
        }
    }

    /// Why, for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "no [[trunk]] has this name or group",
            Self::Down => "it is down",
            Self::Full => "it carries as many calls as its capacity allows",
            Self::Overloaded => "it has too much to do, and has asked for calls to be held back",
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// The caller.
    Caller,
    /// The called party.
    Callee,
    /// This switch, or its operator.
    Switch,
}

/// Why a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A BYE after it was established.
    Hangup(Party),
    /// The caller gave up before an answer.
    Cancelled,
    /// It was refused or nobody answered: the status the caller got.
    Refused(u16),
    /// The 2xx was never acknowledged (RFC 3261 section 13.3.1.4).
    AckMissing,
    /// The operator ended it.
    Operator,
    /// A party has not refreshed its session, or not answered when it was to be refreshed (RFC 4028).
    SessionExpired,
    /// It lasted as long as a call may.
    TooLong,
    /// Neither party sent media for a while.
    MediaSilent,
    /// A plugin of `call-event` ended it; with the status the caller got, unless it was answered.
    Plugin(Option<u16>),
    /// A party did not answer, or knew no such call, when it was asked whether it is there.
    PartyGone,
    /// Its party was sent on and talks in another call.
    Transferred,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hangup(Party::Caller) => f.write_str("hang-up by caller"),
            Self::Hangup(Party::Callee) => f.write_str("hang-up by callee"),
            Self::Hangup(Party::Switch) => f.write_str("hang-up by switch"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Refused(status) => write!(f, "refused {status}"),
            Self::AckMissing => f.write_str("no ACK"),
            Self::SessionExpired => f.write_str("session expired"),
            Self::TooLong => f.write_str("longest time reached"),
            Self::MediaSilent => f.write_str("no media"),
            Self::PartyGone => f.write_str("party gone"),
            Self::Transferred => f.write_str("transferred"),
            Self::Operator => f.write_str("operator"),
            Self::Plugin(None) => f.write_str("plugin"),
            Self::Plugin(Some(status)) => write!(f, "plugin, {status}"),
        }
    }
}
