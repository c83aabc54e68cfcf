//! For authors of Jackfield plugins in Rust: one function a hook.
//!
//! A plugin is a type that implements [`Plugin`], named once by [`register_plugin!`], in a crate
//! with `crate-type = ["cdylib", "rlib"]`. Built for `wasm32-unknown-unknown` it runs in the
//! switch; built for the author's machine the same crate runs its unit tests, with the host played
//! by [`testing`].
//!
//! ```
//! use jackfield_guest::{Answer, Call, Plan, Plugin, aor, register_plugin};
//!
//! #[derive(Default)]
//! struct Greeter;
//!
//! impl Plugin for Greeter {
//!     fn route(&self, call: &Call) -> Answer {
//!         if call.callee.user != "hello" {
//!             return Answer::pass();
//!         }
//!         Plan::to(aor("2000@example.com")).ring_secs(20).because("hello", "hello is 2000").into()
//!     }
//! }
//!
//! register_plugin!(Greeter);
//! # fn main() {}
//! ```
//!
//! A plugin reaches nothing but what this crate offers: no files, no network, no clock (the time
//! of a call comes with it). An instance lives long and answers many calls, one at a time; what it
//! keeps between them is a cache, since the host may replace it at any time. A panic harms the one
//! decision: its message goes to the log, the instance is thrown away, and the next plugin decides.

mod access;
mod answer;
mod because;
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all)]
#[doc(hidden)]
pub mod bindings;
mod call;
mod clients;
mod config;
mod edits;
mod event;
#[doc(hidden)]
pub mod export;
mod export_clients;
mod host;
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod memory;
mod plugin;
mod rewrite;
pub mod state;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod value;

pub use access::{
    Acceptance, AcceptanceVerdict, Admission, AdmissionVerdict, Contact, Identification,
    IdentificationVerdict,
};
pub use answer::{
    Answer, Destination, Diversion, Media, Plan, Target, Verdict, aor, routing_point, trunk,
    trunk_to, uri,
};
pub use bindings::imports::jackfield::plugin::types::{
    CallFacts as Call, CallFacts as Request, LocalTime, Party, Reason,
};
pub use call::{Attempt, Failure};
pub use clients::{
    Authorisation, AuthorisationVerdict, ClientRequest, FanOut, FanOutVerdict, Filter, Owner,
    OwnerChange, Ownership, OwnershipVerdict, Subscription,
};
pub use config::{Config, config};
pub use edits::{Edit, Edits, Outgoing};
pub use event::{Command, Commands, End, Event};
pub use host::{Level, log};
pub use plugin::Plugin;
pub use rewrite::{Amend, Outcome, Privacy, Rewrite};
pub use value::Value;

/// A plugin that wants another takes this crate without its feature `allocator`.
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
#[global_allocator]
static MEMORY: memory::Memory = memory::Memory::new();

/// Joins parts into a text, without the code that `format!` brings into a plugin: 5 KB of it.
pub fn text(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.push_str(part);
    }
    text
}
