//! Why a plugin says what it says: the same of every hook's result.

use crate::{
    Acceptance, Admission, Answer, Authorisation, Commands, Edits, FanOut, Identification,
    Ownership, Plan, Reason, Rewrite,
};

/// Adds `because` to the results of hooks.
macro_rules! because {
    ($($answer:ty),+) => {$(
        impl $answer {
            /// Adds a reason for the journal: a short code that can be counted and a sentence.
            pub fn because(mut self, code: impl Into<String>, text: impl Into<String>) -> Self {
                self.reasons.push(Reason { code: code.into(), text: text.into() });
                self
            }
        }
    )+};
}

because!(Admission, Identification, Acceptance, Rewrite, Answer, Plan, Edits, Commands);
because!(Ownership, FanOut, Authorisation);
