//! The whole switch under a virtual clock: simulated phones, a network with faults, plugins that lie, all from one seed.
//!
//! A [`World`] has one node (one or more shards of the real [`switch::Switch`]), phones built on the real [`sip::Endpoint`], and
//! a [`Network`] between them. Nothing waits: time jumps to the next thing that happens. Two runs of one seed are equal to the
//! byte, so a failure is reproduced by its seed.
#![forbid(unsafe_code)]

mod decider;
mod directory;
mod dns;
mod invariants;
mod moves;
mod network;
mod node;
mod operations;
mod phone;
mod random;
mod relay;
pub mod storm;
mod trace;
mod watch;
mod world;

pub use decider::{Decider, Reply, built_in};
pub use dns::SimDns;
pub use invariants::{Violation, check};
pub use network::{Faults, Network};
pub use node::{HOST, Node};
pub use operations::operate;
pub use phone::{Keeps, Manner, Phone, PhoneFact, Reaction, Reliably};
pub use random::Random;
pub use trace::Trace;
pub use world::{Options, World};
