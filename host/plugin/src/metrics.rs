use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use model::hook::{FailureKind, Hook, StepOutcome};

use crate::{HookStats, HookTally, times::Times};

/// Every kind of failure, in the order they are counted and shown.
const KINDS: [FailureKind; 6] = [
    FailureKind::Trap,
    FailureKind::Time,
    FailureKind::Memory,
    FailureKind::BadAnswer,
    FailureKind::Quarantined,
    FailureKind::NoInstance,
];

/// What the hooks of one plugin did, over all its generations.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    hooks: [Counters; Hook::ALL.len()],
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    decided: AtomicU64,
    passed: AtomicU64,
    failures: [AtomicU64; KINDS.len()],
    nanos_total: AtomicU64,
    nanos_max: AtomicU64,
}

impl Metrics {
    pub(crate) fn count(&self, hook: Hook, outcome: &StepOutcome, nanos: u64) {
        let counters = &self.hooks[index(hook)];
        counters.calls.fetch_add(1, Ordering::Relaxed);
        match outcome {
            // A plugin that rewrote something did its work as much as one that decided.
            StepOutcome::Decided | StepOutcome::Amended => {
                counters.decided.fetch_add(1, Ordering::Relaxed)
            }
            StepOutcome::Passed => counters.passed.fetch_add(1, Ordering::Relaxed),
            StepOutcome::Failed(failure) => {
                counters.failures[kind_index(failure.kind)].fetch_add(1, Ordering::Relaxed)
            }
        };
        counters.nanos_total.fetch_add(nanos, Ordering::Relaxed);
        if nanos > counters.nanos_max.load(Ordering::Relaxed) {
            counters.nanos_max.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    pub(crate) fn stats(&self, plugin: &str, hook: Hook) -> HookStats {
        let counters = &self.hooks[index(hook)];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HookStats {
            plugin: plugin.to_owned(),
            hook,
            calls: read(&counters.calls),
            decided: read(&counters.decided),
            passed: read(&counters.passed),
            failures: KINDS.into_iter().zip(counters.failures.iter().map(read)).collect(),
            nanos_total: read(&counters.nanos_total),
            nanos_max: read(&counters.nanos_max),
        }
    }
}

/// What one generation did at its hooks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    hooks: [Done; Hook::ALL.len()],
}

#[derive(Debug, Default)]
struct Done {
    decided: AtomicU64,
    refused: AtomicU64,
    passed: AtomicU64,
    failures: [AtomicU64; KINDS.len()],
    nanos_total: AtomicU64,
    times: Times,
}

impl Tally {
    /// Counts what came of a question, and whether it was refused. One that was not put, because of quarantine or want of room, took no time.
    pub(crate) fn count(&self, hook: Hook, outcome: &StepOutcome, is_refusal: bool, nanos: u64) {
        let done = &self.hooks[index(hook)];
        match outcome {
            StepOutcome::Decided | StepOutcome::Amended => &done.decided,
            StepOutcome::Passed => &done.passed,
            StepOutcome::Failed(failure) => &done.failures[kind_index(failure.kind)],
        }
        .fetch_add(1, Ordering::Relaxed);
        if is_refusal {
            done.refused.fetch_add(1, Ordering::Relaxed);
        }
        let is_put = !matches!(outcome, StepOutcome::Failed(f) if !f.kind.is_its_own());
        if is_put {
            done.nanos_total.fetch_add(nanos, Ordering::Relaxed);
            done.times.count(nanos);
        }
    }

    pub(crate) fn of(&self, hook: Hook) -> HookTally {
        let done = &self.hooks[index(hook)];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let times = done.times.counted();
        HookTally {
            hook,
            asked: times.total(),
            decided: read(&done.decided),
            refused: read(&done.refused),
            passed: read(&done.passed),
            failures: KINDS.into_iter().zip(done.failures.iter().map(read)).collect(),
            took: Duration::from_nanos(read(&done.nanos_total)),
            times,
            rests: None,
            keys: Vec::new(),
        }
    }
}

/// The place of a hook in arrays with one element a hook.
pub(crate) const fn index(hook: Hook) -> usize {
    match hook {
        Hook::Admission => 0,
        Hook::Authenticate => 1,
        Hook::Register => 2,
        Hook::DialPlan => 3,
        Hook::Route => 4,
        Hook::HeaderPolicy => 5,
        Hook::RouteOnFailure => 6,
        Hook::CallEvent => 7,
        Hook::DnOwner => 8,
        Hook::FanOut => 9,
        Hook::AuthoriseRequest => 10,
    }
}

const fn kind_index(kind: FailureKind) -> usize {
    match kind {
        FailureKind::Trap => 0,
        FailureKind::Time => 1,
        FailureKind::Memory => 2,
        FailureKind::BadAnswer => 3,
        FailureKind::Quarantined => 4,
        FailureKind::NoInstance => 5,
    }
}

/// Nanoseconds of a duration, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
