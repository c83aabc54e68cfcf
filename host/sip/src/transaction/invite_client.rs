//! The INVITE client transaction: RFC 3261 section 17.1.1 and figure 5, with the Accepted state of RFC 6026.
//!
//! ```text
//!                        | INVITE from the user: send, start A and B
//!        Timer A: resend v                 Timer B: timed out
//!              +--- Calling ----------------------------------+
//!              +-->  | |  \ 2xx: to the user, start M         |
//!            1xx: to | |   +--------------> Accepted --+      |
//!           the user | |                    ^  | ^ 2xx |      |
//!                    v | 300-699       2xx  |  | +-----+      |
//!       1xx +- Proceeding --(ACK)-----------+  | Timer M      |
//!           +->  |     v                       |              |
//!                +-> Completed --- Timer D ----+--> Terminated <
//!        300-699: ACK +- ^
//! ```

use super::{Action, Step};
use crate::timers::{Backoff, Timer};

use Action::{
    Acknowledge, Again, Forget, InformTimeout, InformUnreachable, PassUp, RepeatAck, Retransmit,
    Send, Start, Stop,
};

/// Where an INVITE of ours stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Sent, no response yet.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A final response other than 2xx came and was acknowledged.
    Completed,
    /// A 2xx came; each 2xx goes to the user.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A response 1xx.
    Provisional,
    /// A response 2xx.
    Success,
    /// A response 300-699.
    Failure,
    /// Retransmission is due.
    TimerA,
    /// No response in 64*T1.
    TimerB,
    /// Retransmissions of the final response are over.
    TimerD,
    /// Further 2xx are not waited for any more.
    TimerM,
    /// No final response within 64*T1 of the CANCEL.
    TimerCancelled,
    /// The transport failed.
    TransportError,
}

/// What is done when the user sends an INVITE; the state is then [`State::Calling`].
//= RFC 3261 section 17.1.1.2
//# If an unreliable transport is being used, the client transaction MUST start timer A with a value of T1.
//= RFC 3261 section 17.1.1.2
//# For any transport, the client transaction MUST start timer B with a value of 64*T1 seconds
pub(crate) const START: &[Action] = &[Send, Start(Timer::A), Start(Timer::B)];

/// The table.
// table: one arm an arrow of figure 5
pub(crate) const fn step(state: State, event: Event) -> Step<State> {
    use Event::*;
    use State::*;
    Some(match (state, event) {
        //= RFC 3261 section 17.1.1.2
        //# This process MUST continue so that the request is retransmitted with intervals that double after each
        //# transmission.
        (Calling, TimerA) => (Calling, &[Retransmit, Again(Timer::A, Backoff::Double)]),

        //= RFC 3261 section 17.1.1.2
        //# If the client transaction is still in the "Calling" state when timer B fires, the client transaction SHOULD
        //# inform the TU that a timeout has occurred.
        (Calling, TimerB) => (Terminated, &[InformTimeout]),

        //= RFC 3261 section 17.1.1.2
        //# In the "Proceeding" state, the client transaction SHOULD NOT retransmit the request any longer. Furthermore,
        //# the provisional response MUST be passed to the TU.
        (Calling, Provisional) => (Proceeding, &[Stop(Timer::A), Stop(Timer::B), PassUp]),

        //= RFC 3261 section 17.1.1.2
        //# Any further provisional responses MUST be passed up to the TU while in the "Proceeding" state.
        (Proceeding, Provisional) => (Proceeding, &[PassUp]),

        //= RFC 6026 section 8.4
        //# The purpose of the "Accepted" state is to allow the client transaction to continue to exist to receive, and
        //# pass to the TU, any retransmissions of the 2xx response and any additional 2xx responses from other branches
        //# of the INVITE if it forked downstream.
        (Calling, Success) => {
            (Accepted, &[Stop(Timer::A), Stop(Timer::B), Forget, PassUp, Start(Timer::M)])
        }
        (Proceeding, Success) => {
            (Accepted, &[Stop(Timer::Cancelled), Forget, PassUp, Start(Timer::M)])
        }

        //= RFC 6026 section 8.4
        //# Any 2xx responses that match this client transaction and that are received while in the "Accepted" state MUST
        //# be passed up to the TU.
        (Accepted, Success) => (Accepted, &[PassUp]),

        //= RFC 3261 section 17.1.1.2
        //# When in either the "Calling" or "Proceeding" states, reception of a response with status code from 300-699
        //# MUST cause the client transaction to transition to "Completed".
        (Calling, Failure) => {
            (Completed, &[Stop(Timer::A), Stop(Timer::B), Acknowledge, PassUp, Start(Timer::D)])
        }
        (Proceeding, Failure) => {
            (Completed, &[Stop(Timer::Cancelled), Acknowledge, PassUp, Start(Timer::D)])
        }

        //= RFC 3261 section 17.1.1.2
        //# Any retransmissions of the final response that are received while in the "Completed" state MUST cause the ACK
        //# to be re-passed to the transport layer for retransmission, but the newly received response MUST NOT be passed
        //# up to the TU.
        (Completed, Failure) => (Completed, &[RepeatAck]),

        //= RFC 3261 section 17.1.1.2
        //# If timer D fires while the client transaction is in the "Completed" state, the client transaction MUST move to
        //# the terminated state.
        (Completed, TimerD) => (Terminated, &[]),
        (Accepted, TimerM) => (Terminated, &[]),

        //= RFC 3261 section 9.1
        //# If there is no final response for the original request in 64*T1 seconds (T1 is defined in Section 17.1.1.1),
        //# the client SHOULD then consider the original transaction cancelled and SHOULD destroy the client transaction
        //# handling the original request.
        (Proceeding, TimerCancelled) => (Terminated, &[InformTimeout]),

        //= RFC 3261 section 17.1.4
        //# The client transaction SHOULD inform the TU that a transport failure has occurred, and the client transaction
        //# SHOULD transition directly to the "Terminated" state.
        (Calling | Proceeding | Completed, TransportError) => (Terminated, &[InformUnreachable]),

        // A late or reordered response of no more use.
        (Completed, Provisional | Success) => (Completed, &[]),
        (Accepted, Provisional | Failure | TransportError) => (Accepted, &[]),

        (Calling, TimerD | TimerM | TimerCancelled)
        | (Proceeding, TimerA | TimerB | TimerD | TimerM)
        | (Completed, TimerA | TimerB | TimerM | TimerCancelled)
        | (Accepted, TimerA | TimerB | TimerD | TimerCancelled)
        | (
            Terminated,
            Provisional | Success | Failure | TimerA | TimerB | TimerD | TimerM | TimerCancelled
            | TransportError,
        ) => return None,
    })
}

#[cfg(test)]
impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Calling, Self::Proceeding, Self::Completed, Self::Accepted, Self::Terminated];
}

#[cfg(test)]
impl Event {
    pub(crate) const ALL: [Self; 9] = [
        Self::Provisional,
        Self::Success,
        Self::Failure,
        Self::TimerA,
        Self::TimerB,
        Self::TimerD,
        Self::TimerM,
        Self::TimerCancelled,
        Self::TransportError,
    ];
}
