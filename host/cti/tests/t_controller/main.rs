//! The T-Controller, by its exact outputs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod agents;
mod bench;
mod features;
mod legal;
mod ownership;
mod registration;
mod reservation;
mod show;
