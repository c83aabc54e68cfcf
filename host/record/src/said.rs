use model::GenerationRef;
use serde::{Deserialize, Serialize};

use crate::Canonical;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The id of the plugin that was asked.
    pub plugin: String,
    /// The number of its generation.
    pub serial: u64,
    /// The digest of the generation, 64 hexadecimal digits.
    pub digest: String,
    /// How long it took, in nanoseconds of wall time.
    pub took_ns: u64,
    /// What it said; absent when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Spoken>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failed>,
}

/// An answer that the host could act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    /// What is to be done.
    pub verdict: Canonical,
    /// Why, in the plugin's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Why>,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// For programs.
    pub code: String,
    /// For people.
    pub text: String,
}

/// A decision that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// `trap`, `time`, `memory` or `bad-answer`.
    pub kind: String,
    /// What the host says of it.
    pub detail: String,
}

impl Said {
    /// By this generation, within this time.
    pub fn by(generation: &GenerationRef, took_ns: u64, came: Result<Spoken, Failed>) -> Self {
        let (answer, failure) = match came {
            Ok(answer) => (Some(answer), None),
            Err(failure) => (None, Some(failure)),
        };
        Self {
            plugin: generation.plugin.to_string(),
            serial: generation.serial,
            digest: generation.digest.to_string(),
            took_ns,
            answer,
            failure,
        }
    }

    /// As a person reads it: the verdict, or the failure.
    pub fn shown(&self) -> String {
        match (&self.answer, &self.failure) {
            (Some(answer), _) => answer.verdict.to_string(),
            (None, Some(failure)) => format!("{}: {}", failure.kind, failure.detail),
            (None, None) => "nothing".to_owned(),
        }
    }
}
