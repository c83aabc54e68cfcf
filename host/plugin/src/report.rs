use std::{fmt, time::Duration};

use bundle::BundleDigest;
use model::{GenerationRef, hook::FailureKind, hook::Hook};

use crate::{Diagnostic, Key, Kind, RolledBack, ShadowStatus, Spread, TrialStatus};

/// The host itself could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The WebAssembly engine refused its configuration.
    #[error(
        "the WebAssembly engine did not start: {0}; check plugins.memory_limit and the address space the process may use"
    )]
    Engine(String),
    /// The thread that interrupts guests could not be started.
    #[error("the thread that interrupts plugins did not start: {0}; check the limit of threads")]
    Ticker(std::io::Error),
    /// The thread that keeps failed decisions could not be started.
    #[error(
        "the thread that keeps failed decisions did not start: {0}; check the limit of threads"
    )]
    Thread(std::io::Error),
}

/// What an installation loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The generations that serve now, in the order of the sources.
    pub loaded: Vec<GenerationRef>,
    /// How long reading, compiling and testing took.
    pub took: Duration,
}

/// Nothing was installed, and why. What served before still serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError {
    /// One for each source that was refused; never empty.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.diagnostics.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(diagnostic, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ReloadError {}

/// What came of looking at one plugin's source again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadReport {
    /// The plugin's id.
    pub plugin: String,
    /// A new generation, no change, or why the new version was refused.
    pub outcome: Result<Reloaded, Diagnostic>,
    /// The generation that answers questions now; `None` when no plugin has that id.
    pub still_serving: Option<GenerationRef>,
    /// How long reading, compiling and testing took.
    pub took: Duration,
}

impl ReloadReport {
    /// Whether other versions are asked than before.
    pub const fn is_change(&self) -> bool {
        !matches!(self.outcome, Ok(Reloaded::Unchanged) | Err(_))
    }
}

/// A source that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// This generation serves new calls from now on.
    Activated(GenerationRef),
    /// This generation serves so many of a thousand new calls, until it is promoted or rolled back.
    OnTrial(GenerationRef, u16),
    /// This generation is asked what the serving one is asked, and decides nothing.
    Shadowed(GenerationRef),
    /// Code, configuration, grants and limits are those that serve already.
    Unchanged,
    /// They are again, and what was on trial is not any more.
    Withdrawn,
}

/// One installed plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginStatus {
    /// Its id.
    pub id: String,
    /// Its own version, from the manifest; empty when it names none.
    pub version: String,
    /// What its body is.
    pub kind: Kind,
    /// Where it came from: a path, or `embedded`.
    pub source: String,
    /// The generation that serves.
    pub generation: GenerationRef,
    /// The hooks it answers, each with its priority (lower is asked first).
    pub hooks: Vec<(Hook, i32)>,
    /// Those of its hooks that are in quarantine now.
    pub quarantined: Vec<Hook>,
    /// The numbers, trunks and tenants whose calls a hook of it, or of what is on trial, is not asked about now, and for how long yet.
    pub quarantined_keys: Vec<(Hook, Key, Duration)>,
    /// What is tried for some calls.
    pub trial: Option<TrialStatus>,
    /// What of the store serves, if it comes from there.
    pub stored: Option<BundleDigest>,
    /// What is compared with what serves.
    pub shadow: Option<ShadowStatus>,
    /// The version before, which can serve again.
    pub previous: Option<GenerationRef>,
    /// What was last taken out of service, by hand or by itself.
    pub rolled_back: Option<RolledBack>,
    /// What the last installation or reload said of it.
    pub last: ReloadReport,
    /// What its hooks did since the host started, over all generations.
    pub stats: Vec<HookStats>,
}

/// What one hook of one plugin did since the host started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookStats {
    /// The plugin's id.
    pub plugin: String,
    /// The hook.
    pub hook: Hook,
    /// How often it was asked.
    pub calls: u64,
    /// How often its verdict stood.
    pub decided: u64,
    /// How often it left the decision to the next.
    pub passed: u64,
    /// How often it failed, by kind; every kind is listed.
    pub failures: Vec<(FailureKind, u64)>,
    /// Wall time of all calls together, in nanoseconds.
    pub nanos_total: u64,
    /// Wall time of the longest call, in nanoseconds.
    pub nanos_max: u64,
}

/// Where a generation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// New calls are decided by it.
    Serving,
    /// So many of a thousand new calls are.
    OnTrial(u16),
    /// Calls that it began are.
    Draining,
    /// None are: it is what a rollback brings back.
    Kept,
}

impl Standing {
    /// As lists and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::OnTrial(_) => "on-trial",
            Self::Draining => "draining",
            Self::Kept => "kept",
        }
    }
}

/// One generation of a plugin: what it did and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationStats {
    /// Which one.
    pub generation: GenerationRef,
    /// What its body is.
    pub kind: Kind,
    /// Where it is in its life.
    pub standing: Standing,
    /// WebAssembly instances alive; none of a script.
    pub instances: usize,
    /// Bytes of their memories.
    pub memory: usize,
    /// Lines that were too many for the log.
    pub lines_dropped: u64,
    /// By hook.
    pub hooks: Vec<HookTally>,
}

/// What one generation did at one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTally {
    /// The hook.
    pub hook: Hook,
    /// How often it was asked; a question that was not put because of quarantine counts as none.
    pub asked: u64,
    /// How often its verdict stood, or it rewrote something.
    pub decided: u64,
    /// How often its verdict was to refuse.
    pub refused: u64,
    /// How often it left the decision to the next.
    pub passed: u64,
    /// How often it failed, by kind; every kind is listed.
    pub failures: Vec<(FailureKind, u64)>,
    /// Wall time of all questions together.
    pub took: Duration,
    /// Wall times of the questions.
    pub times: Spread,
    /// How long the hook is in quarantine yet.
    pub rests: Option<Duration>,
    /// The numbers, trunks and tenants whose calls it is not asked about, and for how long yet.
    pub keys: Vec<(Key, Duration)>,
}

/// What the host holds and did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostStats {
    /// Hook tables: the current one and those that calls are pinned to.
    pub tables: usize,
    /// Distinct generations in those tables.
    pub generations: usize,
    /// WebAssembly instances alive, over all workers.
    pub instances: usize,
    /// Instances made since the host started.
    pub instances_made: u64,
    /// Compiled components kept.
    pub compiled: usize,
    /// Compilations that were saved because the component was kept.
    pub compiled_hits: u64,
    /// Compilations that were saved because the disk had the component.
    pub compiled_loaded: u64,
    /// Components that were written to the disk.
    pub compiled_written: u64,
    /// Versions that went into service.
    pub activated: u64,
    /// Versions that were refused.
    pub refused: u64,
    /// Looks that found nothing new.
    pub unchanged: u64,
    /// Tables that were dropped although calls were pinned to them, because of `generations_max`.
    pub unpinned: u64,
    /// By plugin and hook.
    pub hooks: Vec<HookStats>,
    /// Failed decisions that found no room on their way to a file.
    pub repros_dropped: u64,
}
