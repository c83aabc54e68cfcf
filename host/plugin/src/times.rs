use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Parts that each power of two is divided into.
const PARTS: u32 = 4;
/// Places: all durations below 2^32 ns, and one for those beyond.
const PLACES: usize = 32 * PARTS as usize;

/// Counts durations by their length, each a quarter of a power of two wide: what is read from it is at most a quarter too long.
#[derive(Debug)]
pub(crate) struct Times([AtomicU64; PLACES]);

impl Default for Times {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; PLACES])
    }
}

impl Times {
    pub(crate) fn count(&self, nanos: u64) {
        self.0[place(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub(crate) fn counted(&self) -> Spread {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Spread(counts.collect())
    }
}

fn place(nanos: u64) -> usize {
    let octave = nanos.checked_ilog2().unwrap_or(0);
    // Below four nanoseconds there are no quarters.
    let part = if octave < 2 { 0 } else { (nanos >> (octave - 2)) & 3 };
    usize::try_from(u64::from(octave * PARTS) + part).unwrap_or(PLACES).min(PLACES - 1)
}

/// The end of a place, in nanoseconds: what is in it is shorter.
const fn end(place: usize) -> u64 {
    let octave = place / PARTS as usize;
    let part = (place % PARTS as usize) as u64;
    if octave < 2 { 2 << octave } else { (5 + part) << (octave - 2) }
}

/// How many durations were how long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spread(Vec<u64>);

impl Spread {
    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many were shorter than a power of two of nanoseconds, `1 << exponent`.
    pub fn below(&self, exponent: u32) -> u64 {
        let places = usize::try_from(exponent * PARTS).unwrap_or(PLACES);
        self.0.iter().take(places).sum()
    }

    /// What there is, the shortest first: in nanoseconds what is not reached, and how many.
    pub fn pairs(&self) -> Vec<(u64, u64)> {
        let places = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        places.map(|(place, count)| (end(place), *count)).collect()
    }

    /// What so many of a hundred do not exceed, at most a quarter too long; `None` when there are none.
    pub fn quantile(&self, of_hundred: u64) -> Option<Duration> {
        let wanted = (self.total() * of_hundred).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map(|place| Duration::from_nanos(end(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_shorter_than_the_end_of_its_place_and_not_much() {
        for nanos in (4..5000).chain([65_535, 65_536, 1_999_999, (1 << 32) - 1]) {
            let end = end(place(nanos));
            assert!(nanos < end && end <= nanos + nanos / 4 + 1, "{nanos} lies below {end}");
        }
        assert_eq!([place(0), place(1), place(u64::MAX)], [0, 0, PLACES - 1]);
    }

    #[test]
    fn what_half_of_them_and_nearly_all_do_not_exceed() {
        let times = Times::default();
        assert_eq!(times.counted().quantile(50), None);
        (0..98).for_each(|_| times.count(1000));
        (0..2).for_each(|_| times.count(100_000));
        let spread = times.counted();
        let nanos = |of| spread.quantile(of).map(|time| time.as_nanos());
        assert_eq!([nanos(50), nanos(98), nanos(99)], [Some(1024), Some(1024), Some(114_688)]);
        assert_eq!((spread.total(), spread.below(10), spread.below(9)), (100, 98, 0));
        assert_eq!(spread.pairs(), [(1024, 98), (114_688, 2)]);
    }
}
