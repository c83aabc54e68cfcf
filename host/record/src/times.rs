/// Parts of each power of two: times are told apart to some 6 of a hundred.
const PARTS: usize = 16;
/// Up to 2^40 ns, more than 18 minutes.
const POWERS: usize = 40;

/// How often something took how long.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    counts: Vec<u64>,
    all: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: vec![0; PARTS * POWERS], all: 0 }
    }
}

impl Times {
    pub(crate) fn note(&mut self, ns: u64) {
        let slot = slot(ns).min(self.counts.len() - 1);
        self.counts[slot] += 1;
        self.all += 1;
    }

    /// Within this time 99 of a hundred were done; 0 when there were none.
    pub(crate) fn p99(&self) -> u64 {
        let mut beyond = self.all / 100;
        for (slot, count) in self.counts.iter().enumerate().rev() {
            if *count > beyond {
                return upper(slot);
            }
            beyond -= count;
        }
        0
    }
}

fn slot(ns: u64) -> usize {
    let power = ns.max(1).ilog2() as usize;
    let part = if power >= 4 { (ns >> (power - 4)) as usize % PARTS } else { 0 };
    power * PARTS + part
}

fn upper(slot: usize) -> u64 {
    let (power, part) = (slot / PARTS, (slot % PARTS) as u64);
    if power >= 4 { (PARTS as u64 + part + 1) << (power - 4) } else { 2 << power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_99_of_a_hundred_is_told_to_some_six_percent() {
        let mut times = Times::default();
        assert_eq!(times.p99(), 0);
        (0..99).for_each(|_| times.note(1000));
        times.note(50_000);
        assert_eq!(times.p99(), 1024, "the slowest of a hundred is left out");
        (0..9).for_each(|_| times.note(50_000));
        assert_eq!(times.p99(), 51_200);
    }

    #[test]
    fn every_time_has_a_slot_that_ends_above_it() {
        for ns in [0, 1, 7, 15, 16, 17, 1000, 1 << 20, (1 << 39) + 5] {
            assert!(upper(slot(ns)) > ns, "{ns}");
            assert!(upper(slot(ns)) <= ns.max(1) * 2, "{ns}");
        }
        Times::default().note(u64::MAX);
    }
}
