//! The jackfield program as a library: sockets, clock, threads, configuration and command line around the sans-IO crates.

pub mod config;
