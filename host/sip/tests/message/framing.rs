//! Where a message begins and ends in its datagram (RFC 3261 sections 7.5 and 18.3).

use sip::{Message, Name, ParseError};

use crate::support::{options, outcome, parse, read};

fn with_body(lengths: &str, body: &str) -> Result<Message, ParseError> {
    read(&format!("{}{body}", options(lengths)))
}

#[test]
fn the_body_is_what_content_length_says_or_all_there_is() {
    for (lengths, body, want) in [
        ("", "all of it", "all of it"),
        ("Content-Length: 3\n", "all of it", "all"),
        ("l: 9\n", "all of it", "all of it"),
        ("Content-Length : 0009\n", "all of it", "all of it"),
        ("Content-Length:0\n", "all of it", ""),
        ("Content-Length: 3\nl: 3\n", "all of it", "all"),
        ("", "", ""),
    ] {
        let message = with_body(lengths, body).unwrap();
        assert_eq!(message.body(), want.as_bytes(), "{lengths}");
        assert_eq!(message.body_bytes(), want.as_bytes(), "{lengths}");
    }
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    for (lengths, want) in [
        ("Content-Length: 10\n", "400 Body shorter than Content-Length"),
        ("Content-Length: -1\n", "400 Content-Length is not a number"),
        ("Content-Length: +1\n", "400 Content-Length is not a number"),
        ("Content-Length: 1 1\n", "400 Content-Length is not a number"),
        ("Content-Length: five\n", "400 Content-Length is not a number"),
        ("Content-Length:\n", "400 Content-Length is not a number"),
        ("Content-Length: 4294967295\n", "400 Body shorter than Content-Length"),
        ("Content-Length: 4294967296\n", "400 Content-Length is too large"),
        ("Content-Length: 99999999999999999999999\n", "400 Content-Length is too large"),
        ("Content-Length: 3\nContent-Length: 4\n", "400 Content-Length stands twice"),
        ("l: 3\nSubject: x\nContent-Length: 2\n", "400 Content-Length stands twice"),
    ] {
        assert_eq!(outcome(&with_body(lengths, "all of it")), want, "{lengths}");
    }
}

#[test]
fn a_header_that_does_not_end_is_refused() {
    let text = options("").replace('\n', "\r\n");
    let bytes = text.as_bytes();
    let got = |cut: usize| outcome(&parse(&bytes[..bytes.len() - cut]));
    assert_eq!(got(0), "read");
    assert_eq!(got(1), "400 Header not terminated");
    assert_eq!(got(2), "400 Header not terminated");
    // The last line, which is CSeq, has lost its end and is no line.
    assert_eq!(got(3), "dropped: Header not terminated");
    assert_eq!(
        outcome(&parse(&b"OPTIONS sip:a SIP/2.0\r\n"[..])),
        "dropped: Header not terminated"
    );
    assert_eq!(outcome(&parse(&b"OPTIONS sip:a SIP/2.0"[..])), "dropped: no start line");
}

#[test]
fn empty_lines_before_a_message_are_skipped_and_alone_are_a_keep_alive() {
    let text = options("");
    let message = read(&format!("\n\n{text}")).unwrap();
    assert!(message.bytes().starts_with(b"OPTIONS"));
    assert_eq!(outcome(&read("\n")), "keep-alive");
    assert_eq!(outcome(&read("\n\n")), "keep-alive");
    assert_eq!(outcome(&parse(&b""[..])), "keep-alive");
    assert_eq!(outcome(&parse(&b"\0\0\0\0"[..])), "dropped: no start line");
}

#[test]
fn lines_may_end_in_lf_alone() {
    let message = parse(options("Subject: hel\n lo\nl: 2\n") + "v=").unwrap();
    assert_eq!(message.header(Name::Subject), Some("hel  lo"));
    assert_eq!(message.body(), b"v=");
}

#[test]
fn a_fold_is_white_space_wherever_it_stands() {
    let text = "OPTIONS sip:bob@example.com SIP/2.0\nVia:\n SIP/2.0/UDP\n\t192.0.2.7\n ;branch=z9hG4bK1\n\
        From:\n <sip:alice@example.com>\n ;tag=a\nTo\n : <sip:bob@example.com>\n\
        Call-ID:\n\n c1\nCSeq: 7\n \n OPTIONS\nSubject:\n \n\n";
    // An empty line ends the header even where a fold seems to follow it.
    assert_eq!(outcome(&read(text)), "dropped: Missing Call-ID");
    let message = read(&text.replace("Call-ID:\n\n", "Call-ID:\n")).unwrap();
    assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK1"));
    assert_eq!(message.from().unwrap().tag(), Some("a"));
    assert_eq!(message.to().unwrap().uri, "sip:bob@example.com");
    assert_eq!((message.call_id(), message.cseq().number), ("c1", 7));
    assert_eq!(message.header(Name::Subject), Some(""));
}

#[test]
fn a_fold_of_the_start_line_is_no_request() {
    let text = options("").replacen(" SIP/2.0\n", "\n SIP/2.0\n", 1);
    assert_eq!(outcome(&read(&text)), "400 Malformed Request-URI");
    let text = options("").replacen("SIP/2.0\n", "SIP/2.0\n X: y\n", 1);
    assert_eq!(outcome(&read(&text)), "dropped: no SIP start line");
}
