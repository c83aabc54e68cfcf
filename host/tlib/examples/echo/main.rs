//! A T-Library server without a switch, for who writes a client: `cargo run -p jackfield-tlib --example echo [PORT]`. It prints the address
//! on which it listens; `server.rs` says what it answers.
#![allow(missing_docs, clippy::unwrap_used, reason = "an example")]

extern crate jackfield_tlib as tlib;

mod server;

use std::{env, net::TcpListener};

fn main() {
    let port = env::args().nth(1).map_or(0, |port| port.parse().unwrap());
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("{}", listener.local_addr().unwrap());
    server::serve(&listener);
}
