//! The real program on loopback, driven by real peers: SIPp's scenarios and the phones of pjsua2, baresip and linphone.
//!
//! A test starts a [`Switch`] on free ports with a temporary folder, lets peers loose on it and waits for conditions,
//! each with a deadline. Whatever fails panics with the peer's own account and the end of the switch's log.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod baresip;
pub mod callee;
pub mod carrier;
pub mod certificates;
pub mod desk;
pub mod dns;
pub mod floor;
pub mod handset;
pub mod http;
pub mod lamp;
pub mod lines;
pub mod linphone;
pub mod nat;
pub mod office;
pub mod panel;
pub mod peers;
pub mod phone;
pub mod ports;
pub mod races;
pub mod sipp;
pub mod stream;
pub mod switch;
pub mod tone;
pub mod wait;
pub mod watcher;

pub use baresip::Baresip;
pub use carrier::Carrier;
pub use desk::Desk;
pub use dns::Dns;
pub use floor::Floor;
pub use handset::{Handset, Line, Switchboard};
pub use lamp::Lamp;
pub use linphone::Linphone;
pub use nat::Nat;
pub use office::Office;
pub use phone::Phone;
pub use races::Race;
pub use sipp::Sipp;
pub use stream::Wire;
pub use switch::Switch;
pub use watcher::Watcher;
