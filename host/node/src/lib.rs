//! The jackfield program as a library: sockets, clock, threads, configuration and command line around the sans-IO crates.

pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod journal;
pub mod mailbox;
pub mod udp;
pub mod watch;
pub mod worker;
