//! The opening handshake, from either side.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use jackfield_websocket::{Accepted, HEAD_BYTES_MAX, Opening, Origins, Refused, Request, Terms};

const FIELDS: [&str; 5] = [
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    // The example of RFC 6455 section 1.3.
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

fn terms() -> Arc<Terms> {
    let origins = Origins::new(vec!["https://desk.example".to_owned()]);
    Arc::new(Terms { protocol: "tlib.jackfield", origins })
}

fn request(line: &str, fields: &[&str]) -> String {
    format!("{line}\r\n{}\r\n\r\n", fields.join("\r\n"))
}

fn take(text: &str) -> Result<Option<Accepted>, Refused> {
    Opening::new(terms()).take(Bytes::copy_from_slice(text.as_bytes()))
}

fn asked(more: &[&str]) -> Result<Option<Accepted>, Refused> {
    take(&request("GET /tlib HTTP/1.1", &[&FIELDS, more].concat()))
}

fn answer(more: &[&str]) -> String {
    String::from_utf8(asked(more).unwrap().unwrap().answer.to_vec()).unwrap()
}

#[test]
fn the_example_of_rfc_6455_is_answered_as_it_says() {
    let plain = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    assert_eq!(answer(&[]), format!("{plain}\r\n"));
    let with_protocol = format!("{plain}Sec-WebSocket-Protocol: tlib.jackfield\r\n\r\n");
    assert_eq!(answer(&["Sec-WebSocket-Protocol: chat, tlib.jackfield"]), with_protocol);
    let twice = ["Sec-WebSocket-Protocol: chat", "sec-websocket-protocol: tlib.jackfield"];
    assert_eq!(answer(&twice), with_protocol);
    assert_eq!(answer(&["Origin: https://desk.example"]), format!("{plain}\r\n"));
}

#[test]
fn what_follows_the_request_is_given_on_however_it_is_cut() {
    let text = request("GET / HTTP/1.1", &FIELDS) + "\u{1}frames";
    for cut in 0..text.len() {
        let mut opening = Opening::new(terms());
        let (first, second) = text.split_at(cut);
        let mut accepted = opening.take(Bytes::from(first.to_owned())).unwrap();
        let mut rest = String::new();
        match &accepted {
            Some(accepted) => {
                rest = String::from_utf8(accepted.rest.to_vec()).unwrap() + second;
            }
            None => accepted = opening.take(Bytes::from(second.to_owned())).unwrap(),
        }
        if rest.is_empty() {
            rest = String::from_utf8(accepted.unwrap().rest.to_vec()).unwrap();
        }
        assert_eq!(rest, "\u{1}frames", "cut at {cut}");
    }
}

#[test]
fn what_is_no_handshake_is_refused_with_what_is_wrong() {
    let get = "GET / HTTP/1.1";
    let without = |name: &str| {
        let fields: Vec<&str> =
            FIELDS.iter().copied().filter(|field| !field.starts_with(name)).collect();
        request(get, &fields)
    };
    let with = |field: &str| {
        let name = field.split_once(':').unwrap().0;
        let mut fields: Vec<&str> =
            FIELDS.iter().copied().filter(|have| !have.starts_with(name)).collect();
        fields.push(field);
        request(get, &fields)
    };
    let cases = [
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), 400, "no HTTP"),
        ("REGISTER sip:a SIP/2.0\r\n".to_owned(), 400, "no HTTP"),
        (request("POST / HTTP/1.1", &FIELDS), 405, "GET"),
        (request("GET / HTTP/1.0", &FIELDS), 400, "HTTP/1.1"),
        (request("GET /", &FIELDS), 400, "no HTTP request"),
        (request(get, &["Host"]), 400, "no HTTP request"),
        (without("Host"), 400, "no Host"),
        (without("Upgrade"), 426, "Upgrade: websocket"),
        (without("Connection"), 426, "Upgrade: websocket"),
        (without("Sec-WebSocket-Key"), 400, "sixteen bytes"),
        (without("Sec-WebSocket-Version"), 426, "Version 13"),
        (with("Sec-WebSocket-Version: 8"), 426, "Version 13"),
        (with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, "sixteen bytes"),
        (with("Upgrade: h2c"), 426, "Upgrade: websocket"),
        (with("Origin: https://evil.example"), 403, "\"https://evil.example\""),
        (with("Origin: null"), 403, "\"null\""),
        (with("Origin: "), 403, "\"\""),
        (with("Sec-WebSocket-Protocol: sip"), 400, "ask for tlib.jackfield"),
    ];
    for (text, status, what) in cases {
        let refused = take(&text).unwrap_err();
        assert_eq!(refused.status, status, "{text:?}: {refused}");
        assert!(refused.what.contains(what), "{text:?}: {refused}");
        let answer = String::from_utf8(refused.answer().to_vec()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    }
    for twice in ["Origin: https://desk.example", "Host: b", "Sec-WebSocket-Key: x"] {
        let refused = asked(&["Origin: https://desk.example", twice]).unwrap_err();
        assert_eq!(refused.status, 400, "{twice}");
        assert!(refused.what.contains("more than one"), "{refused}");
    }
}

#[test]
fn what_a_peer_says_is_not_said_on_as_it_is() {
    let refused = asked(&["Origin: a\"\u{e9}\u{9d}b"]).unwrap_err();
    assert_eq!(
        refused.what,
        "pages of \"a\\\"é\\u{9d}b\" may not connect: it is not among the `origins` of this port"
    );
}

#[test]
fn a_head_that_does_not_end_is_refused_when_it_is_too_long() {
    let mut opening = Opening::new(terms());
    let begin = Bytes::from_static(b"GET / HTTP/1.1\r\nA: ");
    assert_eq!(opening.take(begin.clone()), Ok(None));
    let full = Bytes::from(vec![b'a'; HEAD_BYTES_MAX - begin.len()]);
    assert_eq!(opening.take(full), Ok(None));
    assert_eq!(opening.take(Bytes::from_static(b"a")).unwrap_err().status, 431);
    // Nor one that ends beyond it, or has too many fields.
    let long = format!("X: {}", "a".repeat(HEAD_BYTES_MAX));
    assert_eq!(asked(&[&long]).unwrap_err().status, 431);
    assert_eq!(asked(&["X: a"; 60]).unwrap_err().status, 431);
}

#[test]
fn both_sides_agree() {
    let mut request = Request::new(*b"0123456789abcdef", "tlib.jackfield");
    let asks = request.write("server:7004", "/");
    let accepted = Opening::new(terms()).take(asks).unwrap().unwrap();
    let answer = accepted.answer.to_vec();
    let (first, second) = answer.split_at(40);
    assert_eq!(request.take(Bytes::copy_from_slice(first)), Ok(None));
    let second = [second, b"\x81\x01a"].concat();
    let rest = request.take(Bytes::from(second)).unwrap().unwrap().rest;
    assert_eq!(&rest[..], b"\x81\x01a");
    // The answer to another key, and none to a WebSocket.
    let mut other = Request::new([0; 16], "tlib.jackfield");
    assert!(other.take(Bytes::from(answer)).unwrap_err().what.contains("none to a WebSocket"));
    let mut refused = Request::new([0; 16], "tlib.jackfield");
    let said = Bytes::from_static(b"HTTP/1.1 403 Forbidden\r\n\r\nno\n");
    assert_eq!(refused.take(said).unwrap_err().to_string(), "the server answered 403: no");
}
