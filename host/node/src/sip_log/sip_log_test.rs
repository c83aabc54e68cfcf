#![allow(clippy::unwrap_used)]
use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Transport};

use super::*;
use crate::modules::LogSettings;

fn passed(incoming: bool, text: &str) -> Passed {
    let peer = "192.0.2.9:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Tcp, listener: ListenerId(1), peer };
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Passed { at: Instant::ZERO, incoming, flow, bytes, missed: 0 }
}

#[test]
fn a_message_is_written_as_it_was_but_for_secrets_and_what_looks_like_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings::bench(1 << 20);
    let at = Duration::from_millis(1_700_000_000_042);
    let mut log = LogFile::open(folder.path(), "SIPS-001".to_owned(), &settings, at).unwrap();
    let register = "REGISTER sip:x SIP/2.0\r\nAuthorization: Digest response=\"f\"\r\n\r\n10:00:00.000: Received [0,UDP]\r\n";
    text::message(&mut log, at, &passed(true, register));
    text::message(&mut log, at, &passed(false, "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n"));
    text::said(&mut log, at, "more");
    let wanted = "22:13:20.042: Received [1,TCP] 94 bytes from 192.0.2.9:5060 <<<<<\n\
        REGISTER sip:x SIP/2.0\nAuthorization: (hidden)\n\n 10:00:00.000: Received [0,UDP]\n\n\
        22:13:20.042: Sending  [1,TCP] 36 bytes to 192.0.2.9:5060 >>>>>\n\
        SIP/2.0 200 OK\nCSeq: 1 REGISTER\n\n\n22:13:20.042: more\n";
    assert_eq!(log.text(), wanted);
}

#[test]
fn options_and_what_answers_them_are_checks() {
    let checks = [
        "OPTIONS sip:x SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 7 OPTIONS\r\n\r\n",
        "SIP/2.0 404 x\r\ncseq : 7 OPTIONS \r\n\r\n",
    ];
    for text in checks {
        assert!(text::is_check(text.as_bytes()), "{text}");
    }
    let others = [
        "",
        "INVITE sip:x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n",
        "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\n\r\nCSeq: 7 OPTIONS\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
    ];
    for text in others {
        assert!(!text::is_check(text.as_bytes()), "{text}");
    }
}
