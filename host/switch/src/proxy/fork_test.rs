#![allow(clippy::unwrap_used)]
//! Several branches: what of them the caller gets (RFC 3261 sections 16.7 and 16.10).

use super::bench::{BOB, CAROL, all, answer, bench, call, forward};
use crate::Cause;
use crate::trunk::bench::{Bench, PHONE, Sent, what};
use model::hook::{Hook, Verdict};

const NOTHING: [&str; 0] = [];

fn forked() -> (Bench, Sent, Sent) {
    let mut bench = bench();
    bench.invite(PHONE);
    let mut sent = forward(&mut bench, &["sip:bob@203.0.113.1", "sip:carol@203.0.113.2"], true);
    let second = sent.remove(1);
    (bench, sent.remove(0), second)
}

#[test]
fn the_first_answer_cancels_the_others_and_a_second_one_is_passed_back_too() {
    let (mut bench, bob, carol) = forked();
    assert_ne!(bob.line("Via"), carol.line("Via"));
    for (from, request, tag) in [(BOB, &bob, "b"), (CAROL, &carol, "c")] {
        let ringing = bench.receive(from, answer(request, "180 Ringing", tag, ""));
        assert_eq!(what(&ringing), ["180 Ringing > phone"]);
        assert_eq!(ringing[0].line("To"), format!("<sip:+43123@office.test>;tag={tag}"));
    }
    let up = bench.receive(BOB, answer(&bob, "200 OK", "b", "Contact: <sip:bob@203.0.113.1>\r\n"));
    assert_eq!(what(&up), ["200 OK > phone", "CANCEL sip:carol@203.0.113.2 > trunk 2"]);
    let also = bench.receive(CAROL, answer(&carol, "200 OK", "c", ""));
    assert_eq!(what(&also), ["200 OK > phone"]);
    assert_eq!(also[0].line("To"), "<sip:+43123@office.test>;tag=c");
    assert_eq!(all(&also[0], "Via").len(), 1);
    assert_eq!(bench.switch.stats().calls_established, 1);
}

/// After these final responses of Bob and Carol, and a plugin that lets them stand, the caller gets this.
#[track_caller]
fn best_of(responses: [&str; 2]) -> Sent {
    let (mut bench, bob, carol) = forked();
    let sent = bench.receive(BOB, answer(&bob, responses[0], "b", "WWW-Authenticate: B\r\n"));
    assert!(what(&sent)[0].starts_with("ACK "), "{:?}", what(&sent));
    let mut sent =
        bench.receive(CAROL, answer(&carol, responses[1], "c", "Proxy-Authenticate: C\r\n"));
    if bench.asked.is_some() {
        sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    }
    let last = sent.pop().unwrap();
    assert!(matches!(bench.released(), Some(Cause::Refused(_))));
    bench.pass(64);
    assert!(bench.switch.is_idle());
    last
}

#[test]
fn the_caller_gets_the_best_response_whole_once_all_have_come() {
    assert_eq!(best_of(["486 Gone fishing", "404 Not Found"]).what(), "486 Gone fishing > phone");
    assert_eq!(best_of(["486 Busy Here", "302 Moved"]).what(), "302 Moved > phone");
    assert_eq!(
        best_of(["503 Overloaded", "503 Overloaded"]).what(),
        "500 Server Internal Error > phone"
    );
    let asked = best_of(["407 Who", "401 Who"]);
    assert_eq!(asked.what(), "407 Who > phone");
    assert_eq!(
        (asked.line("WWW-Authenticate"), asked.line("Proxy-Authenticate")),
        ("B".into(), "C".into())
    );
}

#[test]
fn a_6xx_ends_the_search_of_its_target() {
    let (mut bench, bob, carol) = forked();
    bench.receive(CAROL, answer(&carol, "180 Ringing", "c", ""));
    let sent = bench.receive(BOB, answer(&bob, "603 Decline", "b", ""));
    assert_eq!(what(&sent), ["ACK sip:bob@203.0.113.1 > trunk 1"], "Carol was asked for herself");
    bench.receive(CAROL, answer(&carol, "486 Busy Here", "c", ""));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["603 Decline > phone"]);
}

#[test]
fn a_cancel_goes_to_every_branch_and_the_caller_gets_what_comes_of_it() {
    let (mut bench, bob, carol) = forked();
    bench.receive(BOB, answer(&bob, "180 Ringing", "b", ""));
    let cancel = "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
                  From: <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
                  Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let sent = bench.receive(PHONE, cancel.to_owned());
    // Carol has said nothing yet: her CANCEL waits for that (RFC 3261 section 9.1).
    assert_eq!(what(&sent), ["200 OK > phone", "CANCEL sip:bob@203.0.113.1 > trunk 1"]);
    let sent = bench.receive(BOB, answer(&bob, "487 Request Terminated", "b", ""));
    assert_eq!(what(&sent), ["ACK sip:bob@203.0.113.1 > trunk 1"], "Carol may still answer");
    let sent = bench.receive(CAROL, answer(&carol, "180 Ringing", "c", ""));
    assert_eq!(what(&sent), ["CANCEL sip:carol@203.0.113.2 > trunk 2"]);
    let sent = bench.receive(CAROL, answer(&carol, "487 Request Terminated", "c", ""));
    assert_eq!(
        what(&sent),
        ["ACK sip:carol@203.0.113.2 > trunk 2", "487 Request Terminated > phone"]
    );
    assert_eq!(bench.released(), Some(Cause::Cancelled));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_the_callers() {
    let mut bench = bench();
    let bob = call(&mut bench);
    bench.receive(BOB, answer(&bob, "180 Ringing", "b", ""));
    let cancel = "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
                  From: <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
                  Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    bench.receive(PHONE, cancel.to_owned());
    let sent = bench.receive(BOB, answer(&bob, "200 OK", "b", ""));
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(bench.released(), None);
    assert_eq!(bench.switch.stats().calls_established, 1);
}

#[test]
fn a_target_that_rings_too_long_gives_way_and_may_still_answer() {
    let mut bench = bench();
    bench.invite(PHONE);
    let bob =
        forward(&mut bench, &["sip:bob@203.0.113.1", "sip:carol@203.0.113.2"], false).remove(0);
    bench.receive(BOB, answer(&bob, "180 Ringing", "b", ""));
    let over = bench.pass(60);
    assert_eq!(what(&over), ["CANCEL sip:bob@203.0.113.1 > trunk 1"]);
    let carol = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&carol), ["INVITE sip:carol@203.0.113.2 > trunk 2"]);
    let crossed = bench.receive(BOB, answer(&bob, "200 OK", "b", ""));
    assert_eq!(what(&crossed), ["200 OK > phone"]);
    let carol = bench.receive(CAROL, answer(&carol[0], "180 Ringing", "c", ""));
    assert_eq!(what(&carol), ["CANCEL sip:carol@203.0.113.2 > trunk 2"]);
}

#[test]
fn nobody_who_answers_is_a_408_of_ours() {
    let mut bench = bench();
    call(&mut bench);
    let late = bench.pass(32);
    let mut sent = what(&late);
    if bench.asked.is_some() {
        sent = what(&bench.decide(Hook::RouteOnFailure, Verdict::Continue));
    }
    assert_eq!(sent.last().unwrap(), "408 Request Timeout > phone");
    assert_ne!(what(&late), NOTHING);
}

#[test]
fn an_extension_that_we_do_not_know_is_for_the_callee() {
    let mut bench = bench();
    bench.invite(PHONE);
    let _ = bench.asked.take();
    let text = "INVITE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKr\r\n\
                From: <sip:1000@office.test>;tag=r\r\nTo: <sip:bob@office.test>\r\nCall-ID: r\r\nCSeq: 1 INVITE\r\n\
                Max-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\nRequire: 100rel, foo\r\n";
    bench.receive(PHONE, format!("{text}Content-Length: 0\r\n\r\n"));
    let sent = forward(&mut bench, &["sip:bob@203.0.113.1"], false);
    assert_eq!(sent[0].line("Require"), "100rel, foo");
    let text = text.replace("z9hG4bKr", "z9hG4bKs").replace("Call-ID: r", "Call-ID: s");
    bench.receive(PHONE, format!("{text}Proxy-Require: bar\r\nContent-Length: 0\r\n\r\n"));
    let sent = forward(&mut bench, &["sip:bob@203.0.113.1"], false);
    assert_eq!(what(&sent), ["420 Bad Extension > phone"]);
    assert_eq!(sent[0].line("Unsupported"), "bar");
}
