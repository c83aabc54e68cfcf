//! What a call wants of another, or of the whole shard: a call cannot reach out of itself while it is at work.

use media::Side;
use model::ConnId;
use sip::{Message, ServerTx};

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
    /// The party that was to be sent on is not there any more.
    Abandon {
        /// The call it was to be in.
        into: ConnId,
    },
}
