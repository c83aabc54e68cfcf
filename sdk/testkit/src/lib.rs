//! Runs a plugin against scenario files: what is asked, and what must come out. No switch is needed.
//!
//! A scenario file is TOML with one `[[case]]` a question, or a call with several `[[case.step]]`, and a `[default]` that all of
//! them have in common; `docs/plugins/scenarios.md` tells everything, `scripts/tests` has examples. The plugin runs in the real
//! host, with its limits.

mod bench;
mod case;
mod clients;
mod event;
mod expect;
mod random;
pub mod replay;
mod report;
mod scenario;
mod setup;
mod suite;
mod time;
mod walk;

use std::{fmt, path::Path};

use plugin::Source;

pub use bench::{Figures, Measured};
pub use report::{CaseReport, Problem, Report, Tested};
pub use suite::Suite;

/// Why scenarios could not be run, or what came out wrong.
#[derive(Debug)]
pub enum ScenarioError {
    /// The scenario file is missing or no scenario file.
    File {
        /// The file.
        file: String,
        /// The line, counted from 1; `None` where the trouble has no place in the file.
        line: Option<usize>,
        /// What is wrong.
        what: String,
    },
    /// The plugin does not load, and why; or it fails where it must not.
    Plugin(String),
    /// Cases that came out otherwise: each with what was expected and what came.
    Wrong(Vec<String>),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: Some(line), what } => write!(f, "{file}:{line}: {what}"),
            Self::File { file, line: None, what } => write!(f, "{file}: {what}"),
            Self::Plugin(why) => f.write_str(why),
            Self::Wrong(failures) => f.write_str(&failures.join("\n")),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// Runs every case of a scenario file against a plugin; gives how many there were.
///
/// # Errors
///
/// When the file or the plugin cannot be read, or a case comes out otherwise than it says.
pub fn run(plugin: Source, scenario: &Path) -> Result<usize, ScenarioError> {
    let report = Suite::load(&plugin, &[scenario])?.run(1);
    let mut failures = Vec::new();
    for case in &report.cases {
        for Problem { line, expected, came } in &case.problems {
            let (file, name) = (&case.file, &case.name);
            failures.push(format!("{file}:{line}: {name}: expected {expected}, came {came}"));
        }
    }
    if failures.is_empty() { Ok(report.cases.len()) } else { Err(ScenarioError::Wrong(failures)) }
}
