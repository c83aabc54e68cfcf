//! A client transaction: its machine and what the machine's actions need.

use bytes::Bytes;
use model::Flow;

use super::{Action, TimerSlots, invite_client, key::Key, non_invite_client};
use crate::timers::Timer;

/// A request of ours.
pub(crate) struct Client {
    pub(crate) machine: Machine,
    pub(crate) flow: Flow,
    pub(crate) key: Key,
    /// The request while it may have to be sent again or cancelled; then the ACK of a final response other than 2xx.
    pub(crate) stored: Option<Bytes>,
    /// The ACKs of the 2xx that came, one for each dialog they made.
    pub(crate) acks: Vec<Ack>,
    pub(crate) cancel: Cancel,
    /// What the CANCEL says of why (RFC 3326); or empty.
    pub(crate) cancel_reason: Box<str>,
    pub(crate) owner: Owner,
    /// Whether it is somebody else's request, whose responses have Vias below ours.
    pub(crate) is_forwarded: bool,
    pub(crate) timers: TimerSlots,
}

impl Client {
    /// Bytes of messages that it keeps.
    pub(crate) fn kept_bytes(&self) -> usize {
        let stored = self.stored.as_ref().map_or(0, Bytes::len);
        self.acks.iter().fold(stored, |sum, ack| sum + ack.bytes.len())
    }
}

/// Which of the two client machines, and its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Machine {
    Invite(invite_client::State),
    NonInvite(non_invite_client::State),
}

/// What can happen to a client transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A response with this status.
    Response(u16),
    /// A timer of this transaction fired.
    Timer(Timer),
    TransportError,
}

/// The ACK of a 2xx, kept to be sent again for each repetition of the 2xx.
pub(crate) struct Ack {
    pub(crate) to_tag: Box<str>,
    pub(crate) flow: Flow,
    pub(crate) bytes: Bytes,
}

/// Whether the user gave the request up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cancel {
    /// It did not.
    No,
    /// It did, and the CANCEL waits for a provisional response (RFC 3261 section 9.1).
    Waits,
    /// The CANCEL went out.
    Sent,
}

/// Who hears of a client transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The user of the endpoint.
    User,
    /// Nobody: the endpoint sent a CANCEL.
    Endpoint,
}

impl Machine {
    pub(crate) const fn start(self) -> &'static [Action] {
        match self {
            Self::Invite(_) => invite_client::START,
            Self::NonInvite(_) => non_invite_client::START,
        }
    }

    pub(crate) fn step(self, event: Event) -> Option<(Self, &'static [Action])> {
        match self {
            Self::Invite(state) => {
                let (next, actions) = invite_client::step(state, invite_event(event)?)?;
                Some((Self::Invite(next), actions))
            }
            Self::NonInvite(state) => {
                let (next, actions) = non_invite_client::step(state, non_invite_event(event)?)?;
                Some((Self::NonInvite(next), actions))
            }
        }
    }

    pub(crate) const fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Terminated)
                | Self::NonInvite(non_invite_client::State::Terminated)
        )
    }

    /// Whether the final response is still awaited.
    pub(crate) const fn is_pending(self) -> bool {
        use invite_client::State as Invite;
        use non_invite_client::State as NonInvite;
        matches!(
            self,
            Self::Invite(Invite::Calling | Invite::Proceeding)
                | Self::NonInvite(NonInvite::Trying | NonInvite::Proceeding)
        )
    }
}

const fn invite_event(event: Event) -> Option<invite_client::Event> {
    use invite_client::Event as To;
    Some(match event {
        Event::Response(..=199) => To::Provisional,
        Event::Response(200..=299) => To::Success,
        Event::Response(300..) => To::Failure,
        Event::TransportError => To::TransportError,
        Event::Timer(Timer::A) => To::TimerA,
        Event::Timer(Timer::B) => To::TimerB,
        Event::Timer(Timer::D) => To::TimerD,
        Event::Timer(Timer::M) => To::TimerM,
        Event::Timer(Timer::Cancelled) => To::TimerCancelled,
        Event::Timer(
            Timer::E
            | Timer::F
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::J
            | Timer::K
            | Timer::L
            | Timer::Trying
            | Timer::Repeat
            | Timer::Unanswered,
        ) => return None,
    })
}

const fn non_invite_event(event: Event) -> Option<non_invite_client::Event> {
    use non_invite_client::Event as To;
    Some(match event {
        Event::Response(..=199) => To::Provisional,
        Event::Response(200..) => To::Final,
        Event::TransportError => To::TransportError,
        Event::Timer(Timer::E) => To::TimerE,
        Event::Timer(Timer::F) => To::TimerF,
        Event::Timer(Timer::K) => To::TimerK,
        Event::Timer(
            Timer::A
            | Timer::B
            | Timer::D
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::J
            | Timer::L
            | Timer::M
            | Timer::Trying
            | Timer::Repeat
            | Timer::Cancelled
            | Timer::Unanswered,
        ) => return None,
    })
}
