use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// `[plugins]`: which plugins are loaded, in order, and what they may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// Scripts (`.rhai`), components (`.wasm`) and folders with a `plugin.toml`, asked in this order. Relative paths start from
    /// the configuration file's folder.
    pub load: Vec<PathBuf>,
    /// Whether the stock plugins are loaded, after those of `load`.
    pub stock: bool,
    /// Whether a plugin is loaded again when its files change.
    pub watch: bool,
    /// CPU time one decision of one plugin may take, in milliseconds.
    pub cpu_limit_ms: u64,
    /// Memory one instance of a plugin may take, in MiB.
    pub memory_limit_mib: usize,
    /// Settings handed to plugins: a table `[plugins.config.ID]` for the plugin ID overrides those of its manifest.
    pub config: BTreeMap<String, toml::Table>,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            load: Vec::new(),
            stock: true,
            watch: true,
            cpu_limit_ms: 2,
            memory_limit_mib: 16,
            config: BTreeMap::new(),
        }
    }
}
