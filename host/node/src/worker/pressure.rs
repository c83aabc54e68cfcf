//! Whether the worker has more to do than it can.

use std::time::Duration;

use model::Instant;
use sip::Shedding;

/// Waiting as long as this at a time is a hiccup of the machine and no overload.
const HICCUP: Duration = Duration::from_millis(250);
/// An overload that comes again so soon has not gone.
const MEMORY: Duration = Duration::from_secs(1);
/// Waiting this many times the limit, other requests than calls are refused too.
const SEVERE: u32 = 4;

/// Looks at how long messages have waited in the worker.
#[derive(Debug)]
pub(super) struct Pressure {
    /// Longer than this is too long; zero never is.
    limit: Duration,
    /// Since when all have waited too long.
    above_since: Option<Instant>,
    /// When something was refused last.
    shed_at: Option<Instant>,
}

impl Pressure {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, above_since: None, shed_at: None }
    }

    /// What is to be refused at `now`, when the message at hand has waited for so long.
    pub(super) fn judge(&mut self, now: Instant, waited: Duration) -> Shedding {
        if self.limit.is_zero() || waited <= self.limit {
            self.above_since = None;
            return Shedding::Nothing;
        }
        let since = *self.above_since.get_or_insert(now);
        let lasts = now.saturating_since(since) >= HICCUP;
        let is_back = self.shed_at.is_some_and(|at| now.saturating_since(at) < MEMORY);
        if !lasts && !is_back {
            return Shedding::Nothing;
        }
        self.shed_at = Some(now);
        if waited > self.limit * SEVERE { Shedding::Requests } else { Shedding::Calls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_hiccup_is_no_overload_and_what_lasts_is_one() {
        let mut pressure = Pressure::new(ms(50));
        assert_eq!(pressure.judge(at(0), ms(50)), Shedding::Nothing);
        // A thread that was not run for a second works off what came meanwhile.
        assert_eq!(pressure.judge(at(1000), ms(900)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1020), ms(400)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1030), ms(10)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1040), ms(60)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1289), ms(70)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1290), ms(70)), Shedding::Calls);
        assert_eq!(pressure.judge(at(1291), ms(201)), Shedding::Requests);
    }

    #[test]
    fn an_overload_that_comes_again_soon_is_known_at_once_and_a_later_one_is_not() {
        let mut pressure = Pressure::new(ms(50));
        pressure.judge(at(0), ms(60));
        assert_eq!(pressure.judge(at(250), ms(60)), Shedding::Calls);
        assert_eq!(pressure.judge(at(260), ms(40)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(1200), ms(51)), Shedding::Calls);
        assert_eq!(pressure.judge(at(1210), ms(5)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(2201), ms(51)), Shedding::Nothing);
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let mut pressure = Pressure::new(Duration::ZERO);
        assert_eq!(pressure.judge(at(0), ms(5000)), Shedding::Nothing);
        assert_eq!(pressure.judge(at(5000), ms(5000)), Shedding::Nothing);
    }
}
