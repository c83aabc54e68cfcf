//! The CPU time of the decision that runs on this thread.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// How far the bound on a decision's start may lie above the truth: reading the clock of a thread's CPU time is a system call,
/// the monotonic clock is not, so the former is read at most once in this time and the latter fills the gap.
const ANCHOR_AGE_MAX: Duration = Duration::from_micros(500);

/// What takes less by the clock has hardly been off the processor.
const SHORT: Duration = Duration::from_micros(50);

thread_local! {
    static RUN: Cell<Run> = const { Cell::new(Run::NONE) };
}

#[derive(Clone, Copy)]
struct Run {
    /// Both clocks, read at one moment.
    anchor: Option<(Instant, Duration)>,
    /// When the decision began.
    began: Option<Instant>,
    /// The CPU time at that moment, or up to [`ANCHOR_AGE_MAX`] more, in favour of the plugin.
    base: Duration,
    limit: Duration,
}

impl Run {
    const NONE: Self =
        Self { anchor: None, began: None, base: Duration::ZERO, limit: Duration::ZERO };
}

/// Begins a decision on this thread that may use `limit` of CPU time.
pub(crate) fn begin(now: Instant, limit: Duration) {
    let mut run = RUN.get();
    let (at, cpu) = match run.anchor {
        Some((at, cpu)) if now.saturating_duration_since(at) < ANCHOR_AGE_MAX => (at, cpu),
        Some(_) | None => (now, thread_time()),
    };
    run.anchor = Some((at, cpu));
    run.began = Some(now);
    run.base = cpu + now.saturating_duration_since(at);
    run.limit = limit;
    RUN.set(run);
}

/// Has the next decision on this thread begin with the CPU time as it is, and not with a bound on it: it costs a system call.
pub(crate) fn look_closely() {
    RUN.set(Run { anchor: None, ..RUN.get() });
}

/// The CPU time of the decision that ended just now on this thread and took `wall` by the clock; exact to the microsecond where
/// [`look_closely`] was called before it began. Of one that is short by the clock that time is given.
pub(crate) fn spent(wall: Duration) -> Duration {
    if wall < SHORT {
        return wall;
    }
    wall.min(thread_time().saturating_sub(RUN.get().base))
}

/// Whether the decision that runs on this thread used up its CPU time.
pub(crate) fn is_over() -> bool {
    let run = RUN.get();
    // CPU time never runs faster than the monotonic clock, which is cheap to read.
    run.began.is_some_and(|began| began.elapsed() >= run.limit)
        && thread_time().saturating_sub(run.base) >= run.limit
}

/// The CPU time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_uses_up_the_limit() {
        begin(Instant::now(), Duration::from_millis(1));
        assert!(!is_over());
        let started = Instant::now();
        while !is_over() {
            assert!(started.elapsed() < Duration::from_secs(20), "1 ms of work was never seen");
        }
    }

    #[test]
    fn waiting_uses_up_nothing() {
        begin(Instant::now(), Duration::from_millis(2));
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(!is_over());
    }

    #[test]
    fn waiting_is_not_spent() {
        let began = Instant::now();
        begin(began, Duration::from_millis(2));
        look_closely();
        begin(began, Duration::from_millis(2));
        std::thread::park_timeout(Duration::from_millis(50));
        assert!(spent(began.elapsed()) < Duration::from_millis(25));
        assert_eq!(spent(Duration::from_micros(49)), Duration::from_micros(49));
    }

    #[test]
    fn a_new_decision_begins_with_a_full_limit() {
        begin(Instant::now(), Duration::from_millis(1));
        while !is_over() {}
        begin(Instant::now(), Duration::from_millis(50));
        assert!(!is_over());
    }
}
