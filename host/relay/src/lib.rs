//! The media relay: moves RTP and RTCP between the parties of a call, as the commands of the `media` crate say.
//!
//! A call's relay lives on one thread, which owns its sockets; commands reach it through a channel and an eventfd. What an address
//! means is decided by [`media::Learner`], a pure function; this crate binds, receives and sends. A packet of an established
//! stream costs one receive and one send, no lock, no allocation and no look-up: the readiness token names its place.
#![forbid(unsafe_code)]

mod config;
mod handle;
mod party;
mod ports;
mod sessions;
mod stream;
mod thread;
mod token;

pub use config::{RelayConfig, RelayError};
pub use handle::{EventSink, RelayHandle};
