//! The files by which client libraries in other languages are tested: what this crate writes, and what they write.
//!
//! `sdk/tlib/fixtures/NAME.bin` and `NAME.json` are the same message in both forms as written here; `NAME.python.bin` is what the Python
//! library wrote of it. With JACKFIELD_WRITE_FIXTURES in the environment the first two are written anew.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    reason = "a test fails by panicking; the messages are those of the other tests"
)]

extern crate jackfield_tlib as tlib;

#[path = "protocol/messages.rs"]
mod messages;

use std::{env, fs, path::PathBuf};

use bytes::Bytes;
use tlib::{
    Attribute, Encoded, EncodedJson, KvList, KvValue, Limits, Message, MessageType,
    PROTOCOL_VERSION, Value,
};

/// Every kind of value, those at the ends of their ranges, and lists within lists.
fn all_kinds() -> Message {
    let inner = KvList::new().with("empty", KvList::new()).with("deep", KvList::new().with("n", 1));
    let data = KvList::new()
        .with("text", "Grüße, \"quoted\" \\ \u{1F4DE}")
        .with("text", "again")
        .with("", "")
        .with("least", i32::MIN)
        .with("most", i32::MAX)
        .with("binary", KvValue::Binary(Bytes::from_static(&[0, 1, 127, 128, 255])))
        .with("unicode", KvValue::Unicode("日本".into()))
        .with("list", inner);
    Message::new(MessageType::EventUserEvent)
        .with(Attribute::ReferenceID, u32::MAX)
        .with(Attribute::CallID, 0_u32)
        .with(Attribute::ConnID, Value::Id(u64::MAX))
        .with(Attribute::PreviousConnID, Value::Id(0))
        .with(Attribute::CallState, Value::Int(0))
        .with(Attribute::DNIS, "")
        .with(Attribute::ErrorCode, i64::MIN)
        .with(Attribute::InputMask, Bytes::from_static(&[0xff; 64]))
        .with(Attribute::UserData, data)
        .with(Attribute::Extensions, KvList::new())
        .with(Attribute::XRouteType, Value::Int(-1))
        .with(Attribute::TimeinSecs, 4_102_444_800_i64)
        .with(Attribute::EventSequenceNumber, Value::Id(0x0a3d))
}

fn registration() -> Message {
    Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ReferenceID, 1_u32)
        .with(Attribute::ApplicationName, "desk")
        .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
        .with(Attribute::KeepAliveTimeout, 5000_i64)
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk/tlib/fixtures").join(name)
}

#[test]
fn the_files_are_what_is_written_and_what_others_wrote_is_read() {
    let all = [
        ("all-kinds", all_kinds()),
        ("established", messages::established()),
        ("registration", registration()),
    ];
    for (name, message) in all {
        let body = Encoded::new(&message).body();
        let text = EncodedJson::new(&message).text();
        if env::var_os("JACKFIELD_WRITE_FIXTURES").is_some() {
            fs::write(file(&format!("{name}.bin")), &body).unwrap();
            fs::write(file(&format!("{name}.json")), &text).unwrap();
            continue;
        }
        assert_eq!(fs::read(file(&format!("{name}.bin"))).unwrap(), body, "{name}");
        assert_eq!(fs::read(file(&format!("{name}.json"))).unwrap(), text, "{name}");
        let python = fs::read(file(&format!("{name}.python.bin"))).unwrap();
        let read = Message::decode(&python, &Limits::DEFAULT).unwrap();
        assert_eq!(sorted(&read), sorted(&message), "{name}");
    }
}

/// Other libraries write fields in the order of their numbers.
fn sorted(message: &Message) -> Vec<(Attribute, Value)> {
    let mut all: Vec<_> = message.attributes().map(|(a, v)| (a, v.clone())).collect();
    all.sort_by_key(|(attribute, _)| attribute.number());
    all
}
