use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

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
    /// Targets of one plan.
    pub targets_max: usize,
    /// Commands in one answer of a plugin of `call-event`; those beyond are left out.
    pub commands_max: usize,
    /// What one plugin may keep from question to question, in KiB of keys and values.
    pub state_kib_max: usize,
    /// Keys that one plugin may keep.
    pub state_entries_max: usize,
    /// Bytes of one key.
    pub state_key_bytes_max: usize,
    /// Bytes of one value.
    pub state_value_bytes_max: usize,
    /// Keys in one list that a plugin asks for.
    pub state_list_max: usize,
    /// Reads and writes of one question.
    pub state_operations_max: usize,
    /// CPU time that a new version may use to bring what is kept into its own form, in milliseconds.
    pub state_migration_ms: u64,
    /// How often what was written is put on the disk, in milliseconds: what a crash may lose. It needs `node.data_path`.
    pub state_flush_ms: u64,
    /// Edits of header fields in one answer of a plugin of `header-policy`.
    pub header_edits_max: usize,
    /// Edits of all plugins of `header-policy` together for one INVITE; the list of a plugin that would make it more is left out.
    pub header_edits_total_max: usize,
    /// Bytes of the value that one gives a header field.
    pub header_value_bytes_max: usize,
    /// Names in each list of an answer of a plugin of `fan-out`.
    pub event_names_max: usize,
    /// Attributes that one answer of a plugin of `authorise-request` changes.
    pub request_changes_max: usize,
    /// Versions of the plugins kept for the calls that were routed by them; beyond it the oldest is given up and its calls take
    /// the current one.
    pub generations_max: usize,
    /// Instances of WebAssembly plugins, over all workers and versions.
    pub instances_max: usize,
    /// The largest component of a plugin, in MiB.
    pub file_mib_max: u64,
    /// Threads that compile a component, at the low priority of loading; 0 takes as many as the machine has processors, 8 at most.
    pub compile_threads: usize,
    /// The folder that compiled components are kept in, so that one that was seen before serves at once, also after a restart. Only the
    /// switch's user may write to it. Absent takes `compiled` in `node.data_path`, or none without that.
    pub compiled_path: Option<PathBuf>,
    /// What all of them may take, in MiB; those that were used longest ago go.
    pub compiled_mib_max: u64,
    /// How many compiled components are kept there.
    pub compiled_files_max: usize,
    /// The folder of installed plugins (`jackfield plugin install`). Only the switch's user may write to it. Absent takes `plugins` in
    /// `node.data_path`, or none without that.
    pub store_path: Option<PathBuf>,
    /// Versions of an installed plugin that are kept.
    pub store_versions_max: usize,
    /// Whether the switch begins with an older version of an installed plugin when the one that served does not load, as when its file was
    /// changed; else it does not begin.
    pub store_fallback: bool,
    /// The largest bundle, in MiB.
    pub bundle_mib_max: u64,
    /// The largest schema of a plugin's configuration, in KiB.
    pub schema_kib_max: u64,
    /// Files in a bundle.
    pub bundle_files_max: usize,
    /// Log lines of one plugin in a second; more are dropped and counted.
    pub log_lines_per_second: u32,
    /// Failures within `quarantine_window_s` after which a plugin is not asked for a while; 0 asks it always.
    pub quarantine_strikes: u32,
    /// The time failures are counted over, in seconds.
    pub quarantine_window_s: u64,
    /// How long a plugin that failed too often is not asked, in seconds.
    pub quarantine_rest_s: u64,
    /// Failures one after another at the calls of one number, trunk or tenant, or at what one T-Library client wants, while others succeed,
    /// after which a plugin is not asked about these alone; 0 switches it off.
    pub quarantine_key_strikes: u32,
    /// How long it is not asked about them, in seconds.
    pub quarantine_key_rest_s: u64,
    /// Numbers, trunks, tenants and T-Library clients that are remembered for each hook of a plugin that fails.
    pub quarantine_keys_max: usize,
    /// A version on trial that refuses so many points of a hundred more than the one that serves is taken out of service; 100 never is.
    pub trial_refused_points: u32,
    /// Questions that both must have been asked before their refusals are compared.
    pub trial_asked_for_refusals: u64,
    /// One that fails in more than so many of a thousand decisions is, if that is three times what the other fails in; 1000 never is.
    pub trial_failed_per_mille: u32,
    /// One that takes so many times as long is (p99), if that is more than `trial_slow_us`.
    pub trial_slower_times: u32,
    /// What is slow, in microseconds.
    pub trial_slow_us: u64,
    /// Questions that both must have been asked before their failures and times are compared.
    pub trial_asked_for_rates: u64,
    /// So long after it came into service a version gives way to the one before when a hook of it fails too often, in seconds; 0 is
    /// never.
    pub rollback_window_s: u64,
    /// Candidates that may be compared with what serves at a time.
    pub shadows_max: usize,
    /// Questions that must be compared before a candidate may serve, unless `shadow_time_s` has passed; its manifest may say otherwise.
    pub shadow_calls: u64,
    /// Time after which it may serve also when fewer were compared, in seconds.
    pub shadow_time_s: u64,
    /// A candidate whose p99 is more than so many of a hundred of the serving version's may not serve, if it is above `shadow_p99_us`.
    pub shadow_p99_percent: u32,
    /// The p99 that any candidate may have, in microseconds of CPU time.
    pub shadow_p99_us: u64,
    /// Questions that wait to be compared; those beyond are left out.
    pub shadow_queue_max: usize,
    /// Groups of differences that are kept of a candidate; one with more may not serve.
    pub shadow_groups_max: usize,
    /// Calls that are named for each group.
    pub shadow_examples_max: usize,
    /// Characters of the called number that tell groups apart.
    pub shadow_prefix_chars: usize,
    /// Questions of one recording (`plugin record`).
    pub record_calls_max: u64,
    /// Questions that wait for the reader of a recording; those beyond are left out.
    pub record_queue_max: usize,
    /// The folder that failed decisions are kept in, to be asked again with `plugin replay`; a relative path starts from the configuration
    /// file's folder, and without one none is kept. What callers said and what plugins are set to is in the files.
    pub repro_dir: Option<PathBuf>,
    /// Failed decisions that are kept of each version and hook: the first.
    pub repro_per_hook: u32,
    /// Files in that folder; the oldest make room.
    pub repro_files_max: usize,
    /// All of them together, in MiB.
    pub repro_mib_max: u64,
    /// Settings handed to plugins: a table `[plugins.config.ID]` for the plugin ID overrides those of its manifest.
    pub config: BTreeMap<String, toml::Table>,
    /// What plugins of `load` may have: `"desk" = ["route", "log"]`. The names are those of hooks, `log` and `config`. One that is not named
    /// may have what its manifest needs; an installed one has what `jackfield plugin grant` gave it, whatever stands here.
    pub grants: BTreeMap<String, BTreeSet<String>>,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            load: Vec::new(),
            stock: true,
            watch: true,
            cpu_limit_ms: 2,
            memory_limit_mib: 16,
            targets_max: 64,
            commands_max: 16,
            state_kib_max: 4096,
            state_entries_max: 10_000,
            state_key_bytes_max: 128,
            state_value_bytes_max: 16_384,
            state_list_max: 1000,
            state_operations_max: 64,
            state_migration_ms: 1000,
            state_flush_ms: 200,
            header_edits_max: 32,
            header_edits_total_max: 64,
            header_value_bytes_max: 1024,
            event_names_max: 256,
            request_changes_max: 16,
            generations_max: 64,
            instances_max: 1024,
            file_mib_max: 32,
            compile_threads: 0,
            compiled_path: None,
            compiled_mib_max: 256,
            compiled_files_max: 256,
            store_path: None,
            store_versions_max: 8,
            store_fallback: true,
            bundle_mib_max: 64,
            schema_kib_max: 256,
            bundle_files_max: 64,
            log_lines_per_second: 100,
            quarantine_strikes: 3,
            quarantine_window_s: 60,
            quarantine_rest_s: 10,
            quarantine_key_strikes: 2,
            quarantine_key_rest_s: 600,
            quarantine_keys_max: 1024,
            trial_refused_points: 5,
            trial_asked_for_refusals: 20,
            trial_failed_per_mille: 5,
            trial_slower_times: 4,
            trial_slow_us: 500,
            trial_asked_for_rates: 200,
            rollback_window_s: 600,
            shadows_max: 4,
            shadow_calls: 2000,
            shadow_time_s: 600,
            shadow_p99_percent: 120,
            shadow_p99_us: 100,
            shadow_queue_max: 4096,
            shadow_groups_max: 256,
            shadow_examples_max: 5,
            shadow_prefix_chars: 3,
            record_calls_max: 100_000,
            record_queue_max: 4096,
            repro_dir: None,
            repro_per_hook: 3,
            repro_files_max: 100,
            repro_mib_max: 16,
            config: BTreeMap::new(),
            grants: BTreeMap::new(),
        }
    }
}
