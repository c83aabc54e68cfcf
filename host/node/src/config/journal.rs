use serde::{Deserialize, Serialize};

/// `[journal]`: the decisions that are kept for questions like "why did this call go there?".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// Decisions kept; the oldest give way.
    pub entries_max: usize,
    /// Facts of calls waiting to be written down, from all workers; more are dropped and counted.
    pub queue_max: usize,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { entries_max: 10_000, queue_max: 8192 }
    }
}
