#![allow(clippy::unwrap_used)]

use model::{ListenerId, Transport};

use super::*;

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
    From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n";

fn message(length: &str, body: &str) -> String {
    format!("{OPTIONS}{length}\r\n\r\n{body}")
}

/// What comes of pieces handed in one after another: texts, `ping`, or why it ended.
fn read(pieces: &[&[u8]], limits: &ParseLimits) -> Vec<String> {
    let mut framer = Framer::new(limits.clone());
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.take() {
                Ok(None) => break,
                Ok(Some(Framed::Ping)) => out.push("ping".to_owned()),
                Ok(Some(Framed::Message(bytes))) => {
                    out.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Err(error) => out.push(format!("broken: {error}")),
            }
        }
    }
    out
}

#[track_caller]
fn holds_at_every_split(stream: &[u8], want: &[&str]) {
    let limits = ParseLimits::default();
    assert_eq!(read(&[stream], &limits), want);
    for at in 0..=stream.len() {
        let (one, two) = stream.split_at(at);
        assert_eq!(read(&[one, two], &limits), want, "split at {at}");
    }
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&single, &limits), want, "byte by byte");
}

#[test]
fn messages_end_where_their_content_length_says_whatever_the_pieces() {
    let (one, two, three) = (
        message("Content-Length: 5", "he\r\n\r"),
        message("l:0", ""),
        message("CONTENT-LENGTH \t:  3 ", "abc"),
    );
    holds_at_every_split(format!("{one}{two}{three}").as_bytes(), &[&one, &two, &three]);
}

#[test]
fn a_body_may_be_cut_within_a_character_and_its_length_counts_bytes() {
    let one = message("Content-Length: 4", "é€")[..].to_owned();
    // The euro sign takes three bytes, the e two: the fifth byte is the next message's first, which is none.
    let limits = ParseLimits::default();
    let got = read(&[one.as_bytes()], &limits);
    assert_eq!(got.len(), 2);
    assert_eq!(got[1], "broken: what came is no SIP message");
    let whole = message("Content-Length: 5", "é€");
    holds_at_every_split(whole.as_bytes(), &[&whole]);
}

#[test]
fn line_ends_between_messages_are_skipped_and_two_are_a_ping() {
    let one = message("Content-Length: 0", "");
    holds_at_every_split(format!("\r\n{one}\r\n\r\n{one}\r\n").as_bytes(), &[&one, "ping", &one]);
    holds_at_every_split(b"\r\n\r\n\r\n\r\n", &["ping", "ping"]);
    holds_at_every_split(b"\n\n\r\n\n\r", &[]);
}

#[test]
fn a_folded_length_and_bare_line_feeds_are_read_as_the_parser_reads_them() {
    let folded = message("Content-Length:\r\n  2", "ab");
    holds_at_every_split(folded.as_bytes(), &[&folded]);
    let bare = message("Content-Length: 1", "").replace("\r\n", "\n") + "x";
    holds_at_every_split(bare.as_bytes(), &[&bare]);
}

#[test]
fn what_is_no_sip_ends_the_stream_at_once_and_for_good() {
    for stream in [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/1.1\r\n", b"hello\r\n", b" INVITE"] {
        holds_at_every_split(stream, &["broken: what came is no SIP message"]);
    }
    let again = format!("GET / HTTP/1.1\r\n{}", message("l: 0", ""));
    holds_at_every_split(again.as_bytes(), &["broken: what came is no SIP message"]);
}

#[test]
fn a_length_that_cannot_be_trusted_ends_the_stream_with_an_answer() {
    let limits = ParseLimits::default();
    let peer = "192.0.2.1:4000".parse().unwrap();
    let flow = Flow { transport: Transport::Tcp, listener: ListenerId(0), peer };
    for (length, what, status) in [
        ("Max-Forwards: 7", "Missing Content-Length", "SIP/2.0 400 Missing Content-Length"),
        ("l: -1", "Content-Length is not a number", "SIP/2.0 400 Content-Length is not a number"),
        ("l: 1\r\nl: 2", "Content-Length stands twice", "SIP/2.0 400 Content-Length stands twice"),
        (
            "l: 99999999999999999999999",
            "Content-Length is too large",
            "SIP/2.0 400 Content-Length is too large",
        ),
        (
            "l: 65536",
            "the message is larger than message_bytes_max",
            "SIP/2.0 513 Message Too Large",
        ),
    ] {
        let mut framer = Framer::new(limits.clone());
        framer.push(message(length, "").as_bytes());
        let error = framer.take().unwrap_err();
        assert_eq!(error.what, what);
        let answer = String::from_utf8(error.answer(flow, &limits).unwrap().to_vec()).unwrap();
        assert_eq!(answer.lines().next(), Some(status));
        assert!(answer.contains("received=192.0.2.1"), "{answer}");
        assert_eq!((framer.take(), framer.held()), (Ok(None), 0));
    }
}

#[test]
fn a_response_or_an_ack_at_fault_is_not_answered() {
    let limits = ParseLimits::default();
    let peer = "192.0.2.1:4000".parse().unwrap();
    let flow = Flow { transport: Transport::Tcp, listener: ListenerId(0), peer };
    for text in [
        message("x: 1", "").replace("OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK"),
        message("x: 1", "").replace("OPTIONS", "ACK"),
        "OPTIONS sip:a@b SIP/2.0\r\n\r\n".to_owned(),
    ] {
        let mut framer = Framer::new(limits.clone());
        framer.push(text.as_bytes());
        assert_eq!(framer.take().unwrap_err().answer(flow, &limits), None, "{text}");
    }
}

#[test]
fn nothing_grows_beyond_the_limits() {
    let limits = ParseLimits { message_bytes_max: 400, headers_max: 12, header_bytes_max: 200 };
    let start = b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec();
    let endless = [start.clone(), b"a".repeat(202)].concat();
    assert_eq!(read(&[&endless], &limits), ["broken: a line is longer than header_bytes_max"]);
    let longest =
        format!("{}a: {}\r\nl: 0\r\n\r\n", "OPTIONS sip:a@b SIP/2.0\r\n", "b".repeat(197));
    let single: Vec<&[u8]> = longest.as_bytes().chunks(1).collect();
    assert_eq!(read(&single, &limits), [longest.as_str()]);
    let many = [start.clone(), b"a: b\r\n".repeat(13)].concat();
    let too_many = "broken: the head is larger than header_bytes_max or headers_max";
    assert_eq!(read(&[&many], &limits), [too_many]);
    let long = [start, [b"a: ", &b"b".repeat(150)[..], b"\r\n"].concat().repeat(4)].concat();
    assert_eq!(read(&[&long], &limits), ["broken: the head is larger than message_bytes_max"]);
}

#[test]
fn an_idle_stream_holds_no_memory_and_half_a_message_is_known() {
    let mut framer = Framer::new(ParseLimits::default());
    framer.push(message("l: 2", "a").as_bytes());
    assert_eq!(framer.take(), Ok(None));
    assert!(framer.is_within_message() && framer.held() > 0);
    framer.push(b"b");
    assert!(matches!(framer.take(), Ok(Some(Framed::Message(_)))));
    assert_eq!(framer.take(), Ok(None));
    assert!(!framer.is_within_message());
    assert_eq!((framer.held(), framer.buffer.capacity()), (0, 0));
}
