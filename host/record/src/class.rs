use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Canonical, Failed, Spoken};

/// How two answers to one question differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Not at all.
    Same,
    /// The switch does the same, and tells other reasons.
    ReasonsOnly,
    /// The call goes somewhere else.
    DifferentTarget,
    /// One refuses what the other does not, or with another status.
    DifferentRefusal,
    /// Anything else that the switch does otherwise.
    Other,
    /// The second one failed.
    Failed,
    /// The same, and much slower.
    Slower,
}

impl Class {
    /// All, in the order they are shown.
    pub const ALL: [Self; 7] = [
        Self::Same,
        Self::ReasonsOnly,
        Self::DifferentTarget,
        Self::DifferentRefusal,
        Self::Other,
        Self::Failed,
        Self::Slower,
    ];

    /// Its name in answers and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::ReasonsOnly => "reasons-only",
            Self::DifferentTarget => "different-target",
            Self::DifferentRefusal => "different-refusal",
            Self::Other => "other",
            Self::Failed => "failed",
            Self::Slower => "slower",
        }
    }

    /// Of an answer beside the one before it.
    pub(crate) fn of(before: Result<&Spoken, &Failed>, after: Result<&Spoken, &Failed>) -> Self {
        let (before, after) = match (before, after) {
            (_, Err(_)) => return Self::Failed,
            (Err(_), Ok(_)) => return Self::Other,
            (Ok(before), Ok(after)) => (before, after),
        };
        if before.verdict == after.verdict {
            return if before.reasons == after.reasons { Self::Same } else { Self::ReasonsOnly };
        }
        match (&before.verdict, &after.verdict) {
            (a, b) if a.is_refusal() || b.is_refusal() => Self::DifferentRefusal,
            (Canonical::Plan { targets: a, .. }, Canonical::Plan { targets: b, .. }) if a != b => {
                Self::DifferentTarget
            }
            (Canonical::Amend { callee: a, .. }, Canonical::Amend { callee: b, .. }) if a != b => {
                Self::DifferentTarget
            }
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
