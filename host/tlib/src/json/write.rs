//! Messages to JSON.

use bytes::Bytes;

use crate::{
    Attribute, Kind, KvList, KvValue, Message, Value,
    text::{put_byte, put_id, put_int},
};

/// Room for most messages, so that memory is taken once.
const CAPACITY: usize = 1024;

/// A message as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedJson {
    text: Bytes,
}

impl EncodedJson {
    /// Writes a message. An attribute whose value is not of its kind is left out.
    pub fn new(message: &Message) -> Self {
        let mut out = String::with_capacity(CAPACITY);
        out.push_str("{\"type\":\"");
        out.push_str(message.kind().name());
        out.push('"');
        for (attribute, value) in message.attributes() {
            if attribute.kind().takes(value) {
                out.push_str(",\"");
                out.push_str(attribute.name());
                out.push_str("\":");
                write_value(&mut out, attribute, value);
            }
        }
        out.push('}');
        Self { text: out.into() }
    }

    /// The text.
    pub fn text(&self) -> Bytes {
        self.text.clone()
    }

    /// The text of one WebSocket message, with what distribution adds: an EventSequenceNumber, and for who asked the ReferenceID. A
    /// message that is distributed has neither by itself.
    pub fn frame(&self, sequence: Option<u64>, reference: Option<u32>) -> Bytes {
        if sequence.is_none() && reference.is_none() {
            return self.text.clone();
        }
        let open = self.text.strip_suffix(b"}").unwrap_or(&self.text);
        let mut out = Vec::with_capacity(open.len() + 80);
        out.extend_from_slice(open);
        if let Some(sequence) = sequence {
            let name = Attribute::EventSequenceNumber.name();
            out.extend_from_slice(format!(",\"{name}\":\"{sequence:016x}\"").as_bytes());
        }
        if let Some(id) = reference {
            out.extend_from_slice(
                format!(",\"{}\":{id}", Attribute::ReferenceID.name()).as_bytes(),
            );
        }
        out.push(b'}');
        out.into()
    }
}

fn write_value(out: &mut String, attribute: Attribute, value: &Value) {
    match value {
        Value::Int(int) if attribute.kind() == Kind::Enum => {
            put_int(out, (*int).clamp(i64::from(i32::MIN), i64::from(i32::MAX)));
        }
        Value::Int(int) => put_int(out, *int),
        Value::Id(id) => {
            out.push('"');
            put_id(out, *id);
            out.push('"');
        }
        Value::Text(text) => write_text(out, text),
        Value::Bytes(bytes) => write_hex(out, bytes),
        Value::List(list) => write_list(out, list),
    }
}

fn write_list(out: &mut String, list: &KvList) {
    out.push('[');
    for (n, pair) in list.iter().enumerate() {
        out.push_str(if n == 0 { "[" } else { ",[" });
        write_text(out, &pair.key);
        out.push(',');
        match &pair.value {
            KvValue::Text(text) => write_text(out, text),
            KvValue::Int(int) => put_int(out, i64::from(*int)),
            KvValue::Binary(bytes) => {
                out.push_str("{\"binary\":");
                write_hex(out, bytes);
                out.push('}');
            }
            KvValue::List(list) => write_list(out, list),
            KvValue::Unicode(text) => {
                out.push_str("{\"unicode\":");
                write_text(out, text);
                out.push('}');
            }
        }
        out.push(']');
    }
    out.push(']');
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        put_byte(out, *byte);
    }
    out.push('"');
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // What is escaped is ASCII, and so never within another character.
    let escaped = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
    while let Some(at) = rest.as_bytes().iter().position(escaped) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        match from.bytes().next() {
            Some(b'\n') => out.push_str("\\n"),
            Some(byte @ 0..b' ') => {
                out.push_str("\\u00");
                put_byte(out, byte);
            }
            Some(byte) => out.extend(['\\', char::from(byte)]),
            None => {}
        }
        rest = from.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}
