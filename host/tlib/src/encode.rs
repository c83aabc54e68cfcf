//! Messages to bytes: the protobuf of `sdk/tlib.proto`.

use bytes::Bytes;

use crate::{
    Attribute, KvList, KvPair, KvValue, Message, MessageType, Value,
    field::{self, WireType},
};

/// Bytes before the body of a frame: its length, big-endian.
///
/// Four bytes rather than a varint: a reader in any language takes exactly so many and knows how many follow, and the place for them can
/// be kept free before the body is written.
pub const PREFIX_BYTES: usize = 4;

/// Room for most messages, so that memory is taken once.
const CAPACITY: usize = 512;

/// A message in the wire form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    frame: Bytes,
}

impl Encoded {
    /// Writes a message, its length last. An attribute whose value is not of its kind is left out.
    pub fn new(message: &Message) -> Self {
        let mut out = Vec::with_capacity(CAPACITY);
        out.extend_from_slice(&[0; PREFIX_BYTES]);
        write_message(&mut out, message);
        let length = prefix(out.len() - PREFIX_BYTES);
        if let Some(place) = out.first_chunk_mut() {
            *place = length;
        }
        Self { frame: out.into() }
    }

    /// The message without its length in front.
    pub fn body(&self) -> Bytes {
        self.frame.slice(PREFIX_BYTES..)
    }

    /// The message as it goes on a connection, with what its distribution adds: an EventSequenceNumber, and for who asked the
    /// ReferenceID. Fields of protobuf may be appended; of two that are equal the last one holds.
    pub fn frame(&self, sequence: Option<u64>, reference: Option<u32>) -> Bytes {
        if sequence.is_none() && reference.is_none() {
            return self.frame.clone();
        }
        let body = self.frame.get(PREFIX_BYTES..).unwrap_or_default();
        let reference = reference.map(i64::from);
        let length = body.len()
            + sequence.map_or(0, |_| field::fixed_len(Attribute::EventSequenceNumber.number()))
            + reference.map_or(0, |id| field::int_len(Attribute::ReferenceID.number(), id));
        let mut out = Vec::with_capacity(PREFIX_BYTES + length);
        out.extend_from_slice(&prefix(length));
        out.extend_from_slice(body);
        if let Some(sequence) = sequence {
            field::put_fixed(&mut out, Attribute::EventSequenceNumber.number(), sequence);
        }
        if let Some(id) = reference {
            field::put_int(&mut out, Attribute::ReferenceID.number(), id);
        }
        out.into()
    }
}

fn prefix(length: usize) -> [u8; PREFIX_BYTES] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// The field of the message's type.
pub(crate) const TYPE: u32 = 1001;

/// Fields of a pair of a key-value list; a value's is its kind and two.
pub(crate) mod pair {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const TEXT: u32 = 2;
    pub(crate) const NUMBER: u32 = 3;
    pub(crate) const BINARY: u32 = 4;
    pub(crate) const LIST: u32 = 5;
    pub(crate) const UNICODE: u32 = 6;
}

/// The field of the pairs in a key-value list.
pub(crate) const PAIRS: u32 = 1;

const fn type_of(kind: MessageType) -> i64 {
    kind.number() as i64
}

fn list_len(list: &KvList) -> usize {
    list.iter().map(|pair| field::bytes_len(PAIRS, pair_len(pair))).sum()
}

fn pair_len(pair: &KvPair) -> usize {
    let value = match &pair.value {
        KvValue::Text(text) => field::bytes_len(pair::TEXT, text.len()),
        KvValue::Int(int) => field::int_len(pair::NUMBER, i64::from(*int)),
        KvValue::Binary(bytes) => field::bytes_len(pair::BINARY, bytes.len()),
        KvValue::List(list) => field::bytes_len(pair::LIST, list_len(list)),
        KvValue::Unicode(text) => field::bytes_len(pair::UNICODE, text.len()),
    };
    field::bytes_len(pair::KEY, pair.key.len()) + value
}

fn write_message(out: &mut Vec<u8>, message: &Message) {
    field::put_int(out, TYPE, type_of(message.kind()));
    for (attribute, value) in message.attributes() {
        if attribute.kind().takes(value) {
            write_attribute(out, attribute, value);
        }
    }
}

fn write_attribute(out: &mut Vec<u8>, attribute: Attribute, value: &Value) {
    let number = attribute.number();
    match value {
        Value::Int(int) => field::put_int(out, number, wire_int(attribute, *int)),
        Value::Id(id) => field::put_fixed(out, number, *id),
        Value::Text(text) => field::put_bytes(out, number, text.as_bytes()),
        Value::Bytes(bytes) => field::put_bytes(out, number, bytes),
        Value::List(list) => {
            field::put_tag(out, number, WireType::Bytes);
            field::put_varint(out, list_len(list) as u64);
            write_list(out, list);
        }
    }
}

fn write_list(out: &mut Vec<u8>, list: &KvList) {
    for pair in list.iter() {
        field::put_tag(out, PAIRS, WireType::Bytes);
        field::put_varint(out, pair_len(pair) as u64);
        field::put_bytes(out, pair::KEY, pair.key.as_bytes());
        match &pair.value {
            KvValue::Text(text) => field::put_bytes(out, pair::TEXT, text.as_bytes()),
            KvValue::Int(int) => field::put_int(out, pair::NUMBER, i64::from(*int)),
            KvValue::Binary(bytes) => field::put_bytes(out, pair::BINARY, bytes),
            KvValue::List(list) => {
                field::put_tag(out, pair::LIST, WireType::Bytes);
                field::put_varint(out, list_len(list) as u64);
                write_list(out, list);
            }
            KvValue::Unicode(text) => field::put_bytes(out, pair::UNICODE, text.as_bytes()),
        }
    }
}

/// An enumeration has 32 bits on the wire.
fn wire_int(attribute: Attribute, int: i64) -> i64 {
    match attribute.kind() {
        crate::Kind::Enum => int.clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => int,
    }
}
