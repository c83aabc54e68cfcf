//! UPDATE with an offer before the call is answered, message by message (RFC 3311).

use super::super::talk::{Talk, told};

const SUPPORTED: &str = "Supported: 100rel\r\nAllow: INVITE, UPDATE\r\n";
const RELIABLE: &str = "Require: 100rel\r\nRSeq: 9\r\nAllow: INVITE, UPDATE\r\n";

/// A call whose offer was answered in a reliable 183 that is acknowledged on both sides.
fn agreed(caller: &str, callee: &str) -> Talk {
    let mut talk = Talk::begin(caller, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", callee, "answer");
    let sent = talk.prack("");
    talk.answer(&sent[1], "200 OK", "");
    talk
}

#[test]
fn a_callers_offer_crosses_and_is_answered() {
    let mut talk = agreed(SUPPORTED, RELIABLE);
    let sent = talk.ask("UPDATE", "", "offer 2");
    assert_eq!(told(&sent), ["UPDATE sip:2000@203.0.113.1 > trunk 1: offer 2"]);
    assert_eq!(sent[0].line("CSeq"), "3 UPDATE");
    assert_eq!(sent[0].line("To"), "<sip:2000@office.test>;tag=b");
    let sent = talk.answer(&sent[0], "200 OK", "answer 2");
    assert_eq!(told(&sent), ["200 OK > phone: answer 2"]);
    assert!(sent[0].line("Allow").contains("UPDATE"));
    let sent = talk.respond(0, "200 OK", "b", "", "");
    assert_eq!(told(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    talk.ask("ACK", "", "");
    let sent = talk.ask("BYE", "", "");
    assert_eq!(sent[1].line("CSeq"), "4 BYE", "the numbers of the early dialog go on");
}

#[test]
fn so_does_one_of_the_called_side() {
    let mut talk = agreed(SUPPORTED, RELIABLE);
    let sent = talk.ask_back(0, "b", "UPDATE 1", "", "offer 2");
    assert_eq!(told(&sent), ["UPDATE sip:1000@198.51.100.1 > phone: offer 2"]);
    let update = &sent[0];
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:1000@198.51.100.1>\r\n\
         Content-Type: application/sdp\r\nContent-Length: 8\r\n\r\nanswer 2",
        update.line("Via"),
        update.line("From"),
        update.line("To"),
        update.line("Call-ID"),
        update.line("CSeq")
    );
    let sent = talk.bench.receive(crate::trunk::bench::PHONE, text);
    assert_eq!(told(&sent), ["200 OK > trunk 1: answer 2"]);
}

#[test]
fn two_offers_do_not_cross() {
    let mut talk = agreed(SUPPORTED, RELIABLE);
    let first = talk.ask("UPDATE", "", "offer 2");
    let sent = talk.ask("UPDATE", "", "offer 3");
    assert_eq!(told(&sent), ["500 Server Internal Error > phone"]);
    assert!(!sent[0].line("Retry-After").is_empty());
    let sent = talk.ask_back(0, "b", "UPDATE 1", "", "offer 4");
    assert_eq!(told(&sent), ["491 Request Pending > trunk 1"]);
    assert_eq!(
        told(&talk.answer(&first[0], "491 Request Pending", "")),
        ["491 Request Pending > phone"]
    );
    let sent = talk.ask_back(0, "b", "UPDATE 2", "", "offer 4");
    assert_eq!(told(&sent), ["UPDATE sip:1000@198.51.100.1 > phone: offer 4"]);
    let sent = talk.ask_back(0, "b", "UPDATE 3", "", "offer 5");
    assert_eq!(told(&sent), ["500 Server Internal Error > trunk 1"]);
    assert_eq!(told(&talk.ask("UPDATE", "", "offer 6")), ["491 Request Pending > phone"]);
}

#[test]
fn before_offer_and_answer_are_done_none_is_taken() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    let sent = talk.ask("UPDATE", "", "offer 2");
    assert_eq!(told(&sent), ["500 Server Internal Error > phone"], "its PRACK is awaited");
    let sent = talk.ask_back(0, "b", "UPDATE 1", "", "offer 2");
    assert_eq!(told(&sent), ["491 Request Pending > trunk 1"]);
}

#[test]
fn who_takes_no_update_is_asked_for_none() {
    let mut talk = agreed(SUPPORTED, "Require: 100rel\r\nRSeq: 9\r\n");
    assert_eq!(told(&talk.ask("UPDATE", "", "offer 2")), ["488 Not Acceptable Here > phone"]);
    let mut talk = agreed("Supported: 100rel\r\n", RELIABLE);
    let sent = talk.ask_back(0, "b", "UPDATE 1", "", "offer 2");
    assert_eq!(told(&sent), ["488 Not Acceptable Here > trunk 1"]);
}

#[test]
fn one_that_is_under_way_when_the_call_ends_is_answered() {
    let mut talk = agreed(SUPPORTED, RELIABLE);
    let update = talk.ask("UPDATE", "", "offer 2");
    let sent = talk.ask("BYE", "", "");
    assert_eq!(told(&sent)[0], "200 OK > phone");
    talk.respond(0, "487 Request Terminated", "b", "", "");
    let late = talk.answer(&update[0], "200 OK", "answer 2");
    assert_eq!(told(&late), ["481 Call/Transaction Does Not Exist > phone"]);
}

#[test]
fn one_that_is_under_way_when_the_call_is_answered_is_answered_too() {
    let mut talk = agreed(SUPPORTED, RELIABLE);
    let update = talk.ask("UPDATE", "", "offer 2");
    talk.respond(0, "200 OK", "b", "", "");
    talk.ask("ACK", "", "");
    assert_eq!(told(&talk.answer(&update[0], "200 OK", "answer 2")), ["200 OK > phone: answer 2"]);
}
