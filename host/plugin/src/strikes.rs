use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::QuarantinePolicy;

/// The failures of one hook of one generation, and whether it is in quarantine for them. Times are nanoseconds since the host
/// started. A failure is never a matter of waiting: the time limit counts CPU time.
#[derive(Debug, Default)]
pub(crate) struct Strikes {
    /// When the quarantine ends; 0 when there is none.
    until: AtomicU64,
    /// When the failures of the last window were, oldest first; at most `strikes` of them.
    failures: Mutex<VecDeque<u64>>,
}

impl Strikes {
    /// How long the quarantine still lasts.
    pub(crate) fn rest(&self, now: u64) -> Option<Duration> {
        let until = self.until.load(Ordering::Relaxed);
        (until > now).then(|| Duration::from_nanos(until - now))
    }

    /// Counts a failure. Gives true when it was one too many and the quarantine begins.
    pub(crate) fn strike(&self, now: u64, policy: &QuarantinePolicy) -> bool {
        if policy.strikes == 0 {
            return false;
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let window_start = now.saturating_sub(nanos(policy.window));
        while failures.front().is_some_and(|at| *at < window_start) {
            failures.pop_front();
        }
        failures.push_back(now);
        let is_over = failures.len() >= usize::try_from(policy.strikes).unwrap_or(usize::MAX);
        if is_over {
            failures.clear();
            self.until.store(now.saturating_add(nanos(policy.rest)), Ordering::Relaxed);
        }
        is_over
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn three_failures_within_a_minute_give_ten_seconds_of_rest() {
        let (strikes, policy) = (Strikes::default(), QuarantinePolicy::default());
        assert!(!strikes.strike(SECOND, &policy) && !strikes.strike(2 * SECOND, &policy));
        assert!(strikes.strike(60 * SECOND, &policy));
        assert_eq!(strikes.rest(61 * SECOND), Some(Duration::from_secs(9)));
        assert_eq!(strikes.rest(70 * SECOND), None);
        assert!(!strikes.strike(71 * SECOND, &policy), "the record is clean after the rest");
    }

    #[test]
    fn failures_far_apart_are_forgiven() {
        let (strikes, policy) = (Strikes::default(), QuarantinePolicy::default());
        for minute in 1..10 {
            assert!(!strikes.strike(minute * 31 * SECOND, &policy), "minute {minute}");
        }
    }

    #[test]
    fn no_strikes_switch_quarantine_off() {
        let policy = QuarantinePolicy { strikes: 0, ..QuarantinePolicy::default() };
        let strikes = Strikes::default();
        assert!((0..10).all(|n| !strikes.strike(n, &policy)));
    }
}
