#![allow(clippy::unwrap_used)]
//! Digits from one party to the other, message by message.

use model::LegId;

use super::super::talk::Talk;
use crate::{
    Action,
    trunk::bench::{Bench, FIRST, PHONE, Sent, what},
};

fn up() -> Bench {
    let mut talk = Talk::begin("", "offer", 1);
    talk.respond(0, "200 OK", "b", "", "answer");
    talk.ask("ACK", "", "");
    talk.bench.story();
    talk.bench
}

fn press(bench: &mut Bench, number: u16, digits: &str) -> Vec<Sent> {
    let leg = LegId { conn: bench.conn(), number };
    bench.control(Action::Dtmf { leg, digits: digits.to_owned() })
}

#[test]
fn the_other_party_is_told_each_digit_once_it_has_taken_the_one_before() {
    let mut bench = up();
    let sent = press(&mut bench, 0, "5#");
    assert_eq!(what(&sent), ["INFO sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[0].line("Content-Type"), "application/dtmf-relay");
    assert_eq!(sent[0].body(), "Signal=5\r\nDuration=160\r\n");
    assert!(press(&mut bench, 0, "1").is_empty());
    assert_eq!(bench.story(), ["not done: State"]);
    let sent = bench.receive(FIRST, sent[0].response("200 OK", ""));
    assert_eq!(sent[0].body(), "Signal=#\r\nDuration=160\r\n");
    assert_eq!(sent[0].line("CSeq"), "3 INFO");
    assert_eq!(bench.story(), [""; 0]);
    assert!(bench.receive(FIRST, sent[0].response("200 OK", "")).is_empty());
    assert_eq!(bench.story(), ["digits 1.0: 5#", "done 1"]);
    let sent = press(&mut bench, 1, "A");
    assert_eq!(what(&sent), ["INFO sip:1000@198.51.100.1 > phone"]);
    bench.receive(PHONE, sent[0].response("415 Unsupported Media Type", ""));
    assert_eq!(bench.story(), ["not done: Phone(415)"]);
}

#[test]
fn what_is_no_digit_is_not_sent() {
    let mut bench = up();
    for digits in ["", "1x", "a", "1 2", "٣", &"1".repeat(65)] {
        assert!(press(&mut bench, 0, digits).is_empty());
        assert_eq!(bench.story(), ["not done: Destination"], "{digits}");
    }
    assert_eq!(press(&mut bench, 0, &"1".repeat(64)).len(), 1);
}
