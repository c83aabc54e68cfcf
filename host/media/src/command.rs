//! What the call engine tells the relay.

use std::net::SocketAddr;

use model::RelayId;

/// A party of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The caller.
    A,
    /// The called party.
    B,
}

impl Side {
    /// The other party.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A media stream of a call, by the place of its `m=` line from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamNo(pub u8);

/// A command to the relay, whole in itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayCommand {
    /// Wants `streams` streams, each with a port pair towards each party (RTP even, RTCP odd). Answered by
    /// [`crate::RelayEvent::Opened`] or [`crate::RelayEvent::Refused`].
    Open {
        /// The call's relay.
        relay: RelayId,
        /// How many streams, from 1.
        streams: u8,
    },
    /// Wants this many streams in all from now on; answered as `Open`, with every stream.
    Extend {
        /// The call's relay.
        relay: RelayId,
        /// How many streams in all.
        streams: u8,
    },
    /// Where a party has said it receives a stream. Learning of the party's real address begins anew if it is another address than
    /// the last one.
    Remote {
        /// The call's relay.
        relay: RelayId,
        /// Which stream.
        stream: StreamNo,
        /// Which party.
        side: Side,
        /// Where its RTP goes; `None` when nothing shall be sent to it (hold with 0.0.0.0, a refused stream).
        rtp: Option<SocketAddr>,
        /// Where its RTCP goes.
        rtcp: Option<SocketAddr>,
        /// Whether RTP and RTCP share a port (RFC 5761).
        mux: bool,
    },
    /// Another target is tried: everything known of that party is forgotten, the ports stay.
    Forget {
        /// The call's relay.
        relay: RelayId,
        /// Which party.
        side: Side,
    },
    /// The call is over: the ports go back.
    Close {
        /// The call's relay.
        relay: RelayId,
    },
}
