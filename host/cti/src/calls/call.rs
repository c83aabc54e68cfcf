//! A call and its parties.

use std::sync::Arc;

use model::{ConnId, LegId};
use tlib::{CallType, DNRole, KvList, party_state};

use crate::{NoAnswerAction, PartyStatus};

/// A call as clients see it.
pub(super) struct Call {
    pub(super) conn: ConnId,
    pub(super) uuid: Arc<str>,
    /// What the switch names it by: 32 bits (attribute CallID).
    pub(super) id: u32,
    pub(super) kind: CallType,
    pub(super) ani: Option<Arc<str>>,
    /// What was dialled.
    pub(super) dnis: Arc<str>,
    pub(super) user_data: KvList,
    pub(super) parties: Vec<Party>,
    /// The call that is held meanwhile, of a consultation call.
    pub(super) main: Option<ConnId>,
    /// The calls of the engine that it is made of: one, and during a transfer two.
    pub(super) engines: Vec<ConnId>,
    /// The network has taken the call of an external party.
    pub(super) is_reached: bool,
    /// A party is being sent on.
    pub(super) transfer: Option<Transfer>,
    /// Whom the next party that rings has the call from, with its role.
    pub(super) via: Option<(Arc<str>, DNRole)>,
    /// The Routing Point it came through last.
    pub(super) queue: Option<Arc<str>>,
    /// Of a call that has left a Routing Point for where it was sent, until who is called rings.
    pub(super) routed: Option<Routed>,
    /// What the last route said is to become of an agent that does not answer, if it did.
    pub(super) no_answer: Option<NoAnswerAction>,
    /// Until when somebody must have said where it goes that waits at a Routing Point.
    pub(super) route_by: Option<model::Instant>,
    /// How often the engine's call was sent on, as far as it is known.
    pub(super) sent_on: usize,
    /// Where it goes then: the `default-dn` of its Routing Point as it came there, should that be no more.
    pub(super) default_dn: Option<Arc<str>>,
}

/// A transfer that has begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Transfer {
    /// The engine's call that the party that stays goes to.
    pub(super) into: ConnId,
    /// The party that transfers.
    pub(super) by: Arc<str>,
    /// The engine's leg of it.
    pub(super) leg: LegId,
    /// Whether both parties come from other calls of theirs.
    pub(super) joins: bool,
}

/// Where a routing client has sent a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Routed {
    /// The Routing Point.
    pub(super) point: Arc<str>,
    /// Where to.
    pub(super) to: Arc<str>,
    pub(super) route_type: i64,
    /// Nobody said so but the option `default-dn`.
    pub(super) is_default: bool,
}

/// A party of a call.
pub(super) struct Party {
    /// Names it in the call-monitoring stream.
    pub(super) uuid: Arc<str>,
    /// Its number: of a DN that, of an external party what it is known by.
    pub(super) number: Arc<str>,
    /// Whether it is a DN, whose clients get events.
    pub(super) is_dn: bool,
    pub(super) role: DNRole,
    pub(super) state: State,
    /// The target of the engine's plan that it is called by; of who is not called none.
    pub(super) target: Option<model::hook::Destination>,
    /// Its legs in the engine: one, and while several phones of it ring one each.
    pub(super) legs: Vec<LegId>,
    /// The queue or Routing Point it has the call from.
    pub(super) queue: Option<Arc<str>>,
    /// Of whom it has the call, until it has answered.
    pub(super) via: Option<(Arc<str>, DNRole)>,
}

/// How a party is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Called, and nothing has come back.
    Offered,
    /// It calls.
    Dialing,
    /// Where it calls is busy or cannot be called.
    Busy,
    /// It rings.
    Alerting,
    /// It waits to be routed.
    Queued,
    /// It talks.
    Connected,
    /// It has put the call on hold.
    Held,
}

impl State {
    /// The state as clients see it (section 3.9).
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Offered => party_state::NULL,
            Self::Dialing => party_state::CONNECTED | party_state::DIALING,
            Self::Busy => party_state::BUSY,
            Self::Alerting => party_state::ALERTING,
            Self::Queued => party_state::QUEUED | party_state::ROUTING,
            Self::Connected => party_state::CONNECTED,
            Self::Held => party_state::HELD,
        }
    }

    /// Whether others see the party in the call.
    pub(super) const fn is_seen(self) -> bool {
        !matches!(self, Self::Offered | Self::Queued)
    }
}

impl Party {
    /// How it is, for those who keep the states of DNs.
    pub(super) fn status(&self, kind: CallType) -> PartyStatus {
        PartyStatus {
            state: self.state.bits(),
            role: self.role,
            call_type: kind,
            queue: self.queue.clone(),
        }
    }
}

impl Call {
    /// The party that has this leg.
    pub(super) fn party_of(&self, leg: LegId) -> Option<usize> {
        self.parties.iter().position(|party| party.legs.contains(&leg))
    }

    /// The party of a DN.
    pub(super) fn party_on(&self, dn: &str) -> Option<usize> {
        self.parties.iter().position(|party| party.is_dn && &*party.number == dn)
    }

    /// The party that called, while it is there.
    pub(super) fn origin(&self) -> Option<usize> {
        self.parties.iter().position(|party| party.role == DNRole::Origination)
    }

    /// The parties that are called and have not answered.
    pub(super) fn called(&self) -> Vec<usize> {
        let is_called = |party: &Party| matches!(party.state, State::Offered | State::Alerting);
        (0..self.parties.len()).filter(|at| is_called(&self.parties[*at])).collect()
    }

    /// Whether two parties have to do with one another: while a party is being sent on, who sends it and where it is sent have not.
    fn concerns(&self, one: usize, other: usize) -> bool {
        let Some(transfer) = &self.transfer else { return true };
        let is_target = |at: usize| {
            let party = &self.parties[at];
            party.state.is_called() && party.legs.iter().any(|leg| leg.conn == transfer.into)
        };
        let by = self.party_of(transfer.leg);
        match (is_target(one), is_target(other)) {
            // Only who is called sees who is to come; the others see it when it is there.
            (true, false) => Some(other) != by,
            (false, true) => false,
            _ => true,
        }
    }

    /// Whom a party sees on the other side: who is there, or, as long as nobody is, who was dialled. Nobody where there are several.
    pub(super) fn seen_by(&self, at: usize) -> Option<(Arc<str>, DNRole)> {
        let of = |other: usize| {
            let other = &self.parties[other];
            (Arc::clone(&other.number), other.role)
        };
        // Whoever rings beside it is no concern of who rings.
        let may_ring = !self.parties[at].state.is_called();
        match self.parties[at].state {
            State::Dialing | State::Busy => Some((Arc::clone(&self.dnis), DNRole::Destination)),
            State::Queued => self.origin().map(of),
            State::Alerting | State::Offered | State::Connected | State::Held => {
                let mut others = (0..self.parties.len()).filter(|n| {
                    let state = self.parties[*n].state;
                    let is_seen = state.is_seen() && (may_ring || !state.is_called());
                    *n != at && is_seen && self.concerns(at, *n)
                });
                let first = others.next()?;
                others.next().is_none().then(|| of(first))
            }
        }
    }
}
