//! The calls on one DN, as the events of calls tell them.

use std::{collections::BTreeMap, sync::Arc};

use model::ConnId;
use tlib::{AddressStatus, Attribute, DNRole, KvList, MessageType, party_state};

use crate::{CallEvent, PartyStatus};

/// The part of a party's state that tells how it talks (section 3.9).
const TELEPHONY: u32 = 0xF;

/// The calls on one DN, indexed by ConnID.
#[derive(Clone, Debug, Default)]
pub struct Parties {
    by_conn: BTreeMap<ConnId, Party>,
}

/// One call on a DN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The call, for as long as it lives.
    pub uuid: Arc<str>,
    /// How the party is in it.
    pub status: PartyStatus,
    /// Whether it has talked.
    pub has_talked: bool,
}

impl Party {
    /// Whether it rings.
    pub const fn is_alerting(&self) -> bool {
        self.status.state & TELEPHONY == party_state::ALERTING
    }
}

/// What an event of a call did to the calls of a DN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is one more.
    Joined,
    /// One is in another state.
    Changed,
    /// One is gone, and this was it.
    Left(Party),
    /// Nothing of the calls changed.
    None,
    /// There is no room for one more: it is told to clients, and not counted.
    Full,
}

impl Parties {
    /// Takes an event of a call on this DN in; at most `max` calls are kept.
    pub fn apply(&mut self, event: &CallEvent, max: usize) -> Change {
        let Some(status) = &event.party else {
            return self.by_conn.remove(&event.conn).map_or(Change::None, Change::Left);
        };
        let moved = self.moved_from(event);
        let before = moved.as_ref().or_else(|| self.by_conn.get(&event.conn));
        let is_known = before.is_some();
        if !is_known && self.by_conn.len() >= max {
            return Change::Full;
        }
        let has_talked = before.is_some_and(|party| party.has_talked) || is_talking(status.state);
        let queue = match &status.queue {
            Some(queue) => Some(Arc::clone(queue)),
            None => before.and_then(|party| party.status.queue.clone()),
        };
        let status = PartyStatus {
            state: status.state,
            role: status.role,
            call_type: status.call_type,
            queue,
        };
        let uuid = Arc::clone(&event.uuid);
        self.by_conn.insert(event.conn, Party { uuid, status, has_talked });
        if is_known { Change::Changed } else { Change::Joined }
    }

    /// The party as it was in the call that it came from, when a transfer took it to another (EventPartyChanged with PreviousConnID).
    fn moved_from(&mut self, event: &CallEvent) -> Option<Party> {
        let was = event.message.conn(Attribute::PreviousConnID)?;
        let moved = event.message.kind() == MessageType::EventPartyChanged && was != event.conn;
        moved.then(|| self.by_conn.remove(&was)).flatten()
    }

    /// Takes a call out that is over.
    pub fn remove(&mut self, conn: ConnId) {
        self.by_conn.remove(&conn);
    }

    /// Whether a call is there.
    pub fn has(&self, conn: ConnId) -> bool {
        self.by_conn.contains_key(&conn)
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.by_conn.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_conn.is_empty()
    }

    /// Whether a call that came through a queue or a Routing Point is there.
    pub fn has_queue_call(&self) -> bool {
        self.by_conn.values().any(|party| party.status.queue.is_some())
    }

    /// Whether the handset is lifted: a party talks, calls or holds.
    pub fn is_off_hook(&self) -> bool {
        self.by_conn.values().any(|party| {
            let state = party.status.state;
            state & party_state::DIALING != 0
                || [party_state::INITIATED, party_state::CONNECTED, party_state::HELD]
                    .contains(&(state & TELEPHONY))
        })
    }

    /// The ConnIDs of the active call and of the one that is held.
    pub fn active_and_held(&self) -> (Option<ConnId>, Option<ConnId>) {
        let of = |held: bool| {
            self.by_conn
                .iter()
                .find(|(_, party)| (party.status.state & TELEPHONY == party_state::HELD) == held)
                .map(|(conn, _)| *conn)
        };
        (of(false), of(true))
    }

    /// The answer to AddressStatus (section 3.7): of the call that says most of the device.
    pub fn address_status(&self) -> AddressStatus {
        let rank = |status: &AddressStatus| match status {
            AddressStatus::Talking => 0,
            AddressStatus::Dialing => 1,
            AddressStatus::Origination => 2,
            AddressStatus::Ringing => 3,
            AddressStatus::Treatment => 4,
            _ => 5,
        };
        self.by_conn
            .values()
            .map(|party| status_of(&party.status))
            .min_by_key(rank)
            .unwrap_or(AddressStatus::Idle)
    }

    /// Writes conn-N, call-uuid-N, ct-N and ps-N of at most `max` calls (section 1.3), by ConnID.
    pub fn write(&self, list: &mut KvList, max: usize) {
        for (number, (conn, party)) in (1..=max).zip(&self.by_conn) {
            let state = i32::try_from(party.status.state & party_state::REPORTED).unwrap_or(0);
            list.push(format!("conn-{number}"), &*conn.to_string());
            list.push(format!("call-uuid-{number}"), &*party.uuid);
            list.push(format!("ct-{number}"), i32::from(party.status.call_type.number()));
            list.push(format!("ps-{number}"), state);
        }
    }
}

fn is_talking(state: u32) -> bool {
    state & party_state::DIALING == 0
        && [party_state::CONNECTED, party_state::HELD].contains(&(state & TELEPHONY))
}

fn status_of(party: &PartyStatus) -> AddressStatus {
    if party.state & party_state::DIALING != 0 {
        return AddressStatus::Dialing;
    }
    match party.state & TELEPHONY {
        party_state::INITIATED => AddressStatus::Origination,
        party_state::ALERTING => AddressStatus::Ringing,
        party_state::CONNECTED => AddressStatus::Talking,
        party_state::HELD => AddressStatus::Held,
        party_state::QUEUED => AddressStatus::Treatment,
        party_state::BUSY | party_state::FAILED if party.role == DNRole::Origination => {
            AddressStatus::Origination
        }
        _ => AddressStatus::Idle,
    }
}

#[cfg(test)]
mod tests {
    use tlib::{CallType, Message};

    use super::*;

    fn event(kind: MessageType, conn: u64, state: Option<u32>) -> CallEvent {
        let party = state.map(|state| PartyStatus {
            state,
            role: DNRole::Destination,
            call_type: CallType::Inbound,
            queue: Some("7000".into()),
        });
        CallEvent {
            message: Arc::new(Message::new(kind)),
            dn: "1001".into(),
            conn: ConnId(conn),
            uuid: format!("U{conn}").into(),
            asked_by: None,
            party,
            no_answer: None,
        }
    }

    #[test]
    fn a_call_is_followed_from_ringing_to_its_end() {
        let mut parties = Parties::default();
        let ringing = event(MessageType::EventRinging, 7, Some(party_state::ALERTING));
        assert_eq!(parties.apply(&ringing, 2), Change::Joined);
        assert_eq!(parties.address_status(), AddressStatus::Ringing);
        assert!(!parties.is_off_hook());
        let mut answered = event(MessageType::EventEstablished, 7, Some(party_state::CONNECTED));
        answered.party.as_mut().map(|party| party.queue.take());
        assert_eq!(parties.apply(&answered, 2), Change::Changed);
        assert!(parties.is_off_hook() && parties.has_queue_call());
        let mut list = KvList::new();
        parties.write(&mut list, 10);
        let expected = KvList::new()
            .with("conn-1", "0000000000000007")
            .with("call-uuid-1", "U7")
            .with("ct-1", 2)
            .with("ps-1", 12);
        assert_eq!(list, expected);
        let released = event(MessageType::EventReleased, 7, None);
        let Change::Left(party) = parties.apply(&released, 2) else { panic!("it did not leave") };
        assert!(party.has_talked);
        assert_eq!(party.status.queue.as_deref(), Some("7000"));
        assert_eq!(parties.apply(&released, 2), Change::None);
    }

    #[test]
    fn a_transfer_takes_the_party_to_the_other_call() {
        let mut parties = Parties::default();
        parties.apply(&event(MessageType::EventEstablished, 8, Some(party_state::CONNECTED)), 2);
        let mut changed = event(MessageType::EventPartyChanged, 7, Some(party_state::CONNECTED));
        let message =
            Message::new(MessageType::EventPartyChanged).with(Attribute::PreviousConnID, ConnId(8));
        changed.message = Arc::new(message);
        assert_eq!(parties.apply(&changed, 1), Change::Changed);
        assert_eq!(parties.len(), 1);
        assert_eq!(parties.active_and_held(), (Some(ConnId(7)), None));
    }

    #[test]
    fn what_finds_no_room_is_not_counted() {
        let mut parties = Parties::default();
        let one = event(MessageType::EventQueued, 1, Some(party_state::QUEUED));
        let two = event(MessageType::EventQueued, 2, Some(party_state::QUEUED));
        assert_eq!(parties.apply(&one, 1), Change::Joined);
        assert_eq!(parties.apply(&two, 1), Change::Full);
        assert_eq!(parties.len(), 1);
    }
}
