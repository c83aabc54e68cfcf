//! What the relay tells the call engine.

use std::{net::SocketAddr, time::Duration};

use model::RelayId;

use crate::{Side, StreamNo};

/// Something the relay did or saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayEvent {
    /// The ports of every stream.
    Opened {
        /// The call's relay.
        relay: RelayId,
        /// In the order of the streams.
        streams: Vec<StreamPorts>,
    },
    /// `Open` or `Extend` could not be done; what was open stays open.
    Refused {
        /// The call's relay.
        relay: RelayId,
        /// Why.
        why: Refusal,
    },
    /// A party's real address is known and locked.
    Learned {
        /// The call's relay.
        relay: RelayId,
        /// Which stream.
        stream: StreamNo,
        /// Which party.
        side: Side,
        /// The address.
        from: SocketAddr,
    },
    /// Nothing has come from either party for the relay's time-out. Told once for each such silence.
    Silent {
        /// The call's relay.
        relay: RelayId,
        /// For how long.
        since: Duration,
    },
    /// The relay is closed.
    Closed {
        /// The call's relay.
        relay: RelayId,
        /// What each stream carried, in order.
        stats: Vec<StreamStats>,
    },
}

impl RelayEvent {
    /// Whose event it is.
    pub const fn relay(&self) -> RelayId {
        match self {
            Self::Opened { relay, .. }
            | Self::Refused { relay, .. }
            | Self::Learned { relay, .. }
            | Self::Silent { relay, .. }
            | Self::Closed { relay, .. } => *relay,
        }
    }
}

/// Our RTP addresses of one stream; RTCP is the next port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamPorts {
    /// Towards the caller.
    pub a: SocketAddr,
    /// Towards the called party.
    pub b: SocketAddr,
}

/// Why the relay refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Every port pair is in use.
    NoPorts,
    /// More streams than a relay may have.
    TooManyStreams,
    /// More relays than the node may have.
    TooManyRelays,
    /// More commands wait than the relay takes.
    TooManyCommands,
    /// The relay has stopped; its log says why.
    Stopped,
}

/// What one stream carried.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct StreamStats {
    /// RTP and RTCP packets from the caller that were sent on.
    pub from_a: u64,
    /// RTP and RTCP packets from the called party that were sent on.
    pub from_b: u64,
    /// Bytes of the payload of UDP, both ways.
    pub bytes: u64,
    /// Packets of strangers, and those an address was learned by before it was believed, dropped.
    pub strangers: u64,
    /// Packets that had nowhere to go (the other party is not known yet, or is on hold), dropped.
    pub homeless: u64,
    /// Packets beyond the rate a stream may have, dropped.
    pub excess: u64,
    /// Packets the system would not send.
    pub unsent: u64,
}
