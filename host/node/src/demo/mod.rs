//! `jackfield demo`: a switch on loopback, two phones, and a script that is edited between two calls.

pub mod exchange;
pub mod ladder;
pub mod phone;
pub mod tone;
pub mod trace;
