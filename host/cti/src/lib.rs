//! What T-Library clients of a node are served by: calls as they see them, DNs and agents.
//!
//! Sans-IO: facts of the call engine and requests of clients go in, events and controls come out.
#![forbid(unsafe_code)]

mod answer;
mod calls;
mod client;
mod dn;
mod event;

pub use answer::error;
pub use calls::{Calls, CallsConfig, CallsOutput};
pub use client::{ClientId, Module, Token};
pub use dn::{Dn, DnType, Dns};
pub use event::{CallEvent, MonitorEvent, PartyStatus};
