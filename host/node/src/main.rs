//! The jackfield program.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use plugin::alloc::Counting;

/// Charges a running script for what it allocates.
#[global_allocator]
static ALLOCATOR: Counting<MiMalloc> = Counting(MiMalloc);

fn main() -> ExitCode {
    jackfield_node::cli::main()
}
