//! What every module answers of the node itself: TQueryServer, TQuerySwitch, TQueryLocation, private services.

use bytes::Bytes;
use tlib::{Attribute, ErrorCode, KvList, Message, MessageType, ServerRole, SwitchInfoType};

use crate::{Now, Refusal, ServerFacts, requests::DONE};

/// LocationInfoType of table 3.7.
const ALL_LOCATIONS: i64 = 0;
const LOCATION_DATA: i64 = 1;

/// Answers a request about the node, without ReferenceID and time.
///
/// # Errors
///
/// 51 for what is not answered here, 53 for a value that is none, 1012 for a location that is not this one.
pub(crate) fn answer(facts: &ServerFacts, now: Now, message: &Message) -> Result<Message, Refusal> {
    match message.kind() {
        MessageType::RequestQueryServer => Ok(Message::new(MessageType::EventServerInfo)
            .with(Attribute::ServerVersion, &facts.version)
            .with(Attribute::ServerRole, ServerRole::Primary)
            .with(Attribute::ServerCapabilityMask, capabilities())
            .with(Attribute::ServerStartTime, facts.started_s)
            .with(Attribute::ApplicationName, &facts.application)),
        MessageType::RequestQuerySwitch => switch_info(now, message),
        MessageType::RequestQueryLocation => location_info(facts, message),
        _ => Err(ErrorCode::Unsupported.into()),
    }
}

fn switch_info(now: Now, message: &Message) -> Result<Message, Refusal> {
    let number = message.int(Attribute::SwitchInfoType).unwrap_or(SwitchInfoType::DateTime as i64);
    match SwitchInfoType::of(number) {
        Some(SwitchInfoType::DateTime) => Ok(Message::new(MessageType::EventSwitchInfo)
            .with(Attribute::SwitchInfoType, SwitchInfoType::DateTime)
            .with(Attribute::SwitchTime, now.unix_s())),
        Some(SwitchInfoType::ClassifierStat) => Err(ErrorCode::Unsupported.into()),
        None => Err(Refusal::new(
            ErrorCode::InvalidAttribute,
            format!("SwitchInfoType {number} is none; give 1 (DateTime)"),
        )),
    }
}

fn location_info(facts: &ServerFacts, message: &Message) -> Result<Message, Refusal> {
    let kind = message.int(Attribute::LocationInfoType).unwrap_or(ALL_LOCATIONS);
    let info = Message::new(MessageType::EventLocationInfo);
    match kind {
        ALL_LOCATIONS => Ok(info
            .with(Attribute::Extensions, KvList::new().with("location-1", &*facts.location))
            .with(Attribute::LocationInfoType, kind)
            .with(Attribute::HomeLocation, &facts.location)),
        LOCATION_DATA => {
            let asked = message.text(Attribute::Location).map_or("", |name| &**name);
            if asked != &*facts.location {
                return Err(Refusal::new(
                    ErrorCode::BadLocation,
                    format!("location {asked} is not known here; this one is {}", facts.location),
                ));
            }
            Ok(info
                .with(Attribute::LocationInfoType, kind)
                .with(Attribute::Location, asked)
                .with(Attribute::HomeLocation, &facts.location))
        }
        2..=7 => Err(ErrorCode::Unsupported.into()),
        _ => Err(Refusal::new(
            ErrorCode::InvalidAttribute,
            format!("LocationInfoType {kind} is none; give 0 or 1"),
        )),
    }
}

/// The requests that are done, bit n of byte n / 8 for request n.
fn capabilities() -> Bytes {
    let mut mask = [0_u8; 32];
    for request in DONE {
        let number = usize::from(request.number());
        if let Some(byte) = mask.get_mut(number / 8) {
            *byte |= 1 << (number % 8);
        }
    }
    Bytes::copy_from_slice(&mask)
}
