//! A server transaction: its machine and what the machine's actions need.

use bytes::Bytes;
use model::Flow;

use super::{Action, TimerSlots, invite_server, key::Key, non_invite_server};
use crate::{endpoint::wire::Stamp, timers::Timer};

/// A request that came in.
pub(crate) struct Server {
    pub(crate) machine: Machine,
    /// Where the request came from and the responses go.
    pub(crate) flow: Flow,
    pub(crate) stamp: Stamp,
    pub(crate) key: Key,
    /// Under which other copies of the request are recognised (RFC 3261 section 8.2.2.2).
    pub(crate) merged: Option<Key>,
    /// Under which the ACK of its 2xx is recognised.
    pub(crate) ack: Option<Key>,
    /// The INVITE, until the first response: 100 (Trying) is made from it.
    pub(crate) request: Option<Bytes>,
    /// The last response, while it may have to be sent again.
    pub(crate) response: Option<Bytes>,
    /// Whether the user has been told of a CANCEL.
    pub(crate) cancelled: bool,
    pub(crate) timers: TimerSlots,
}

impl Server {
    /// Bytes of messages that it keeps.
    pub(crate) fn kept_bytes(&self) -> usize {
        let size = |message: &Option<Bytes>| message.as_ref().map_or(0, Bytes::len);
        size(&self.request) + size(&self.response)
    }

    /// Whether any response was sent.
    pub(crate) const fn was_answered(&self) -> bool {
        !matches!(
            self.machine,
            Machine::Invite(invite_server::State::Proceeding)
                | Machine::NonInvite(non_invite_server::State::Trying)
        ) || self.response.is_some()
    }
}

/// Which of the two server machines, and its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Machine {
    Invite(invite_server::State),
    NonInvite(non_invite_server::State),
}

/// What can happen to a server transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The request came again.
    Request,
    /// Its ACK came.
    Ack,
    /// The user responds with this status.
    Respond(u16),
    /// The user passes on a 2xx to an INVITE that somebody else repeats.
    Forward,
    /// A timer of this transaction fired.
    Timer(Timer),
}

impl Machine {
    pub(crate) const fn start(self) -> &'static [Action] {
        match self {
            Self::Invite(_) => invite_server::START,
            Self::NonInvite(_) => non_invite_server::START,
        }
    }

    pub(crate) fn step(self, event: Event) -> Option<(Self, &'static [Action])> {
        match self {
            Self::Invite(state) => {
                let (next, actions) = invite_server::step(state, invite_event(event)?)?;
                Some((Self::Invite(next), actions))
            }
            Self::NonInvite(state) => {
                let (next, actions) = non_invite_server::step(state, non_invite_event(event)?)?;
                Some((Self::NonInvite(next), actions))
            }
        }
    }

    pub(crate) const fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_server::State::Terminated)
                | Self::NonInvite(non_invite_server::State::Terminated)
        )
    }

    /// Whether this is an INVITE without a final response.
    pub(crate) const fn is_cancellable(self) -> bool {
        matches!(self, Self::Invite(invite_server::State::Proceeding))
    }

    /// Whether a final response other than 2xx was sent to an INVITE, whose ACK has the INVITE's branch.
    pub(crate) const fn is_rejected(self) -> bool {
        use invite_server::State as Invite;
        matches!(self, Self::Invite(Invite::Completed | Invite::Confirmed))
    }
}

const fn invite_event(event: Event) -> Option<invite_server::Event> {
    use invite_server::Event as To;
    Some(match event {
        Event::Request => To::Invite,
        Event::Ack => To::Ack,
        Event::Respond(..=199) => To::Provisional,
        Event::Respond(200..=299) => To::Success,
        Event::Respond(300..) => To::Failure,
        Event::Forward => To::Forwarded,
        Event::Timer(Timer::G) => To::TimerG,
        Event::Timer(Timer::H) => To::TimerH,
        Event::Timer(Timer::I) => To::TimerI,
        Event::Timer(Timer::L) => To::TimerL,
        Event::Timer(Timer::Trying) => To::TimerTrying,
        Event::Timer(Timer::Repeat) => To::TimerRepeat,
        Event::Timer(
            Timer::A
            | Timer::B
            | Timer::D
            | Timer::E
            | Timer::F
            | Timer::J
            | Timer::K
            | Timer::M
            | Timer::Cancelled
            | Timer::Unanswered,
        ) => return None,
    })
}

const fn non_invite_event(event: Event) -> Option<non_invite_server::Event> {
    use non_invite_server::Event as To;
    Some(match event {
        Event::Request => To::Request,
        Event::Ack | Event::Forward => return None,
        Event::Respond(..=199) => To::Provisional,
        Event::Respond(200..) => To::Final,
        Event::Timer(Timer::J) => To::TimerJ,
        Event::Timer(Timer::Unanswered) => To::TimerUnanswered,
        Event::Timer(
            Timer::A
            | Timer::B
            | Timer::D
            | Timer::E
            | Timer::F
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::K
            | Timer::L
            | Timer::M
            | Timer::Trying
            | Timer::Repeat
            | Timer::Cancelled,
        ) => return None,
    })
}
