//! The threads of the four T-Library modules (seed 001): Session Controller, T-Controller, Interaction Proxy, Smart Proxy.
//!
//! Each has its own sockets, clients and CPU time. What modules tell one another goes through bounded mailboxes.

mod client_view;
mod clients;
mod connection;
mod control;
mod fact_port;
mod figures;
mod inbox;
mod late;
mod letter;
mod log;
mod log_file;
mod machine;
mod machines;
mod policy;
mod port;
mod refusals;
mod settings;
mod start;
mod thread;
mod web;

pub use client_view::ClientView;
pub use clients::{ClientFigures, ClientLimits};
pub use control::ModuleControl;
pub use fact_port::FactPort;
pub use figures::{AllFigures, ModuleFigures, ModuleView};
pub use letter::{Configured, Letter};
pub use log::LogSettings;
pub use log_file::LogFile;
pub use machine::{Effect, Holdings, Machine};
pub use policy::{Caller, Policy, PolicyParts};
pub use port::{Port, Ports};
pub use settings::{ModuleSettings, dns_of};
pub use start::{Around, Modules};
pub use thread::{Others, Parts, Running};
pub use web::PROTOCOL;
