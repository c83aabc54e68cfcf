//! The jackfield program as a library: sockets, clock, threads, configuration and command line around the sans-IO crates.

pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod explain;
pub mod http;
pub mod journal;
mod kept;
pub mod ladder;
pub mod mailbox;
mod marking;
pub mod modules;
pub mod node;
pub mod plugins;
pub mod poller;
pub mod records;
pub mod reload;
pub mod resolver;
pub mod store;
mod stored;
pub mod stream;
pub mod telemetry;
pub mod trace;
pub mod udp;
pub mod watch;
pub mod worker;
