//! What a call wants of another, or of the whole shard: a call cannot reach out of itself while it is at work.

use media::Side;
use model::{ConnId, LegId, hook::Party};
use sip::{Message, ServerTx};

use crate::call::Handed;

/// Something to do once the call at hand is done with.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A party asks for the other one to be sent on.
    Refer {
        /// The call.
        conn: ConnId,
        /// The party.
        side: Side,
        /// The REFER.
        tx: ServerTx,
        /// The same.
        request: Box<Message>,
    },
    /// How the call of a party that was sent on goes: a status below 200, or that of its failure.
    Told {
        /// The call the party came from.
        of: ConnId,
        /// The call it is to be in.
        into: ConnId,
        /// What its target says.
        status: u16,
        /// The same in words, or empty.
        reason: String,
    },
    /// A target has answered: the party that was sent on is wanted.
    Take {
        /// By this call.
        into: ConnId,
    },
    /// The party that was sent on talks.
    Joined {
        /// In this call.
        into: ConnId,
    },
    /// The party that was sent on, or its target, could not be joined.
    NotJoined {
        /// In this call.
        into: ConnId,
        /// What was said.
        status: u16,
        /// The side whose party is lost.
        gone: Option<Side>,
    },
    /// The party that asked for a transfer has said BYE meanwhile.
    Left {
        /// To this call.
        of: ConnId,
    },
    /// The relay is open: the party that stays is wanted, whose peer is replaced.
    Replace {
        /// By this call.
        into: ConnId,
    },
    /// It has answered.
    Replaced {
        /// In this call.
        into: ConnId,
    },
    /// It has refused.
    NotReplaced {
        /// In this call.
        into: ConnId,
        /// What the caller is told.
        status: u16,
    },
    /// The party that this call had has gone to another call, which has ended.
    Deserted {
        /// This call.
        of: ConnId,
    },
    /// Both parties are held: one of them calls somebody else with the same leg.
    Consult {
        /// The call.
        conn: ConnId,
        /// The party.
        side: Side,
        /// Whom.
        callee: Box<Party>,
        /// Who waits for it.
        ticket: u64,
    },
    /// The leg that two calls share goes from one to the other, whose party takes it back.
    SwitchOver {
        /// The one.
        from: ConnId,
        /// The other.
        to: ConnId,
        /// Who waits for it.
        ticket: u64,
    },
    /// The leg that two calls share goes to this one, since the other is over.
    ComeBack {
        /// This one.
        to: ConnId,
        /// Its name in the other.
        from: LegId,
        /// The leg.
        leg: Box<Handed>,
    },
    /// The other call that the leg of a party of this one was in is over.
    Unpair {
        /// This one.
        of: ConnId,
    },
    /// The party whose leg two calls share has hung up in the other.
    PartyLeft {
        /// This one.
        of: ConnId,
    },
    /// What a third party has wanted is done.
    Controlled {
        /// Its ticket.
        ticket: u64,
        /// The call that it was done in.
        conn: ConnId,
    },
    /// The party that was to be sent on is not there any more.
    Abandon {
        /// The call it was to be in.
        into: ConnId,
    },
}
