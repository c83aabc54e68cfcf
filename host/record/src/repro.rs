use serde::{Deserialize, Serialize};

use crate::{Failed, ReadError, Recorded, Said};

/// The version of the file that is written, and the only one that is read.
pub const REPRO_VERSION: u64 = 1;
/// Bytes of a file that is read.
pub const REPRO_BYTES_MAX: u64 = 8 << 20;

/// A decision that failed, with what is needed to make it fail again elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Repro {
    /// The question, and what came of it.
    pub recorded: Recorded,
    /// SHA-256 of the component or script, 64 hexadecimal digits.
    pub code_sha256: String,
    /// `wasm` or `rhai`.
    pub kind: String,
    /// The plugin's own version.
    pub version: String,
    /// The settings that it had, those that look secret hidden.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The keys of the settings that are hidden.
    pub hidden: Vec<String>,
    /// CPU time it was allowed, in microseconds.
    pub cpu_limit_us: u64,
    /// Memory it was allowed, in bytes.
    pub memory_limit: u64,
    /// Where the code was when it trapped, if that is known.
    pub backtrace: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    repro: u64,
    code_sha256: String,
    kind: String,
    version: String,
    config: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
    cpu_limit_us: u64,
    memory_limit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backtrace: Option<String>,
    recorded: serde_json::Value,
}

#[derive(Deserialize)]
struct Version {
    repro: u64,
}

impl Repro {
    /// The file's text.
    pub fn to_text(&self) -> String {
        let recorded = serde_json::from_str(&self.recorded.to_line());
        let file = File {
            repro: REPRO_VERSION,
            code_sha256: self.code_sha256.clone(),
            kind: self.kind.clone(),
            version: self.version.clone(),
            config: self.config.clone(),
            hidden: self.hidden.clone(),
            cpu_limit_us: self.cpu_limit_us,
            memory_limit: self.memory_limit,
            backtrace: self.backtrace.clone(),
            recorded: recorded.unwrap_or_default(),
        };
        // Strings, numbers, lists and maps always have a form as JSON.
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, ReadError> {
        let version: Version =
            serde_json::from_str(text).map_err(|error| ReadError::NotOne(error.to_string()))?;
        if version.repro != REPRO_VERSION {
            return Err(ReadError::Version { found: version.repro });
        }
        let file: File =
            serde_json::from_str(text).map_err(|error| ReadError::Field(error.to_string()))?;
        let repro = Self {
            recorded: Recorded::from_line(&file.recorded.to_string())?,
            code_sha256: file.code_sha256,
            kind: file.kind,
            version: file.version,
            config: file.config,
            hidden: file.hidden,
            cpu_limit_us: file.cpu_limit_us,
            memory_limit: file.memory_limit,
            backtrace: file.backtrace,
        };
        match repro.failure() {
            Some(_) => Ok(repro),
            None => Err(ReadError::Field("`recorded` holds no failure".to_owned())),
        }
    }

    /// Who failed.
    pub const fn said(&self) -> Option<&Said> {
        self.recorded.said.as_ref()
    }

    /// How it failed.
    pub fn failure(&self) -> Option<&Failed> {
        self.said()?.failure.as_ref()
    }
}
