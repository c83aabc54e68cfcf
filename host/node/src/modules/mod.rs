//! The threads of the four T-Library modules (seed 001): Session Controller, T-Controller, Interaction Proxy, Smart Proxy.
//!
//! Each has its own sockets, clients and CPU time. What modules tell one another goes through bounded mailboxes.

mod clients;
mod figures;
mod letter;
mod log;
mod machine;
mod machines;
mod start;
mod thread;

pub use clients::{ClientFigures, ClientLimits};
pub use figures::{AllFigures, ModuleFigures, ModuleView};
pub use letter::{FactPort, Letter};
pub use log::LogSettings;
pub use machine::{Effect, Machine};
pub use start::{Modules, Ports, dns_of};
pub use thread::{Others, Parts, Running};
