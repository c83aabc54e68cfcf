//! Events that clients make: TSendEvent for virtual queues, TSendUserEvent (sections 1.8 and 8.5).

use std::sync::Arc;

use model::ConnId;
use tlib::{Attribute, CallType, DNRole, ErrorCode, Message, MessageType, party_state};

use crate::{
    CallEvent, DnType, Dns, PartyStatus, Refusal,
    t_controller::{not_configured, this_dn},
};

/// What a request says that its event does not.
const OF_THE_REQUEST: [Attribute; 6] = [
    Attribute::ReferenceID,
    Attribute::UserEvent,
    Attribute::EventSequenceNumber,
    Attribute::TimeinSecs,
    Attribute::TimeinuSecs,
    Attribute::ApplicationName,
];

/// The event that a request distributes, as if the server had made it.
///
/// A client reports what is in a virtual queue by EventQueued, EventDiverted and EventAbandoned; what the queue counts follows from these.
///
/// # Errors
///
/// 53 for an event that clients do not make, 56 without a ConnID, 59 for a DN that is not configured, 128 for one that is no virtual queue.
pub(crate) fn distribute(dns: &Dns, request: &Message) -> Result<CallEvent, Refusal> {
    let number = this_dn(request)?;
    let dn = dns.get(number).ok_or_else(|| not_configured(number))?;
    let kind = if request.kind() == MessageType::RequestDistributeUserEvent {
        MessageType::EventUserEvent
    } else {
        reported(request)?
    };
    let is_report = kind != MessageType::EventUserEvent;
    if is_report && dn.kind != DnType::VirtualQueue {
        return Err(Refusal::new(
            ErrorCode::BadDNType,
            format!("DN {number} is no virtual queue: the switch makes its events itself"),
        ));
    }
    let mut message = Message::new(kind);
    for (attribute, value) in request.attributes() {
        if !OF_THE_REQUEST.contains(&attribute) {
            message.set(attribute, value.clone());
        }
    }
    // An event of a user is of no call, whatever it says: a call that stands is not touched by it.
    let conn = match (is_report, request.conn(Attribute::ConnID)) {
        (false, _) => ConnId::default(),
        (true, Some(conn)) => conn,
        (true, None) => return Err(ErrorCode::InvalidConnId.into()),
    };
    let waits = kind == MessageType::EventQueued;
    Ok(CallEvent {
        uuid: request.text(Attribute::CallUUID).cloned().unwrap_or_else(|| Arc::from("")),
        party: waits.then(|| queued(request)),
        message: Arc::new(message),
        dn: Arc::clone(&dn.number),
        conn,
        asked_by: None,
        no_answer: None,
    })
}

fn reported(request: &Message) -> Result<MessageType, Refusal> {
    let number = request.int(Attribute::UserEvent).unwrap_or(-1);
    match MessageType::of(number) {
        Some(
            kind @ (MessageType::EventQueued
            | MessageType::EventDiverted
            | MessageType::EventAbandoned
            | MessageType::EventUserEvent),
        ) => Ok(kind),
        _ => Err(Refusal::new(
            ErrorCode::InvalidAttribute,
            format!(
                "UserEvent {number}: clients report EventQueued (57), EventDiverted (58), EventAbandoned (59), EventUserEvent (96)"
            ),
        )),
    }
}

fn queued(request: &Message) -> PartyStatus {
    let role = request.int(Attribute::ThisDNRole).and_then(DNRole::of);
    let call_type = request.int(Attribute::CallType).and_then(CallType::of);
    PartyStatus {
        state: party_state::QUEUED,
        role: role.unwrap_or(DNRole::Destination),
        call_type: call_type.unwrap_or(CallType::Unknown),
        queue: None,
    }
}
