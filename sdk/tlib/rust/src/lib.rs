//! A T-Library client: one connection to a module of a node.
//!
//! [`Client::connect`] registers; [`requests`] has the T-functions as messages; [`Client::call`] sends one and waits for the event that answers, and
//! [`Client::event`] gives every event in order. A [`Handle`] sends from other tasks.
//!
//! The names are the interface's. There is no affiliation with its vendor.
#![forbid(unsafe_code)]

mod client;
mod error;
mod io;
pub mod requests;

pub use client::{Client, Handle, Options, Pending, Tls};
pub use error::Error;
pub use tlib;
