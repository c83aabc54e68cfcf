//! The relay on real sockets of the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod addresses;
mod forwarding;
mod lab;
mod limits;
mod rtcp;
