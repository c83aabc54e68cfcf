//! Calls that are joined, and parties that are sent on (sections 4.8 and 4.10).
//!
//! The engine ends a call when its party is sent on and goes on with another. Here the call goes on: the engine's new call is bound
//! to it, and of two calls that are joined that one stays which was held.

use std::sync::Arc;

use model::{
    ConnId, LegId,
    hook::{CallFacts, TransferKind},
};
use switch::{Action, Cause, ReleasedBy};
use tlib::{CallState, DNRole, ErrorCode, Message, MessageType};

use super::{
    Call, Calls, CallsOutput,
    call::{State, Transfer},
    expect::Asked,
    tell::More,
};
use crate::answer::error;

impl Calls {
    pub(super) fn on_transfer_begun(&mut self, leg: LegId, into: ConnId) {
        let Some((conn, at)) = self.find(leg) else { return };
        let Some(by) = self.party_mut(conn, at).map(|party| Arc::clone(&party.number)) else {
            return;
        };
        let transfer = Transfer { into, by: Arc::clone(&by), leg, joins: false };
        if let Some(consult) = self.call_of(into).filter(|consult| *consult != conn) {
            // Whom the party calls still rings, and rings on for the other one.
            return self.join(conn, consult, &by, into);
        }
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.via = Some((by, DNRole::TransferredBy));
        call.transfer = Some(transfer);
        if !call.engines.contains(&into) {
            call.engines.push(into);
        }
        self.by_engine.insert(into, conn);
    }

    /// The engine's call that a party was sent on to is offered.
    pub(super) fn note_joining(&mut self, facts: &CallFacts) {
        let joins = facts.transfer.as_ref().is_some_and(|t| t.kind == TransferKind::Attended);
        let Some(conn) = self.call_of(facts.conn_id) else { return };
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.sent_on = facts.redirections.len();
        let transfer = call.transfer.as_mut();
        if let Some(transfer) = transfer.filter(|transfer| transfer.into == facts.conn_id) {
            transfer.joins = joins;
        }
    }

    /// Whether an answer is no answer, but two parties of other calls that are joined: which they are is told next.
    pub(super) fn joins(&self, conn: ConnId, engine: ConnId) -> bool {
        let transfer = self.calls.get(&conn).and_then(|call| call.transfer.as_ref());
        transfer.is_some_and(|transfer| transfer.joins && transfer.into == engine)
    }

    /// The party that was sent on and its target talk: who sent it on leaves.
    pub(super) fn end_transfer(&mut self, conn: ConnId, engine: ConnId) {
        let Some(call) = self.calls.get(&conn) else { return };
        let transfer = call.transfer.clone().filter(|transfer| transfer.into == engine);
        let Some(transfer) = transfer else { return };
        let by = call.party_of(transfer.leg);
        let to = call.parties.iter().position(|party| {
            party.state == State::Alerting && party.legs.iter().any(|leg| leg.conn == engine)
        });
        let to = to.map(|at| (Arc::clone(&call.parties[at].number), DNRole::Destination));
        if let Some(by) = by {
            let more = More::state(CallState::Transferred);
            self.tell_last(conn, by, MessageType::EventReleased, more);
            self.tell_changed(conn, engine, to, &transfer.by);
        }
        if let Some(call) = self.calls.get_mut(&conn) {
            call.transfer = None;
        }
        self.rebind_stayed(conn, engine);
    }

    /// Tells the party that stays whom it has to do with now.
    fn tell_changed(
        &mut self,
        conn: ConnId,
        engine: ConnId,
        to: Option<(Arc<str>, DNRole)>,
        by: &Arc<str>,
    ) {
        let Some(call) = self.calls.get(&conn) else { return };
        let stays = |party: &super::Party| {
            !party.state.is_called() && party.legs.iter().all(|leg| leg.conn != engine)
        };
        let Some(at) = call.parties.iter().position(stays) else { return };
        let more = More { other: to, ..More::state(CallState::Transferred) };
        let more = more.by(by, DNRole::TransferredBy);
        self.tell(conn, at, MessageType::EventPartyChanged, more);
    }

    /// In the engine's new call the party that was sent on is its caller.
    fn rebind_stayed(&mut self, conn: ConnId, engine: ConnId) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let stayed = call.parties.iter_mut().find(|party| {
            !party.state.is_called() && party.legs.iter().all(|leg| leg.conn != engine)
        });
        if let Some(party) = stayed {
            party.legs = vec![LegId { conn: engine, number: 0 }];
        }
    }

    pub(super) fn on_transferred(&mut self, from: ConnId, into: ConnId) {
        let Some(conn) = self.call_of(into) else { return };
        let Some(from) = self.call_of(from) else {
            // Who comes from a call of which nothing is known is not known either.
            if self.joins(conn, into) {
                self.clear_lost(conn);
            }
            return;
        };
        if from == conn {
            return;
        }
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let Some(transfer) = call.transfer.take() else { return };
        self.join(conn, from, &transfer.by, into);
    }

    pub(super) fn on_transfer_failed(&mut self, engine: ConnId, status: u16) {
        let Some(conn) = self.call_of(engine) else { return };
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.via = None;
        let Some(transfer) = call.transfer.take() else { return };
        let waits = self.expected.met_by(MessageType::EventReleased, &transfer.by, conn);
        let Some(expected) = waits.and_then(|ticket| self.expected.remove(ticket)) else {
            return;
        };
        if let Some(asked) = expected.asked {
            let code = match status {
                486 | 600 => ErrorCode::DNBusy,
                408 | 480 => ErrorCode::NoAnswer,
                404 | 484 | 604 => ErrorCode::DestinationDN,
                _ => ErrorCode::TransferFailed,
            };
            let text = format!("where the party was sent answered {status}");
            let message = error(asked.token, Some(&expected.request), code, Some(&text));
            self.outputs.push_back(CallsOutput::Answer { token: asked.token, message });
        }
    }

    /// Connects the other parties of two calls of one party, which leaves both: in call `one` it was asked for. The call that was
    /// held stays; `engine` is the engine's call of both parties.
    fn join(&mut self, one: ConnId, other: ConnId, by: &Arc<str>, engine: ConnId) {
        let (held, consult) = self.held_first(one, other, by);
        for conn in [held, consult] {
            let Some(at) = self.party_numbered(conn, by) else { continue };
            let more = More::state(CallState::Transferred);
            self.tell_last(conn, at, MessageType::EventReleased, more);
        }
        // What else was asked of it will not happen.
        self.fail_requests_of(consult);
        let Some(mut gone) = self.calls.remove(&consult) else { return };
        let Some(uuid) = self.calls.get(&held).map(|call| Arc::clone(&call.uuid)) else { return };
        let engines = std::mem::take(&mut gone.engines);
        let parties = std::mem::take(&mut gone.parties);
        self.monitor_deleting(&gone, &parties, &uuid, by);
        let first = self.calls.get(&held).map_or(0, |call| call.parties.len());
        // Who is called may not be known yet.
        let is_known = !parties.is_empty();
        for mut party in parties {
            if party.is_dn {
                self.leave(&party.number, consult);
                self.enter(&party.number, held);
            }
            // Who does not ring yet learns of whom it has the call when it does.
            let is_new = party.state == State::Offered;
            party.via = is_new.then(|| (Arc::clone(by), DNRole::TransferredBy));
            if let Some(call) = self.calls.get_mut(&held) {
                call.parties.push(party);
            }
        }
        let Some(call) = self.calls.get_mut(&held) else { return };
        for engine in engines {
            if !call.engines.contains(&engine) {
                call.engines.push(engine);
            }
            self.by_engine.insert(engine, held);
        }
        if !call.engines.contains(&engine) {
            call.engines.push(engine);
        }
        self.by_engine.insert(engine, held);
        call.transfer = None;
        call.via = (!is_known).then(|| (Arc::clone(by), DNRole::TransferredBy));
        // The party of the call in which the transfer was asked for is the caller of the engine's call.
        self.rebind_joined(held, (first, held == one), engine);
        self.tell_joined(held, first, by, &gone);
    }

    /// Which legs the joined parties have now: the caller's is 0, the other keeps its own where it is the engine's call already.
    fn rebind_joined(&mut self, conn: ConnId, (first, first_calls): (usize, bool), engine: ConnId) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let number = self.joined_leg.remove(&engine);
        for (at, party) in call.parties.iter_mut().enumerate() {
            let is_caller = (at < first) == first_calls;
            if is_caller {
                party.legs = vec![LegId { conn: engine, number: 0 }];
            } else if party.legs.iter().all(|leg| leg.conn != engine)
                && let Some(number) = number
            {
                party.legs = vec![LegId { conn: engine, number }];
            }
        }
    }

    fn tell_joined(&mut self, conn: ConnId, first: usize, by: &Arc<str>, consult: &Call) {
        let parties = self.calls.get(&conn).map_or(0, |call| call.parties.len());
        for at in 0..parties {
            let Some(call) = self.calls.get(&conn) else { return };
            let other = (0..parties).find(|other| (*other < first) != (at < first));
            let other = other.map(|other| &call.parties[other]);
            let more = More {
                previous: (at >= first).then_some(consult.conn),
                other: Some(match other {
                    Some(party) => (Arc::clone(&party.number), party.role),
                    None => (Arc::clone(&consult.dnis), DNRole::Destination),
                }),
                ..More::state(CallState::Transferred)
            };
            let more = more.by(by, DNRole::TransferredBy);
            self.tell(conn, at, MessageType::EventPartyChanged, more);
        }
    }

    /// Of two calls first that one whose ConnID stays.
    fn held_first(&self, one: ConnId, other: ConnId, by: &str) -> (ConnId, ConnId) {
        let is_consult_of = |call: ConnId, main: ConnId| {
            self.calls.get(&call).is_some_and(|call| call.main == Some(main))
        };
        if is_consult_of(other, one) {
            return (one, other);
        }
        if is_consult_of(one, other) {
            return (other, one);
        }
        let holds = |conn: ConnId| {
            let at = self.party_numbered(conn, by);
            let party = at.and_then(|at| self.calls.get(&conn)?.parties.get(at));
            party.is_some_and(|party| party.state == State::Held)
        };
        match (holds(one), holds(other)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => {
                let age = |conn: ConnId| self.calls.get(&conn).map(|call| call.id);
                if age(one) <= age(other) { (one, other) } else { (other, one) }
            }
        }
    }

    fn party_numbered(&self, conn: ConnId, number: &str) -> Option<usize> {
        let call = self.calls.get(&conn)?;
        call.parties.iter().position(|party| &*party.number == number)
    }

    /// One of the engine's calls that this call is made of is over, and another goes on.
    pub(super) fn leave_engine(&mut self, conn: ConnId, engine: ConnId, cause: Cause) {
        let Some(call) = self.calls.get(&conn) else { return };
        let transfer = call.transfer.clone();
        if let Some(transfer) = transfer.as_ref().filter(|transfer| transfer.into == engine) {
            // Where the party was sent: who rang there rings no more.
            return self.drop_legs_of(conn, transfer.into);
        }
        let (Some(transfer), Cause::Hangup(who)) = (transfer, cause) else { return };
        let leaves = match who {
            ReleasedBy::Caller => transfer.leg.number == 0,
            ReleasedBy::Callee => transfer.leg.number != 0,
            ReleasedBy::Switch => false,
        };
        if leaves {
            self.leave_early(conn, &transfer);
        } else {
            self.release_all_of(conn, engine);
        }
    }

    /// Who sends the party on has gone before its target has answered.
    fn leave_early(&mut self, conn: ConnId, transfer: &Transfer) {
        let Some(call) = self.calls.get(&conn) else { return };
        let to = call.called().first().map(|at| &call.parties[*at]);
        let to = to.map(|party| (Arc::clone(&party.number), party.role));
        if let Some(at) = call.party_of(transfer.leg) {
            let more = More::state(CallState::Transferred);
            self.tell_last(conn, at, MessageType::EventReleased, more);
            self.tell_changed(conn, transfer.into, to, &transfer.by);
        }
        self.rebind_stayed(conn, transfer.into);
        if let Some(call) = self.calls.get_mut(&conn) {
            call.transfer = None;
        }
    }

    fn release_all_of(&mut self, conn: ConnId, engine: ConnId) {
        let of_engine = |call: &Call| {
            call.parties.iter().position(|party| party.legs.iter().any(|leg| leg.conn == engine))
        };
        while let Some(at) = self.calls.get(&conn).and_then(of_engine) {
            self.tell_last(conn, at, MessageType::EventReleased, More::state(CallState::Ok));
        }
    }

    fn drop_legs_of(&mut self, conn: ConnId, engine: ConnId) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        for party in call.parties.iter_mut().filter(|party| party.state.is_called()) {
            party.legs.retain(|leg| leg.conn != engine);
        }
        let left = |call: &Call| {
            call.parties.iter().position(|p| p.state.is_called() && p.legs.is_empty())
        };
        while let Some(at) = self.calls.get(&conn).and_then(left) {
            let rang = self.party_mut(conn, at).is_some_and(|p| p.state == State::Alerting);
            if rang {
                let more = More::state(CallState::NoAnswer);
                self.tell_last(conn, at, MessageType::EventReleased, more);
            } else {
                self.drop_party(conn, at);
            }
        }
    }

    /// A phone that rang was told to ring no more, because the call goes to somebody else.
    pub(super) fn redirected(
        &mut self,
        conn: Option<ConnId>,
        dn: &Arc<str>,
        to: &Arc<str>,
        asked: Option<Asked>,
    ) {
        let Some(conn) = conn else { return };
        let Some(at) = self.calls.get(&conn).and_then(|call| call.party_on(dn)) else { return };
        let more = More { asked, ..More::state(CallState::Redirected) };
        self.tell_last(conn, at, MessageType::EventReleased, more.by(to, DNRole::Destination));
    }

    /// What connects the parties of two calls of a DN.
    pub(super) fn completion(&self, held: ConnId, consult: ConnId, dn: &str) -> Option<Action> {
        let engine = |conn: ConnId| self.calls.get(&conn)?.engines.last().copied();
        let call = self.calls.get(&consult)?;
        let leg = call.parties.get(call.party_on(dn)?)?.legs.first().copied()?;
        Some(Action::Complete { held: engine(held)?, consult: engine(consult)?, leg })
    }

    /// The call that is held and the one that is not, of the two that a request names or of those that the DN has.
    pub(super) fn two_calls(
        &self,
        request: &Message,
        dn: &str,
    ) -> Result<(ConnId, ConnId), ErrorCode> {
        use tlib::Attribute as A;
        let first = request.conn(A::ConnID).ok_or(ErrorCode::InvalidConnId)?;
        let named = [A::TransferConnID, A::PreviousConnID, A::ConferenceConnID];
        let second = named.into_iter().find_map(|attribute| request.conn(attribute));
        let second = match second {
            Some(second) => second,
            None => {
                let others = self.by_dn.get(dn).map_or(&[][..], Vec::as_slice);
                let mut others = others.iter().filter(|conn| **conn != first);
                *others.next().ok_or(ErrorCode::CallState)?
            }
        };
        let state = |conn: ConnId| {
            let call = self.calls.get(&conn).ok_or(ErrorCode::InvalidConnId)?;
            let at = call.party_on(dn).ok_or(ErrorCode::PartyNotOnCall)?;
            Ok(call.parties[at].state)
        };
        match (state(first)?, state(second)?) {
            (State::Held, State::Held) => Ok((first.min(second), first.max(second))),
            (State::Held, _) => Ok((first, second)),
            (_, State::Held) => Ok((second, first)),
            _ => Err(ErrorCode::CallState),
        }
    }
}
