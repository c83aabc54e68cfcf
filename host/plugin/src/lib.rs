//! The plugin host: WebAssembly and Rhai behind one contract, generations, limits.
//!
//! A [`PluginHost`] is shared by all threads. It loads [`Source`]s, and each thread that makes decisions takes a [`Worker`]
//! from it, which turns a [`Question`](model::hook::Question) into an [`Answer`](model::hook::Answer).
//!
//! **Invariant:** a version serves only after it was read completely, compiled, linked and tested; until then, and whenever one
//! of these fails, the version before it serves unchanged.
//!
//! **Invariant:** a call is answered by the table of generations that answered its first question, as long as the table is
//! kept (`generations_max`); a table is freed only when no call is pinned to it or when it is the oldest of too many.
//!
//! **Invariant:** no plugin stops a decision: one that traps, loops, grows or answers nonsense is a
//! [`Step`](model::hook::Step) of the decision, and the next one is asked; below the last stands
//! [`Verdict::BuiltIn`](model::hook::Verdict::BuiltIn).

mod access;
pub mod alloc;
mod amendment;
mod body;
mod by_hand;
mod capability;
mod client;
mod command;
mod config;
mod contain;
mod cpu;
mod diagnostic;
mod facts;
mod generation;
mod header_edit;
mod host;
mod install;
mod keep;
mod manifest;
mod metrics;
mod observe;
mod outline;
mod pool;
mod probe;
mod promotion;
mod proposal;
mod quarantine;
mod renewal;
mod report;
mod rollout;
mod schema;
mod script;
mod settings;
mod shadow;
mod shelves;
mod source;
mod tables;
mod ticker;
mod times;
mod trial;
mod update;
mod wasm;
mod worker;

pub use amendment::party_of_uri;
pub use bundle::{BundleDigest, BundleLimits};
pub use capability::capabilities;
pub use config::{
    AnswerLimits, CompiledFiles, FileLimits, HostConfig, KeepLimits, LogLimits, QuarantinePolicy,
    ReproPolicy, ScriptLimits, ShadowPolicy, TrialPolicy, WasmLimits,
};
pub use diagnostic::Diagnostic;
pub use host::PluginHost;
pub use manifest::Share;
pub use observe::{Observed, Recording, RecordingGuard, Sink};
pub use outline::{Layout, Outline};
pub use promotion::{Promoted, Word};
pub use quarantine::Key;
pub use report::{
    GenerationStats, HookStats, HookTally, HostError, HostStats, PluginStatus, ReloadError,
    ReloadReport, Reloaded, Report, Standing,
};
pub use rollout::{RolledBack, Rollout, TrialStatus};
pub use shadow::{Diff, Patience, ShadowStatus};
pub use shelves::{Kept, KeptChange, KeptNews, KeptSource, WrittenDown};
pub use source::{Kind, Source};
pub use times::Spread;
pub use trial::ArmStats;
pub use wasm::componentize;
pub use worker::Worker;
