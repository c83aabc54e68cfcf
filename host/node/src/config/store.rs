use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[store]`: the contacts of registered phones, kept over a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// The file, an SQLite database, that contacts are kept in; made when it is not there. Without it they are in memory alone,
    /// and phones are called again after a restart only once they register again. With it a REGISTER is answered 200 only after
    /// its contacts are on the disk.
    pub path: Option<PathBuf>,
    /// REGISTERs that wait for the disk at once, for each worker; beyond it they are answered 503 with Retry-After.
    pub writes_max: usize,
    /// Addresses-of-record written in one transaction.
    pub batch_max: usize,
    /// How long a REGISTER waits for the disk before it is answered 503 with Retry-After, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: None, writes_max: 10_000, batch_max: 1000, timeout_ms: 5000 }
    }
}
