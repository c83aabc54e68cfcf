//! The non-INVITE server transaction: RFC 3261 section 17.2.2 and figure 8.
//!
//! ```text
//!                         | request: to the user
//!         request: nothing v
//!                +---- Trying ----+ 200-699 from the user: send
//!                +---->  | 1xx    +----------+
//!                        v                   |
//!   request, 1xx: +- Proceeding              |
//!          send   +->    | 200-699: send     |
//!                        v                   |
//!     request: +---- Completed <-------------+
//!       resend +---->    | Timer J
//!                        v
//!                    Terminated
//! ```

use super::{Action, Step};
use crate::timers::Timer;

use Action::{PassUp, Retransmit, Send, Start, Stop};

/// Where a request other than INVITE and ACK that came in stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The user has not responded.
    Trying,
    /// The user responded 1xx.
    Proceeding,
    /// The user gave its final response.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The request came again.
    Request,
    /// The user responds 1xx.
    Provisional,
    /// The user responds 200-699.
    Final,
    /// Retransmissions of the request are over.
    TimerJ,
    /// The user never responded, and the client has given up by now.
    TimerUnanswered,
}

/// What is done when a request comes in; the state is then [`State::Trying`].
pub(crate) const START: &[Action] = &[PassUp, Start(Timer::Unanswered)];

/// The table.
// table: one arm an arrow of figure 8
pub(crate) const fn step(state: State, event: Event) -> Step<State> {
    use Event::*;
    use State::*;
    Some(match (state, event) {
        //= RFC 3261 section 17.2.2
        //# Once in the "Trying" state, any further request retransmissions are discarded.
        (Trying, Request) => (Trying, &[]),

        //= RFC 3261 section 17.2.2
        //# While in the "Trying" state, if the TU passes a provisional response to the server transaction, the server
        //# transaction MUST enter the "Proceeding" state.
        //= RFC 3261 section 17.2.2
        //# Any further provisional responses that are received from the TU while in the "Proceeding" state MUST be passed
        //# to the transport layer for transmission.
        (Trying | Proceeding, Provisional) => (Proceeding, &[Send]),

        //= RFC 3261 section 17.2.2
        //# If a retransmission of the request is received while in the "Proceeding" state, the most recently sent
        //# provisional response MUST be passed to the transport layer for retransmission.
        (Proceeding, Request) => (Proceeding, &[Retransmit]),

        //= RFC 3261 section 17.2.2
        //# When the server transaction enters the "Completed" state, it MUST set Timer J to fire in 64*T1 seconds for
        //# unreliable transports, and zero seconds for reliable transports.
        (Trying | Proceeding, Final) => {
            (Completed, &[Stop(Timer::Unanswered), Send, Start(Timer::J)])
        }

        //= RFC 3261 section 17.2.2
        //# While in the "Completed" state, the server transaction MUST pass the final response to the transport layer for
        //# retransmission whenever a retransmission of the request is received.
        (Completed, Request) => (Completed, &[Retransmit]),

        //= RFC 3261 section 17.2.2
        //# Any other final responses passed by the TU to the server transaction MUST be discarded while in the
        //# "Completed" state.
        (Completed, Final | Provisional) => (Completed, &[]),

        //= RFC 3261 section 17.2.2
        //# The server transaction remains in this state until Timer J fires, at which point it MUST transition to the
        //# "Terminated" state.
        (Completed, TimerJ) => (Terminated, &[]),

        // Timer F of the client has fired: an answer would find nobody (RFC 4320 section 4.2 forbids a 408).
        (Trying | Proceeding, TimerUnanswered) => (Terminated, &[]),

        (Trying | Proceeding, TimerJ)
        | (Completed, TimerUnanswered)
        | (Terminated, Request | Provisional | Final | TimerJ | TimerUnanswered) => return None,
    })
}

#[cfg(test)]
impl State {
    pub(crate) const ALL: [Self; 4] =
        [Self::Trying, Self::Proceeding, Self::Completed, Self::Terminated];
}

#[cfg(test)]
impl Event {
    pub(crate) const ALL: [Self; 5] =
        [Self::Request, Self::Provisional, Self::Final, Self::TimerJ, Self::TimerUnanswered];
}
