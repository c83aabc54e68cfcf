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
    /// The CPU time when it was first seen to have used up the limit.
    seen_over: Option<Duration>,
}

/// A decision that has used up its limit ends when it goes on for this part of it.
const GRACE_PART: u32 = 8;

impl Run {
    const NONE: Self = Self {
        anchor: None,
        began: None,
        base: Duration::ZERO,
        limit: Duration::ZERO,
        seen_over: None,
    };

    /// Whether the decision is over, at this CPU time. An interrupt, or the machine below a virtual one, takes milliseconds in one piece
    /// that the kernel charges to whoever runs: what is seen over for the first time may be one that has hardly begun. That is done
    /// when it is looked at again; one that does not end is not.
    fn is_over(&mut self, cpu: Duration) -> bool {
        if cpu.saturating_sub(self.base) < self.limit {
            return false;
        }
        let seen = *self.seen_over.get_or_insert(cpu);
        cpu.saturating_sub(seen) >= self.limit / GRACE_PART && cpu > seen
    }
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
    run.seen_over = None;
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

/// Whether the decision that runs on this thread used up its CPU time, and goes on.
pub(crate) fn is_over() -> bool {
    let mut run = RUN.get();
    // CPU time never runs faster than the monotonic clock, which is cheap to read.
    if run.began.is_none_or(|began| began.elapsed() < run.limit) {
        return false;
    }
    let is_over = run.is_over(thread_time());
    RUN.set(run);
    is_over
}

/// The CPU time of this thread.
pub(crate) fn thread_time() -> Duration {
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
    fn what_is_taken_in_one_piece_is_not_the_decisions_and_what_goes_on_is() {
        let us = Duration::from_micros;
        let run = || Run { base: us(10_000), limit: us(2000), ..Run::NONE };
        let looks = |cpu: &[u64]| {
            let mut run = run();
            cpu.iter().map(|cpu| run.is_over(us(*cpu))).collect::<Vec<_>>()
        };
        assert_eq!(looks(&[10_100, 11_999]), [false, false], "within the limit");
        assert_eq!(looks(&[10_100, 15_000, 15_010, 15_240]), [false; 4], "taken in one piece");
        assert_eq!(looks(&[11_990, 12_000, 12_200, 12_250]), [false, false, false, true]);
        assert_eq!(looks(&[14_000, 16_000]), [false, true], "looked at rarely");
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
