//! How many requests a client may send.

use std::time::Duration;

use model::Instant;

/// A bucket of requests that fills with time.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: u32,
    burst: u32,
    /// When the bucket would be full again.
    full_at: Instant,
}

impl Rate {
    /// A full bucket. With no requests per second there is no limit.
    pub(crate) const fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self { per_second, burst, full_at: now }
    }

    /// Takes one out; gives whether there was one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let one = Duration::from_secs(1) / self.per_second;
        let full_at = self.full_at.max(now) + one;
        if full_at.saturating_since(now) > one * self.burst.max(1) {
            return false;
        }
        self.full_at = full_at;
        true
    }

    /// Takes so many out of it, whether they are in it or not: what is missing must come back before [`Self::take`] gives one again.
    pub(crate) fn charge(&mut self, now: Instant, requests: u32) {
        if self.per_second > 0 {
            let one = Duration::from_secs(1) / self.per_second;
            self.full_at = self.full_at.max(now) + one * requests;
        }
    }

    /// Whether more was taken out than was in it.
    pub(crate) fn is_overdrawn(&self, now: Instant) -> bool {
        let one = Duration::from_secs(1) / self.per_second.max(1);
        self.full_at.saturating_since(now) > one * self.burst.max(1)
    }
}
