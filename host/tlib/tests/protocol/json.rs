//! Messages as JSON.

use bytes::Bytes;
use model::ConnId;
use proptest::prelude::*;
use tlib::{Attribute, EncodedJson, KvList, KvValue, Limits, Message, MessageType, Value};

use crate::messages;

fn read(text: &str) -> Result<Message, String> {
    Message::from_json(text.as_bytes(), &Limits::DEFAULT).map_err(|error| error.what)
}

fn error(text: &str) -> String {
    read(text).unwrap_err()
}

fn example() -> Message {
    let data = KvList::new()
        .with("Segment", "say \"gold\"\n")
        .with("Segment", 2)
        .with("Raw", KvValue::Binary(Bytes::from_static(&[0, 255])))
        .with("Name", KvValue::Unicode("Zoë".into()))
        .with("More", KvList::new().with("a", KvList::new()));
    Message::new(MessageType::EventRinging)
        .with(Attribute::ConnID, ConnId(0x006c_0246_2a16_1006))
        .with(Attribute::CallType, tlib::CallType::Inbound)
        .with(Attribute::ThisDN, "6001")
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::InputMask, Bytes::from_static(&[0xff, 0x01]))
        .with(Attribute::UserData, data)
}

const EXAMPLE: &str = concat!(
    r#"{"type":"EventRinging","ConnID":"006c02462a161006","CallType":2,"ThisDN":"6001","#,
    r#""TimeinSecs":1700000000,"InputMask":"ff01","UserData":[["Segment","say \"gold\"\n"],"#,
    r#"["Segment",2],["Raw",{"binary":"00ff"}],["Name",{"unicode":"Zoë"}],["More",[["a",[]]]]]}"#,
);

#[test]
fn a_message_is_exactly_this_text() {
    assert_eq!(EncodedJson::new(&example()).text(), EXAMPLE);
    assert_eq!(read(EXAMPLE), Ok(example()));
}

#[test]
fn a_sequence_number_and_a_reference_id_are_appended() {
    let encoded = EncodedJson::new(&Message::new(MessageType::EventACK));
    let want = r#"{"type":"EventACK","EventSequenceNumber":"0000000000000a3d","ReferenceID":7}"#;
    assert_eq!(encoded.frame(Some(0xa3d), Some(7)), want);
    assert_eq!(encoded.frame(None, Some(7)), r#"{"type":"EventACK","ReferenceID":7}"#);
    assert_eq!(encoded.frame(None, None), r#"{"type":"EventACK"}"#);
}

#[test]
fn what_an_author_may_write_shorter_is_read_the_same() {
    let text = r#" { "CallType": "Inbound", "UserEvent": "EventQueued", "ThisDN": null, "DNIS": "6\u0030",
        "Reason": {"b": "1", "a": 2, "b": {"binary": ""}}, "type": 14 } "#;
    let reason = KvList::new().with("b", "1").with("a", 2).with("b", KvValue::Binary(Bytes::new()));
    let want = Message::new(MessageType::RequestMakeCall)
        .with(Attribute::CallType, tlib::CallType::Inbound)
        .with(Attribute::UserEvent, MessageType::EventQueued)
        .with(Attribute::DNIS, "60")
        .with(Attribute::Reason, reason);
    assert_eq!(read(text), Ok(want));
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let all = |rest: &str| error(&format!(r#"{{"type":"EventACK",{rest}}}"#));
    assert_eq!(error("{}"), "there is no \"type\" at line 1 column 2");
    assert_eq!(
        error(r#"{"type":"EventNone"}"#),
        "\"type\" is \"EventNone\", which is unknown at line 1 column 19"
    );
    assert_eq!(error(r#"{"type":500}"#), "\"type\" is 500, which has no name at line 1 column 12");
    assert_eq!(all(r#""ThisDn":"1""#), "there is no attribute \"ThisDn\" at line 1 column 27");
    assert_eq!(all(r#""DNIS":"1","DNIS":"2""#), "\"DNIS\" is there twice at line 1 column 41");
    assert_eq!(
        all(r#""DNIS":1"#),
        "invalid type: integer `1`, expected a string for \"DNIS\" at line 1 column 27"
    );
    assert_eq!(
        all(r#""CallID":1.5"#),
        "invalid type: floating point `1.5`, expected a whole number for \"CallID\" at line 1 column 31"
    );
    assert_eq!(
        all(r#""CallType":"Odd""#),
        "\"CallType\" is \"Odd\", which is unknown at line 1 column 35"
    );
    assert!(all(r#""CallType":4294967296"#).contains("which has no name"));
    assert!(all(r#""ConnID":"12""#).contains("not 16 hexadecimal digits"));
    assert!(all(r#""ConnID":"+06c02462a161006""#).contains("not 16 hexadecimal digits"));
    assert!(all(r#""InputMask":"f""#).contains("pairs of hexadecimal digits"));
    assert!(all(r#""Reason":[["a"]]"#).contains("expected [key, value]"));
    assert!(all(r#""Reason":[["a",1,2]]"#).contains("expected [key, value]"));
    assert!(all(r#""Reason":[["a",true]]"#).contains("expected a string, a whole number"));
    assert!(all(r#""Reason":[["a",4294967296]]"#).contains("more than 32 bits"));
    assert!(all(r#""Reason":[["a",{"binary":"00","unicode":""}]]"#).contains("invalid type: map"));
    assert!(all(r#""Reason":[["a",{"other":"00"}]]"#).contains("invalid type: map"));
    assert!(error(r#"{"type":"EventACK"} x"#).contains("trailing characters"));
}

#[test]
fn an_error_has_the_reference_id_that_was_read_before_it() {
    let text = br#"{"ReferenceID":9,"type":"Nonsense"}"#;
    let error = Message::from_json(text, &Limits::DEFAULT).unwrap_err();
    assert_eq!((error.reference, error.is_of_type), (Some(9), true));
    let text = br#"{"type":1,"ReferenceID":9,"DNIS":1}"#;
    let error = Message::from_json(text, &Limits::DEFAULT).unwrap_err();
    assert_eq!((error.reference, error.is_of_type), (Some(9), false));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the manual is a file")]
fn the_example_of_the_manual_is_a_message() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tlib.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let (_, from) = manual.split_once("```json\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let message = read(example).unwrap();
    assert_eq!(message.kind(), MessageType::EventRinging);
    assert_eq!(message.list(Attribute::UserData).unwrap().len(), 5);
}

#[test]
fn each_limit_is_kept_and_named() {
    let limits = Limits { message_bytes_max: 90, attributes_max: 2, pairs_max: 3, depth_max: 2 };
    let over = |rest: &str| {
        let text = format!(r#"{{"type":0,{rest}}}"#);
        let read = Message::from_json(text.as_bytes(), &limits);
        read.map_or_else(|error| error.what, |_| String::new())
    };
    assert_eq!(over(r#""DNIS":"","Reason":[["a",1],["b",[["c",2]]]]"#), "");
    assert!(over(r#""DNIS":"","ANI":"","Place":"""#).contains("over attributes_max, 2"));
    assert!(over(r#""Reason":[["a",1],["b",1],["c",1],["d",2]]"#).contains("over pairs_max, 3"));
    assert!(over(r#""Reason":{"a":1,"b":1,"c":1,"d":2}"#).contains("over pairs_max, 3"));
    assert!(over(r#""Reason":[["a",[["b",[]]]]]"#).contains("over depth_max, 2"));
    let text = format!(r#""DNIS":"{}""#, "x".repeat(90));
    assert_eq!(over(&text), "the message is over message_bytes_max, 90");
    let deep = format!("{}{}", r#"{"type":0,"Reason":"#, "[[\"a\",".repeat(20_000));
    assert!(Message::from_json(deep.as_bytes(), &Limits::DEFAULT).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_equal_and_in_order(message in messages::any_message()) {
        let text = EncodedJson::new(&message).text();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(value["type"].as_str(), Some(message.kind().name()));
        let read = Message::from_json(&text, &Limits::DEFAULT);
        prop_assert_eq!(read.map_err(|error| error.what), Ok(message));
    }

    #[test]
    fn a_frame_is_read_with_what_was_appended(
        message in messages::any_message(),
        sequence in any::<u64>(),
        reference in any::<u32>(),
    ) {
        let mut message = message;
        message.remove(Attribute::EventSequenceNumber);
        message.remove(Attribute::ReferenceID);
        let frame = EncodedJson::new(&message).frame(Some(sequence), Some(reference));
        let want = message
            .with(Attribute::EventSequenceNumber, Value::Id(sequence))
            .with(Attribute::ReferenceID, reference);
        prop_assert_eq!(Message::from_json(&frame, &Limits::DEFAULT), Ok(want));
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}:,"a-zDNIS0-9\\ ]{0,60}"#) {
        let _ = Message::from_json(text.as_bytes(), &Limits::DEFAULT);
    }
}
