//! Whether the other side is still there (the semantics of ADDP, section 8.3): each side polls when the line was silent for its timeout,
//! and closes the connection when nothing comes for as long again.

use std::time::Duration;

use model::Instant;

/// One side's watch over the other. Anything that comes counts, not answers alone.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    timeout: Option<Duration>,
    heard: Instant,
    polled: Option<Instant>,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    Nothing,
    Poll,
    /// Nothing came for so long.
    Silent(Duration),
}

impl KeepAlive {
    /// Watches nothing until a timeout is set.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { timeout: None, heard: now, polled: None }
    }

    /// Sets the timeout; zero is none.
    pub(crate) fn set(&mut self, timeout: Duration) {
        self.timeout = (!timeout.is_zero()).then_some(timeout);
    }

    /// Something came. Gives the time since the poll that it answers, if there was one.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<Duration> {
        self.heard = now;
        self.polled.take().map(|polled| now.saturating_since(polled))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timeout.map(|timeout| self.polled.unwrap_or(self.heard) + timeout)
    }

    pub(crate) fn check(&mut self, now: Instant) -> Due {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Due::Nothing;
        }
        if self.polled.is_some() {
            return Due::Silent(now.saturating_since(self.heard));
        }
        self.polled = Some(now);
        Due::Poll
    }
}
