use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[records]`: one record for every call, written to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordsConfig {
    /// The file records are appended to; its folder is made when it is not there. Without it no records are written.
    pub path: Option<PathBuf>,
    /// `"json"`: one JSON object a line. `"csv"`: RFC 4180 with a header row, one row a call.
    pub format: RecordFormat,
    /// The file is set aside and a new one begun when it has this many MiB; 0 is never.
    pub rotate_mb: u64,
    /// Whether the file is set aside with the first record of a day (UTC).
    pub rotate_daily: bool,
    /// Files set aside that are kept; older ones are removed. 0 keeps all of them.
    pub keep: usize,
    /// Records that wait for the disk, from all workers; more are dropped, counted and logged. No call ever waits.
    pub queue_max: usize,
    /// Events of one call that are kept for its record (decisions, legs, targets); a record that lacks later ones says so.
    pub events_max: usize,
    /// Whether each batch is forced to the disk, so that records outlive a failure of the machine and not of this process alone.
    pub fsync: bool,
}

impl Default for RecordsConfig {
    fn default() -> Self {
        Self {
            path: None,
            format: RecordFormat::Json,
            rotate_mb: 100,
            rotate_daily: false,
            keep: 0,
            queue_max: 10_000,
            events_max: 500,
            fsync: false,
        }
    }
}

/// The forms of a call record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordFormat {
    /// One JSON object a line.
    Json,
    /// RFC 4180.
    Csv,
}
