//! The start line and the fields every message must have (RFC 3261 sections 7.1, 7.2 and 8.1.1).

use sip::{Message, Method, ParseError};

use crate::support::{options, options_with, outcome, read};

fn with(old: &str, new: &str) -> String {
    outcome(&read(&options_with(old, new)))
}

const START: &str = "OPTIONS sip:bob@example.com SIP/2.0\n";

#[test]
fn start_lines() {
    for (start, want) in [
        ("OPTIONS tel:+49-30-1234;phone-context=example.com SIP/2.0\n", "read"),
        ("OPTIONS sip:[2001:db8::1]:5060;transport=udp SIP/2.0\n", "read"),
        ("OPTIONS sip:bob@example.com sip/2.0\n", "read"),
        ("OPTIONS sip:bob@example.com SIP/2.0 \t\n", "read"),
        ("OPTIONS sip:bob@example.com SIP/9.9\n", "505 Version Not Supported"),
        ("OPTIONS sip:bob@example.com SIP/2.00\n", "505 Version Not Supported"),
        ("OPTIONS sip:bob@example.com SIP/\n", "505 Version Not Supported"),
        ("OPTIONS <sip:bob@example.com> SIP/2.0\n", "400 Malformed Request-URI"),
        ("OPTIONS sip:bob @example.com SIP/2.0\n", "400 Malformed Request-URI"),
        ("OPTIONS sip:bob\u{0}@example.com SIP/2.0\n", "400 Malformed Request-URI"),
        ("OPTIONS  SIP/2.0\n", "400 Malformed Request-URI"),
        ("OPTIONS sip:bob@example.com\n", "dropped: no protocol version"),
        ("OPTIONS sip:bob@example.com HTTP/1.1\n", "dropped: no SIP start line"),
        ("OPT<>IONS sip:bob@example.com SIP/2.0\n", "dropped: no SIP start line"),
        (" sip:bob@example.com SIP/2.0\n", "dropped: no SIP start line"),
        ("OPTIONS\n", "dropped: no start line"),
    ] {
        assert_eq!(with(START, start), want, "{start}");
    }
}

#[test]
fn status_lines() {
    let response = |start: &str| read(&options_with(START, &format!("{start}\n")));
    for (start, status, reason) in [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("sip/2.0 183 Session  Progress ", 183, "Session  Progress "),
        ("SIP/2.0 100 ", 100, ""),
        ("SIP/2.0 699", 699, ""),
    ] {
        let message = response(start).unwrap();
        assert_eq!((message.status(), message.reason()), (status, reason), "{start}");
        assert_eq!((message.method(), message.request_uri()), (Method::Options, ""));
        assert!(!message.is_request());
    }
    for start in [
        "SIP/2.0 099 X",
        "SIP/2.0 700 X",
        "SIP/2.0 20 X",
        "SIP/2.0 2000 X",
        "SIP/2.0  200 OK",
        "SIP/2.0 2x0 OK",
        "SIP/2.0 +20 OK",
        "SIP/2.0 ",
        "SIP/3.0 200 OK",
    ] {
        assert!(outcome(&response(start)).starts_with("dropped: "), "{start}");
    }
    let bytes = options_with(START, "SIP/2.0 486 besetzt-!\n").replace('\n', "\r\n").into_bytes();
    let latin: Vec<u8> = bytes.into_iter().map(|b| if b == b'!' { 0xfc } else { b }).collect();
    let message = crate::support::parse(latin).unwrap();
    assert_eq!((message.status(), message.reason()), (486, ""));
}

#[test]
fn a_request_without_a_mandatory_field_is_answered_as_far_as_it_can_be() {
    for (line, want) in [
        ("Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\n", "dropped: Malformed Via"),
        ("From: <sip:alice@example.com>;tag=a\n", "400 Missing From"),
        ("To: <sip:bob@example.com>\n", "400 Missing To"),
        ("Call-ID: c1\n", "400 Missing Call-ID"),
        ("CSeq: 7 OPTIONS\n", "dropped: Missing CSeq"),
    ] {
        assert_eq!(with(line, ""), want);
    }
    assert_eq!(with("Call-ID: c1\n", "Call-ID:\n"), "400 Missing Call-ID");
}

#[test]
fn a_field_that_may_stand_once_and_stands_twice_is_refused() {
    for (more, want) in [
        ("f: <sip:x@example.com>;tag=b\n", "400 From stands twice"),
        ("TO: <sip:x@example.com>\n", "400 To stands twice"),
        ("i: c2\n", "400 Call-ID stands twice"),
        ("cseq: 8 OPTIONS\n", "400 CSeq stands twice"),
        ("v: SIP/2.0/UDP other.example.com\n", "read"),
    ] {
        assert_eq!(outcome(&read(&options(more))), want);
    }
}

#[test]
fn the_sequence_number_and_its_method() {
    for (cseq, want) in [
        ("CSeq: 0 OPTIONS\n", "read"),
        ("CSeq: 2147483647   OPTIONS\n", "read"),
        ("CSeq: 00007\tOPTIONS\n", "read"),
        ("CSeq: 2147483648 OPTIONS\n", "400 Malformed CSeq"),
        ("CSeq: 99999999999999999999 OPTIONS\n", "400 Malformed CSeq"),
        ("CSeq: -7 OPTIONS\n", "400 Malformed CSeq"),
        ("CSeq: +7 OPTIONS\n", "400 Malformed CSeq"),
        ("CSeq: 7\n", "400 Malformed CSeq"),
        ("CSeq: OPTIONS 7\n", "400 Malformed CSeq"),
        ("CSeq: 7 OPTIONS x\n", "400 Malformed CSeq"),
        ("CSeq: 7 INVITE\n", "400 CSeq method is not the request's"),
        ("CSeq: 7 options\n", "400 CSeq method is not the request's"),
    ] {
        assert_eq!(with("CSeq: 7 OPTIONS\n", cseq), want, "{cseq}");
    }
}

#[test]
fn a_field_without_a_name_is_refused() {
    for line in ["no colon here\n", ": value\n", "two words: x\n", "Na\u{e9}me: x\n", "<>: x\n"] {
        assert_eq!(outcome(&read(&options(line))), "400 Header field without a name", "{line}");
    }
}

#[test]
fn a_broken_from_to_or_call_id_is_refused() {
    for (old, new, want) in [
        ("From: <sip:alice@example.com>", "From: <sip:alice@example.com", "400 Malformed From"),
        (
            "From: <sip:alice@example.com>",
            "From: \"A <sip:alice@example.com>",
            "400 Malformed From",
        ),
        ("From: <sip:alice@example.com>", "From: <sip:a@b>, <sip:c@d>", "400 Malformed From"),
        ("From: <sip:alice@example.com>", "From: <sip:a lice@example.com>", "400 Malformed From"),
        (";tag=a\n", ";tag=\"a\n", "400 Malformed From"),
        (";tag=a\n", ";tag=a;x=<\n", "400 Malformed From"),
        ("To: <sip:bob@example.com>", "To: bob jones", "400 Malformed To"),
        ("To: <sip:bob@example.com>", "To: sip:a@b,sip:c@d", "400 Malformed To"),
        ("Call-ID: c1", "Call-ID: c1 c2", "400 Malformed Call-ID"),
        ("Call-ID: c1", "Call-ID: c\u{0}1", "400 Malformed Call-ID"),
    ] {
        assert_eq!(with(old, new), want, "{new}");
    }
}

#[test]
fn vias() {
    let via = |value: &str| with("SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1", value);
    for good in [
        "SIP/2.0/UDP 192.0.2.7",
        "sip / 2.0 / udp  [2001:db8::9] : 5060 ; branch = z9hG4bK1",
        "SIP/2.0/UDP a.example.com, SIP/2.0/TCP b.example.com:5070 ;maddr=\"x,y\"",
        "SIP/2.0/UDP under_score.example.com;rport",
    ] {
        assert_eq!(via(good), "read", "{good}");
    }
    for bad in
        ["SIP/2.0/UDP a.example.com,", "SIP/2.0/UDP a, b", "SIP/2.0/UDP a.example.com, SIP/2.0/TCP"]
    {
        assert_eq!(via(bad), "400 Malformed Via", "{bad}");
    }
    // A request of a later version says so in its start line as well as here.
    assert_eq!(via("SIP/3.0/UDP a.example.com"), "400 Malformed Via");
    for bad in [
        "",
        "x",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP  ",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/U(P a",
    ] {
        assert_eq!(via(bad), "dropped: Malformed Via", "{bad}");
    }
}

#[test]
fn a_response_that_breaks_the_grammar_is_dropped_and_never_answered() {
    let response = |old: &str, new: &str| {
        let text = options_with(START, "SIP/2.0 200 OK\n");
        read(&text.replacen(old, new, 1))
    };
    for (old, new) in [
        ("CSeq: 7 OPTIONS", "CSeq: 7"),
        ("Call-ID: c1\n", ""),
        ("Call-ID: c1\n", "Call-ID: c1\nContent-Length: 5\n"),
        ("tag=a", "tag=\"a"),
    ] {
        let got: Result<Message, ParseError> = response(old, new);
        assert!(matches!(got, Err(ParseError::BadResponse(_))), "{new}: {got:?}");
    }
    assert!(response("x", "x").is_ok());
}
