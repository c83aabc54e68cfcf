//! What T-Library clients of a node are served by: calls as they see them, DNs and agents.
//!
//! Sans-IO: facts of the call engine and requests of clients go in, events and controls come out.
#![forbid(unsafe_code)]

mod client;
mod dn;
mod event;

pub use client::{ClientId, Module, Token};
pub use dn::{Dn, DnType, Dns};
pub use event::{CallEvent, MonitorEvent, PartyStatus};
