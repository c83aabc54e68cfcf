//! What came of a run.

use serde::Serialize;

/// What came of all cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was asked.
    pub plugin: Tested,
    /// Gives the same order of questions again.
    pub seed: u64,
    /// In the order of the files and in them.
    pub cases: Vec<CaseReport>,
}

/// The plugin that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// Its id.
    pub id: String,
    /// Its own version; empty when it names none.
    pub version: String,
    /// `wasm` or `rhai`; empty when it loads in no case.
    pub kind: String,
    /// SHA-256 over code, configuration and limits, in hexadecimal digits; empty when it loads in no case.
    pub digest: String,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The scenario file.
    pub file: String,
    /// The line of the case, counted from 1.
    pub line: usize,
    /// The case's name.
    pub name: String,
    /// How many questions it has.
    pub steps: usize,
    /// What is wrong; empty when nothing is.
    pub problems: Vec<Problem>,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line of the step or case, counted from 1.
    pub line: usize,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl Report {
    /// How many cases came out otherwise than they say.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.is_ok()).count()
    }
}

impl CaseReport {
    /// Whether all came out as expected.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}
