//! The contract of `sdk/wit/v1` in Rust, from the host's side.
#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit/v1",
    world: "every-hook",
    ownership: Borrowing { duplicate_if_necessary: true },
});
