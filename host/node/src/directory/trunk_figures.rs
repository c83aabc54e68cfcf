use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// Seconds over which the rate of calls is averaged: `operational-stat-timeout` of the System Monitor (section 7.3 of the reference).
pub const RATE_WINDOW_S: u32 = 10;

/// What is counted of a trunk by every worker, without a lock.
#[derive(Debug, Default)]
pub(super) struct TrunkFigures {
    attempts: AtomicU64,
    full: AtomicU64,
    refused: [AtomicU64; 3],
    outages: AtomicU64,
    calls_most: AtomicU32,
    in_window_most: AtomicU32,
    /// Calls that began in a second, for the last of them: the second above and the count below.
    seconds: [AtomicU64; RATE_WINDOW_S as usize],
}

/// What was counted of a trunk since the start.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct TrunkCounts {
    /// Calls that were to go over it or came over it, and had room.
    pub attempts: u64,
    /// Calls that found no room (`capacity`).
    pub full: u64,
    /// Calls to it that it refused with 400 to 499, 500 to 599, 600 to 699.
    pub refused: [u64; 3],
    /// Times that its probes were not answered any more.
    pub outages: u64,
    /// The most calls at once.
    pub calls_most: u32,
    /// Calls a second over the last [`RATE_WINDOW_S`] seconds.
    pub rate: f64,
    /// The most of them at any time.
    pub rate_most: f64,
}

impl TrunkFigures {
    /// A call began in this second, and is one of so many now.
    pub(super) fn began(&self, second: u32, calls: u32) {
        self.attempts.fetch_add(1, Relaxed);
        self.calls_most.fetch_max(calls, Relaxed);
        let place = &self.seconds[(second % RATE_WINDOW_S) as usize];
        let more = |have: u64| {
            // Another worker may be ahead by a second: what is older than what is there is not counted.
            let count = match (have >> 32).cmp(&u64::from(second)) {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => (have & u64::from(u32::MAX)) + 1,
                std::cmp::Ordering::Greater => return None,
            };
            Some(u64::from(second) << 32 | count)
        };
        // An error says that it is not counted.
        let _ = place.fetch_update(AcqRel, Relaxed, more);
        self.in_window_most.fetch_max(self.in_window(second), Relaxed);
    }

    pub(super) fn was_full(&self) {
        self.full.fetch_add(1, Relaxed);
    }

    /// It refused a call with this status.
    pub(super) fn refused(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(4);
        if let Some(count) = class.and_then(|class| self.refused.get(class)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn went_down(&self) {
        self.outages.fetch_add(1, Relaxed);
    }

    /// Everything, in this second.
    pub(super) fn counts(&self, second: u32) -> TrunkCounts {
        let a_second = |calls: u32| f64::from(calls) / f64::from(RATE_WINDOW_S);
        TrunkCounts {
            attempts: self.attempts.load(Relaxed),
            full: self.full.load(Relaxed),
            refused: [0, 1, 2].map(|class: usize| self.refused[class].load(Relaxed)),
            outages: self.outages.load(Relaxed),
            calls_most: self.calls_most.load(Relaxed),
            rate: a_second(self.in_window(second)),
            rate_most: a_second(self.in_window_most.load(Relaxed)),
        }
    }

    /// Calls that began in this second and those of the window before it.
    fn in_window(&self, second: u32) -> u32 {
        let from = u64::from(second.saturating_sub(RATE_WINDOW_S - 1));
        let places = self.seconds.iter().map(|place| place.load(Relaxed));
        let of_window = places.filter(|place| (from..=u64::from(second)).contains(&(place >> 32)));
        of_window.map(|place| u32::try_from(place & u64::from(u32::MAX)).unwrap_or(u32::MAX)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_its_peak_stays() {
        let figures = TrunkFigures::default();
        assert_eq!(figures.counts(0), TrunkCounts::default());
        for second in [0, 0, 3, 9] {
            figures.began(second, 2);
        }
        let rates = |second| {
            let counts = figures.counts(second);
            (counts.rate, counts.rate_most)
        };
        assert_eq!([rates(9), rates(10), rates(13)], [(0.4, 0.4), (0.2, 0.4), (0.1, 0.4)]);
        // In the place of the second 0.
        figures.began(10, 7);
        figures.began(0, 7);
        assert_eq!([rates(10), rates(40)], [(0.3, 0.4), (0.0, 0.4)]);
        let counts = figures.counts(40);
        assert_eq!((counts.attempts, counts.calls_most), (6, 7));
    }

    #[test]
    fn refusals_are_counted_by_their_class() {
        let figures = TrunkFigures::default();
        for status in [404, 486, 503, 603, 700, 302] {
            figures.refused(status);
        }
        figures.was_full();
        figures.went_down();
        let counts = figures.counts(0);
        assert_eq!((counts.refused, counts.full, counts.outages), ([2, 1, 1], 1, 1));
    }
}
