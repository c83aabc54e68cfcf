//! The media relay: moves RTP and RTCP between the parties of a call, as the commands of the `media` crate say.
//!
//! A call's relay lives on one thread, which owns its sockets; commands reach it through a channel and an eventfd. What an address
//! means is decided by [`media::Learner`], a pure function; this crate binds, receives and sends.
#![forbid(unsafe_code)]

mod config;
mod handle;
mod ports;
mod session;
mod stream;
mod thread;

pub use config::{RelayConfig, RelayError};
pub use handle::{EventSink, RelayHandle};
