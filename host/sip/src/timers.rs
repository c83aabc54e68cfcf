//! Timer values: T1, T2, T4 and what RFC 3261 table 4 derives from them.

use std::time::Duration;

/// How many times T1 a transaction lasts (RFC 3261 table 4: Timers B, F, H, J; RFC 6026: Timers L, M).
const LIFETIME_IN_T1: u32 = 64;

/// The timer values of RFC 3261 table 4. Every timer of every transaction is computed from these; a value below a
/// millisecond counts as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// T1, the estimate of the round-trip time: 500 ms.
    pub t1: Duration,
    /// T2, the longest interval between retransmissions of non-INVITE requests and INVITE responses: 4 s.
    pub t2: Duration,
    /// T4, the longest time a message stays in the network: 5 s.
    pub t4: Duration,
    /// Timer D on an unreliable transport, at least 32 s (RFC 3261 section 17.1.1.2).
    pub d: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            d: Duration::from_secs(32),
        }
    }
}

/// The least value a timer can have; a shorter one counts as this, so that no timer fires without time passing.
const LEAST: Duration = Duration::from_millis(1);

impl Timers {
    /// These values, none below a millisecond.
    pub(crate) fn at_least_a_millisecond(self) -> Self {
        let Self { t1, t2, t4, d } = self;
        Self { t1: t1.max(LEAST), t2: t2.max(LEAST), t4: t4.max(LEAST), d: d.max(LEAST) }
    }

    /// 64*T1: how long a request may go unanswered, and a final response unacknowledged.
    pub fn lifetime(&self) -> Duration {
        self.t1.saturating_mul(LIFETIME_IN_T1)
    }

    /// The first interval of `timer`, or `None` when it does not run on such a transport. `trying_after` is the delay of
    /// the 100 response, which is not one of the RFC's timers.
    pub(crate) fn first(
        &self,
        timer: Timer,
        reliable: bool,
        trying_after: Duration,
    ) -> Option<Duration> {
        let zero_if_reliable = |value| Some(if reliable { Duration::ZERO } else { value });
        match timer {
            Timer::A | Timer::E | Timer::G => (!reliable).then_some(self.t1),
            Timer::B | Timer::F | Timer::H | Timer::L | Timer::M => Some(self.lifetime()),
            Timer::D => zero_if_reliable(self.d),
            Timer::I | Timer::K => zero_if_reliable(self.t4),
            Timer::J => zero_if_reliable(self.lifetime()),
            Timer::Trying => Some(trying_after),
            Timer::Repeat => Some(self.t1),
            Timer::Cancelled | Timer::Unanswered => Some(self.lifetime()),
        }
    }

    /// The interval that follows `last`.
    pub(crate) fn next(&self, last: Duration, backoff: Backoff) -> Duration {
        match backoff {
            Backoff::Double => last.saturating_mul(2),
            Backoff::DoubleToT2 => last.saturating_mul(2).min(self.t2),
            Backoff::T2 => self.t2,
        }
    }
}

/// Every timer a transaction can have. It is also the reason [`Endpoint::poll_timeout`](crate::Endpoint::poll_timeout) gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// INVITE request retransmission (RFC 3261 section 17.1.1.2).
    A,
    /// INVITE transaction timeout, until the first response (RFC 3261 section 17.1.1.2).
    B,
    /// Wait for retransmissions of a final response other than 2xx (RFC 3261 section 17.1.1.2).
    D,
    /// Non-INVITE request retransmission (RFC 3261 section 17.1.2.2).
    E,
    /// Non-INVITE transaction timeout (RFC 3261 section 17.1.2.2).
    F,
    /// INVITE response retransmission (RFC 3261 section 17.2.1).
    G,
    /// Wait for the ACK (RFC 3261 section 17.2.1).
    H,
    /// Wait for retransmissions of the ACK (RFC 3261 section 17.2.1).
    I,
    /// Wait for retransmissions of a non-INVITE request (RFC 3261 section 17.2.2).
    J,
    /// Wait for retransmissions of a non-INVITE response (RFC 3261 section 17.1.2.2).
    K,
    /// Wait for retransmissions of an accepted INVITE (RFC 6026).
    L,
    /// Wait for retransmissions of a 2xx and for those of other branches (RFC 6026).
    M,
    /// The 100 (Trying) response is due (RFC 3261 section 17.2.1).
    Trying,
    /// The 2xx response is due again (RFC 3261 section 13.3.1.4).
    Repeat,
    /// Wait for the final response after a CANCEL (RFC 3261 section 9.1).
    Cancelled,
    /// Wait of a non-INVITE server transaction for its user; past it the client has given up (Timer F).
    Unanswered,
}

impl Timer {
    /// Whether this timer starts again, with a longer interval, when it has fired.
    pub(crate) const fn repeats(self) -> bool {
        matches!(self, Self::A | Self::E | Self::G | Self::Repeat)
    }
}

/// How the interval of a repeating timer grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backoff {
    /// Doubles without a cap (Timer A).
    Double,
    /// Doubles up to T2.
    DoubleToT2,
    /// Stays at T2.
    T2,
}
