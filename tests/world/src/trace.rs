//! What happened, as text that can be compared and read.

use std::fmt::{self, Write as _};

use model::Instant;

/// The record of a world: one line a thing that happened.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trace {
    text: String,
}

impl Trace {
    pub(crate) fn line(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{now:?} {what}");
    }

    /// The record.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
