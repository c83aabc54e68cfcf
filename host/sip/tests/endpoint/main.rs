//! The endpoint from outside: bytes and time in, outputs out.
#![allow(clippy::unwrap_used, clippy::expect_used)]

extern crate jackfield_sip as sip;

mod call;
mod cancel;
mod elsewhere;
mod matching;
mod memory;
mod network;
mod random;
mod refusal;
mod support;
mod timers;
