//! Builds plugins to WebAssembly with whatever Rust toolchain the machine has.
//!
//! A plugin is an ordinary `cdylib` crate. The only thing a machine may lack is the standard
//! library for [`TARGET`]; this crate finds or makes one, in the order that [`choose`] gives, and
//! then runs the same plain `cargo build` in every case. It needs neither root nor a nightly
//! compiler, and it uses the standard library only, so that a build script may depend on it
//! without cost.
//!
//! ```no_run
//! use jackfield_plugin_build::Request;
//!
//! let modules = Request::new("Cargo.toml", "target/plugins").package("jackfield-route").build()?;
//! println!("{}", modules[0].path.display());
//! # Ok::<(), jackfield_plugin_build::BuildError>(())
//! ```

mod cargo;
mod choice;
mod command;
mod debian;
mod error;
mod probe;
mod request;
mod sysroot;
mod toolchain;

pub use choice::{Apt, Choice, Facts, Obstacle, Rustup, choose};
pub use error::BuildError;
pub use request::{Module, Request, plugins_dir};

/// The one target of every plugin: no WASI, so a plugin reaches nothing but its imports.
pub const TARGET: &str = "wasm32-unknown-unknown";
