//! Plugins as WebAssembly components.

mod access;
mod archive;
mod bindings;
mod body;
mod clients;
mod compile;
mod engine;
mod event;
mod headers;
mod instance;
mod state;

pub(crate) use body::{Census, Component};
pub use compile::componentize;
pub(crate) use engine::Wasm;
pub(crate) use instance::take_backtrace;
