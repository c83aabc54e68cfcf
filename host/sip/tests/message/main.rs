//! Messages, addresses and session descriptions as they stand on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used)]

extern crate jackfield_sip as sip;

mod answers;
#[allow(unreachable_pub, reason = "the fuzz targets use it too")]
#[path = "../../../../tests/fuzz/src/checks.rs"]
mod checks;
mod corpus;
mod framing;
mod hints;
mod limits;
mod mandatory;
mod properties;
mod second_opinion;
mod support;
mod torture;
mod torture_details;
mod values;
