//! Runs a plugin against scenario files: what is asked, and what must come out. No switch is needed.
//!
//! A scenario file is TOML with one `[[case]]` a question; `scripts/tests` has examples. The plugin runs in the real host, with its
//! limits.

mod case;
mod time;

use std::path::Path;

use plugin::{HostConfig, PluginHost, Source};
use thiserror::Error;

pub use case::{Case, Expectation};

/// Why scenarios could not be run, or what came out wrong.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The scenario file is missing or no scenario file.
    #[error("{file}: {what}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// The plugin does not load.
    #[error("the plugin does not load: {0}")]
    Plugin(String),
    /// Cases that came out otherwise: each with what was expected and what came.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    case: Vec<Case>,
}

/// Runs every case of a scenario file against a plugin; gives how many there were.
///
/// # Errors
///
/// When the file or the plugin cannot be read, or a case comes out otherwise than it says.
pub fn run(plugin: Source, scenario: &Path) -> Result<usize, ScenarioError> {
    let file = scenario.display().to_string();
    let wrong = |what: String| ScenarioError::File { file: file.clone(), what };
    let text = std::fs::read_to_string(scenario).map_err(|error| wrong(error.to_string()))?;
    let Scenario { case: cases } =
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if cases.is_empty() {
        return Err(wrong("has no [[case]]".to_owned()));
    }
    let host = PluginHost::new(HostConfig::default())
        .map_err(|error| ScenarioError::Plugin(error.to_string()))?;
    host.install(vec![plugin]).map_err(|error| ScenarioError::Plugin(error.to_string()))?;
    let mut worker = host.worker();
    let mut failures = Vec::new();
    for case in &cases {
        let (question, moment) = case.question().map_err(&wrong)?;
        let answer = worker.answer(&question, moment);
        if let Err(what) = case.check(&answer) {
            failures.push(format!("{file}: {}: {what}", case.name));
        }
    }
    if failures.is_empty() { Ok(cases.len()) } else { Err(ScenarioError::Wrong(failures)) }
}
