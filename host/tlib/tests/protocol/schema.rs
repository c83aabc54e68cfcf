//! `sdk/tlib.proto` and the tables of the crate are the same, and so is what another reader of protobuf makes of our bytes.

use std::{collections::BTreeSet, path::Path, sync::LazyLock};

use bytes::Bytes;
use proptest::prelude::*;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind as ProtoKind, MapKey, MessageDescriptor, Value as Proto,
    prost::Message as _,
};
use tlib::{
    Attribute, Encoded, Kind, KvList, KvPair, KvValue, Limits, Message, MessageType, Value,
};

use crate::messages;

const PACKAGE: &str = "jackfield.tlib.v1";

static SCHEMA: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
    let files = protox::compile(["tlib.proto"], [folder]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
});

fn message_type() -> MessageDescriptor {
    SCHEMA.get_message_by_name(&format!("{PACKAGE}.TMessage")).unwrap()
}

#[test]
fn every_attribute_is_a_field_of_its_number_name_and_kind() {
    let message = message_type();
    for attribute in Attribute::ALL {
        let field = message.get_field(attribute.number()).unwrap();
        assert_eq!(field.name(), attribute.name());
        assert!(field.supports_presence() && !field.is_list(), "{}", attribute.name());
        let fits = match (attribute.kind(), field.kind()) {
            (Kind::Text, ProtoKind::String)
            | (Kind::Int, ProtoKind::Int64)
            | (Kind::Enum, ProtoKind::Int32)
            | (Kind::ConnId | Kind::Sequence, ProtoKind::Fixed64)
            | (Kind::Bytes, ProtoKind::Bytes) => true,
            (Kind::List, ProtoKind::Message(list)) => list.name() == "KvList",
            _ => false,
        };
        assert!(fits, "{} is {:?} there", attribute.name(), field.kind());
    }
    let kind = message.get_field(1001).unwrap();
    assert_eq!((kind.name(), kind.supports_presence()), ("type", true));
    assert_eq!(message.fields().len(), Attribute::ALL.len() + 1);
}

#[test]
fn every_message_type_and_every_enumeration_is_there_and_no_more() {
    let types = SCHEMA.get_enum_by_name(&format!("{PACKAGE}.MessageType")).unwrap();
    assert_eq!(values(&types), MessageType::NAMES.values.to_vec());
    let own = BTreeSet::from(["TMessage", "KvList", "KvPair"]);
    let mut declared: BTreeSet<String> =
        SCHEMA.all_messages().map(|m| m.name().to_owned()).collect();
    declared.retain(|name| !own.contains(name.as_str()));
    let mut known = BTreeSet::new();
    let others = [tlib::DNState::NAMES, tlib::AddressStatus::NAMES, tlib::ErrorCode::NAMES];
    for names in Attribute::ALL.iter().filter_map(|a| a.names()).chain(others) {
        known.insert(names.of.to_owned());
        if names.of == "MessageType" {
            continue;
        }
        let full = format!("{PACKAGE}.{}.Value", names.of);
        let have = values(&SCHEMA.get_enum_by_name(&full).unwrap());
        let have: Vec<_> = have.into_iter().filter(|(name, _)| *name != "NotSet").collect();
        let mut want = names.values.to_vec();
        want.sort_by_key(|(_, number)| *number);
        assert_eq!(have, want, "{}", names.of);
    }
    known.remove("MessageType");
    assert_eq!(declared, known);
}

fn values(of: &prost_reflect::EnumDescriptor) -> Vec<(&'static str, u16)> {
    let value = |value: prost_reflect::EnumValueDescriptor| {
        let name: &'static str = value.name().to_owned().leak();
        (name, u16::try_from(value.number()).unwrap())
    };
    let mut values: Vec<_> = of.values().map(value).collect();
    values.sort_by_key(|(_, number)| *number);
    values
}

/// The message as another runtime builds it.
fn theirs(message: &Message) -> DynamicMessage {
    let mut out = DynamicMessage::new(message_type());
    out.set_field_by_name("type", Proto::EnumNumber(i32::from(message.kind().number())));
    for (attribute, value) in message.attributes() {
        let value = match value {
            Value::Int(int) if attribute.kind() == Kind::Enum => {
                Proto::I32((*int).try_into().unwrap())
            }
            Value::Int(int) => Proto::I64(*int),
            Value::Id(id) => Proto::U64(*id),
            Value::Text(text) => Proto::String((**text).to_owned()),
            Value::Bytes(bytes) => Proto::Bytes(bytes.clone()),
            Value::List(list) => Proto::Message(their_list(list)),
        };
        out.set_field_by_name(attribute.name(), value);
    }
    out
}

fn their_list(list: &KvList) -> DynamicMessage {
    let named = |name: &str| SCHEMA.get_message_by_name(&format!("{PACKAGE}.{name}")).unwrap();
    let pair = |pair: &KvPair| {
        let mut out = DynamicMessage::new(named("KvPair"));
        out.set_field_by_name("key", Proto::String((*pair.key).to_owned()));
        match &pair.value {
            KvValue::Text(text) => {
                out.set_field_by_name("text", Proto::String((**text).to_owned()))
            }
            KvValue::Int(int) => out.set_field_by_name("number", Proto::I32(*int)),
            KvValue::Binary(bytes) => out.set_field_by_name("binary", Proto::Bytes(bytes.clone())),
            KvValue::List(list) => out.set_field_by_name("list", Proto::Message(their_list(list))),
            KvValue::Unicode(text) => {
                out.set_field_by_name("unicode", Proto::String((**text).to_owned()));
            }
        }
        Proto::Message(out)
    };
    let mut out = DynamicMessage::new(named("KvList"));
    if !list.is_empty() {
        out.set_field_by_name("pairs", Proto::List(list.iter().map(pair).collect()));
    }
    out
}

/// The attributes by number, since other runtimes write fields in that order.
fn sorted(message: &Message) -> Vec<(Attribute, Value)> {
    let mut all: Vec<_> = message.attributes().map(|(a, v)| (a, v.clone())).collect();
    all.sort_by_key(|(attribute, _)| attribute.number());
    all
}

proptest! {
    #[test]
    fn another_runtime_reads_what_we_write_and_we_read_what_it_writes(
        message in messages::any_message(),
        sequence in any::<Option<u64>>(),
        reference in any::<Option<u32>>(),
    ) {
        let body = Encoded::new(&message).body();
        let read = DynamicMessage::decode(message_type(), body).unwrap();
        let want = theirs(&message);
        prop_assert_eq!(known(&read), known(&want));
        prop_assert!(read.unknown_fields().next().is_none());

        let ours = Message::decode(&want.encode_to_vec(), &Limits::DEFAULT).unwrap();
        prop_assert_eq!(ours.kind(), message.kind());
        prop_assert_eq!(sorted(&ours), sorted(&message));

        let frame = Encoded::new(&message).frame(sequence, reference);
        let read = DynamicMessage::decode(message_type(), frame.slice(tlib::PREFIX_BYTES..)).unwrap();
        let mut with = message;
        if let Some(sequence) = sequence {
            with.set(Attribute::EventSequenceNumber, Value::Id(sequence));
        }
        if let Some(reference) = reference {
            with.set(Attribute::ReferenceID, reference);
        }
        prop_assert_eq!(known(&read), known(&theirs(&with)));
    }

    #[test]
    fn of_damaged_bytes_both_make_the_same_or_we_refuse_them(
        message in messages::any_message(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = Encoded::new(&message).body().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(ours) = Message::decode(&body, &Limits::DEFAULT) {
            let read = DynamicMessage::decode(message_type(), Bytes::from(body)).unwrap();
            prop_assert_eq!(known(&read), known(&theirs(&ours)));
        }
    }
}

/// What is known of a message, as text.
fn known(message: &DynamicMessage) -> String {
    fn value_text(value: &Proto) -> String {
        match value {
            Proto::Message(message) => known(message),
            Proto::List(all) => format!("{:?}", all.iter().map(value_text).collect::<Vec<_>>()),
            Proto::Map(map) => format!("{:?}", map.keys().collect::<Vec<&MapKey>>()),
            other => format!("{other:?}"),
        }
    }
    let fields = message.fields().map(|(field, value)| (field.number(), value_text(value)));
    format!("{:?}", fields.collect::<std::collections::BTreeMap<_, _>>())
}
