//! Waiting for conditions, never for time to pass.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take where the test does not say: a machine with much else to do is slow, and not wrong.
pub const PATIENCE: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value, at most [`PATIENCE`].
///
/// # Panics
///
/// When it has not come; `what` names it.
#[track_caller]
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, condition)
}

/// As [`until`], with a patience of its own.
///
/// # Panics
///
/// When the value has not come; `what` names it.
#[track_caller]
pub fn until_within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        // polls: the condition given
        thread::sleep(POLL_INTERVAL);
    }
}

/// Calls `act` at this interval for as long as `going` says, and gives how often it did.
pub fn every(
    interval: Duration,
    mut going: impl FnMut() -> bool,
    mut act: impl FnMut(usize),
) -> usize {
    let mut times = 0;
    let mut next = Instant::now();
    while going() {
        if Instant::now() >= next {
            act(times);
            times += 1;
            next += interval;
        }
        // polls: whether it is time to act, or to end
        thread::sleep(POLL_INTERVAL.min(interval));
    }
    times
}
