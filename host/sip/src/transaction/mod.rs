//! The four transaction machines of RFC 3261 section 17, corrected by RFC 6026, each as a pure table, and what holds them.
//!
//! A table says, for a state and an event, the next state and what is to be done. It does nothing itself: the endpoint owns
//! the messages and the timers and carries the actions out.

pub(crate) mod client;
pub(crate) mod invite_client;
pub(crate) mod invite_server;
pub(crate) mod key;
pub(crate) mod non_invite_client;
pub(crate) mod non_invite_server;
pub(crate) mod server;
pub(crate) mod slab;
pub(crate) mod timer_queue;

#[cfg(test)]
mod tables_test;

use std::time::Duration;

use self::timer_queue::TimerHandle;
use crate::timers::{Backoff, Timer};

/// What a table tells the endpoint to do, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Send the message at hand: the request at the start, or the response the user gave.
    Send,
    /// Send the stored message once more: the request of a client, the last response of a server.
    Retransmit,
    /// Make the ACK of the response at hand, keep it in place of the request, send it (RFC 3261 section 17.1.1.3).
    Acknowledge,
    /// Send the kept ACK once more.
    RepeatAck,
    /// Make and send 100 (Trying).
    SendTrying,
    /// Hand the message at hand to the user.
    PassUp,
    /// Tell the user that no final response came in time.
    InformTimeout,
    /// Tell the user that the transport failed.
    InformUnreachable,
    /// Tell the user that its 2xx was never acknowledged.
    InformAckMissing,
    /// Count a final response other than 2xx that was never acknowledged.
    CountUnacknowledged,
    /// Start a timer with its first interval.
    Start(Timer),
    /// Start a timer that has just fired again, with its next interval.
    Again(Timer, Backoff),
    /// Stop a timer.
    Stop(Timer),
    /// Forget the stored message: nothing will retransmit it any more.
    Forget,
}

/// One arrow of a table: where it leads and what is done on the way. `None` where the machine has no such arrow.
pub(crate) type Step<S> = Option<(S, &'static [Action])>;

/// The running timers of one transaction. Of each kind at most one runs at a time in all four machines.
#[derive(Clone, Copy, Default)]
pub(crate) struct TimerSlots {
    /// A, E, G or the repetition of a 2xx.
    repeating: Option<TimerHandle>,
    /// The present interval of the repeating timer.
    pub(crate) interval: Duration,
    /// B, D, F, H, I, J, K, L, M: how long the present state may last.
    lasting: Option<TimerHandle>,
    /// The 100 response that is due, or the wait after a CANCEL.
    extra: Option<TimerHandle>,
}

impl TimerSlots {
    pub(crate) const fn slot(&mut self, timer: Timer) -> &mut Option<TimerHandle> {
        match timer {
            Timer::A | Timer::E | Timer::G | Timer::Repeat => &mut self.repeating,
            Timer::B
            | Timer::D
            | Timer::F
            | Timer::H
            | Timer::I
            | Timer::J
            | Timer::K
            | Timer::L
            | Timer::M
            | Timer::Unanswered => &mut self.lasting,
            Timer::Trying | Timer::Cancelled => &mut self.extra,
        }
    }

    /// Every timer that runs, to stop them all.
    pub(crate) fn running(&self) -> impl Iterator<Item = TimerHandle> {
        [self.repeating, self.lasting, self.extra].into_iter().flatten()
    }
}
