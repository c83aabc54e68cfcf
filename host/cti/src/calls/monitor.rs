//! The call-monitoring stream (sections 2.9 and 4.16): calls and parties, whatever DN they are on.

use std::sync::Arc;

use model::ConnId;
use tlib::{Attribute as A, Cause, KvList, Message, MessageType};

use super::{Call, Calls, CallsOutput, Party, call::State};
use crate::MonitorEvent;

impl Calls {
    fn monitor(&mut self, uuid: &Arc<str>, message: Message) {
        let event = MonitorEvent { message: Arc::new(message), uuid: Arc::clone(uuid) };
        self.outputs.push_back(CallsOutput::Monitor(event));
    }

    pub(super) fn monitor_created(&mut self, conn: ConnId) {
        let Some(call) = self.calls.get(&conn) else { return };
        let main = call.main.and_then(|main| self.calls.get(&main));
        let message = Message::new(MessageType::EventCallCreated)
            .with(A::CallUUID, &call.uuid)
            .with_some(A::OrigCallUUID, main.map(|main| &main.uuid));
        let (uuid, message) = (Arc::clone(&call.uuid), described(message, call));
        self.monitor(&uuid, message);
    }

    /// Something of a call has changed: its data, its type.
    pub(super) fn monitor_data(&mut self, conn: ConnId) {
        let Some(call) = self.calls.get(&conn) else { return };
        let message = Message::new(MessageType::EventCallDataChanged).with(A::CallUUID, &call.uuid);
        let (uuid, message) = (Arc::clone(&call.uuid), described(message, call));
        self.monitor(&uuid, message);
    }

    pub(super) fn monitor_deleted(&mut self, call: &Call) {
        let message = Message::new(MessageType::EventCallDeleted)
            .with(A::CallUUID, &call.uuid)
            .with(A::ConnID, call.conn)
            .with(A::CallType, call.kind);
        self.monitor(&call.uuid, message);
    }

    /// A call is over because its parties are in another one.
    fn monitor_merged(&mut self, call: &Call, into: &Arc<str>) {
        let message = Message::new(MessageType::EventCallDeleted)
            .with(A::CallUUID, &call.uuid)
            .with(A::RefCallUUID, into)
            .with(A::Cause, Cause::Transfer)
            .with(A::ConnID, call.conn)
            .with(A::CallType, call.kind);
        self.monitor(&call.uuid, message);
    }

    /// A call goes, and its parties belong to another one.
    pub(super) fn monitor_deleting(
        &mut self,
        gone: &Call,
        parties: &[Party],
        into: &Arc<str>,
        by: &Arc<str>,
    ) {
        for party in parties.iter().filter(|party| party.state != State::Offered) {
            self.monitor_moved(&gone.uuid, into, &party.uuid, by);
        }
        self.monitor_merged(gone, into);
    }

    pub(super) fn monitor_joined(&mut self, conn: ConnId, at: usize) {
        self.monitor_party(conn, at, MessageType::EventCallPartyAdded);
    }

    pub(super) fn monitor_state(&mut self, conn: ConnId, at: usize) {
        self.monitor_party(conn, at, MessageType::EventCallPartyState);
    }

    fn monitor_party(&mut self, conn: ConnId, at: usize, what: MessageType) {
        let Some(call) = self.calls.get(&conn) else { return };
        let Some(party) = call.parties.get(at) else { return };
        let message = Message::new(what)
            .with(A::CallUUID, &call.uuid)
            .with(A::PartyUUID, &party.uuid)
            .with(A::Device, &party.number)
            .with_some(A::ThisDN, party.is_dn.then_some(&party.number))
            .with(A::ThisDNRole, party.role)
            .with(A::PartyState, party.state.bits())
            .with_some(A::ThisQueue, party.queue.as_ref())
            .with_some(A::CtrlParty, party.via.as_ref().map(|(number, _)| number));
        let uuid = Arc::clone(&call.uuid);
        self.monitor(&uuid, message);
    }

    pub(super) fn monitor_left(&mut self, conn: ConnId, party: &Party) {
        // Who never rang was never there.
        if party.state == State::Offered {
            return;
        }
        let Some(call) = self.calls.get(&conn) else { return };
        let message = Message::new(MessageType::EventCallPartyDeleted)
            .with(A::CallUUID, &call.uuid)
            .with(A::PartyUUID, &party.uuid)
            .with(A::Device, &party.number)
            .with(A::Cause, party_cause(party));
        let uuid = Arc::clone(&call.uuid);
        self.monitor(&uuid, message);
    }

    /// A party belongs to another call from now on.
    fn monitor_moved(&mut self, from: &Arc<str>, to: &Arc<str>, party: &Arc<str>, by: &Arc<str>) {
        let message = Message::new(MessageType::EventCallPartyMoved)
            .with(A::CallUUID, from)
            .with(A::NewCallUUID, to)
            .with(A::PartyUUID, party)
            .with(A::Cause, Cause::Transfer)
            .with(A::CtrlParty, by);
        self.monitor(from, message);
    }
}

fn described(message: Message, call: &Call) -> Message {
    let data = (!call.user_data.is_empty()).then(|| call.user_data.clone());
    message
        .with_some(A::UserData, data as Option<KvList>)
        .with_some(A::ANI, call.ani.as_ref())
        .with(A::DNIS, &call.dnis)
        .with(A::CallType, call.kind)
        .with(A::CallID, call.id)
        .with(A::ConnID, call.conn)
}

/// Why a party is not in its call any more.
fn party_cause(party: &Party) -> Cause {
    match party.state {
        State::Queued => Cause::Route,
        State::Busy => Cause::Busy,
        _ => Cause::Empty,
    }
}
