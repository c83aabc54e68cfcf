//! A log is read back by a parser that knows section 8.5 of the reference and nothing of the printer, and gives every attribute again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    missing_docs,
    reason = "a test fails by panicking; the messages are those of the other tests"
)]

extern crate jackfield_tlib as tlib;

#[path = "log_parser/parser.rs"]
mod parser;

#[path = "log_parser/reading.rs"]
mod reading;

#[path = "protocol/messages.rs"]
mod messages;

use std::fmt::Write as _;

use proptest::prelude::*;
use tlib::{
    Attribute, KvList, KvValue, Message, MessageType,
    log::{Function, LogFilter, LogTime, Peer, Printer, Shown},
};

use parser::parse;
use reading::message_of;

const TIME: LogTime = LogTime { unix_us: 1_700_000_000_593_900, utc_offset_min: 0 };

const PEER: Peer<'_> =
    Peer { socket: 66, id: 0xe85, application: "desk", address: "10.0.0.7:49280" };

fn event(printer: &Printer, message: &Message, sequence: Option<u64>) -> String {
    let mut out = String::new();
    let server = ("8.1.103.24", Function::DistributeEvent);
    printer.event(&mut out, TIME, server, (message, sequence));
    out
}

#[test]
fn an_event_is_printed_in_the_shape_of_the_reference() {
    let message = Message::new(MessageType::EventRinging)
        .with(Attribute::TimeinuSecs, 593_900_i64)
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::CallUUID, "00AABBCCDDEEFFGGHHIIJJKKLLMMNN01")
        .with(Attribute::Extensions, KvList::new().with("KEY", "value"))
        .with(Attribute::UserData, KvList::new().with("Count", 7))
        .with(Attribute::Reason, KvList::new())
        .with(Attribute::ANI, "5551001")
        .with(Attribute::ThisDNRole, tlib::DNRole::Destination)
        .with(Attribute::CallState, tlib::CallState::Ok)
        .with(Attribute::UserEvent, MessageType::EventQueued)
        .with(Attribute::CallID, 16_777_219_i64)
        .with(Attribute::ConnID, model::ConnId(0x006c_0246_2a16_1006));
    let want = "@22:13:20.5939 [0] 8.1.103.24 distribute_event: message EventRinging\n\
        \tAttributeEventSequenceNumber\t0000000000000a3d\n\
        \tAttributeTimeinuSecs\t593900\n\
        \tAttributeTimeinSecs\t1700000000 (22:13:20)\n\
        \tAttributeCallUUID\t'00AABBCCDDEEFFGGHHIIJJKKLLMMNN01'\n\
        \tAttributeExtensions\t[15] 00 01 00 00..\n\
        \t\t'KEY'\t'value'\n\
        \tAttributeUserData\t[16] 00 01 01 00..\n\
        \t\t'Count'\t7\n\
        \tAttributeReason\t[2] 00 00..\n\
        \tAttributeANI\t'5551001'\n\
        \tAttributeThisDNRole\t2\n\
        \tAttributeCallState\t0\n\
        \tAttributeUserEvent\tEventQueued\n\
        \tAttributeCallID\t16777219\n\
        \tAttributeConnID\t006c02462a161006\n\n";
    assert_eq!(event(&Printer::default(), &message, Some(0xa3d)), want);
}

#[test]
fn a_request_and_what_was_sent_have_their_trace_lines() {
    let request = Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ApplicationName, "desk")
        .with(Attribute::ApplicationPassword, "secret")
        .with(Attribute::ReferenceID, 88_u32);
    let mut out = String::new();
    let printer = Printer { utc_offset_min: -30, ..Printer::default() };
    printer.received(&mut out, TIME, &request, PEER);
    printer.sent(&mut out, TIME, MessageType::EventLinkConnected, PEER);
    let name = Peer { application: "a\nb", ..PEER };
    printer.sent(&mut out, TIME, MessageType::EventLinkConnected, name);
    let want = "2023-11-14T22:13:20.593 Trc 04541 RequestRegisterClient received from [66] (00000e85 desk 10.0.0.7:49280)\n\
        message RequestRegisterClient\n\
        \tAttributeApplicationName\t'desk'\n\
        \tAttributeApplicationPassword\t'****'\n\
        \tAttributeReferenceID\t88\n\n\
        2023-11-14T22:13:20.593 Trc 04542 EventLinkConnected sent to [66] (00000e85 desk 10.0.0.7:49280)\n\
        2023-11-14T22:13:20.593 Trc 04542 EventLinkConnected sent to [66] (00000e85 a\\x0ab 10.0.0.7:49280)\n";
    assert_eq!(out, want);
}

#[test]
fn lists_within_lists_bytes_and_unicode_have_their_marks() {
    let inner = KvList::new().with("a", 1).with("empty", KvList::new()).with("b", "2");
    let data = KvList::new()
        .with("L", inner)
        .with("bin", KvValue::Binary(vec![0, 255].into()))
        .with("u", KvValue::Unicode("Zoë".into()));
    let message = Message::new(MessageType::EventACK)
        .with(Attribute::UserData, data)
        .with(Attribute::InputMask, bytes::Bytes::from_static(&[1, 2]));
    let printed = event(&Printer::default(), &message, None);
    let (_, lines) = printed.split_once('\n').unwrap();
    let want = "\tAttributeUserData\t[63] 00 03 03 00..\n\
        \t\t'L'(list)\n\
        \t\t\t'a'\t1\n\
        \t\t\t'empty'(list)\n\
        \t\t\t'b'\t'2'\n\
        \t\t'bin'(binary)\t[2] 00 ff\n\
        \t\t'u'(unicode)\t'Zoë'\n\
        \tAttributeInputMask\t[2] 01 02\n\n";
    assert_eq!(lines, want);
}

#[test]
fn a_filter_copies_skips_hides_and_truncates_by_key() {
    let by_key = ["copy", "Skip", "HIDE", "truncate"].map(|word| {
        let shown: Shown = word.parse().unwrap();
        (word.to_lowercase(), shown)
    });
    let filter = LogFilter { default: Shown::Hide, by_key: by_key.into() };
    let inner = KvList::new().with("skip", 1).with("copy", 2).with("other", 3);
    let data = KvList::new()
        .with("copy", "123456789")
        .with("skip", "123456789")
        .with("hide", inner.clone())
        .with("other", 5)
        .with("truncate", "12345678é")
        .with("truncate", KvValue::Binary(vec![7; 9].into()))
        .with("truncate", "12345678")
        .with("truncate", inner);
    let message = Message::new(MessageType::EventACK).with(Attribute::UserData, data);
    let printed = event(&Printer { filter, ..Printer::default() }, &message, None);
    let lines: Vec<&str> = printed.lines().skip(2).collect();
    let want = [
        "\t\t'copy'\t'123456789'",
        "\t\t'hide'\t'****'",
        "\t\t'other'\t'****'",
        "\t\t'truncate'\t'12345678..'",
        "\t\t'truncate'(binary)\t[9] 07 07 07 07 07 07 07 07..",
        "\t\t'truncate'\t'12345678'",
        "\t\t'truncate'(list)",
        "\t\t\t'copy'\t2",
        "\t\t\t'other'\t'****'",
        "",
    ];
    assert_eq!(lines, want);
    let unknown = "encrypt".parse::<Shown>().unwrap_err().to_string();
    assert_eq!(
        unknown,
        "\"encrypt\" says nothing of a pair in a log; it is copy, skip, hide or truncate"
    );
}

#[test]
fn the_header_lines_of_the_reference_are_read() {
    let log = "@16:45:24.5939 [0] 8.1.101.25 distribute_event: message EventReleased\n\
        2015-05-29T12:21:16.438 Trc 04541 RequestQueryCall received from [66] (00000e85 app host:49280)\n\
        message RequestQueryCall\n\
        @12:21:16.4386 [BSYNC] Trace: Send to backup (app) [20]:\n\
        message RequestSetCallInfo\n\
        \x20   AttributeThisDN   'a b'\n";
    let names: Vec<(String, usize)> =
        parse(log).into_iter().map(|entry| (entry.message, entry.attributes.len())).collect();
    let want = [("EventReleased", 0), ("RequestQueryCall", 0), ("RequestSetCallInfo", 1)];
    assert_eq!(names, want.map(|(name, count)| (name.to_owned(), count)));
}

proptest! {
    #[test]
    fn every_message_that_is_printed_is_read_back_with_every_attribute(
        all in prop::collection::vec(messages::message_of("\\PC{0,12}", "[A-Za-z0-9_. -]{0,8}"), 1..4),
        requests in any::<bool>(),
        utc_offset_min in -720_i16..720,
    ) {
        let printer = Printer { utc_offset_min, ..Printer::default() };
        let mut log = String::new();
        let mut want = Vec::new();
        for mut message in all {
            message.remove(Attribute::Password);
            message.remove(Attribute::ApplicationPassword);
            if requests {
                printer.received(&mut log, TIME, &message, PEER);
            } else {
                log.push_str(&event(&printer, &message, None));
                printer.sent(&mut log, TIME, message.kind(), PEER);
            }
            want.push(message);
        }
        let entries = parse(&log);
        for entry in &entries {
            let peers: Vec<_> = entry.from.iter().chain(&entry.sent).collect();
            let [peer] = peers[..] else { panic!("{peers:?}") };
            let told = (peer.socket, peer.application.as_str(), peer.address.as_str());
            prop_assert_eq!(told, (PEER.socket, PEER.application, PEER.address));
            prop_assert_eq!(entry.function.as_deref(), (!requests).then_some("distribute_event"));
            prop_assert_eq!(entry.from.is_some(), requests);
        }
        let read: Vec<Message> = entries.iter().map(message_of).collect();
        prop_assert_eq!(read, want);
    }

    #[test]
    fn no_text_of_a_client_makes_a_line_of_its_own(text in any::<String>(), key in any::<String>()) {
        let list = KvList::new().with(key.as_str(), text.as_str()).with("u", KvValue::Unicode(text.as_str().into()));
        let message = Message::new(MessageType::EventACK)
            .with(Attribute::ThisDN, text.as_str())
            .with(Attribute::UserData, list);
        let mut log = String::new();
        let _ = write!(log, "{}", event(&Printer::default(), &message, None));
        prop_assert_eq!(log.matches('\n').count(), 6);
        prop_assert!(!log.replace(['\n', '\t'], "").contains(char::is_control));
    }
}
