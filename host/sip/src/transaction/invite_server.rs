//! The INVITE server transaction: RFC 3261 section 17.2.1 and figure 7, with the Accepted state of RFC 6026.
//!
//! The Accepted state of RFC 6026 is two states here, because the endpoint also does the UAS core's part of RFC 3261
//! section 13.3.1.4: in `Accepted` the 2xx is being repeated, in `Acknowledged` its ACK has come, or it is a proxy's: somebody else repeats it and
//! its ACK goes elsewhere.
//!
//! ```text
//!                        | INVITE: to the user; 100 unless it answers soon
//!     INVITE: resend     v     101-199 from the user: send
//!              +---- Proceeding ----+
//!              +--->  |      | <----+
//!      300-699: send  |      | 2xx: send, start L and Repeat
//!                     v      +-------> Accepted ----- Timer L: ACK missing --+
//! INVITE, Timer G: +- Completed           | ACK: to the user                 |
//!          resend  +->|     | Timer H     v                                  |
//!               ACK   |     +------> Acknowledged ---- Timer L --+           |
//!                     v                                          v           v
//!                  Confirmed ---- Timer I ---------------------> Terminated <+
//! ```

use super::{Action, Step};
use crate::timers::{Backoff, Timer};

use Action::{
    Again, CountUnacknowledged, Forget, InformAckMissing, PassUp, Retransmit, Send, SendTrying,
    Start, Stop,
};

/// Where an INVITE that came in stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// No final response yet.
    Proceeding,
    /// A final response other than 2xx was sent.
    Completed,
    /// Its ACK came.
    Confirmed,
    /// A 2xx was sent and is repeated until its ACK comes.
    Accepted,
    /// The ACK of the 2xx came.
    Acknowledged,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The INVITE came again.
    Invite,
    /// An ACK came: of a final response other than 2xx by its branch, of a 2xx by its dialog.
    Ack,
    /// The user responds 1xx.
    Provisional,
    /// The user responds 2xx.
    Success,
    /// The user passes a 2xx on that the callee repeats, and whose ACK goes past this transaction.
    Forwarded,
    /// The user responds 300-699.
    Failure,
    /// Retransmission of the final response is due.
    TimerG,
    /// No ACK in 64*T1.
    TimerH,
    /// Retransmissions of the ACK are over.
    TimerI,
    /// Retransmissions of the accepted INVITE are over.
    TimerL,
    /// The user has not responded yet: 100 (Trying) is due.
    TimerTrying,
    /// Repetition of the 2xx is due.
    TimerRepeat,
}

/// What is done when an INVITE comes in; the state is then [`State::Proceeding`].
//= RFC 3261 section 17.2.1
//# The server transaction MUST generate a 100 (Trying) response unless it knows that the TU will generate a provisional or
//# final response within 200 ms, in which case it MAY generate a 100 (Trying) response.
pub(crate) const START: &[Action] = &[PassUp, Start(Timer::Trying)];

/// The table.
// table: one arm an arrow of figure 7
pub(crate) const fn step(state: State, event: Event) -> Step<State> {
    use Event::*;
    use State::*;
    Some(match (state, event) {
        (Proceeding, TimerTrying) => (Proceeding, &[SendTrying]),

        //= RFC 3261 section 17.2.1
        //# So long as the server transaction is in the "Proceeding" state, each of these MUST be passed to the transport
        //# layer for transmission.
        (Proceeding, Provisional) => (Proceeding, &[Stop(Timer::Trying), Send]),

        //= RFC 3261 section 17.2.1
        //# If a request retransmission is received while in the "Proceeding" state, the most recent provisional response
        //# that was received from the TU MUST be passed to the transport layer for retransmission.
        (Proceeding, Invite) => (Proceeding, &[Retransmit]),

        //= RFC 3261 section 13.3.1.4
        //# The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for each
        //# retransmission until it reaches T2 seconds (T1 and T2 are defined in Section 17).
        (Proceeding, Success) => {
            (Accepted, &[Stop(Timer::Trying), Send, Start(Timer::Repeat), Start(Timer::L)])
        }
        //= RFC 6026 section 8.7
        //# The purpose of the "Accepted" state is to absorb retransmissions of an accepted INVITE request.
        (Proceeding, Forwarded) => {
            (Acknowledged, &[Stop(Timer::Trying), Send, Forget, Start(Timer::L)])
        }
        (Accepted, TimerRepeat) => {
            (Accepted, &[Retransmit, Again(Timer::Repeat, Backoff::DoubleToT2)])
        }

        //= RFC 6026 section 8.7
        //# While in the "Accepted" state, if the TU passes a 2xx response, the server transaction MUST pass the response
        //# to the transport layer for transmission.
        (Accepted, Success) => (Accepted, &[Send]),

        //= RFC 3261 section 13.3.1.4
        //# Response retransmissions cease when an ACK request for the response is received.
        (Accepted, Ack) => (Acknowledged, &[Stop(Timer::Repeat), Forget, PassUp]),
        (Acknowledged, Ack) => (Acknowledged, &[]),

        //= RFC 6026 section 8.7
        //# The purpose of the "Accepted" state is to absorb retransmissions of an accepted INVITE request.  Any such
        //# retransmissions are absorbed entirely within the server transaction.
        (Accepted, Invite) => (Accepted, &[]),
        (Acknowledged, Invite) => (Acknowledged, &[]),

        //= RFC 3261 section 13.3.1.4
        //# If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK, the dialog is confirmed,
        //# but the session SHOULD be terminated.
        (Accepted, TimerL) => (Terminated, &[InformAckMissing]),

        //= RFC 6026 section 8.7
        //# If Timer L fires while the INVITE server transaction is in the "Accepted" state, the transaction MUST
        //# transition to the "Terminated" state.
        (Acknowledged, TimerL) => (Terminated, &[]),

        //= RFC 3261 section 17.2.1
        //# For unreliable transports, timer G is set to fire in T1 seconds, and is not set to fire for reliable
        //# transports.
        //= RFC 3261 section 17.2.1
        //# When the "Completed" state is entered, timer H MUST be set to fire in 64*T1 seconds for all transports.
        (Proceeding, Failure) => {
            (Completed, &[Stop(Timer::Trying), Send, Start(Timer::G), Start(Timer::H)])
        }

        //= RFC 3261 section 17.2.1
        //# From then on, when timer G fires, the response is passed to the transport again for transmission, and timer G
        //# is reset with a value that doubles, unless that value exceeds T2, in which case it is reset with the value of
        //# T2.
        (Completed, TimerG) => (Completed, &[Retransmit, Again(Timer::G, Backoff::DoubleToT2)]),

        //= RFC 3261 section 17.2.1
        //# Furthermore, while in the "Completed" state, if a request retransmission is received, the server SHOULD pass
        //# the response to the transport for retransmission.
        (Completed, Invite) => (Completed, &[Retransmit]),

        //= RFC 3261 section 17.2.1
        //# If an ACK is received while the server transaction is in the "Completed" state, the server transaction MUST
        //# transition to the "Confirmed" state.
        (Completed, Ack) => (Confirmed, &[Stop(Timer::G), Stop(Timer::H), Forget, Start(Timer::I)]),

        //= RFC 3261 section 17.2.1
        //# If timer H fires while in the "Completed" state, it implies that the ACK was never received.
        (Completed, TimerH) => (Terminated, &[CountUnacknowledged]),

        //= RFC 3261 section 17.2.1
        //# The purpose of the "Confirmed" state is to absorb any additional ACK messages that arrive, triggered from
        //# retransmissions of the final response.
        (Confirmed, Ack | Invite) => (Confirmed, &[]),

        //= RFC 3261 section 17.2.1
        //# Once timer I fires, the server MUST transition to the "Terminated" state.
        (Confirmed, TimerI) => (Terminated, &[]),

        (Proceeding, Ack | TimerG | TimerH | TimerI | TimerL | TimerRepeat)
        | (
            Completed,
            Provisional | Success | Failure | Forwarded | TimerI | TimerL | TimerTrying
            | TimerRepeat,
        )
        | (
            Confirmed,
            Provisional | Success | Failure | Forwarded | TimerG | TimerH | TimerL | TimerTrying
            | TimerRepeat,
        )
        | (Accepted, Provisional | Failure | Forwarded | TimerG | TimerH | TimerI | TimerTrying)
        | (
            Acknowledged,
            Provisional | Success | Failure | Forwarded | TimerG | TimerH | TimerI | TimerTrying
            | TimerRepeat,
        )
        | (
            Terminated,
            Invite | Ack | Provisional | Success | Failure | Forwarded | TimerG | TimerH | TimerI
            | TimerL | TimerTrying | TimerRepeat,
        ) => return None,
    })
}

#[cfg(test)]
impl State {
    pub(crate) const ALL: [Self; 6] = [
        Self::Proceeding,
        Self::Completed,
        Self::Confirmed,
        Self::Accepted,
        Self::Acknowledged,
        Self::Terminated,
    ];
}

#[cfg(test)]
impl Event {
    pub(crate) const ALL: [Self; 12] = [
        Self::Invite,
        Self::Ack,
        Self::Provisional,
        Self::Success,
        Self::Failure,
        Self::Forwarded,
        Self::TimerG,
        Self::TimerH,
        Self::TimerI,
        Self::TimerL,
        Self::TimerTrying,
        Self::TimerRepeat,
    ];
}
