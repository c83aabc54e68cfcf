//! Names and values: what real phones write, and what is made of it.

use std::net::SocketAddr;

use sip::{Message, Name, NameAddr, Scheme, Uri};

use crate::support::{options, options_with, parse, read};

fn with(more: &str) -> Message {
    read(&options(more)).unwrap()
}

#[test]
fn a_name_is_known_in_any_case_in_its_compact_form_and_before_white_space() {
    let message = with(
        "SUBJECT: 1\nsubject : 2\ns: 3\nS\t: 4\nSubjects: no\nX-Subject: no\nm: <sip:a@b>\n\
         x: 1800\nr: <sip:r@b>\nb: <sip:b@b>\no: presence\nk: timer\ne: gzip\nc: text/plain\n",
    );
    assert_eq!(message.headers(Name::Subject).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    for (name, value) in [
        (Name::Contact, "<sip:a@b>"),
        (Name::SessionExpires, "1800"),
        (Name::ReferTo, "<sip:r@b>"),
        (Name::ReferredBy, "<sip:b@b>"),
        (Name::Event, "presence"),
        (Name::Supported, "timer"),
        (Name::ContentEncoding, "gzip"),
        (Name::ContentType, "text/plain"),
    ] {
        assert_eq!(message.header(name), Some(value), "{name:?}");
    }
    assert_eq!(message.header(Name::RetryAfter), None);
    let other: Vec<_> =
        message.fields().filter(|field| field.name == Name::Other).map(|f| f.raw_name).collect();
    assert_eq!(other, ["Subjects", "X-Subject"]);
}

#[test]
fn lists_are_split_at_commas_that_separate() {
    let message = with(
        "Contact: \"A, B\" <sip:a,b@c;x=\"1,2\">;q=\"0,5\" , <sip:d@e>,\nm: \"\\\",\" <sip:f@g>\n\
         Allow: INVITE,ACK ,, BYE\nAllow: CANCEL\nSupported:\n",
    );
    assert_eq!(
        message.values(Name::Contact).collect::<Vec<_>>(),
        [r#""A, B" <sip:a,b@c;x="1,2">;q="0,5""#, "<sip:d@e>", r#""\"," <sip:f@g>"#]
    );
    let methods: Vec<_> = message.values(Name::Allow).collect();
    assert_eq!(methods, ["INVITE", "ACK", "BYE", "CANCEL"]);
    assert_eq!(message.header(Name::Supported), Some(""));
    assert_eq!(message.values(Name::Supported).count(), 0);
}

#[test]
fn bytes_that_are_not_utf_8_pass_where_nobody_reads_them() {
    let mut bytes = options("X-Note: Gr\u{1}\u{1}e\nSubject: \u{1}\nX-Next: y\n")
        .replace('\n', "\r\n")
        .into_bytes();
    bytes.iter_mut().filter(|b| **b == 1).for_each(|b| *b = 0xfc);
    let message = parse(bytes).unwrap();
    let field = message.fields().find(|field| field.raw_name == "X-Note").unwrap();
    assert_eq!(field.value, b"Gr\xfc\xfce");
    assert_eq!(message.header(Name::Subject), None);
    assert_eq!(message.fields().last().unwrap().value, b"y");
}

#[test]
fn a_display_name_in_another_character_set_does_not_cost_the_call() {
    let text = options_with("From: <sip:al", "From: \"M\u{1}ller\" <sip:al") + "";
    let text = text.replace("To: <", "To: B\u{1}b <").replace('\n', "\r\n");
    let bytes: Vec<u8> = text.bytes().map(|b| if b == 1 { 0xfc } else { b }).collect();
    let message = parse(bytes).unwrap();
    assert_eq!(message.from().unwrap().display, "M?ller");
    assert_eq!(message.to().unwrap().display, "B?b");
    assert_eq!(message.from().unwrap().tag(), Some("a"));
    // UTF-8 stays.
    let message = read(&options_with("From: <", "From: \"Müller 😀\" <")).unwrap();
    assert_eq!(message.from().unwrap().display, "Müller 😀");
}

#[test]
fn numbers_and_the_star() {
    let message = with("Max-Forwards: 0070\nExpires: 99999999999\nContact: *\n");
    assert_eq!((message.max_forwards(), message.expires()), (Some(70), Some(u32::MAX)));
    assert_eq!(message.contact(), Ok(None));
    assert_eq!(message.header(Name::Contact), Some("*"));
    let message = with("Max-Forwards: many\nExpires: -1\nContact: <sip:a\n");
    assert_eq!((message.max_forwards(), message.expires()), (None, None));
    assert_eq!(message.contact().unwrap_err().to_string(), "Contact: no closing angle bracket");
    assert_eq!(with("").contact(), Ok(None));
}

#[test]
fn tags() {
    let tag = |text: &str| NameAddr::parse(text).unwrap().tag().map(str::to_owned);
    assert_eq!(tag("<sip:a@b>;tag=x"), Some("x".into()));
    assert_eq!(tag("sip:a@b;TAG = x;y"), Some("x".into()));
    assert_eq!(tag("<sip:a@b;tag=no>"), None);
    assert_eq!(tag("\"tag=no\" <sip:a@b>;tag="), None);
    assert_eq!(tag("<sip:a@b>;tag;tag=x"), Some("x".into()));
}

#[test]
fn an_at_sign_behind_the_host_does_not_choose_another() {
    for (text, user, host) in [
        ("sip:bob@example.com;x=y@evil.example", Some("bob"), "example.com"),
        ("sip:bob@example.com?X=y@evil.example", Some("bob"), "example.com"),
        ("sip:bob@corp.example@proxy.example", Some("bob@corp.example"), "proxy.example"),
        ("sip:bob;day=tuesday@example.com", Some("bob;day=tuesday"), "example.com"),
        ("sip:example.com;lr", None, "example.com"),
    ] {
        let uri = Uri::parse(text).unwrap();
        assert_eq!((uri.user, uri.host), (user, host), "{text}");
    }
}

#[test]
fn where_a_uri_leads() {
    let to = |text: &str| Uri::parse(text).unwrap().socket_addr().map(|to| to.to_string());
    assert_eq!(to("sip:a@192.0.2.1"), Some("192.0.2.1:5060".into()));
    assert_eq!(to("sips:a@192.0.2.1"), Some("192.0.2.1:5061".into()));
    assert_eq!(to("sip:[2001:db8::1]:7"), Some("[2001:db8::1]:7".into()));
    assert_eq!(to("sip:a@host;maddr=192.0.2.9"), Some("192.0.2.9:5060".into()));
    assert_eq!(to("sip:a@host"), None);
    assert_eq!(to("tel:112"), None);
    let any: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    assert_eq!(Uri::parse("sip:192.0.2.1:0").unwrap().socket_addr(), Some(any));
}

#[test]
fn two_uris_are_one_when_what_identifies_them_is() {
    let same = |a: &str, b: &str| Uri::parse(a).unwrap() == Uri::parse(b).unwrap();
    assert!(same(
        "sip:%61lice@Example.COM;TRANSPORT=udp",
        "sip:alice@example.com;transport=UDP;x=y"
    ));
    assert!(!same("sip:alice@example.com", "sip:ALICE@example.com"));
    assert!(!same("sip:alice@example.com", "sip:alice@example.com:5060"));
    assert!(!same("sip:alice@example.com", "sips:alice@example.com"));
    assert!(!same("sip:alice@example.com", "sip:alice@example.com;transport=tcp"));
    assert_eq!(Uri::parse("TEL:+1").unwrap().scheme, Scheme::Tel);
}
