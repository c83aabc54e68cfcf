//! What somebody else than the parties wants done with a call: third-party call control.
//!
//! A [`Control`] names legs and addresses, never DNs: whose phones they are is for who sends it to know. What comes of it is told by
//! [`crate::Fact::Controlled`], and what it changes by the facts of the call, in order.

use model::{Aor, ConnId, LegId};

/// Something to do, and the name by which [`crate::Fact::Controlled`] tells what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// Comes back; chosen by who asks, unique while it is open.
    pub ticket: u64,
    /// What.
    pub action: Action,
}

/// What is wanted.
///
/// Where a leg is named it is the leg of the party that acts: the one that holds, transfers or releases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Call a phone of ours and, once it has answered, route a call of it to somebody as if it had sent the INVITE itself. The call
    /// is offered ([`crate::Fact::CallOffered`]) when the phone has answered.
    Make {
        /// Whose phones are called; all of its contacts ring.
        from: Aor,
        /// The name that the called party sees, or empty.
        display: String,
        /// A URI, or a number of the host of `from`.
        to: String,
        /// How long the phone may ring; `None` takes the switch's `ring_timeout`.
        ring: Option<std::time::Duration>,
    },
    /// Have the phone of a leg that rings answer: by a NOTIFY whose event is `talk` where its `Allow-Events` has that, else by another
    /// INVITE that asks it to answer by itself (RFC 5373), under the same leg.
    Answer {
        /// The leg, of a call that is alerting.
        leg: LegId,
    },
    /// A party leaves. Of two the call ends; of a leg that rings, or of a call that waits, likewise. Who rings declines (603).
    Release {
        /// The leg; number 0 is the caller's.
        leg: LegId,
    },
    /// The whole call ends.
    Clear {
        /// The call.
        conn: ConnId,
    },
    /// A party puts the call on hold: neither hears the other, until all who hold have taken it back.
    Hold {
        /// The leg.
        leg: LegId,
    },
    /// A party takes the call back. A leg that talks in the consultation call comes back to this one for it.
    Retrieve {
        /// The call that is held.
        conn: ConnId,
        /// The party's leg, in whichever call it is now.
        leg: LegId,
    },
    /// A leg that rings rings no more, and somebody else is called in its place: `route` is asked with that callee. Whatever rings
    /// beside it is given up too.
    Redirect {
        /// The leg.
        leg: LegId,
        /// A URI, or a number of the host that was called.
        to: String,
    },
    /// A party sends the other one on, without a consultation. It is done once the other's new call has begun; how that goes is told by
    /// [`crate::Fact::Transferred`] and [`crate::Fact::TransferFailed`].
    Transfer {
        /// The leg of the party that does.
        leg: LegId,
        /// A URI, or a number of the host that was called.
        to: String,
    },
    /// A party puts the call on hold and calls somebody else with the same leg.
    Consult {
        /// The leg.
        leg: LegId,
        /// A URI, or a number of the host that was called.
        to: String,
    },
    /// A party connects those it talks to in two calls, and leaves both. The second may still ring.
    Complete {
        /// The call that is held.
        held: ConnId,
        /// The consultation call.
        consult: ConnId,
        /// The party's leg; of a phone that has one in each call, that in the consultation call.
        leg: LegId,
    },
    /// A party sends these digits to the other: `0`–`9`, `A`–`D`, `*`, `#`. Each goes in an INFO (`application/dtmf-relay`).
    Dtmf {
        /// The leg of the party that is heard to press them.
        leg: LegId,
        /// At most 64.
        digits: String,
    },
    /// A call that waits at a routing point goes on to somebody: `route` is asked with this callee. It is done once the call is on
    /// its way; that nobody takes it there is told by [`crate::Fact::Queued`].
    Route {
        /// The call.
        conn: ConnId,
        /// A URI, or a number of the host of the routing point.
        to: String,
        /// How long what is found may ring; `None` takes the switch's own time.
        ring: Option<std::time::Duration>,
    },
    /// A call that waits at a routing point is refused.
    Refuse {
        /// The call.
        conn: ConnId,
        /// The status, 400 to 699.
        status: u16,
    },
}

impl Action {
    /// The call by whose shard it is carried out; of a call that is to be made there is none yet.
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Make { .. } => None,
            Self::Answer { leg }
            | Self::Release { leg }
            | Self::Hold { leg }
            | Self::Redirect { leg, .. }
            | Self::Transfer { leg, .. }
            | Self::Consult { leg, .. }
            | Self::Dtmf { leg, .. } => Some(leg.conn),
            Self::Clear { conn }
            | Self::Retrieve { conn, .. }
            | Self::Route { conn, .. }
            | Self::Refuse { conn, .. } => Some(*conn),
            Self::Complete { held, .. } => Some(*held),
        }
    }
}

/// Why something was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// There is no such call, or it is over.
    NoCall,
    /// There is no such leg in the call.
    NoLeg,
    /// The call, or the leg, is in no state for it.
    State,
    /// What was to be called is no URI and no number, or nobody has it; what was to be sent is no digits.
    Destination,
    /// The party's phone refused, with this status; 408 when it did not answer.
    Phone(u16),
    /// The phone has nothing that this could be asked of it with.
    NotSupported,
    /// A limit of the switch was met.
    Limit,
}
