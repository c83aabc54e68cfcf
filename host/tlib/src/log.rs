//! The text of T-Library logs, in the shape of section 8.5 of the reference: a header line for each message, a line for each attribute, a
//! line for each pair of a key-value list, and an empty line at the end.
//!
//! What that section leaves open is decided so: `sent to` has the peer that `received from` has; a pair that is bytes is
//! `'KEY'(binary)` with its size and its bytes, one that is Unicode `'KEY'(unicode)` with its text, as `(list)` is there for lists; a control
//! character within text is `\x` and two hexadecimal digits or more, so that no text of a client makes a line of its own; passwords are
//! never printed.

mod filter;
mod print;
mod time;

pub use filter::{LogFilter, Shown, UnknownShown};
pub use print::{Function, Peer, Printer};
pub use time::LogTime;
