//! Names of plugin generations. The code behind them belongs to the plugin host.

use std::{fmt, sync::Arc};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The first 12 hexadecimal digits, enough to tell generations apart in a log.
    pub fn short(&self) -> String {
        self.0.iter().take(6).map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// One generation of one plugin: code, configuration, grants and limits, hashed together, immutable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GenerationRef {
    /// The plugin's id, as in its manifest.
    pub plugin: Arc<str>,
    /// Counts the generations of this plugin since the node started, from 1.
    pub serial: u64,
    /// What it is made of.
    pub digest: Digest,
}

impl fmt::Display for GenerationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.plugin, self.serial, self.digest.short())
    }
}

/// Pins a call to the hook table that routed it.
///
/// It names the table (the ordered generations of every hook at one moment) and holds no code: the plugin host keeps the
/// table alive while any clone of the token lives, and frees the code of generations no token needs.
#[derive(Clone)]
pub struct GenerationToken(Arc<u64>);

impl GenerationToken {
    /// Made by the plugin host when it installs table number `table`.
    pub fn new(table: u64) -> Self {
        Self(Arc::new(table))
    }

    /// The number of the table.
    pub fn table(&self) -> u64 {
        *self.0
    }

    /// How many clones of the token live, this one included.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl PartialEq for GenerationToken {
    fn eq(&self, other: &Self) -> bool {
        self.table() == other.table()
    }
}

impl Eq for GenerationToken {}

impl fmt::Debug for GenerationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}", self.table())
    }
}
