//! The non-INVITE client transaction: RFC 3261 section 17.1.2 and figure 6.
//!
//! ```text
//!                          | request from the user: send, start E and F
//!      Timer E: resend     v             Timer F: timed out
//!             +-------- Trying ------------------------+
//!             +------->  |  | 200-699: to the user     |
//!        1xx: to the user|  +-----------+              |
//!                        v              |   Timer F    |
//!  Timer E: resend +- Proceeding -------|--------------+
//!                  +->   |  +- 1xx      |              |
//!               200-699  v  v           |              v
//!            +-------- Completed <------+   Timer K    |
//!            +------->     +--------------------> Terminated
//! ```

use super::{Action, Step};
use crate::timers::{Backoff, Timer};

use Action::{
    Again, Forget, InformTimeout, InformUnreachable, PassUp, Retransmit, Send, Start, Stop,
};

/// Where a request of ours other than INVITE stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Sent, no response yet.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A response 1xx.
    Provisional,
    /// A response 200-699.
    Final,
    /// Retransmission is due.
    TimerE,
    /// No final response in 64*T1.
    TimerF,
    /// Retransmissions of the final response are over.
    TimerK,
    /// The transport failed.
    TransportError,
}

/// What is done when the user sends a request; the state is then [`State::Trying`].
//= RFC 3261 section 17.1.2.2
//# When entering this state, the client transaction SHOULD set timer F to fire in 64*T1 seconds.
//= RFC 3261 section 17.1.2.2
//# If an unreliable transport is in use, the client transaction MUST set timer E to fire in T1 seconds.
pub(crate) const START: &[Action] = &[Send, Start(Timer::E), Start(Timer::F)];

/// The table.
// table: one arm an arrow of figure 6
pub(crate) const fn step(state: State, event: Event) -> Step<State> {
    use Event::*;
    use State::*;
    Some(match (state, event) {
        //= RFC 3261 section 17.1.2.2
        //# If timer E fires while still in this state, the timer is reset, but this time with a value of MIN(2*T1, T2).
        (Trying, TimerE) => (Trying, &[Retransmit, Again(Timer::E, Backoff::DoubleToT2)]),

        //= RFC 3261 section 17.1.2.2
        //# If Timer E fires while in the "Proceeding" state, the request MUST be passed to the transport layer for
        //# retransmission, and Timer E MUST be reset with a value of T2 seconds.
        (Proceeding, TimerE) => (Proceeding, &[Retransmit, Again(Timer::E, Backoff::T2)]),

        //= RFC 3261 section 17.1.2.2
        //# If Timer F fires while the client transaction is still in the "Trying" state, the client transaction SHOULD
        //# inform the TU about the timeout, and then it SHOULD enter the "Terminated" state.
        //= RFC 3261 section 17.1.2.2
        //# If timer F fires while in the "Proceeding" state, the TU MUST be informed of a timeout, and the client
        //# transaction MUST transition to the terminated state.
        (Trying | Proceeding, TimerF) => (Terminated, &[InformTimeout]),

        //= RFC 3261 section 17.1.2.2
        //# If a provisional response is received while in the "Trying" state, the response MUST be passed to the TU, and
        //# then the client transaction SHOULD move to the "Proceeding" state.
        (Trying | Proceeding, Provisional) => (Proceeding, &[PassUp]),

        //= RFC 3261 section 17.1.2.2
        //# If a final response (status codes 200-699) is received while in the "Trying" state, the response MUST be
        //# passed to the TU, and the client transaction MUST transition to the "Completed" state.
        //= RFC 3261 section 17.1.2.2
        //# Once the client transaction enters the "Completed" state, it MUST set Timer K to fire in T4 seconds for
        //# unreliable transports, and zero seconds for reliable transports.
        (Trying | Proceeding, Final) => {
            (Completed, &[Stop(Timer::E), Stop(Timer::F), Forget, PassUp, Start(Timer::K)])
        }

        //= RFC 3261 section 17.1.2.2
        //# The "Completed" state exists to buffer any additional response retransmissions that may be received
        (Completed, Provisional | Final | TransportError) => (Completed, &[]),

        //= RFC 3261 section 17.1.2.2
        //# If Timer K fires while in this state, the client transaction MUST transition to the "Terminated" state.
        (Completed, TimerK) => (Terminated, &[]),

        //= RFC 3261 section 17.1.4
        //# The client transaction SHOULD inform the TU that a transport failure has occurred, and the client transaction
        //# SHOULD transition directly to the "Terminated" state.
        (Trying | Proceeding, TransportError) => (Terminated, &[InformUnreachable]),

        (Trying | Proceeding, TimerK)
        | (Completed, TimerE | TimerF)
        | (Terminated, Provisional | Final | TimerE | TimerF | TimerK | TransportError) => {
            return None;
        }
    })
}

#[cfg(test)]
impl State {
    pub(crate) const ALL: [Self; 4] =
        [Self::Trying, Self::Proceeding, Self::Completed, Self::Terminated];
}

#[cfg(test)]
impl Event {
    pub(crate) const ALL: [Self; 6] = [
        Self::Provisional,
        Self::Final,
        Self::TimerE,
        Self::TimerF,
        Self::TimerK,
        Self::TransportError,
    ];
}
