//! Builds plugins to WebAssembly with whatever Rust toolchain the machine has.
