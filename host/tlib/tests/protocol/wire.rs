//! The wire form: its bytes, its errors, its limits, its frames.

use bytes::{Bytes, BytesMut};
use model::ConnId;
use proptest::prelude::*;
use tlib::{
    Attribute, DecodeError, Deframer, Encoded, Event, Fault, Form, FrameTooLong, KvList, KvValue,
    Limits, Message, MessageType, PREFIX_BYTES, Value,
};

use crate::messages;

fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    Message::decode(bytes, &Limits::DEFAULT)
}

fn error(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().to_string()
}

/// Field 1001, RequestMakeCall.
const MAKE_CALL: [u8; 3] = [0xc8, 0x3e, 14];

fn make_call(rest: &[u8]) -> Vec<u8> {
    [&MAKE_CALL, rest].concat()
}

#[test]
fn a_message_is_exactly_these_bytes() {
    let data = KvList::new()
        .with("a", "x")
        .with("n", -1)
        .with("b", KvValue::Binary(Bytes::from_static(&[0, 255])))
        .with("l", KvList::new().with("u", KvValue::Unicode("é".into())));
    let message = Message::new(MessageType::RequestMakeCall)
        .with(Attribute::ThisDN, "2001")
        .with(Attribute::ReferenceID, 300_u32)
        .with(Attribute::ConnID, ConnId(0x0102_0304_0506_0708))
        .with(Attribute::MakeCallType, tlib::MakeCallType::Regular)
        .with(Attribute::UserData, data);
    let want: &[&[u8]] = &[
        &[0, 0, 0, 77],
        &MAKE_CALL,
        &[0xa2, 0x01, 4],
        b"2001",
        &[0x10, 0xac, 0x02],
        &[0x49, 8, 7, 6, 5, 4, 3, 2, 1],
        &[0xc8, 0x04, 0],
        &[0x9a, 0x03, 49],
        &[0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'x'],
        &[0x0a, 14, 0x0a, 1, b'n', 0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        &[0x0a, 7, 0x0a, 1, b'b', 0x22, 2, 0, 255],
        &[0x0a, 14, 0x0a, 1, b'l', 0x2a, 9, 0x0a, 7, 0x0a, 1, b'u', 0x32, 2, 0xc3, 0xa9],
    ];
    let want = want.concat();
    assert_eq!(Encoded::new(&message).frame(None, None), want);
    assert_eq!(decode(&want[PREFIX_BYTES..]), Ok(message));
}

#[test]
fn a_sequence_number_and_a_reference_id_are_appended() {
    let event = Message::new(MessageType::EventACK).with(Attribute::ThisDN, "1");
    let encoded = Encoded::new(&event);
    assert_eq!(encoded.body(), &[0xc8, 0x3e, 0x8a, 0x01, 0xa2, 0x01, 1, b'1'][..]);
    let frame = encoded.frame(Some(0x0a3d), Some(7));
    let appended = [0xa1, 0x09, 0x3d, 0x0a, 0, 0, 0, 0, 0, 0, 0x10, 7];
    assert_eq!(frame, [&[0, 0, 0, 20], &encoded.body()[..], &appended].concat());
    let read = decode(&frame[PREFIX_BYTES..]).unwrap();
    assert_eq!(read.get(Attribute::EventSequenceNumber), Some(&Value::Id(0x0a3d)));
    assert_eq!(read.reference_id(), Some(7));
    let only = encoded.frame(None, Some(u32::MAX));
    assert_eq!(decode(&only[PREFIX_BYTES..]).unwrap().reference_id(), Some(u32::MAX));
}

#[test]
fn an_event_is_encoded_once_for_all_who_did_not_ask() {
    let event = Event::new(messages::established().into(), Some(9));
    for form in [Form::Wire, Form::Json] {
        let (one, other) = (event.frame(form, None), event.frame(form, None));
        assert_eq!(one.as_ptr(), other.as_ptr());
        assert_ne!(event.frame(form, Some(1)), one);
    }
}

#[test]
fn an_attribute_of_another_kind_is_left_out_in_a_build_without_assertions() {
    let message = Message::new(MessageType::EventACK).with(Attribute::ThisDN, "1");
    let set = || message.clone().with(Attribute::ConnID, 5_i64);
    if cfg!(debug_assertions) {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(set)).is_err());
    } else {
        assert_eq!(Encoded::new(&set()), Encoded::new(&message));
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let cut = "a value is cut off, at byte";
    assert_eq!(error(&[]), "there is no message type (field 1001), at byte 0 of the message");
    assert_eq!(error(&[0xc8]), format!("{cut} 0 of the message"));
    assert_eq!(error(&make_call(&[0xa2, 0x01, 5, b'2'])), format!("{cut} 6 of the message"));
    assert_eq!(error(&make_call(&[0x49, 1, 2])), format!("{cut} 4 of the message"));
    let eleven = [0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    assert_eq!(
        error(&make_call(&eleven)),
        "a number has more than ten bytes, at byte 4 of the message"
    );
    assert_eq!(
        error(&make_call(&[0x00, 1])),
        "the tag 0 is of no field that can be read, at byte 3 of the message"
    );
    assert_eq!(
        error(&make_call(&[0x13])),
        "the tag 19 is of no field that can be read, at byte 3 of the message"
    );
    assert_eq!(
        error(&make_call(&[0xa0, 0x01, 1])),
        "field 20 has the wire type 0, which its attribute does not have, at byte 3 of the message"
    );
    assert_eq!(
        error(&make_call(&[0xa2, 0x01, 2, 0xc3, 0x28])),
        "the text of field 20 is not UTF-8, at byte 3 of the message"
    );
    assert_eq!(
        error(&make_call(&[0x9a, 0x03, 5, 0x0a, 3, 0x0a, 1, b'k'])),
        "a pair of a key-value list has no value, at byte 8 of the message"
    );
}

#[test]
fn an_unknown_type_is_told_with_its_reference_id() {
    let error = decode(&[0x10, 9, 0xc8, 0x3e, 0xf4, 0x03]).unwrap_err();
    let fault = Fault::UnknownType { number: 500, reference: Some(9) };
    assert_eq!(error, DecodeError { fault, at: 2 });
}

#[test]
fn unknown_fields_of_every_wire_type_are_skipped() {
    let unknown = [
        &[0xd0, 0x41, 1][..],
        &[0xd1, 0x41, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xd2, 0x41, 2, 1, 2],
        &[0xd5, 0x41, 1, 2, 3, 4],
    ];
    let known = Message::new(MessageType::RequestMakeCall);
    assert_eq!(decode(&make_call(&unknown.concat())), Ok(known));
}

#[test]
fn of_a_field_twice_the_last_holds_and_lists_are_put_together() {
    let twice = [
        &[0xa2, 0x01, 1, b'1'][..],
        &[0x9a, 0x03, 8, 0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'x'],
        &[0xa2, 0x01, 1, b'2'],
        &[0x9a, 0x03, 8, 0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'y'],
    ];
    let want = Message::new(MessageType::RequestMakeCall)
        .with(Attribute::ThisDN, "2")
        .with(Attribute::UserData, KvList::new().with("a", "x").with("a", "y"));
    assert_eq!(decode(&make_call(&twice.concat())), Ok(want));
}

#[test]
fn each_limit_is_kept_and_named() {
    let limits = Limits { message_bytes_max: 60, attributes_max: 2, pairs_max: 3, depth_max: 2 };
    let over = |message: &Message| {
        let body = Encoded::new(message).body();
        Message::decode(&body, &limits).map(|_| ()).map_err(|error| error.fault)
    };
    let limit = |name, max| Err(Fault::Limit { name, max });
    let base = Message::new(MessageType::RequestMakeCall).with(Attribute::ThisDN, "1");
    let list = KvList::new().with("a", 1).with("b", KvList::new().with("c", 2));
    let fits = base.clone().with(Attribute::UserData, list.clone());
    assert_eq!(over(&fits), Ok(()));
    assert_eq!(over(&fits.clone().with(Attribute::DNIS, "")), limit("attributes_max", 2));
    let pairs = fits.clone().with(Attribute::UserData, list.with("d", 3));
    assert_eq!(over(&pairs), limit("pairs_max", 3));
    let deep = KvList::new().with("b", KvList::new().with("c", KvList::new()));
    assert_eq!(over(&base.clone().with(Attribute::UserData, deep)), limit("depth_max", 2));
    let text = "x".repeat(60);
    assert_eq!(over(&base.with(Attribute::DNIS, &*text)), limit("message_bytes_max", 60));
}

#[test]
fn lists_within_lists_end_at_the_limit_and_not_at_the_end_of_the_stack() {
    let within = |tag: &[u8], bytes: &[u8]| {
        let mut out = tag.to_vec();
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        [&out, bytes].concat()
    };
    let mut list = Vec::new();
    for _ in 0..5000 {
        list = within(&[0x0a], &within(&[0x2a], &list));
    }
    let fault = decode(&make_call(&within(&[0x9a, 0x03], &list))).unwrap_err().fault;
    assert_eq!(fault, Fault::Limit { name: "depth_max", max: 8 });
}

#[test]
fn frames_are_cut_wherever_the_chunks_end() {
    let messages = [messages::established(), Message::new(MessageType::EventACK)];
    let mut stream = BytesMut::new();
    for message in messages.iter().cycle().take(6) {
        stream.extend_from_slice(&Encoded::new(message).frame(None, None));
    }
    for size in 1..stream.len() {
        let mut deframer = Deframer::new(4096);
        let mut read = Vec::new();
        for chunk in stream.chunks(size) {
            let mut chunk: Bytes = Bytes::copy_from_slice(chunk);
            while let Some(frame) = deframer.take(&mut chunk).unwrap() {
                read.push(decode(&frame).unwrap());
            }
            assert!(chunk.is_empty());
        }
        let want: Vec<Message> = messages.iter().cycle().take(6).cloned().collect();
        assert_eq!(read, want, "in chunks of {size}");
        assert_eq!(deframer.held(), 0);
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_first_bytes() {
    let mut deframer = Deframer::new(100);
    let mut fits = Bytes::from([&[0, 0, 0, 100][..], &[0; 99]].concat());
    assert_eq!(deframer.take(&mut fits), Ok(None));
    assert_eq!(deframer.held(), 103);
    let mut rest = Bytes::from_static(&[0, 0, 0, 0, 101]);
    assert_eq!(deframer.take(&mut rest).unwrap().unwrap().len(), 100);
    let error = FrameTooLong { length: 101, max: 100 };
    assert_eq!(deframer.take(&mut rest), Err(error));
    assert_eq!(deframer.take(&mut Bytes::from_static(&[1])), Err(error));
    assert!(error.to_string().contains("message_bytes_max"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_equal_and_in_order(message in messages::any_message()) {
        let body = Encoded::new(&message).body();
        prop_assert_eq!(decode(&body), Ok(message));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(decode(&Encoded::new(&message).body()), Ok(message));
        }
    }

    #[test]
    fn of_a_message_that_is_cut_off_nothing_is_made_up(
        message in messages::any_message(),
        at in any::<prop::sample::Index>(),
    ) {
        let body = Encoded::new(&message).body();
        let at = at.index(body.len());
        if let Ok(read) = decode(&body[..at]) {
            for ((have, value), (want, whole)) in read.attributes().zip(message.attributes()) {
                prop_assert_eq!((have, value), (want, whole));
            }
        }
    }
}
