//! How the events of a call are made.

use std::sync::Arc;

use model::ConnId;
use tlib::{Attribute as A, CallState, DNRole, Message, MessageType};

use super::{Call, Calls, CallsOutput, Party, agents::names_agent, call::State, expect::Asked};
use crate::CallEvent;

/// What an event says besides what is so of its call and its party.
#[derive(Clone, Default)]
pub(super) struct More {
    /// CallState; `None` leaves it out.
    pub(super) state: Option<CallState>,
    /// ThirdPartyDN and its role.
    pub(super) third: Option<(Arc<str>, DNRole)>,
    /// PreviousConnID, where it is not the main call of a consultation.
    pub(super) previous: Option<ConnId>,
    /// TransferConnID: the call that a consultation begins.
    pub(super) transfer: Option<ConnId>,
    /// OtherDN and its role, where it is not the other party of now.
    pub(super) other: Option<(Arc<str>, DNRole)>,
    /// Who asked for it.
    pub(super) asked: Option<Asked>,
    /// What else.
    pub(super) attributes: Vec<(A, tlib::Value)>,
    /// The party leaves the call with this event.
    pub(super) is_last: bool,
}

impl More {
    /// Only a CallState.
    pub(super) fn state(state: CallState) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// The same with a third party.
    pub(super) fn by(mut self, number: &Arc<str>, role: DNRole) -> Self {
        self.third = Some((Arc::clone(number), role));
        self
    }
}

impl Calls {
    /// Tells the clients of a party's DN of something. Of an external party nobody is told, nor of one that does not ring yet: who is told of
    /// a call must be told of its end.
    pub(super) fn tell(&mut self, conn: ConnId, at: usize, what: MessageType, more: More) {
        let party = self.calls.get(&conn).and_then(|call| call.parties.get(at));
        let known = party.filter(|party| party.is_dn && party.state != State::Offered);
        let Some(dn) = known.map(|party| Arc::clone(&party.number)) else { return };
        let mut more = more;
        if more.asked.is_none() {
            more.asked = self.expect(what, &dn, conn);
        }
        let Some(call) = self.calls.get(&conn) else { return };
        let Some(party) = call.parties.get(at) else { return };
        let asked_by = more.asked.as_ref().map(|asked| asked.token);
        let agent = self.agents.on(&dn).filter(|_| names_agent(what)).cloned();
        let message = Arc::new(event(call, at, party, what, (&more, agent)));
        let party = (!more.is_last).then(|| party.status(call.kind));
        let (uuid, no_answer) = (Arc::clone(&call.uuid), call.no_answer);
        self.outputs.push_back(CallsOutput::Event(CallEvent {
            message,
            dn,
            conn,
            uuid,
            asked_by,
            party,
            no_answer,
        }));
    }

    /// Tells of a party that leaves and takes it out of the call.
    pub(super) fn tell_last(&mut self, conn: ConnId, at: usize, what: MessageType, more: More) {
        let more = More { is_last: true, ..more };
        self.tell(conn, at, what, more);
        self.drop_party(conn, at);
    }

    /// Takes a party out of its call without an event on its DN.
    pub(super) fn drop_party(&mut self, conn: ConnId, at: usize) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        if at >= call.parties.len() {
            return;
        }
        let party = call.parties.remove(at);
        self.monitor_left(conn, &party);
        let is_there =
            self.calls.get(&conn).is_some_and(|call| call.party_on(&party.number).is_some());
        if party.is_dn && !is_there {
            self.leave(&party.number, conn);
        }
    }
}

/// The event itself. The order of attributes is that of logs.
fn event(
    call: &Call,
    at: usize,
    party: &Party,
    what: MessageType,
    (more, agent): (&More, Option<Arc<str>>),
) -> Message {
    let mut message = Message::new(what)
        .with(A::CallUUID, &call.uuid)
        .with_some(A::Extensions, more.asked.as_ref().and_then(|asked| asked.extensions.clone()))
        .with_some(A::Reason, more.asked.as_ref().and_then(|asked| asked.reasons.clone()));
    if !call.user_data.is_empty() {
        message.set(A::UserData, call.user_data.clone());
    }
    let has_ani = !matches!(what, MessageType::EventDialing | MessageType::EventDiverted);
    if let Some(ani) = call.ani.as_ref().filter(|_| has_ani) {
        message.set(A::ANI, ani);
    }
    message.set(A::DNIS, &call.dnis);
    for (attribute, value) in &more.attributes {
        message.set(*attribute, value.clone());
    }
    let third = more.third.as_ref().or_else(|| party.via.as_ref().filter(|_| is_first(what)));
    if let Some((number, role)) = third {
        message.set(A::ThirdPartyDNRole, *role);
        message.set(A::ThirdPartyDN, number);
    }
    if let Some((number, role)) = more.other.clone().or_else(|| call.seen_by(at)) {
        message.set(A::OtherDNRole, role);
        message.set(A::OtherDN, number);
    }
    message.set(A::ThisDNRole, party.role);
    if let Some(queue) = &party.queue {
        message.set(A::ThisQueue, queue);
    }
    if let Some(agent) = agent {
        message.set(A::AgentID, agent);
    }
    message.set(A::ThisDN, &party.number);
    if let Some(previous) = more.previous.or(call.main) {
        message.set(A::PreviousConnID, previous);
    }
    if let Some(transfer) = more.transfer {
        message.set(A::TransferConnID, transfer);
    }
    if let Some(state) = more.state {
        message.set(A::CallState, state);
    }
    message.with(A::CallType, call.kind).with(A::CallID, call.id).with(A::ConnID, call.conn)
}

/// Whether whom a party has the call from belongs into its event.
const fn is_first(what: MessageType) -> bool {
    matches!(what, MessageType::EventRinging | MessageType::EventEstablished)
}
