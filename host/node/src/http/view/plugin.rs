//! Plugins and their versions, as `GET /api/plugins` and what is below it give them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Shadow;

/// An element of `GET /api/plugins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its id.
    pub id: String,
    /// How it is written.
    pub kind: String,
    /// Its version, from the manifest.
    pub version: String,
    /// Where it was loaded from.
    pub source: String,
    /// The generation that decides for new calls.
    pub generation: String,
    /// Counts its generations, from 1.
    pub serial: u64,
    /// Its hooks.
    pub hooks: Vec<HookFigures>,
    /// Those of its hooks that are not asked for a while, because they failed too often or an operator says so: `route`, or `route for trunk NAME` (`dn`,
    /// `tenant`, `client`, `address`) where it failed at those calls alone.
    pub quarantined: Vec<String>,
    /// The version that is tried for some calls.
    pub trial: Option<Trial>,
    /// What is compared with the version that serves.
    pub shadow: Option<Shadow>,
    /// The version before the one that serves, which a rollback brings back.
    pub previous: Option<String>,
    /// The version that was last taken out of service, by hand or by itself.
    pub rolled_back: Option<RolledBack>,
    /// Why the newest version on disk is not the one that serves, if it is not.
    pub refused: Option<Diagnostic>,
}

/// A version of a plugin that is tried for some calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The generation.
    pub generation: String,
    /// Of a thousand calls it is asked about so many.
    pub per_mille: u16,
    /// How long already, in seconds.
    pub lasts_s: u64,
    /// What it answered at each of its hooks.
    pub hooks: Vec<Comparison>,
}

/// A version on trial and the one that serves, at one hook, since the trial began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The hook.
    pub hook: String,
    /// The version on trial.
    pub candidate: Arm,
    /// The one that serves.
    pub serving: Arm,
}

/// What one of two versions answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// How often it was asked.
    pub asked: u64,
    /// How often it refused.
    pub refused: u64,
    /// How often it failed.
    pub failed: u64,
    /// 99 of a hundred answers took at most so much CPU time, in microseconds, rounded up to a power of two.
    pub p99_us: f64,
}

/// An element of `GET /api/plugins/generations`: a version of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The plugin's id.
    pub plugin: String,
    /// How it is written.
    pub kind: String,
    /// The generation.
    pub generation: String,
    /// `serving`, `on-trial`, `draining` (calls that it began are asked about it) or `kept` (a rollback brings it back).
    pub state: String,
    /// Of a thousand new calls it is asked about so many.
    pub per_mille: u16,
    /// WebAssembly instances alive.
    pub instances: usize,
    /// Bytes of their memories.
    pub memory_bytes: usize,
    /// Lines that were too many for the log.
    pub lines_dropped: u64,
    /// What it did at each of its hooks.
    pub hooks: Vec<Tally>,
}

/// What a version of a plugin did at a hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The hook.
    pub hook: String,
    /// How often it was asked; what was not put to it because of quarantine is left out.
    pub asked: u64,
    /// How often its verdict stood.
    pub decided: u64,
    /// How often its verdict was to refuse.
    pub refused: u64,
    /// How often it left the decision to the next.
    pub passed: u64,
    /// How often it failed.
    pub failed: u64,
    /// Half of the answers came within this time, in microseconds, at most a quarter too long; absent when there is none.
    pub p50_us: Option<f64>,
    /// 99 of a hundred did.
    pub p99_us: Option<f64>,
    /// All of them: pairs of nanoseconds that were not reached and how many answers, the quickest first.
    pub times_ns: Vec<(u64, u64)>,
    /// What it is not asked about now, and for how many seconds yet: `all calls`, or `trunk NAME` (`dn`, `tenant`, `client`, `address`).
    pub quarantined: Vec<(String, u64)>,
}

/// The answer to `POST /api/plugins/quarantine`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The hooks that the plugin is not asked at.
    pub hooks: Vec<String>,
    /// For how long, in seconds.
    pub for_s: u64,
}

/// The answer to `POST /api/plugins/release`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// How many quarantines there were and are no more, over all its versions and hooks.
    pub ended: usize,
}

/// A version of a plugin that was taken out of service: the answer to `POST /api/plugins/rollback`, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The generation.
    pub generation: String,
    /// Why.
    pub why: String,
    /// What serves instead.
    pub serving: String,
    /// How long ago, in seconds.
    pub ago_s: u64,
    /// How many calls it was asked about while it was on trial.
    pub touched: u64,
    /// Writes to what it kept that are lost, since it kept it under a schema of its own.
    #[serde(default)]
    pub lost_writes: u64,
}

/// What a plugin keeps from question to question: the answer to `GET /api/plugins/state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The plugin.
    pub plugin: String,
    /// The number of its schema.
    pub schema: u32,
    /// Bytes of all keys and values.
    pub bytes: usize,
    /// Keys there are.
    pub count: usize,
    /// Writes since it was loaded.
    pub writes: u64,
    /// Writes that found no room, or no number to add to, when their answer was taken.
    pub refused: u64,
    /// Keys whose last change is not on the disk yet; 0 without `node.data_path`.
    pub unwritten: usize,
    /// The keys that were asked for, with their values.
    pub entries: BTreeMap<String, String>,
}

/// The answer to `POST /api/plugins/forget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Keys that were there and are not any more.
    pub forgotten: usize,
}

/// The answer to `POST /api/plugins/promote`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// The generation that serves all new calls now, or is on trial for some.
    pub serving: String,
    /// For how many of a thousand calls it is on trial, as its manifest wants it after it was compared.
    pub per_mille: Option<u16>,
    /// Where it is read from, if the plugin was read from elsewhere before: `plugins.load` must name this path for a restart to have it.
    pub moved_to: Option<String>,
    /// What was missing, where somebody wanted it anyway.
    pub missing: Vec<String>,
    /// Writes to what it keeps that are lost, since its schema is another: its own while it was on trial, or those of the version before.
    #[serde(default)]
    pub lost_writes: u64,
}

/// A plugin at a hook, since the node started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookFigures {
    /// The hook.
    pub hook: String,
    /// How often it was asked.
    pub asked: u64,
    /// How often its verdict stood.
    pub decided: u64,
    /// How often it failed.
    pub failed: u64,
    /// Its mean time, in microseconds.
    pub mean_us: f64,
    /// Its longest time, in microseconds.
    pub max_us: f64,
}

/// What is wrong with a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<u32>,
    /// The column, from 1, where it is known.
    pub column: Option<u32>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it, or empty.
    pub help: String,
    /// All of it as one line.
    pub text: String,
}

/// An element of the answer to `POST /api/plugins/reload`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// The plugin.
    pub plugin: String,
    /// `loaded`, `on trial` (for some calls), `unchanged`, `withdrawn` (what was on trial, as the file was put back) or `refused`.
    pub outcome: String,
    /// The generation that decides now.
    pub serving: Option<String>,
    /// Why it was refused.
    pub refused: Option<Diagnostic>,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}
