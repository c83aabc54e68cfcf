//! Digest access authentication (RFC 7616) as SIP uses it (RFC 3261 section 22, RFC 8760): both sides, without I/O.
//!
//! The server side is [`Guard`]: it makes challenges with nonces that carry their own proof, and judges credentials. The client
//! side is [`Challenge::answer`].

mod client;
mod guard;
mod hash;
mod header;
mod nonce;

pub use client::{Answer, Challenge};
pub use guard::{Guard, GuardConfig, Outcome, Trouble};
pub use hash::{Algorithm, ha1, secret_of_password};
pub use header::{BadHeader, Fields};
