//! Reliable provisional responses, message by message (RFC 3262).

use std::time::Duration;

use super::super::talk::{Talk, told};
use model::hook::{Hook, Verdict};

use crate::{Cause, trunk::bench::what};

const SUPPORTED: &str = "Supported: 100rel\r\n";
const REQUIRED: &str = "Require: 100rel\r\n";
const RELIABLE: &str = "Require: 100rel\r\nRSeq: 9\r\n";

#[test]
fn what_the_caller_says_of_reliable_responses_is_said_to_the_called_side() {
    for (says, fields) in [(false, ""), (true, SUPPORTED)] {
        let talk = Talk::begin(fields, "offer", 1);
        assert_eq!(talk.invites[0].text.contains("Supported: 100rel\r\n"), says);
        assert_eq!(talk.invites[0].line("Require"), "");
    }
    let talk = Talk::begin(REQUIRED, "offer", 1);
    assert_eq!(talk.invites[0].line("Require"), "100rel");
}

#[test]
fn an_extension_nobody_knows_is_refused_with_its_name_and_no_other() {
    let mut bench = crate::trunk::bench::Bench::new(Vec::new());
    bench.receive(
        crate::trunk::bench::PHONE,
        "INVITE sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
         Require: 100rel, magic\r\nRequire: more\r\nContact: <sip:1000@198.51.100.1>\r\nContent-Length: 0\r\n\r\n"
            .to_owned(),
    );
    // Not before it is known that we are a party of the call: a proxy would not have to know it.
    let sent = bench.route(&["outside"]);
    assert_eq!(what(&sent), ["420 Bad Extension > phone"]);
    assert_eq!(sent[0].line("Unsupported"), "magic, more");
}

#[test]
fn an_answer_in_a_reliable_183_is_acknowledged_from_end_to_end() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    let sent = talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    assert_eq!(told(&sent), ["183 Session Progress > phone reliably: answer"]);
    let sent = talk.prack("");
    assert_eq!(
        what(&sent),
        ["200 OK > phone", "PRACK sip:2000@203.0.113.1 > trunk 1"],
        "the called side is acknowledged when the caller has it"
    );
    assert_eq!(sent[1].line("RAck"), "9 1 INVITE");
    assert_eq!(sent[1].line("CSeq"), "2 PRACK");
    assert_eq!(told(&talk.answer(&sent[1], "200 OK", "")), [""; 0]);
    let sent = talk.respond(0, "200 OK", "b", "", "");
    assert_eq!(told(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[1].line("CSeq"), "1 ACK");
    talk.ask("ACK", "", "");
    let sent = talk.ask("BYE", "", "");
    assert_eq!(sent[1].line("CSeq"), "3 BYE", "the numbers of the early dialog go on");
    assert_eq!(sent[1].line("To"), "<sip:2000@office.test>;tag=b");
}

#[test]
fn one_that_comes_again_or_out_of_order_is_dropped() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    assert_eq!(told(&talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer")), [""; 0]);
    let early = "Require: 100rel\r\nRSeq: 11\r\n";
    assert_eq!(told(&talk.respond(0, "180 Ringing", "b", early, "")), [""; 0]);
}

#[test]
fn the_next_one_goes_out_when_the_one_before_is_acknowledged() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    let sent = talk.respond(0, "180 Ringing", "b", RELIABLE, "");
    let acknowledged = ["180 Ringing > phone reliably", "PRACK sip:2000@203.0.113.1 > trunk 1"];
    let mut both = told(&sent);
    both.sort();
    assert_eq!(both, acknowledged, "without a description nothing waits for the caller");
    let first: u32 = talk.rseq.parse().unwrap();
    let next = "Require: 100rel\r\nRSeq: 10\r\n";
    assert_eq!(told(&talk.respond(0, "183 Session Progress", "b", next, "answer")), [""; 0]);
    let sent = talk.prack("");
    assert_eq!(told(&sent), ["200 OK > phone", "183 Session Progress > phone reliably: answer"]);
    assert_eq!(talk.rseq, (first + 1).to_string());
    let sent = talk.prack("");
    assert_eq!(what(&sent), ["200 OK > phone", "PRACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[1].line("RAck"), "10 1 INVITE");
}

#[test]
fn a_caller_that_requires_it_gets_plain_ones_reliably_and_the_200_after_its_prack() {
    let mut talk = Talk::begin(REQUIRED, "offer", 1);
    let sent = talk.respond(0, "183 Session Progress", "b", "", "answer");
    assert_eq!(told(&sent), ["183 Session Progress > phone reliably: answer"]);
    assert_eq!(told(&talk.respond(0, "200 OK", "b", "", "answer")), [""; 0], "it waits");
    assert_eq!(told(&talk.respond(0, "200 OK", "b", "", "answer")), [""; 0], "its repetition too");
    let sent = talk.prack("");
    assert_eq!(
        told(&sent),
        ["200 OK > phone", "200 OK > phone: answer", "ACK sip:2000@203.0.113.1 > trunk 1"]
    );
}

#[test]
fn a_called_side_that_sends_them_unasked_is_acknowledged_and_the_caller_gets_plain_ones() {
    let mut talk = Talk::begin("", "offer", 1);
    let sent = talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    let mut both = told(&sent);
    both.sort();
    assert_eq!(
        both,
        ["183 Session Progress > phone: answer", "PRACK sip:2000@203.0.113.1 > trunk 1"]
    );
    let prack = sent.iter().find(|sent| sent.text.starts_with("PRACK")).unwrap();
    talk.answer(prack, "200 OK", "");
    let sent = talk.respond(0, "200 OK", "b", "", "");
    assert_eq!(
        told(&sent),
        ["200 OK > phone: answer", "ACK sip:2000@203.0.113.1 > trunk 1"],
        "what was an answer over there is still owed over here"
    );
}

#[test]
fn a_delayed_offer_comes_in_the_183_and_its_answer_in_the_prack() {
    let mut talk = Talk::begin(SUPPORTED, "", 1);
    let sent = talk.respond(0, "183 Session Progress", "b", RELIABLE, "offer");
    assert_eq!(told(&sent), ["183 Session Progress > phone reliably: offer"]);
    let sent = talk.prack("answer");
    assert_eq!(told(&sent), ["PRACK sip:2000@203.0.113.1 > trunk 1: answer"]);
    let sent = talk.answer(&sent[0], "200 OK", "");
    assert_eq!(told(&sent), ["200 OK > phone"]);
    let sent = talk.respond(0, "200 OK", "b", "", "");
    assert_eq!(told(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(told(&talk.ask("ACK", "", "")), [""; 0], "the session is agreed on already");
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    let sent = talk.prack("another offer");
    assert_eq!(told(&sent), ["PRACK sip:2000@203.0.113.1 > trunk 1: another offer"]);
    let sent = talk.answer(&sent[0], "200 OK", "its answer");
    assert_eq!(told(&sent), ["200 OK > phone: its answer"]);
}

#[test]
fn a_prack_of_nothing_or_of_nonsense_is_refused() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    for (rack, status) in [
        ("RAck: 1 1 INVITE\r\n", "481"),
        ("RAck: x\r\n", "400"),
        ("", "400"),
        (&format!("RAck: {} 2 INVITE\r\n", talk.rseq), "481"),
    ] {
        let sent = talk.ask("PRACK", rack, "");
        assert_eq!(what(&sent).len(), 1);
        assert!(what(&sent)[0].starts_with(status), "{rack}: {:?}", what(&sent));
    }
    assert_eq!(what(&talk.prack("")).len(), 2);
    let again = format!("RAck: {} 1 INVITE\r\n", talk.rseq);
    assert_eq!(
        told(&talk.ask("PRACK", &again, "")),
        ["481 Call/Transaction Does Not Exist > phone"]
    );
}

#[test]
fn a_called_side_is_asked_once_more_as_it_can_take_it() {
    let mut talk = Talk::begin(REQUIRED, "offer", 1);
    let sent = talk.respond(0, "420 Bad Extension", "b", "Unsupported: 100rel\r\n", "");
    assert_eq!(
        told(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "INVITE sip:2000@203.0.113.1 > trunk 1: offer"]
    );
    assert_eq!(sent[1].line("CSeq"), "2 INVITE");
    let mut talk = Talk::begin("", "offer", 1);
    let sent = talk.respond(0, "421 Extension Required", "b", "Require: 100rel\r\n", "");
    assert!(sent[1].text.contains("Supported: 100rel\r\n"));
    assert!(sent[1].text.contains("Supported: replaces\r\n"));
    talk.invites = sent.into_iter().skip(1).collect();
    let sent = talk.respond(0, "421 Extension Required", "b", "Require: 100rel\r\n", "");
    assert_eq!(what(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1"], "once");
    let sent = talk.bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["421 Extension Required > phone"]);
    assert_eq!(sent[0].line("Require"), "100rel");
}

#[test]
fn without_a_prack_it_is_sent_again_at_doubling_intervals_and_given_up_with_504() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer");
    let begin = talk.bench.now;
    let mut sent_at = Vec::new();
    let mut last = Vec::new();
    while last.is_empty() {
        let Some((at, _)) = talk.bench.switch.poll_timeout() else { break };
        talk.bench.now = at;
        for sent in talk.bench.pass(0) {
            match sent.text.starts_with("SIP/2.0 183") {
                true => sent_at.push((at - begin).as_millis()),
                false => last.push((sent.what(), at - begin)),
            }
        }
    }
    assert_eq!(sent_at, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    let over = Duration::from_secs(32);
    assert_eq!(
        last,
        [
            ("504 Server Time-out > phone".to_owned(), over),
            ("CANCEL sip:2000@203.0.113.1 > trunk 1".to_owned(), over)
        ]
    );
    assert_eq!(talk.bench.released(), Some(Cause::Refused(504)));
}

#[test]
fn a_caller_that_gives_up_while_the_200_waits_ends_the_called_side_with_bye() {
    let mut talk = Talk::begin(REQUIRED, "offer", 1);
    talk.respond(0, "183 Session Progress", "b", "", "answer");
    talk.respond(0, "200 OK", "b", "", "answer");
    let sent = talk.ask("BYE", "", "");
    assert_eq!(
        what(&sent),
        [
            "200 OK > phone",
            "487 Request Terminated > phone",
            "ACK sip:2000@203.0.113.1 > trunk 1",
            "BYE sip:2000@203.0.113.1 > trunk 1"
        ]
    );
    assert_eq!(talk.bench.switch.calls(talk.bench.now).count(), 0);
}

#[test]
fn of_two_who_fork_the_second_to_answer_gets_a_tag_of_its_own_when_the_first_was_agreed_on() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 2);
    let sent = talk.respond(0, "183 Session Progress", "b", RELIABLE, "answer one");
    let first = sent[0].line("To");
    let sent = talk.prack("");
    talk.answer(&sent[1], "200 OK", "");
    let sent = talk.respond(1, "183 Session Progress", "c", RELIABLE, "answer two");
    let mut both = told(&sent);
    both.sort();
    assert_eq!(
        both,
        ["183 Session Progress > phone reliably", "PRACK sip:2000@203.0.113.2 > trunk 2"],
        "one is heard at a time"
    );
    talk.prack("");
    let sent = talk.respond(1, "200 OK", "c", "", "");
    let accepted = sent.iter().find(|sent| sent.text.starts_with("SIP/2.0 200")).unwrap();
    assert!(accepted.text.ends_with("answer two"));
    assert_ne!(accepted.line("To"), first);
}

#[test]
fn what_the_called_side_may_not_ask_before_it_answers_is_refused() {
    let mut talk = Talk::begin(SUPPORTED, "offer", 1);
    talk.respond(0, "180 Ringing", "b", RELIABLE, "");
    let (gone, pending) = ("481 Call/Transaction Does Not Exist", "491 Request Pending");
    for (request, tag, status) in [
        ("BYE 1", "b", gone),
        ("PRACK 2", "b", gone),
        ("INVITE 3", "b", pending),
        ("OPTIONS 4", "b", "200 OK"),
        ("OPTIONS 3", "b", "500 Server Internal Error"),
        ("OPTIONS 5", "stranger", gone),
    ] {
        let sent = talk.ask_back(0, tag, request, "", "");
        assert_eq!(told(&sent), [format!("{status} > trunk 1")], "{request}");
    }
}

#[test]
fn a_second_answer_of_a_fork_downstream_is_acknowledged_and_ended() {
    let mut talk = Talk::begin("", "offer", 1);
    talk.respond(0, "180 Ringing", "b", "", "");
    talk.respond(0, "180 Ringing", "c", "", "");
    let sent = talk.respond(0, "200 OK", "c", "", "answer");
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    let sent = talk.respond(0, "200 OK", "b", "", "answer");
    assert_eq!(
        what(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert!(sent.iter().all(|sent| sent.line("To").ends_with("tag=b")));
    assert_eq!((sent[0].line("CSeq"), sent[1].line("CSeq")), ("1 ACK".into(), "2 BYE".into()));
    let again = talk.respond(0, "200 OK", "b", "", "answer");
    assert_eq!(what(&again), ["ACK sip:2000@203.0.113.1 > trunk 1"], "no second BYE");
    assert_eq!(talk.bench.released(), None);
    assert_eq!(talk.bench.switch.calls(talk.bench.now).count(), 1);
}

#[test]
fn a_repeated_200_whose_ack_waits_for_the_caller_is_no_second_answer() {
    let mut talk = Talk::begin("", "", 1);
    let sent = talk.respond(0, "200 OK", "b", "", "offer");
    assert_eq!(told(&sent), ["200 OK > phone: offer"]);
    assert_eq!(told(&talk.respond(0, "200 OK", "b", "", "offer")), [""; 0]);
    let sent = talk.ask("ACK", "", "answer");
    assert_eq!(told(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1: answer"]);
}
