//! The vocabulary of Jackfield: values that cross from one crate to another, and nothing that acts.
//!
//! Time and randomness are always arguments here. A hook is a [`hook::Question`] and a [`hook::Answer`]: plain data, so
//! that the call engine (`switch`) and the plugin host (`plugin`) never see each other.
#![forbid(unsafe_code)]

mod aor;
mod directory;
mod flow;
mod generation;
mod headers;
pub mod hook;
mod id;
mod message_count;
mod secret;
mod time;
mod trunk;

pub use aor::Aor;
pub use directory::{Binding, DeviceCheck, Directory, ForwardWhen, Membership};
pub use flow::{Flow, ListenerId, Transport};
pub use generation::{Digest, GenerationRef, GenerationToken};
pub use headers::HeaderBlock;
pub use id::{ConnId, LegId, RelayId, Shard, Shards};
pub use message_count::MessageCount;
pub use secret::{Ha1, Secret};
pub use time::{Instant, LocalTime, Moment};
pub use trunk::{Seat, Seats, TrunkId};
