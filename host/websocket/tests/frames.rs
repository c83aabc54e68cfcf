//! Frames, read and written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use jackfield_websocket::{
    Code, Decoder, Limits, Received, Side, Violation, close, message, ping, pong,
};
use proptest::prelude::*;

const LIMITS: Limits = Limits { message_bytes_max: 1 << 17, fragments_max: 16 };
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn all(side: Side, bytes: &[u8]) -> (Vec<Received>, Option<Violation>) {
    let mut decoder = Decoder::new(side, LIMITS);
    let mut chunk = Bytes::copy_from_slice(bytes);
    let mut received = Vec::new();
    loop {
        match decoder.take(&mut chunk) {
            Ok(Some(one)) => received.push(one),
            Ok(None) => return (received, None),
            Err(violation) => return (received, Some(violation)),
        }
    }
}

fn text(text: &str) -> Received {
    Received::Text(Bytes::copy_from_slice(text.as_bytes()))
}

/// A frame as a client sends it, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

#[test]
fn the_examples_of_rfc_6455_are_read_and_written() {
    // Section 5.7.
    let plain = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    let asked = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let answered = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let hello = text("Hello");
    assert_eq!(all(Side::Client, &plain), (vec![hello.clone()], None));
    assert_eq!(all(Side::Server, &masked), (vec![hello.clone()], None));
    assert_eq!(all(Side::Client, &fragments), (vec![hello], None));
    assert_eq!(all(Side::Client, &asked), (vec![Received::Ping(Bytes::from("Hello"))], None));
    assert_eq!(all(Side::Server, &answered), (vec![Received::Pong], None));
    let mut out = Vec::new();
    message(&mut out, b"Hello", None);
    message(&mut out, b"Hello", Some(MASK));
    ping(&mut out, b"Hello", None);
    pong(&mut out, b"Hello", Some(MASK));
    assert_eq!(out, [&plain[..], &masked, &asked, &answered].concat());
}

#[test]
fn lengths_are_written_in_as_few_bytes_as_can_be_and_read_so_only() {
    for (length, head) in [
        (125, &[0x81, 125][..]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 0xff, 0xff]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut out = Vec::new();
        message(&mut out, &vec![b'a'; length], None);
        assert_eq!(&out[..head.len()], head);
        assert_eq!(all(Side::Client, &out), (vec![text(&"a".repeat(length))], None));
    }
    for long_winded in [
        &[0x81, 126, 0, 125][..],
        &[0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let (received, violation) = all(Side::Client, long_winded);
        assert_eq!((received.len(), violation.map(|it| it.code)), (0, Some(Code::Protocol)));
    }
}

#[test]
fn what_may_not_be_is_a_violation_with_its_code() {
    let begun = frame(0x01, b"a");
    let cases = [
        (vec![0x81, 0x01, b'a'], Code::Protocol, "not masked"),
        (frame(0xc1, b"a"), Code::Protocol, "reserved bit"),
        (frame(0x83, b"a"), Code::Protocol, "unknown opcode"),
        (frame(0x8b, b"a"), Code::Protocol, "unknown opcode"),
        (frame(0x80, b"a"), Code::Protocol, "not begun"),
        ([begun.clone(), begun.clone()].concat(), Code::Protocol, "within another"),
        (frame(0x09, b"a"), Code::Protocol, "in fragments"),
        (vec![0x89, 0x80 | 126, 0, 126], Code::Protocol, "125 bytes"),
        (frame(0x81, b"\xff"), Code::NotText, "no UTF-8"),
        (frame(0x88, b"\x03"), Code::Protocol, "half a code"),
        (frame(0x88, &1005_u16.to_be_bytes()), Code::Protocol, "may not be sent"),
        (frame(0x88, &999_u16.to_be_bytes()), Code::Protocol, "may not be sent"),
        (frame(0x88, b"\x03\xe8\xff"), Code::NotText, "reason"),
        // 2^17 + 1 bytes are announced, and none has come.
        (vec![0x81, 0xff, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0], Code::TooLong, "message_bytes_max"),
        ([begun.clone(), frame(0x00, b"a").repeat(16)].concat(), Code::Policy, "fragments_max"),
    ];
    for (bytes, code, what) in cases {
        let (received, violation) = all(Side::Server, &bytes);
        assert_eq!(received, [], "{bytes:x?}");
        let violation = violation.unwrap();
        assert_eq!(violation.code, code, "{bytes:x?}: {violation}");
        assert!(violation.what.contains(what), "{bytes:x?}: {violation}");
    }
    let masked = frame(0x81, b"a");
    assert!(all(Side::Client, &masked).1.unwrap().what.contains("masked"));
    // It stays so.
    let mut decoder = Decoder::new(Side::Client, LIMITS);
    let violation = decoder.take(&mut Bytes::from(masked)).unwrap_err();
    assert_eq!(decoder.take(&mut Bytes::from_static(b"\x81\x01a")), Err(violation));
}

#[test]
fn the_fragments_of_a_message_are_no_longer_together_than_it_may_be() {
    let limits = Limits { message_bytes_max: 10, fragments_max: 16 };
    let mut decoder = Decoder::new(Side::Server, limits);
    let mut bytes = Bytes::from([frame(0x01, b"aaaaaa"), frame(0x00, b"aaaa")].concat());
    assert_eq!(decoder.take(&mut bytes), Ok(None));
    assert_eq!(decoder.held(), 10);
    let violation = decoder.take(&mut Bytes::from(frame(0x00, b"a"))).unwrap_err();
    assert_eq!((violation.code, decoder.held()), (Code::TooLong, 0));
}

#[test]
fn control_frames_come_between_fragments_and_nothing_comes_after_a_close() {
    let bytes = [
        frame(0x01, b"one, "),
        frame(0x89, b"p"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"two"),
        frame(0x82, b"\x00"),
        frame(0x88, b""),
        frame(0x81, b"late"),
    ]
    .concat();
    let expected = vec![
        Received::Ping(Bytes::from("p")),
        Received::Pong,
        text("one, two"),
        Received::Binary(Bytes::from_static(b"\x00")),
        Received::Close(None),
    ];
    assert_eq!(all(Side::Server, &bytes), (expected, None));
}

#[test]
fn a_close_says_why_as_far_as_there_is_room() {
    let mut out = Vec::new();
    close(&mut out, Code::Policy, &"é".repeat(100), None);
    assert_eq!(&out[..4], &[0x88, 124, 0x03, 0xf0]);
    assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "é".repeat(61));
    assert_eq!(all(Side::Client, &out).0, [Received::Close(Some(Code::Policy))]);
    let mut out = Vec::new();
    close(&mut out, Code::Other(4000), "", None);
    assert_eq!(out, [0x88, 2, 0x0f, 0xa0]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        texts in proptest::collection::vec(".{0,300}", 1..5),
        mask: [u8; 4],
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let mut out = Vec::new();
        for text in &texts {
            message(&mut out, text.as_bytes(), Some(mask));
        }
        let mut decoder = Decoder::new(Side::Server, LIMITS);
        let (mut received, mut bytes) = (Vec::new(), Bytes::from(out));
        let mut cuts = cuts.iter().cycle();
        while !bytes.is_empty() {
            let mut chunk = bytes.split_to((*cuts.next().unwrap()).min(bytes.len()));
            while let Some(one) = decoder.take(&mut chunk).unwrap() {
                received.push(one);
            }
            prop_assert!(chunk.is_empty());
        }
        let texts: Vec<Received> = texts.iter().map(|one| text(one)).collect();
        prop_assert_eq!(received, texts);
    }

    #[test]
    fn whatever_comes_what_is_held_is_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let limits = Limits { message_bytes_max: 500, fragments_max: 4 };
        let mut decoder = Decoder::new(Side::Server, limits);
        let mut chunk = Bytes::from(bytes);
        while let Ok(Some(_)) = decoder.take(&mut chunk) {
            prop_assert!(decoder.held() <= 500 + 125);
        }
        prop_assert!(decoder.held() <= 500 + 125);
    }
}
