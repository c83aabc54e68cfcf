//! The jackfield program.

use std::{alloc::System, process::ExitCode};

use plugin::alloc::Counting;

/// Charges a running script for what it allocates.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

fn main() -> ExitCode {
    jackfield_node::cli::main()
}
