//! Questions to plugins and what came of them, as lines of JSON: what is recorded of a running switch, kept of a failure, and asked
//! again elsewhere.
//!
//! A [`Recorded`] is a question with everything a plugin is told, and what it said. [`Recorded::to_line`] writes it, without
//! credentials, and [`Recorded::from_line`] reads it back. The format has a version; a line of another one is refused.
//!
//! A [`Ledger`] compares what two bodies of a plugin said to the same questions and groups where they differ.
//!
//! **Invariant:** reading a line that was written gives the same line when it is written again.

#[cfg(test)]
extern crate self as record;

mod ask;
mod canonical;
mod change;
mod class;
mod clients;
mod error;
mod facts;
mod ledger;
mod line;
mod repro;
mod rule;
mod said;
mod times;

pub use canonical::{Canonical, CanonicalTarget};
pub use class::Class;
pub use error::ReadError;
pub use ledger::{Approval, Came, Example, Gate, Group, Ledger, LedgerLimits, NoSuchGroup};
pub use line::{HIDDEN, LINE_BYTES_MAX, Recorded, VERSION};
pub use repro::{REPRO_BYTES_MAX, REPRO_VERSION, Repro};
pub use rule::Rule;
pub use said::{Failed, Said, Spoken, Why};
