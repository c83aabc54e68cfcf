//! What the parser read, as messages: by the names and kinds of the interface.

use tlib::{Attribute, Kind, KvList, KvValue, Message, MessageType, Value};

use super::parser::{Entry, Pair, Text};

/// The message that an entry of the log is.
pub(crate) fn message_of(entry: &Entry) -> Message {
    let mut message = Message::new(MessageType::named(&entry.message).unwrap());
    for (name, text) in &entry.attributes {
        let attribute = Attribute::named(name).unwrap();
        let value = match (attribute.kind(), text) {
            (Kind::Text, Text::Quoted(text)) => Value::from(text.as_str()),
            (Kind::Int | Kind::Enum, Text::Bare(text)) => {
                let number = text.split(' ').next().unwrap();
                let named = MessageType::named(number).map(|event| i64::from(event.number()));
                Value::Int(named.unwrap_or_else(|| number.parse().unwrap()))
            }
            (Kind::ConnId | Kind::Sequence, Text::Bare(text)) => {
                assert_eq!(text.len(), 16);
                Value::Id(u64::from_str_radix(text, 16).unwrap())
            }
            (Kind::Bytes, Text::Bytes { size, bytes, pairs }) => {
                assert_eq!((*size, pairs.len()), (bytes.len(), 0));
                Value::Bytes(bytes.clone().into())
            }
            (Kind::List, Text::Bytes { size, bytes, pairs }) => {
                let list = list_of(pairs);
                assert_eq!(*size, list.packed_len());
                assert_eq!(&bytes[..2], u16::try_from(pairs.len()).unwrap().to_be_bytes());
                Value::List(list)
            }
            (kind, text) => panic!("{name} of {kind:?} is {text:?}"),
        };
        message.set(attribute, value);
    }
    message
}

fn list_of(pairs: &[Pair]) -> KvList {
    let mut list = KvList::new();
    for Pair { key, mark, text, pairs } in pairs {
        let value = match (mark.as_deref(), text) {
            (None, Some(Text::Quoted(text))) => KvValue::Text(text.as_str().into()),
            (None, Some(Text::Bare(number))) => KvValue::Int(number.parse().unwrap()),
            (Some("unicode"), Some(Text::Quoted(text))) => KvValue::Unicode(text.as_str().into()),
            (Some("binary"), Some(Text::Bytes { bytes, .. })) => {
                KvValue::Binary(bytes.clone().into())
            }
            (Some("list"), None) => KvValue::List(list_of(pairs)),
            other => panic!("{key} is {other:?}"),
        };
        list.push(key.as_str(), value);
    }
    list
}
