//! An established call as a value: what another shard, or another node, needs to go on with it.
//!
//! Nothing here names a thread, a socket or a place in a table: listeners and trunks go by their names, times are counted from the moment
//! the image was made. [`CallImage::encode`] and [`CallImage::decode`] are its form on the wire.

mod codec;
mod convert;
mod facts;
mod parts;
mod wire;

use std::time::Duration;

use model::{ConnId, GenerationToken, Seat};
use serde::{Deserialize, Serialize};

pub use self::{
    codec::{ImageError, VERSION},
    facts::{FactsImage, PartyImage, TransferImage},
    parts::{
        CallTimer, ContinuedImage, DialogImage, FlowImage, FollowingImage, GenerationImage,
        LegImage, MediaImage, PluginTimerImage, SessionImage, TimerImage, TrunkImage,
    },
};
pub(crate) use self::{convert::one_line, facts::aor_of};

/// An established call between two of its transactions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallImage {
    /// The name it keeps.
    #[serde(with = "wire::text")]
    pub conn: ConnId,
    /// What plugins and records know of it.
    pub facts: FactsImage,
    /// How long ago it began.
    pub age: Duration,
    /// How long its parties have talked.
    pub talks_for: Duration,
    /// Whose verdict routed it; who takes the call finds the code by the digest.
    pub generation: Option<GenerationImage>,
    /// The caller as the called party sees it, where that is not as its INVITE said.
    pub shown: Option<PartyImage>,
    /// What the caller and the called party want hidden (RFC 3323): the values of their Privacy, and `decided` where the dial plan did.
    pub privacy: [Vec<String>; 2],
    /// The leg of the caller, whose number is 0.
    pub caller: LegImage,
    /// The leg that answered.
    pub callee: LegImage,
    /// The highest number that a leg of this call has had.
    pub last_leg: u16,
    /// What each party has said and was told of its media, and whether it is relayed.
    pub media: MediaImage,
    /// How many REFERs each party has sent in its dialog, the caller first.
    pub refers: [u8; 2],
    /// What the call is woken for, and when.
    pub timers: Vec<TimerImage>,
    /// What is kept for the plugins of `call-event`, where they follow the call.
    #[serde(default)]
    pub followed: Option<FollowingImage>,
    /// Whether the caller has a place on the trunk that the call came over.
    pub seated: bool,
    /// How often it has gone from one shard to another.
    #[serde(default)]
    pub moves: u16,
    /// Whether the caller, and the called party, holds the other because a third party wants it.
    #[serde(default)]
    pub holders: [bool; 2],
}

/// What goes with an image within one process and has no form on the wire. Another node asks its own plugins and trunks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Held {
    /// The hook table that the call is pinned to.
    pub pin: Option<GenerationToken>,
    /// The one that its events are pinned to.
    pub event_pin: Option<GenerationToken>,
    /// The caller's place on the trunk that the call came over.
    pub seat: Option<Seat>,
    /// The places on the trunks that the caller and the called party are reached over.
    pub trunk_seats: [Option<Seat>; 2],
}

/// A call on its way: no switch has it.
#[derive(Clone, PartialEq, Debug)]
pub struct MovedCall {
    /// What it is.
    pub image: CallImage,
    /// What it holds.
    pub held: Held,
}

/// Why a call cannot be made an image of now. All but the first three pass by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotQuiescent {
    /// There is no such call here.
    #[error("there is no such call here")]
    Unknown,
    /// It is forwarded as a proxy does: there is nothing to take over.
    #[error("the call is forwarded, not held: its parties need nobody to take it over")]
    Forwarded,
    /// More calls of this shard are elsewhere than it keeps track of.
    #[error("limits.moved_max calls of this shard are elsewhere already; raise it")]
    TooManyMoved,
    /// It has gone from shard to shard too often.
    #[error("the call has gone to another shard limits.moves_max times already")]
    MovedTooOften,
    /// Nobody has answered, or it is over.
    #[error("the call is not established")]
    NotEstablished,
    /// A transfer or a pick-up is under way.
    #[error("a transfer or a replacement is under way")]
    Transferring,
    /// An offer has not been answered.
    #[error("an offer has not been answered")]
    OfferOpen,
    /// A 2xx has not been acknowledged.
    #[error("an answer has not been acknowledged")]
    AckAwaited,
    /// A plugin has not answered what it was told of the call.
    #[error("a plugin is being told of the call")]
    Telling,
    /// A request within the call has not been answered.
    #[error("a request has not been answered")]
    RequestOpen,
    /// The relay has not answered.
    #[error("the relay has not answered")]
    MediaChanging,
}

impl NotQuiescent {
    /// Whether it may be otherwise in a moment.
    pub const fn passes(self) -> bool {
        !matches!(self, Self::Unknown | Self::Forwarded | Self::TooManyMoved | Self::MovedTooOften)
    }
}
