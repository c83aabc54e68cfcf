//! What is too much is refused, and costs no more than its length.

use bytes::Bytes;
use sip::{Message, Name, ParseLimits};

use crate::support::{options, outcome, parse};

fn crlf(text: &str) -> Bytes {
    Bytes::from(text.replace('\n', "\r\n"))
}

#[test]
fn ten_thousand_fields_are_refused_with_513() {
    let text = options(&"X: y\n".repeat(10_000)).replace('\n', "\r\n");
    assert_eq!(outcome(&parse(text)), "513 Message Too Large");
    let usual = ParseLimits::default().headers_max;
    let fields = |count: usize| parse(options(&"X: y\n".repeat(count)).replace('\n', "\r\n"));
    assert_eq!(outcome(&fields(usual - 5)), "read");
    assert_eq!(outcome(&fields(usual - 4)), "513 Message Too Large");
}

#[test]
fn a_field_or_a_message_beyond_its_limit_is_refused() {
    let limits = ParseLimits::default();
    let field = |length: usize| {
        let name = "X: ";
        let text = options(&format!("{name}{}\n", "y".repeat(length - name.len())));
        outcome(&Message::parse(crlf(&text), &limits))
    };
    assert_eq!(field(limits.header_bytes_max), "read");
    assert_eq!(field(limits.header_bytes_max + 1), "513 Message Too Large");
    let whole = |length: usize| {
        let text = options("").replace('\n', "\r\n");
        let body = "y".repeat(length - text.len());
        outcome(&Message::parse(Bytes::from(text + &body), &limits))
    };
    assert_eq!(whole(limits.message_bytes_max), "read");
    assert_eq!(whole(limits.message_bytes_max + 1), "dropped: larger than message_bytes_max");
}

/// Each of these is about a megabyte long: a reader whose work grows faster than that would not come to an end.
#[test]
fn long_messages_are_read_in_linear_time() {
    let limits = ParseLimits {
        message_bytes_max: usize::MAX,
        headers_max: usize::MAX,
        header_bytes_max: usize::MAX,
    };
    let mut counts = Vec::new();
    for more in [
        "X: y\n".repeat(100_000),
        "v: SIP/2.0/UDP a\n".repeat(50_000),
        format!("X: y\n{}", " z\n".repeat(100_000)),
        format!("m: {}\n", "<sip:a@b>,".repeat(100_000)),
        format!("m: {}\n", "\"".repeat(500_001)),
        format!("m: <sip:a@b>{}\n", ";x=\"y\"".repeat(100_000)),
        format!("m: {}\n", "<".repeat(500_000)),
        format!("Route: {}\n", ",".repeat(500_000)),
    ] {
        let message = Message::parse(crlf(&options(&more)), &limits).unwrap();
        let contacts = message.values(Name::Contact).count();
        let _ = message.contact().map(|contact| contact.map(|c| c.params.iter().count()));
        counts.push((message.fields().count(), contacts, message.values(Name::Route).count()));
    }
    assert_eq!(
        counts,
        [
            (100_005, 0, 0),
            (50_005, 0, 0),
            (6, 0, 0),
            (6, 100_000, 0),
            (6, 1, 0),
            (6, 1, 0),
            (6, 1, 0),
            (6, 0, 0),
        ]
    );
}
