#![allow(clippy::unwrap_used)]
//! Blind transfers, message by message: the phone has the first trunk's party sent on to the second trunk.

use model::hook::{Destination, Hook, MediaMode, Plan, Target, Verdict};

use super::super::talk::Talk;
use crate::{
    Cause, Fact, ReleasedBy, TransferBy,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, two, what, with_length},
};

const CALLER: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const CALLEE: &str = "v=0\r\no=b 7 7 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\na=recvonly\r\n";
const TARGET: &str = "v=0\r\no=t 3 3 IN IP4 203.0.113.2\r\ns=-\r\nc=IN IP4 203.0.113.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// A call of the phone to the first trunk, up.
fn up() -> Bench {
    let mut bench = Bench::new(two());
    bench.invite_with(PHONE, CALLER);
    let invite = bench.route(&["a"]).remove(0);
    let ok = invite.response_with("200 OK", "Contact: <sip:gw@203.0.113.1>\r\n", CALLEE);
    bench.receive(FIRST, ok);
    bench.phone_says("ACK", 1, "");
    bench
}

fn refer(bench: &mut Bench, fields: &str) -> Vec<Sent> {
    bench.phone_says("REFER", 2, fields)
}

/// The transfer begun, as far as the INVITE to its target; the NOTIFY is answered.
fn begun(bench: &mut Bench) -> Sent {
    let sent = refer(bench, "Refer-To: <sip:+43999@office.test>\r\n");
    assert_eq!(what(&sent), ["202 Accepted > phone", "NOTIFY sip:1000@198.51.100.1 > phone"]);
    let notify = &sent[1];
    let about = ["Event", "Subscription-State", "Content-Type"].map(|name| notify.line(name));
    assert_eq!(about, ["refer", "active;expires=3600", "message/sipfrag;version=2.0"]);
    assert_eq!(notify.body(), "SIP/2.0 100 Trying\r\n");
    bench.receive(PHONE, notify.response("200 OK", ""));
    let mut sent = bench.route(&["b"]);
    assert_eq!(what(&sent), ["INVITE sip:+43999@203.0.113.2;transport=udp > trunk 2"]);
    sent.remove(0)
}

#[test]
fn a_party_is_sent_on_and_told_where_its_media_goes_now() {
    let mut bench = up();
    let invite = begun(&mut bench);
    // The party was held, and is not to be for its new peer.
    assert_eq!(invite.body(), CALLEE.replace("a=recvonly\r\n", ""));
    assert_eq!(invite.line("Referred-By"), "<sip:1000@office.test>");
    let sent =
        bench.receive(SECOND, invite.response("180 Ringing", "Contact: <sip:t@203.0.113.2>\r\n"));
    assert_eq!(what(&sent), ["NOTIFY sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].body(), "SIP/2.0 180 Ringing\r\n");
    bench.receive(PHONE, sent[0].response("200 OK", ""));
    let ok = invite.response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:t@203.0.113.2 > trunk 2", "INVITE sip:gw@203.0.113.1 > trunk 1"]
    );
    // It is the session that the party knows, in its next version.
    assert_eq!(sent[1].body(), TARGET.replace("o=t 3 3 ", "o=a 1 2 "));
    let answer = CALLEE.replace("a=recvonly\r\n", "");
    let sent = bench.receive(FIRST, sent[1].response_with("200 OK", "", &answer));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone"
        ]
    );
    assert_eq!(sent[1].body(), "SIP/2.0 200 OK\r\n");
    assert_eq!(sent[1].line("Subscription-State"), "terminated;reason=noresource");
    assert_eq!(bench.released(), Some(Cause::Transferred));
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::Transferred { .. })));
    let calls: Vec<_> = bench.switch.calls(bench.now).map(|call| call.phase.name()).collect();
    assert_eq!(calls, ["established"]);
}

#[test]
fn plugins_are_told_of_a_transfer() {
    let mut bench = up();
    refer(&mut bench, "Refer-To: <tel:+43999>\r\nReferred-By: <sip:boss@office.test>\r\n");
    let facts = bench.facts.iter().rev().find_map(|fact| match fact {
        Fact::CallOffered { facts, .. } => Some(facts.clone()),
        _ => None,
    });
    let facts = facts.unwrap();
    let transfer = facts.transfer.as_ref().unwrap();
    assert_eq!(transfer.kind.name(), "blind");
    assert_eq!((transfer.by.uri.as_str(), transfer.count), ("sip:1000@office.test", 1));
    assert_eq!((facts.caller.user.as_str(), facts.callee.user.as_str()), ("+43123", "+43999"));
    assert_eq!(facts.trunk.as_deref(), Some("a"));
    let sent = bench.route(&["b"]);
    assert_eq!(sent[0].line("Referred-By"), "<sip:boss@office.test>");
}

#[test]
fn when_nobody_takes_the_party_it_is_where_it_was() {
    let mut bench = up();
    let invite = begun(&mut bench);
    let sent = bench.receive(SECOND, invite.response("486 Busy Here", ""));
    assert_eq!(what(&sent), ["ACK sip:+43999@203.0.113.2;transport=udp > trunk 2"]);
    let sent = bench.decide(model::hook::Hook::RouteOnFailure, model::hook::Verdict::Continue);
    assert_eq!(what(&sent), ["NOTIFY sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].body(), "SIP/2.0 486 Busy Here\r\n");
    assert_eq!(sent[0].line("Subscription-State"), "terminated;reason=noresource");
    assert!(bench.facts.iter().any(|f| matches!(f, Fact::TransferFailed { status: 486, .. })));
    // Another one may be tried, and is told apart by the number of its REFER.
    let sent = bench.phone_says("REFER", 3, "Refer-To: <sip:+43998@office.test>\r\n");
    assert_eq!(what(&sent), ["202 Accepted > phone", "NOTIFY sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[1].line("Event"), "refer;id=3");
    let sent = bench.phone_says("BYE", 4, "");
    assert_eq!(what(&sent), ["200 OK > phone"]);
}

#[test]
fn the_end_of_a_transfer_is_said_once_more_when_something_later_overtook_it() {
    let mut bench = up();
    let invite = begun(&mut bench);
    bench.receive(SECOND, invite.response("486 Busy Here", ""));
    let last = bench.decide(Hook::RouteOnFailure, Verdict::Continue).remove(0);
    let again = bench.receive(PHONE, last.response("500 Server Internal Error", ""));
    assert_eq!(what(&again), ["NOTIFY sip:1000@198.51.100.1 > phone"]);
    assert_eq!(again[0].body(), "SIP/2.0 486 Busy Here\r\n");
    let cseq = [&last, &again[0]].map(|sent| sent.line("CSeq"));
    assert_eq!(cseq, ["2 NOTIFY", "3 NOTIFY"]);
    let sent = bench.receive(PHONE, again[0].response("500 Server Internal Error", ""));
    assert_eq!(what(&sent).len(), 0);
}

#[test]
fn a_party_that_refuses_the_new_media_is_back_where_it_was() {
    let mut bench = up();
    let invite = begun(&mut bench);
    let ok = invite.response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET);
    let reinvite = bench.receive(SECOND, ok).remove(1);
    let sent = bench.receive(FIRST, reinvite.response("488 Not Acceptable Here", ""));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "BYE sip:t@203.0.113.2 > trunk 2",
            "NOTIFY sip:1000@198.51.100.1 > phone"
        ]
    );
    assert_eq!(sent[2].body(), "SIP/2.0 488 Not Acceptable Here\r\n");
    // The parties still talk: what one says reaches the other.
    let sent = bench.phone_says("INFO", 3, "");
    assert_eq!(what(&sent), ["INFO sip:gw@203.0.113.1 > trunk 1"]);
}

#[test]
fn a_party_with_an_offer_of_the_one_who_sends_it_on_answers_that_before_it_gets_another() {
    let mut bench = up();
    let invite = begun(&mut bench);
    let sent = bench.phone_says("INVITE", 3, "");
    assert_eq!(what(&sent), ["INVITE sip:gw@203.0.113.1 > trunk 1"]);
    let passed = &sent[0];
    let ok = invite.response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(what(&sent), ["ACK sip:t@203.0.113.2 > trunk 2", "487 Request Terminated > phone"]);
    // RFC 3261 section 14.1: one INVITE at a time. It asked for an offer, which is answered with what the party knows.
    let sent = bench.receive(FIRST, passed.response_with("200 OK", "", CALLEE));
    assert_eq!(
        what(&sent),
        ["ACK sip:gw@203.0.113.1 > trunk 1", "INVITE sip:gw@203.0.113.1 > trunk 1"]
    );
    assert_eq!((sent[0].line("CSeq").as_str(), sent[0].body()), ("2 ACK", CALLER));
    assert_eq!(sent[1].line("CSeq"), "3 INVITE");
    let sent = bench.receive(FIRST, sent[1].response_with("200 OK", "", CALLEE));
    assert_eq!(
        what(&sent)[1..],
        ["NOTIFY sip:1000@198.51.100.1 > phone", "BYE sip:1000@198.51.100.1 > phone"]
    );
    bench.receive(PHONE, sent[1].response("200 OK", ""));
    assert!(bench.switch.tables.uses_by_client_tx.is_empty());
}

#[test]
fn who_asked_may_leave_before_it_is_done() {
    let mut bench = up();
    let invite = begun(&mut bench);
    let sent = bench.phone_says("BYE", 3, "");
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(bench.released(), Some(Cause::Hangup(ReleasedBy::Caller)));
    let ok = invite.response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:t@203.0.113.2 > trunk 2", "INVITE sip:gw@203.0.113.1 > trunk 1"]
    );
    let sent = bench.receive(FIRST, sent[1].response_with("200 OK", "", CALLEE));
    assert_eq!(
        what(&sent),
        ["ACK sip:gw@203.0.113.1 > trunk 1", "NOTIFY sip:1000@198.51.100.1 > phone"]
    );
    assert_eq!(sent[1].body(), "SIP/2.0 200 OK\r\n");
    bench.receive(PHONE, sent[1].response("481 Gone", ""));

    // When nobody takes it then there is nobody to go back to.
    let mut bench = up();
    let invite = begun(&mut bench);
    bench.phone_says("BYE", 3, "");
    bench.receive(SECOND, invite.response("486 Busy Here", ""));
    let sent = bench.decide(model::hook::Hook::RouteOnFailure, model::hook::Verdict::Continue);
    assert_eq!(
        what(&sent),
        ["BYE sip:gw@203.0.113.1 > trunk 1", "NOTIFY sip:1000@198.51.100.1 > phone"]
    );
}

#[test]
fn a_party_that_hangs_up_is_not_sent_on() {
    let mut bench = up();
    let invite = begun(&mut bench);
    bench.receive(SECOND, invite.response("180 Ringing", ""));
    let bye = format!(
        "BYE sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKbye\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\n{}",
        format_args!("{};tag=carrier", bench.leg("To")),
        bench.leg("From"),
        bench.leg("Call-ID"),
        with_length("")
    );
    let sent = bench.receive(FIRST, bye);
    assert_eq!(
        what(&sent),
        [
            "200 OK > trunk 1",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone",
            "CANCEL sip:+43999@203.0.113.2;transport=udp > trunk 2"
        ]
    );
    assert_eq!(sent[1].body(), "SIP/2.0 487 Request Terminated\r\n");
}

#[test]
fn who_does_not_want_to_be_told_is_not() {
    let mut bench = up();
    let sent = refer(&mut bench, "Refer-To: <sip:+43999@office.test>\r\nRefer-Sub: false\r\n");
    assert_eq!(what(&sent), ["202 Accepted > phone"]);
    assert_eq!(sent[0].line("Refer-Sub"), "false");
    let invite = bench.route(&["b"]).remove(0);
    let sent = bench.receive(SECOND, invite.response("180 Ringing", ""));
    assert_eq!(what(&sent), [""; 0]);
}

#[test]
fn one_transfer_at_a_time_and_news_wait_for_their_answer() {
    let mut bench = up();
    let sent = refer(&mut bench, "Refer-To: <sip:+43999@office.test>\r\n");
    let first = &sent[1];
    let again = bench.phone_says("REFER", 3, "Refer-To: <sip:+43999@office.test>\r\n");
    assert_eq!(what(&again), ["491 Request Pending > phone"]);
    let invite = bench.route(&["b"]).remove(0);
    for status in ["180 Ringing", "183 Session Progress"] {
        assert_eq!(what(&bench.receive(SECOND, invite.response(status, ""))), [""; 0]);
    }
    // The last news count.
    let sent = bench.receive(PHONE, first.response("200 OK", ""));
    assert_eq!((sent.len(), sent[0].body()), (1, "SIP/2.0 183 Session Progress\r\n"));
    // Who says that it has no subscription is not told any more.
    bench.receive(PHONE, sent[0].response("481 Subscription does not exist", ""));
    assert_eq!(what(&bench.receive(SECOND, invite.response("180 Ringing", ""))), [""; 0]);
}

#[test]
fn who_may_send_others_on_is_a_setting() {
    let mut bench = up();
    let refused = |bench: &mut Bench, by| {
        let mut settings = Bench::config(two(), None).settings();
        settings.transfers.by = by;
        bench.configure(settings);
        what(&refer(bench, "Refer-To: <sip:+43999@office.test>\r\n"))
    };
    assert_eq!(refused(&mut bench, TransferBy::Nobody), ["403 Transfers are not allowed > phone"]);
    let mut settings = Bench::config(two(), None).settings();
    settings.transfers.count_max = 0;
    bench.configure(settings);
    let sent = bench.phone_says("REFER", 3, "Refer-To: <sip:+43999@office.test>\r\n");
    assert_eq!(what(&sent), ["483 Transferred too often > phone"]);
}

/// What a caller sends that somebody it calls sends on, after a call that began so.
fn sent_on(fields: &str, early: bool) -> (Talk, Vec<Sent>) {
    let mut talk = Talk::begin(fields, CALLER, 1);
    if early {
        talk.respond(0, "180 Ringing", "b", "Require: 100rel\r\nRSeq: 9\r\n", "");
    }
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.ask_back(0, "b", "REFER 1", "Refer-To: <sip:300@office.test>\r\n", "");
    let to = Target::new(Destination::Uri("sip:300@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![to], media: MediaMode::Default };
    let invite = talk.bench.decide(Hook::Route, Verdict::Plan(plan));
    (talk, invite)
}

#[test]
fn a_caller_that_has_not_acknowledged_what_rang_takes_its_dialog_along() {
    let (mut talk, invite) = sent_on("Supported: 100rel\r\n", true);
    let ok = invite[0].response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET);
    let sent = talk.bench.receive(SECOND, ok);
    let reinvite = sent.iter().find(|sent| sent.text.starts_with("INVITE")).unwrap();
    let answer = reinvite.response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", CALLER);
    let sent = talk.bench.receive(PHONE, answer);
    assert!(what(&sent).contains(&"BYE sip:2000@203.0.113.1 > trunk 1".to_owned()));
    let sent = talk.ask("BYE", "", "");
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:t@203.0.113.2 > trunk 2"]);
}

#[test]
fn a_caller_that_is_not_to_be_known_is_not_known_to_whom_it_is_sent() {
    let (_, invite) = sent_on("Privacy: id\r\n", false);
    let from = invite[0].line("From");
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{from}");
    assert!(!invite[0].text.contains("1000"), "{}", invite[0].text);
}

#[test]
fn who_sends_another_on_and_is_not_to_be_known_is_not_named() {
    let mut talk = Talk::begin("Privacy: id\r\n", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.ask(
        "REFER",
        "Refer-To: <sip:300@office.test>\r\nReferred-By: <sip:1000@office.test>\r\n",
        "",
    );
    let to = Target::new(Destination::Uri("sip:300@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![to], media: MediaMode::Default };
    let invite = talk.bench.decide(Hook::Route, Verdict::Plan(plan)).remove(0);
    assert_eq!(invite.line("Referred-By"), "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
    assert!(!invite.text.contains("1000"), "{}", invite.text);
}

#[test]
fn a_party_that_is_joined_to_another_keeps_its_session_timer() {
    let mut talk = Talk::begin("Supported: timer\r\nSession-Expires: 120\r\n", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    // The called party sends the caller on.
    talk.ask_back(0, "b", "REFER 1", "Refer-To: <sip:300@office.test>\r\n", "");
    let to = Target::new(Destination::Uri("sip:300@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![to], media: MediaMode::Default };
    let invite = talk.bench.decide(Hook::Route, Verdict::Plan(plan)).remove(0);
    let sent = talk.bench.receive(
        SECOND,
        invite.response_with("200 OK", "Contact: <sip:t@203.0.113.2>\r\n", TARGET),
    );
    let offer = sent.iter().find(|sent| sent.text.starts_with("INVITE sip:1000")).unwrap();
    assert_eq!(offer.line("Session-Expires"), "120;refresher=uas");
    assert_eq!(offer.line("Supported"), "timer");
}

#[test]
fn a_party_that_waits_for_its_new_peer_alone_keeps_its_dialog() {
    let timer = "Supported: timer\r\nSession-Expires: 120\r\n";
    let mut talk = Talk::begin(&format!("{timer}Allow: INVITE, UPDATE\r\n"), CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.ask_back(0, "b", "REFER 1", "Refer-To: <sip:300@office.test>\r\n", "");
    let to = Target::new(Destination::Uri("sip:300@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![to], media: MediaMode::Default };
    talk.bench.decide(Hook::Route, Verdict::Plan(plan));
    talk.ask_back(0, "b", "BYE 2", "", "");
    let sent = talk.ask("UPDATE", timer, "");
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(sent[0].line("Session-Expires"), "120;refresher=uac");
    let sent = talk.ask("INVITE", "", CALLER);
    // There is nobody to ask; what it knows of its peer holds until there is.
    assert_eq!((what(&sent), sent[0].body()), (vec!["200 OK > phone".to_owned()], CALLEE));
}
