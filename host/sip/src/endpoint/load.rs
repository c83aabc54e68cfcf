//! How many calls are refused for want of time, and what neighbours are told of it (RFC 7339).

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use model::{Flow, Instant};

use super::{Endpoint, wire};

/// A value is reckoned for so long, and holds for twice that (RFC 7339 section 4.3 has half a second).
const WINDOW: Duration = Duration::from_millis(500);
const VALIDITY_MS: u32 = 1000;
/// Never more than this is asked for: who sends nothing at all does not hear when it is over.
const PERCENT_MAX: u32 = 95;
/// What a quiet window takes off at the least.
const STEP: u32 = 5;

/// Says of an address whether it is a neighbour that is told.
pub type Neighbours = Box<dyn Fn(IpAddr) -> bool + Send>;

/// The load of an endpoint.
#[derive(Default)]
pub(super) struct Load {
    neighbours: Option<Neighbours>,
    since: Instant,
    /// Calls since then, and those that were refused among them.
    offered: u32,
    shed: u32,
    /// What is asked for.
    percent: u32,
}

impl Load {
    /// Counts a call.
    pub(super) fn count(&mut self, now: Instant, is_shed: bool) {
        if self.neighbours.is_some() {
            self.roll(now);
            self.offered = self.offered.saturating_add(1);
            self.shed = self.shed.saturating_add(is_shed.into());
        }
    }

    /// Ends the windows that are over. What is still refused although neighbours hold back is taken off what they send; when nothing is
    /// refused any more they may send more, step by step, so that they do not all come back at once.
    fn roll(&mut self, now: Instant) {
        let over = now.saturating_since(self.since).as_nanos() / WINDOW.as_nanos();
        for _ in 0..over.min(u128::from(PERCENT_MAX)) {
            self.percent = match (self.shed * 100).checked_div(self.offered) {
                Some(shed @ 1..) => self.percent + (100 - self.percent) * shed / 100,
                Some(0) | None => self.percent.saturating_sub(STEP.max(self.percent / 4)),
            };
            self.percent = self.percent.min(PERCENT_MAX);
            (self.offered, self.shed) = (0, 0);
        }
        if over > 0 {
            self.since = now;
        }
    }

    /// What a response to a neighbour says in its Via.
    fn told(&mut self, now: Instant) -> String {
        self.roll(now);
        let (percent, validity) = (self.percent, if self.percent == 0 { 0 } else { VALIDITY_MS });
        // The same for each window, and greater for the next.
        let at = self.since.as_nanos() / 10_000;
        let (seconds, part) = (at / 100_000, at % 100_000);
        format!(";oc={percent};oc-algo=\"loss\";oc-validity={validity};oc-seq={seconds}.{part:05}")
    }
}

impl Endpoint {
    /// Tells these neighbours how much of what they send is to be held back, if they ask (RFC 7339).
    pub fn tell_load(&mut self, neighbours: Neighbours) {
        self.load.neighbours = Some(neighbours);
    }

    /// A response with what its receiver is told of our load, if it asked and is a neighbour.
    pub(super) fn with_load(&mut self, flow: Flow, response: Bytes) -> Bytes {
        let Some(neighbours) = &self.load.neighbours else { return response };
        let asks = wire::top_via(&response).and_then(|via| crate::Via::parse(via).ok());
        // Who knows only other algorithms is told nothing.
        let algorithms = asks.filter(|via| via.params.get("oc").is_some());
        let algorithms = algorithms.and_then(|via| via.params.get("oc-algo")?);
        let mut known = algorithms.into_iter().flat_map(|all| all.split(','));
        if !known.any(|one| one.trim().eq_ignore_ascii_case("loss")) || !neighbours(flow.peer.ip())
        {
            return response;
        }
        let told = self.load.told(self.now);
        wire::replaced(response, |name| name == "oc" || name.starts_with("oc-"), &told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn load() -> Load {
        Load { neighbours: Some(Box::new(|_| true)), ..Load::default() }
    }

    #[test]
    fn what_is_refused_is_asked_for_and_given_up_step_by_step() {
        let mut load = load();
        for n in 0..100 {
            load.count(at(n), n % 5 == 0);
        }
        assert_eq!(load.told(at(400)), ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=0.00000");
        assert_eq!(load.told(at(500)), ";oc=20;oc-algo=\"loss\";oc-validity=1000;oc-seq=0.50000");
        assert_eq!(load.told(at(900)), ";oc=20;oc-algo=\"loss\";oc-validity=1000;oc-seq=0.50000");
        // Half of what still comes is too much: half of the eighty that are left.
        load.count(at(950), true);
        load.count(at(960), false);
        assert!(load.told(at(1000)).starts_with(";oc=60;"));
        let told: Vec<u32> = (3..14)
            .map(|n| {
                load.roll(at(n * 500));
                load.percent
            })
            .collect();
        assert_eq!(told, [45, 34, 26, 20, 15, 10, 5, 0, 0, 0, 0]);
    }

    #[test]
    fn never_all_is_asked_for_and_a_long_silence_ends_it() {
        let mut load = load();
        load.count(at(0), true);
        assert!(load.told(at(500)).starts_with(";oc=95;"));
        assert!(load.told(at(3_600_000)).starts_with(";oc=0;"));
    }

    #[test]
    fn nobody_to_tell_is_nothing_to_count() {
        let mut load = Load::default();
        load.count(at(0), true);
        assert_eq!((load.offered, load.shed), (0, 0));
    }
}
