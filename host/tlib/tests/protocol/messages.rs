//! Messages of all kinds, for tests.

use bytes::Bytes;
use model::ConnId;
use proptest::{collection::vec, prelude::*, sample};
use tlib::{
    Attribute, CallState, CallType, DNRole, Kind, KvList, KvPair, KvValue, Message, MessageType,
    Value,
};

/// EventEstablished as an agent's desktop gets it: 25 attributes, six pairs of user data.
pub(crate) fn established() -> Message {
    let data = KvList::new()
        .with("CustomerSegment", "gold")
        .with("ServiceType", "billing")
        .with("RTargetAgentGroup", "Billing_EN")
        .with("Attempts", 2)
        .with("CaseNumber", "2026-11-0042")
        .with("Language", KvValue::Unicode("français".into()));
    Message::new(MessageType::EventEstablished)
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::TimeinuSecs, 593_900_i64)
        .with(Attribute::CallUUID, "00AABBCCDDEEFFGGHHIIJJKKLLMMNN01")
        .with(Attribute::Extensions, KvList::new().with("BusinessCall", 1))
        .with(Attribute::UserData, data)
        .with(Attribute::ANI, "5551001")
        .with(Attribute::DNIS, "6001")
        .with(Attribute::ThirdPartyDNRole, DNRole::Observer)
        .with(Attribute::ThirdPartyDN, "6002")
        .with(Attribute::OtherDNRole, DNRole::Origination)
        .with(Attribute::OtherDN, "5551001")
        .with(Attribute::OtherTrunk, 3_i64)
        .with(Attribute::ThisDNRole, DNRole::Destination)
        .with(Attribute::ThisQueue, "7000")
        .with(Attribute::ThisDN, "6001")
        .with(Attribute::CallType, CallType::Inbound)
        .with(Attribute::CallState, CallState::Ok)
        .with(Attribute::AgentID, "agent-17")
        .with(Attribute::Place, "place-17")
        .with(Attribute::CallID, 16_777_219_i64)
        .with(Attribute::NetworkCallID, 42_i64)
        .with(Attribute::PreviousConnID, ConnId(0x006c_0246_2a16_1005))
        .with(Attribute::ConnID, ConnId(0x006c_0246_2a16_1006))
        .with(Attribute::CustomerID, "Resources")
        .with(Attribute::Cause, tlib::Cause::Route)
}

/// Any message, with text of any characters.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    message_of(".{0,12}", ".{0,8}")
}

/// Any message whose text and keys are of these patterns.
pub(crate) fn message_of(text: &'static str, key: &'static str) -> impl Strategy<Value = Message> {
    let attribute = sample::select(Attribute::ALL);
    let attributes =
        vec(attribute.prop_flat_map(move |a| (Just(a), value_of(a, text, key))), 0..20);
    (sample::select(MessageType::ALL), attributes).prop_map(|(kind, attributes)| {
        let mut message = Message::new(kind);
        for (attribute, value) in attributes {
            message.set(attribute, value);
        }
        message
    })
}

fn value_of(attribute: Attribute, text: &'static str, key: &'static str) -> BoxedStrategy<Value> {
    match attribute.kind() {
        Kind::Text => text.prop_map(Value::from).boxed(),
        Kind::Int => prop_oneof![any::<i64>(), 0..5_000_000_000_i64].prop_map(Value::Int).boxed(),
        Kind::Enum => any::<i32>().prop_map(|n| Value::Int(i64::from(n) % 200)).boxed(),
        Kind::ConnId | Kind::Sequence => any::<u64>().prop_map(Value::Id).boxed(),
        Kind::Bytes => vec(any::<u8>(), 0..70).prop_map(|b| Value::Bytes(Bytes::from(b))).boxed(),
        Kind::List => list_of(text, key).prop_map(Value::List).boxed(),
    }
}

fn list_of(text: &'static str, key: &'static str) -> impl Strategy<Value = KvList> {
    let scalar = prop_oneof![
        text.prop_map(|text| KvValue::from(text.as_str())),
        any::<i32>().prop_map(KvValue::Int),
        vec(any::<u8>(), 0..9).prop_map(|bytes| KvValue::Binary(bytes.into())),
        text.prop_map(|text| KvValue::Unicode(text.into())),
    ];
    let value = scalar.prop_recursive(3, 12, 4, move |inner| {
        vec((key, inner), 0..4).prop_map(|pairs| KvValue::List(list(pairs)))
    });
    vec((key, value), 0..6).prop_map(list)
}

fn list(pairs: Vec<(String, KvValue)>) -> KvList {
    pairs.into_iter().map(|(key, value)| KvPair { key: key.into(), value }).collect()
}
