//! What we write: answers, drafts, copies of fields.

use bytes::Bytes;
use sip::{Method, Name, ParseError, Writer, reason_phrase, response_to};

use crate::support::{options, options_with, read};

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

#[test]
fn an_answer_copies_what_it_must_and_nothing_else() {
    let request = options_with(
        "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\n",
        "v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK2,\n SIP/2.0/TCP b\nMax-Forwards: 3\nVia: SIP/2.0/UDP c\n",
    );
    let request =
        read(&request.replace("Call-ID", "Timestamp: 54\nRecord-Route: <sip:r;lr>\nCall-ID"))
            .unwrap();
    assert_eq!(
        text(&response_to(&request, 404, "", Some("ours")).finish(None)),
        "SIP/2.0 404 Not Found\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK2,   SIP/2.0/TCP b\n\
         Via: SIP/2.0/UDP c\nFrom: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>;tag=ours\n\
         Call-ID: c1\nCSeq: 7 OPTIONS\nContent-Length: 0\n\n"
    );
    let trying = text(&response_to(&request, 100, "", None).finish(None));
    assert!(trying.starts_with("SIP/2.0 100 Trying\n"));
    assert!(
        trying.contains("\nTimestamp: 54\n") && trying.contains("\nTo: <sip:bob@example.com>\n")
    );
}

#[test]
fn a_tag_that_is_there_stays() {
    let request =
        read(&options_with("To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=theirs"))
            .unwrap();
    let answer = text(&response_to(&request, 200, "Fine", Some("ours")).finish(None));
    assert!(answer.starts_with("SIP/2.0 200 Fine\n"));
    assert!(answer.contains("\nTo: <sip:bob@example.com>;tag=theirs\n"));
}

#[test]
fn the_record_route_of_an_invite_is_copied_while_a_dialog_may_begin() {
    let invite = options("Record-Route: <sip:a;lr>, <sip:b;lr>\nRecord-Route: <sip:c;lr>\n")
        .replace("OPTIONS", "INVITE");
    let invite = read(&invite).unwrap();
    let records = |status| {
        let answer = text(&response_to(&invite, status, "", None).finish(None));
        answer.lines().filter(|line| line.starts_with("Record-Route: ")).count()
    };
    assert_eq!([100, 180, 200, 300, 486].map(records), [0, 2, 2, 0, 0]);
}

#[test]
fn a_refused_request_can_be_answered() {
    let refused = read(&options_with("CSeq: 7 OPTIONS", "CSeq: 9999999999 OPTIONS"));
    let Err(ParseError::Refused { status, request, .. }) = refused else { panic!("{refused:?}") };
    let answer = text(&response_to(&request, status, "", Some("x")).finish(None));
    assert!(answer.starts_with("SIP/2.0 400 Bad Request\nVia: SIP/2.0/UDP 192.0.2.7:5060"));
    assert!(answer.contains("\nCSeq: 9999999999 OPTIONS\n"));
}

#[test]
fn a_draft_gets_its_via_as_the_first_field() {
    let mut writer = Writer::request(Method::Invite, "sip:bob@192.0.2.9");
    writer.header(Name::MaxForwards, 70).other("X-Raw", b"a\xff\r\nb");
    let mut draft = writer.draft(Some(("application/sdp", b"v=0\r\n")));
    assert_eq!(draft.method(), Method::Invite);
    draft.header(Name::Subject, "late").other("X-Last", b"\xfe");
    assert_eq!(
        draft.finish("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        &b"INVITE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
           Max-Forwards: 70\r\nX-Raw: a\xff  b\r\nSubject: late\r\nX-Last: \xfe\r\n\
           Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"[..]
    );
}

#[test]
fn a_body_can_be_put_in_or_taken_out_of_a_draft() {
    let draft = || Writer::request(Method::Other("PING"), "sip:a").draft(Some(("a/b", b"1")));
    assert_eq!(draft().method(), Method::Other("PING"));
    let bare = text(&draft().with_body(None).finish("v"));
    assert_eq!(bare, "PING sip:a SIP/2.0\nVia: v\nContent-Length: 0\n\n");
    let other = draft().with_body(Some(("c/d".to_owned(), Bytes::from_static(b"234"))));
    assert!(text(&other.finish("v")).ends_with("Content-Type: c/d\nContent-Length: 3\n\n234"));
}

#[test]
fn nothing_can_be_slipped_in_by_a_line_end() {
    let evil = "x\r\nEvil: yes\nMore\0";
    let mut writer = Writer::response(200, evil);
    writer.header(Name::Subject, evil).header(Name::To, format_args!("<{evil}>"));
    writer.other("X\r\nEvil", evil.as_bytes()).other("Y", b"\xff\r\nEvil: yes");
    let out = writer.finish(None);
    let lines: Vec<_> = out.split(|b| *b == b'\n').collect();
    // Status line, four fields, Content-Length, the empty line and what follows the last line end.
    assert_eq!(lines.len(), 8);
    assert!(lines.iter().all(|line| !line.starts_with(b"Evil")));
    assert!(!out.contains(&0));
    let request = Writer::request(Method::Bye, "sip:a SIP/2.0\r\nEvil: yes").finish(None);
    assert_eq!(request.split(|b| *b == b'\n').count(), 4);
}

#[test]
fn every_status_has_a_phrase() {
    for (status, phrase) in [
        (180, "Ringing"),
        (486, "Busy Here"),
        (513, "Message Too Large"),
        (199, "Progress"),
        (299, "Success"),
        (399, "Redirection"),
        (499, "Failure"),
        (599, "Server Failure"),
        (699, "Global Failure"),
    ] {
        assert_eq!(reason_phrase(status), phrase);
    }
}
