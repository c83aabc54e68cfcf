use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use bundle::BundleLimits;

use record::{Gate, LedgerLimits};

/// What the plugin host allows. Every field is a limit or a policy with a name; the defaults are for a node of some thousand
/// calls a second.
#[derive(Clone, Debug, PartialEq)]
pub struct HostConfig {
    /// CPU time of its thread that one decision of one plugin may use. The wall clock never counts, so a descheduled worker
    /// condemns nobody. Default 2 ms.
    pub cpu_limit: Duration,
    /// Bytes one WebAssembly instance may hold in its linear memories, and bytes one run of a script may hold on the heap
    /// (the latter where the binary installs [`alloc::Counting`](crate::alloc::Counting)). Default 16 MiB.
    pub memory_limit: usize,
    /// How many plugins may be installed. Default 64.
    pub plugins_max: usize,
    /// How many hook tables may be kept: the one that serves and those that calls in progress are pinned to. When one more is
    /// needed the oldest is dropped and its calls fall to the current one. Default 8.
    pub generations_max: usize,
    /// How many WebAssembly instances may live, over all workers and generations. Default 1024.
    pub instances_max: usize,
    /// How many threads compile one component; 0 takes as many as the machine has processors, 8 at most. They run
    /// at the priority of the thread that loads, and end with it. Default 0.
    pub compile_threads: usize,
    /// How many compiled components are kept for a version that comes back, least recently used dropped first. Default 16.
    pub compiled_max: usize,
    /// Where compiled components are kept over a restart. Default nowhere.
    pub compiled_files: Option<CompiledFiles>,
    /// An instance is replaced by a fresh one after a pseudo-random number of calls between these two, so that no plugin comes
    /// to depend on memory it kept. Making one takes some 40 us, so replacing it after a hundred calls would cost each call a
    /// tenth more, after a thousand nothing that can be measured. `None` keeps instances until a failure or a reload. Default
    /// 1000 to 3000.
    pub instance_calls: Option<(u32, u32)>,
    /// What may be read from files.
    pub files: FileLimits,
    /// What an answer may hold.
    pub answer: AnswerLimits,
    /// What a plugin may keep from question to question.
    pub keep: KeepLimits,
    /// What a WebAssembly instance may have besides memory.
    pub wasm: WasmLimits,
    /// What a script may do besides using time and memory.
    pub script: ScriptLimits,
    /// What a plugin may write to the log.
    pub log: LogLimits,
    /// When a failing plugin is left alone for a while.
    pub quarantine: QuarantinePolicy,
    /// When a new version is taken out of service again.
    pub trial: TrialPolicy,
    /// How candidates are compared with what serves, and when they may.
    pub shadow: ShadowPolicy,
    /// Where failed decisions are kept.
    pub repro: ReproPolicy,
    /// The operator's settings by plugin id; each key overrides the same key of `[config]` in the plugin's manifest.
    pub overrides: BTreeMap<String, toml::Table>,
    /// What plugins may have, by id (see [`capabilities`](crate::capabilities)). One that comes from a path and is not named here may
    /// have what it needs; one of a store has what it was granted there, whatever is written here.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// Keys of their configuration that plugins are not shown, `*` for all: a fault that a test of a plugin injects. Default none.
    pub withheld: Vec<String>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            cpu_limit: Duration::from_millis(2),
            memory_limit: 16 << 20,
            plugins_max: 64,
            generations_max: 8,
            instances_max: 1024,
            compile_threads: 0,
            compiled_max: 16,
            compiled_files: None,
            instance_calls: Some((1000, 3000)),
            files: FileLimits::default(),
            answer: AnswerLimits::default(),
            keep: KeepLimits::DEFAULT,
            wasm: WasmLimits::default(),
            script: ScriptLimits::default(),
            log: LogLimits::default(),
            quarantine: QuarantinePolicy::default(),
            trial: TrialPolicy::DEFAULT,
            shadow: ShadowPolicy::DEFAULT,
            repro: ReproPolicy::default(),
            overrides: BTreeMap::new(),
            grants: BTreeMap::new(),
            withheld: Vec::new(),
        }
    }
}

/// A folder of compiled components, which only this user may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledFiles {
    /// The folder; made when it is not there.
    pub folder: PathBuf,
    /// Bytes of all of them; those that were used longest ago go. Default 256 MiB.
    pub bytes_max: u64,
    /// How many. Default 256.
    pub files_max: usize,
}

impl CompiledFiles {
    /// The defaults, in this folder.
    pub const fn at(folder: PathBuf) -> Self {
        Self { folder, bytes_max: 256 << 20, files_max: 256 }
    }
}

/// What may be read from files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Bytes of a component or core module. Default 32 MiB.
    pub component_bytes_max: u64,
    /// Bytes of a script. Default 1 MiB.
    pub script_bytes_max: u64,
    /// Bytes of a `plugin.toml`. Default 1 MiB.
    pub manifest_bytes_max: u64,
    /// Bytes of the schema of a configuration. Default 256 KiB.
    pub schema_bytes_max: u64,
    /// What a bundle of a store may hold.
    pub bundle: BundleLimits,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            component_bytes_max: 32 << 20,
            script_bytes_max: 1 << 20,
            manifest_bytes_max: 1 << 20,
            schema_bytes_max: 256 << 10,
            bundle: BundleLimits::default(),
        }
    }
}

/// What an answer may hold; one that holds more is a bad answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Targets of a plan. Default 64.
    pub targets_max: usize,
    /// Bytes of an address-of-record or URI. Default 512.
    pub value_bytes_max: usize,
    /// Bytes of a number, display name, label name or label value that a plugin of `dial-plan` gives. Default 128.
    pub number_bytes_max: usize,
    /// Labels of one call, over all its plugins. Default 32.
    pub labels_max: usize,
    /// Commands in one answer of `call-event`; those beyond are left out. Default 16.
    pub commands_max: usize,
    /// Edits of header fields in one answer of `header-policy`. Default 32.
    pub header_edits_max: usize,
    /// Edits of all plugins of `header-policy` together for one INVITE; a list that would make it more is left out. Default 64.
    pub header_edits_total_max: usize,
    /// Bytes of the name of a header field that is edited. Default 64.
    pub header_name_bytes_max: usize,
    /// Bytes of the value that an edit gives a header field. Default 1024.
    pub header_value_bytes_max: usize,
    /// Names in each list of an answer of `fan-out`. Default 256.
    pub event_names_max: usize,
    /// Bytes of one of these names. Default 64.
    pub event_name_bytes_max: usize,
    /// Bytes of the name of a group that an answer of `fan-out` gives. Default 128.
    pub group_bytes_max: usize,
    /// Attributes that one answer of `authorise-request` changes. Default 16.
    pub request_changes_max: usize,
    /// Bytes of the value that one gives an attribute. Default 256.
    pub request_value_bytes_max: usize,
    /// How long one target may be told to ring. Default one hour.
    pub ring_max: Duration,
    /// Reasons; those beyond are dropped. Default 16.
    pub reasons_max: usize,
    /// Bytes of a reason's code; the rest is cut off. Default 64.
    pub code_bytes_max: usize,
    /// Bytes of a reason's text; the rest is cut off. Default 512.
    pub text_bytes_max: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self {
            targets_max: 64,
            value_bytes_max: 512,
            number_bytes_max: 128,
            labels_max: 32,
            commands_max: 16,
            header_edits_max: 32,
            header_edits_total_max: 64,
            header_name_bytes_max: 64,
            header_value_bytes_max: 1024,
            event_names_max: 256,
            event_name_bytes_max: 64,
            group_bytes_max: 128,
            request_changes_max: 16,
            request_value_bytes_max: 256,
            ring_max: Duration::from_secs(3600),
            reasons_max: 16,
            code_bytes_max: 64,
            text_bytes_max: 512,
        }
    }
}

/// What a plugin may keep from question to question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLimits {
    /// Bytes of the keys and values of one plugin. Default 4 MiB.
    pub bytes_max: usize,
    /// Bytes of a key. Default 128.
    pub key_bytes_max: usize,
    /// Bytes of a value. Default 16 KiB.
    pub value_bytes_max: usize,
    /// Keys of one plugin. Default 10,000.
    pub entries_max: usize,
    /// Keys in one list. Default 1000.
    pub list_max: usize,
    /// Reads and writes of one question. Default 64.
    pub operations_max: usize,
    /// CPU time that bringing what was kept into the form of another schema may use, while the version before serves. Default 1 s.
    pub migration_limit: Duration,
}

impl KeepLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        bytes_max: 4 << 20,
        key_bytes_max: 128,
        value_bytes_max: 16 << 10,
        entries_max: 10_000,
        list_max: 1000,
        operations_max: 64,
        migration_limit: Duration::from_secs(1),
    };
}

/// What a WebAssembly instance may have besides memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WasmLimits {
    /// Bytes of stack. Default 256 KiB.
    pub stack_bytes: usize,
    /// Elements of its tables, over all of them. Default 10,000.
    pub table_elements_max: usize,
    /// Core instances, memories and tables that one component may consist of, each. Default 16.
    pub parts_max: usize,
    /// Bytes one call into the host, or one answer, may carry. Default 1 MiB.
    pub hostcall_bytes_max: usize,
}

impl Default for WasmLimits {
    fn default() -> Self {
        Self {
            stack_bytes: 256 << 10,
            table_elements_max: 10_000,
            parts_max: 16,
            hostcall_bytes_max: 1 << 20,
        }
    }
}

/// What a script may do besides using time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Operations of one decision: the second line behind the CPU time. Default 1,000,000.
    pub operations_max: u64,
    /// Calls of script functions within each other. Default 32.
    pub call_levels_max: usize,
    /// How deep one expression may nest. Default 64.
    pub expression_depth_max: usize,
    /// How deep one expression of a function may nest. Default 32.
    pub function_depth_max: usize,
    /// Bytes of a string. Default 64 KiB.
    pub string_bytes_max: usize,
    /// Elements of an array, those of arrays within it included. Default 10,000.
    pub array_elements_max: usize,
    /// Entries of a map, those of maps within it included. Default 10,000.
    pub map_entries_max: usize,
    /// Functions of a script. Default 256.
    pub functions_max: usize,
    /// Variables in scope at one time. Default 256.
    pub variables_max: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            operations_max: 1_000_000,
            call_levels_max: 32,
            expression_depth_max: 64,
            function_depth_max: 32,
            string_bytes_max: 64 << 10,
            array_elements_max: 10_000,
            map_entries_max: 10_000,
            functions_max: 256,
            variables_max: 256,
        }
    }
}

/// What a plugin may write to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Lines a second of one generation; those beyond are counted and dropped. Default 100.
    pub lines_per_second: u32,
    /// Bytes of a line; the rest is cut off. Default 1024.
    pub line_bytes_max: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { lines_per_second: 100, line_bytes_max: 1024 }
    }
}

/// When a failing plugin is left alone for a while. Counted by generation and hook, and within these by what calls have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantinePolicy {
    /// So many failures within `window` put a hook into quarantine. 0 switches quarantine off. Default 3.
    pub strikes: u32,
    /// Default 60 s.
    pub window: Duration,
    /// How long it is not asked. Then it is asked again, with a clean record. Default 10 s.
    pub rest: Duration,
    /// So many failures one after another at the calls of one number, trunk or tenant, while others succeed, have the hook not
    /// asked about these calls alone. 0 switches that off. Default 2.
    pub key_strikes: u32,
    /// How long it is not asked about them. Default 10 minutes.
    pub key_rest: Duration,
    /// How many numbers, trunks and tenants are remembered for a hook, and may be in quarantine. Default 1024.
    pub keys_max: usize,
}

impl Default for QuarantinePolicy {
    fn default() -> Self {
        Self {
            strikes: 3,
            window: Duration::from_secs(60),
            rest: Duration::from_secs(10),
            key_strikes: 2,
            key_rest: Duration::from_secs(600),
            keys_max: 1024,
        }
    }
}

/// When a new version is taken out of service again, without anybody's doing. A version whose hook comes into quarantine (see
/// [`QuarantinePolicy`]) goes in any case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialPolicy {
    /// So often a candidate, and the version that serves, must have been asked before their shares of failures and their times
    /// are compared. Default 200.
    pub asked_for_rates: u64,
    /// The same for shares of refusals. Default 20.
    pub asked_for_refusals: u64,
    /// A candidate that fails in more than so many of a hundred decisions goes, if that is three times what the serving version
    /// fails in. Default 0.5.
    pub failed_percent: f64,
    /// One that refuses so many points of a hundred more goes. Default 5.
    pub refused_points: f64,
    /// One that takes so many times as long goes (p99), if it is slow. Default 4.
    pub slower_times: f64,
    /// What is slow. Default 500 us.
    pub slow: Duration,
    /// So long after it came into service by a reload or a promotion a version goes when a hook of it comes into quarantine, and
    /// the one before it serves again. Default 10 minutes.
    pub rollback_window: Duration,
}

impl TrialPolicy {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        asked_for_rates: 200,
        asked_for_refusals: 20,
        failed_percent: 0.5,
        refused_points: 5.0,
        slower_times: 4.0,
        slow: Duration::from_micros(500),
        rollback_window: Duration::from_secs(600),
    };
}

impl Default for TrialPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How candidates are compared with what serves, and when they may serve themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShadowPolicy {
    /// How many may be compared at a time, each on a thread of its own. Default 4.
    pub shadows_max: usize,
    /// Questions that may wait for one of these threads; those beyond are not compared. Default 4096.
    pub queue_max: usize,
    /// When one has been compared enough: 2000 questions or 10 minutes, and a p99 of 1.2 times at most, from 100 us on.
    pub gate: Gate,
    /// What is kept of differences: 256 groups by the first 3 characters of the number, with 5 calls each; what takes four times as
    /// long, and more than 500 us, is slower.
    pub ledger: LedgerLimits,
}

impl ShadowPolicy {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        shadows_max: 4,
        queue_max: 4096,
        gate: Gate {
            calls: 2000,
            time: Duration::from_secs(600),
            p99_times: 1.2,
            p99_floor: Duration::from_micros(100),
        },
        ledger: LedgerLimits {
            groups_max: 256,
            examples_max: 5,
            prefix_chars: 3,
            slower_times: 4.0,
            slow: Duration::from_micros(500),
        },
    };
}

/// Where failed decisions are kept, to be asked again elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReproPolicy {
    /// The folder; `None` keeps none. Default `None`.
    pub folder: Option<PathBuf>,
    /// Files of all plugins; the oldest make room. Default 100.
    pub files_max: usize,
    /// Bytes of all files together. Default 16 MiB.
    pub bytes_max: u64,
    /// So many of each version and hook: the first. Default 3.
    pub per_hook: u32,
    /// Failures that may wait to be written; those beyond are dropped. Default 16.
    pub queue_max: usize,
}

impl Default for ReproPolicy {
    fn default() -> Self {
        Self { folder: None, files_max: 100, bytes_max: 16 << 20, per_hook: 3, queue_max: 16 }
    }
}
