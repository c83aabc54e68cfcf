//! A new version that answers some of the calls while the one before it answers the others, and what ends that.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use model::hook::{Access, Hook, Question, RequestKind, Step, StepOutcome, Verdict};

use crate::{
    TrialPolicy,
    generation::Generation,
    metrics::{index, nanos},
    proposal::{Checked, Ruling},
};

/// The candidate of a plugin, and the calls that it is asked about.
pub(crate) struct Trial {
    pub(crate) candidate: Arc<Generation>,
    /// Of a thousand calls.
    pub(crate) per_mille: u16,
    pub(crate) began: Instant,
    /// Why it is over: from then on the serving generation is asked about every call. One for all shares of a candidate.
    over: Arc<OnceLock<String>>,
    /// Nobody outside can tell which calls it is asked about.
    key: RandomState,
    arms: [[Arm; 2]; Hook::ALL.len()],
    /// Failures of the candidate that were explained before.
    explained: [u64; Hook::ALL.len()],
}

/// Which generation of a plugin under trial was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Candidate,
    Serving,
}

/// What one generation answered at one hook while the trial lasts.
#[derive(Debug, Default)]
pub(crate) struct Arm {
    asked: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// CPU times by the power of two of their nanoseconds. Time by the clock says as much of what else the machine does.
    times: [AtomicU64; TIMES],
}

const TIMES: usize = 32;

/// What one generation answered at one hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArmStats {
    /// How often it was asked.
    pub asked: u64,
    /// How often it refused the call or the request.
    pub refused: u64,
    /// How often it failed; a call in quarantine counts as none.
    pub failed: u64,
    /// With so much CPU time 99 of a hundred answers came: the upper end of a power of two, in nanoseconds.
    pub p99_ns: u64,
}

impl Arm {
    fn count(&self, checked: Option<&Checked>, step: &Step, spent_ns: u64) {
        let failure = match &step.outcome {
            StepOutcome::Failed(failure) => Some(failure.kind),
            StepOutcome::Passed | StepOutcome::Amended | StepOutcome::Decided => None,
        };
        if failure.is_some_and(|kind| !kind.is_its_own()) {
            return;
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let slot = usize::try_from(spent_ns.checked_ilog2().unwrap_or(0)).unwrap_or(TIMES);
        self.times[slot.min(TIMES - 1)].fetch_add(1, Ordering::Relaxed);
        if failure.is_some() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        } else if checked.is_some_and(|checked| is_refusal(&checked.ruling)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn stats(&self) -> ArmStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let times: Vec<u64> = self.times.iter().map(read).collect();
        let beyond = times.iter().sum::<u64>() / 100;
        let mut slower = 0;
        let slot = times.iter().enumerate().rev().find(|(_, count)| {
            slower += **count;
            slower > beyond
        });
        ArmStats {
            asked: read(&self.asked),
            refused: read(&self.refused),
            failed: read(&self.failed),
            p99_ns: slot.map_or(0, |(slot, _)| 2 << slot),
        }
    }
}

/// Whether the call, or the request, is refused.
pub(crate) fn is_refusal(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Decide(Verdict::Refuse(_) | Verdict::Access(Access::Drop)))
}

impl Trial {
    pub(crate) fn new(candidate: Arc<Generation>, per_mille: u16, began: Instant) -> Self {
        let explained = Hook::ALL.map(|hook| candidate.quarantine(hook).explained());
        Self {
            candidate,
            per_mille,
            began,
            over: Arc::default(),
            key: RandomState::new(),
            arms: Default::default(),
            explained,
        }
    }

    /// The same candidate for another share of the calls; those that it is asked about now are among them when it is a greater one.
    pub(crate) fn with_share(&self, per_mille: u16, began: Instant) -> Self {
        let fresh = Self::new(Arc::clone(&self.candidate), per_mille, began);
        Self { over: Arc::clone(&self.over), key: self.key.clone(), ..fresh }
    }

    /// Which generation is asked about this call, or about what a T-Library client wants of this DN: the same each time.
    pub(crate) fn side(&self, question: &Question) -> Side {
        let call = &question.call;
        let drawn = match call.request {
            RequestKind::TLibrary => self.key.hash_one((&call.callee.user, call.source)),
            _ => self.key.hash_one(&call.call_id),
        };
        let is_chosen = drawn % 1000 < u64::from(self.per_mille);
        let stands = self.over.get().is_none() && self.candidate.instead.get().is_none();
        if is_chosen && stands { Side::Candidate } else { Side::Serving }
    }

    /// Why it is over, if it is.
    pub(crate) fn over(&self) -> Option<&str> {
        self.over.get().map(String::as_str)
    }

    /// Ends it. Gives whether it was not over before.
    pub(crate) fn end(&self, why: String) -> bool {
        self.over.set(why).is_ok()
    }

    /// Counts what one side answered, and the CPU time it took. Gives why the trial must end, if it must.
    pub(crate) fn count(
        &self,
        side: Side,
        hook: Hook,
        (checked, step, spent_ns): (Option<&Checked>, &Step, u64),
        policy: &TrialPolicy,
    ) -> Option<String> {
        let [candidate, serving] = &self.arms[index(hook)];
        match side {
            Side::Serving => {
                serving.count(checked, step, spent_ns);
                None
            }
            Side::Candidate => {
                candidate.count(checked, step, spent_ns);
                let mut new = candidate.stats();
                let explained = self.candidate.quarantine(hook).explained();
                let explained = explained.saturating_sub(self.explained[index(hook)]);
                new.failed = new.failed.saturating_sub(explained);
                judge(hook, new, serving.stats(), policy)
            }
        }
    }

    /// What each side answered at a hook: the candidate, then the serving generation.
    pub(crate) fn stats(&self, hook: Hook) -> [ArmStats; 2] {
        let [candidate, serving] = &self.arms[index(hook)];
        [candidate.stats(), serving.stats()]
    }
}

/// Whether the candidate is so much worse that its trial ends, and why.
fn judge(hook: Hook, new: ArmStats, old: ArmStats, policy: &TrialPolicy) -> Option<String> {
    let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    let (failed, failed_before) = (share(new.failed, new.asked), share(old.failed, old.asked));
    let fails = failed > policy.failed_percent.max(3.0 * failed_before);
    if new.asked >= policy.asked_for_rates && fails {
        return Some(format!("{hook} failed {} of {} times", new.failed, new.asked));
    }
    let (refused, refused_before) = (share(new.refused, new.asked), share(old.refused, old.asked));
    let enough = new.asked >= policy.asked_for_refusals && old.asked >= policy.asked_for_refusals;
    if enough && refused > refused_before + policy.refused_points {
        let (of, before) = (new.asked, format!("{} of {}", old.refused, old.asked));
        return Some(format!(
            "{hook} refused {} of {of} calls, the version before {before}",
            new.refused
        ));
    }
    let many = new.asked >= policy.asked_for_rates && old.asked >= policy.asked_for_rates;
    let slower = new.p99_ns as f64 > policy.slower_times * old.p99_ns as f64;
    if many && slower && new.p99_ns > nanos(policy.slow) {
        let us = |ns: u64| Duration::from_nanos(ns).as_micros();
        return Some(format!(
            "{hook} takes {} us, the version before {} (p99)",
            us(new.p99_ns),
            us(old.p99_ns)
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: TrialPolicy = TrialPolicy::DEFAULT;

    fn arm(asked: u64, refused: u64, failed: u64) -> ArmStats {
        ArmStats { asked, refused, failed, p99_ns: 4096 }
    }

    fn judged(new: ArmStats, old: ArmStats) -> Option<String> {
        judge(Hook::Route, new, old, &POLICY)
    }

    #[test]
    fn a_candidate_that_refuses_more_ends_its_trial() {
        let old = arm(400, 8, 0);
        assert_eq!(judged(arm(19, 19, 0), old), None, "too few to tell");
        assert_eq!(
            judged(arm(20, 20, 0), old).unwrap_or_default(),
            "route refused 20 of 20 calls, the version before 8 of 400"
        );
        assert_eq!(judged(arm(100, 7, 0), old), None, "7 % and 2 % are 5 points apart");
        assert!(judged(arm(100, 8, 0), old).is_some());
        assert_eq!(judged(arm(100, 100, 0), arm(5, 0, 0)), None, "nothing to compare with");
    }

    #[test]
    fn a_candidate_that_fails_more_ends_its_trial() {
        assert_eq!(judged(arm(199, 0, 10), arm(1000, 0, 0)), None, "too few to tell");
        assert!(judged(arm(200, 0, 2), arm(1000, 0, 0)).is_some());
        assert_eq!(judged(arm(200, 0, 1), arm(1000, 0, 0)), None);
        assert_eq!(judged(arm(200, 0, 5), arm(1000, 0, 10)), None, "the old one fails as well");
    }

    #[test]
    fn a_candidate_that_is_much_slower_ends_its_trial() {
        let slow = |asked, p99_ns| ArmStats { p99_ns, ..arm(asked, 0, 0) };
        assert!(judged(slow(200, 1 << 20), slow(1000, 1 << 14)).is_some());
        assert_eq!(judged(slow(200, 1 << 16), slow(1000, 1 << 10)), None, "slower, and not slow");
        assert_eq!(judged(slow(199, 1 << 20), slow(1000, 1 << 14)), None, "too few to tell");
    }

    #[test]
    fn the_time_of_99_of_a_hundred() {
        let arm = Arm::default();
        assert_eq!(arm.stats().p99_ns, 0);
        let generation =
            model::GenerationRef { plugin: "x".into(), serial: 1, digest: model::Digest([0; 32]) };
        let count = |took_ns| {
            let (generation, outcome) = (generation.clone(), StepOutcome::Passed);
            arm.count(None, &Step { generation, outcome, took_ns: 0 }, took_ns);
        };
        (0..99).for_each(|_| count(1000));
        assert_eq!(arm.stats().p99_ns, 1024);
        (0..2).for_each(|_| count(1 << 40));
        assert_eq!(arm.stats().p99_ns, 2 << 31);
    }
}
