//! The protocol as its peers see it: bytes, JSON, sessions and logs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

extern crate jackfield_tlib as tlib;

mod client;
mod json;
mod messages;
mod schema;
mod session;
mod wire;
