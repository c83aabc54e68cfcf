#![allow(clippy::unwrap_used)]
//! Re-INVITEs of ours, message by message.

use bytes::Bytes;
use media::Side;

use super::{Offered, Purpose};
use crate::{
    Cause, Login, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, Sent, trunk, what, with_length},
};

const CALLER: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const CALLEE: &str = "v=0\r\no=b 7 7 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

/// A call of the phone over the first trunk, up, with descriptions of both; and the INVITE that the trunk got.
fn up(config: TrunkConfig) -> (Bench, Sent) {
    let mut bench = Bench::new(vec![config]);
    bench.invite_with(PHONE, CALLER);
    let invite = bench.route(&["outside"]).remove(0);
    let ok = invite.response_with("200 OK", "Contact: <sip:gw@203.0.113.1>\r\n", CALLEE);
    let sent = bench.receive(FIRST, ok);
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:gw@203.0.113.1 > trunk 1"]);
    let sent = bench.receive(PHONE, ack_of(&sent[0]));
    assert_eq!(what(&sent), [""; 0]);
    (bench, invite)
}

fn one() -> TrunkConfig {
    trunk("a", "sip:203.0.113.1", 1)
}

/// The phone's ACK of a 200 of ours.
fn ack_of(ok: &Sent) -> String {
    let fields = ["From", "To", "Call-ID"].map(|name| format!("{name}: {}\r\n", ok.line(name)));
    let cseq = ok.line("CSeq").replace("INVITE", "ACK");
    format!(
        "ACK sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKack\r\n{}CSeq: {cseq}\r\n\
         Content-Length: 0\r\n\r\n",
        fields.concat()
    )
}

/// A re-INVITE of the phone, whose media is somewhere else now.
fn reinvite_of_phone(bench: &Bench) -> String {
    let body = with_length(&CALLER.replace("4000", "4002"));
    format!(
        "INVITE sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKre\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>;tag={}\r\nCall-ID: 1\r\n\
         CSeq: 2 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{body}",
        bench.tag
    )
}

fn offer(bench: &mut Bench, to: Side, what: Offered) -> Vec<Sent> {
    let call = bench.switch.calls.values_mut().next().unwrap();
    assert!(call.offer_to(&mut bench.switch.tables, bench.now, to, Purpose::Refresh, what));
    bench.flush()
}

#[test]
fn what_a_party_was_told_last_is_told_again() {
    let (mut bench, first) = up(one());
    let sent = offer(&mut bench, Side::B, Offered::Again);
    assert_eq!(what(&sent), ["INVITE sip:gw@203.0.113.1 > trunk 1"]);
    let again = &sent[0];
    assert_eq!((again.line("CSeq").as_str(), again.body()), ("2 INVITE", CALLER));
    assert_eq!(again.line("Call-ID"), first.line("Call-ID"));
    assert_eq!(again.line("Supported"), "timer");
    let sent = bench.receive(
        FIRST,
        again.response_with("200 OK", "Contact: <sip:new@203.0.113.1>\r\n", CALLEE),
    );
    assert_eq!(what(&sent), ["ACK sip:new@203.0.113.1 > trunk 1"]);
    assert_eq!((sent[0].line("CSeq").as_str(), sent[0].body()), ("2 ACK", ""));

    let sent = offer(&mut bench, Side::A, Offered::Again);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].body(), CALLEE);
    let sent = bench.receive(PHONE, sent[0].response_with("200 OK", "", CALLER));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
}

#[test]
fn a_party_is_asked_for_an_offer_and_gets_the_answer_in_the_ack() {
    let (mut bench, _) = up(one());
    let sent = offer(&mut bench, Side::B, Offered::Ask);
    assert_eq!(sent[0].body(), "");
    let sent = bench.receive(FIRST, sent[0].response_with("200 OK", "", CALLEE));
    assert_eq!(what(&sent), [""; 0]);
    // As long as the answer is owed the phone's own INVITE has to wait.
    let sent = bench.receive(PHONE, reinvite_of_phone(&bench));
    assert_eq!(what(&sent), ["491 Request Pending > phone"]);
    let call = bench.switch.calls.values_mut().next().unwrap();
    let answer = Offered::This(Bytes::from_static(CALLER.as_bytes()));
    call.answer_asked(&mut bench.switch.tables, bench.now, answer);
    let sent = bench.flush();
    assert_eq!(what(&sent), ["ACK sip:gw@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[0].body(), CALLER);
}

#[test]
fn a_re_invite_that_meets_another_waits_and_goes_out_anew() {
    let (mut bench, _) = up(one());
    let first = offer(&mut bench, Side::A, Offered::Again).remove(0);
    let sent = bench.receive(PHONE, first.response("491 Request Pending", ""));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    // The caller made the Call-ID, so that we wait two seconds at the most.
    let sent = bench.pass(2);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].line("CSeq"), "2 INVITE");
    // At the sixth collision the session stays as it is.
    let mut last = sent.into_iter().next().unwrap();
    for _ in 1..6 {
        bench.receive(PHONE, last.response("491 Request Pending", ""));
        last = bench.pass(2).remove(0);
    }
    let sent = bench.receive(PHONE, last.response("491 Request Pending", ""));
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    assert_eq!(what(&bench.pass(4)), [""; 0]);
    assert_eq!(bench.released(), None);

    let (mut bench, _) = up(one());
    offer(&mut bench, Side::A, Offered::Again);
    let sent = bench.receive(PHONE, reinvite_of_phone(&bench));
    assert_eq!(what(&sent), ["491 Request Pending > phone"]);
}

#[test]
fn ours_waits_until_the_other_party_s_is_over() {
    let (mut bench, _) = up(one());
    let passed = bench.receive(PHONE, reinvite_of_phone(&bench)).remove(0);
    assert_eq!(what(&offer(&mut bench, Side::B, Offered::Again)), [""; 0]);
    let sent = bench.receive(FIRST, passed.response("488 Not Here", ""));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "488 Not Acceptable Here > phone",
            "INVITE sip:gw@203.0.113.1 > trunk 1"
        ]
    );
    // What was refused does not count.
    assert_eq!(sent[2].body(), CALLER);
}

#[test]
fn what_is_answered_when_the_call_is_over_is_acknowledged_and_not_ended_twice() {
    let (mut bench, _) = up(one());
    let open = offer(&mut bench, Side::B, Offered::Again).remove(0);
    let sent = bench.phone_says("BYE", 2, "");
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:gw@203.0.113.1 > trunk 1"]);
    let sent = bench.receive(FIRST, open.response_with("200 OK", "", CALLER));
    assert_eq!(what(&sent), ["ACK sip:gw@203.0.113.1 > trunk 1"]);
    assert!(bench.switch.tables.uses_by_client_tx.is_empty());
}

#[test]
fn a_trunk_is_told_who_we_are() {
    let login = Login { user: "4312345".to_owned(), password: "secret".to_owned() };
    let (mut bench, _) = up(TrunkConfig { login: Some(login), ..one() });
    let sent = offer(&mut bench, Side::B, Offered::Again);
    let asks = "Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"\r\n";
    let sent = bench.receive(FIRST, sent[0].response("407 Asked", asks));
    assert_eq!(what(&sent)[1], "INVITE sip:gw@203.0.113.1 > trunk 1");
    assert_eq!((sent[1].line("CSeq").as_str(), sent[1].body()), ("3 INVITE", CALLER));
    assert!(sent[1].line("Proxy-Authorization").starts_with("Digest username=\"4312345\""));
}

#[test]
fn a_dead_dialog_ends_the_call_and_a_refusal_does_not() {
    let (mut bench, _) = up(one());
    let sent = offer(&mut bench, Side::B, Offered::Again);
    bench.receive(FIRST, sent[0].response("488 Not Here", ""));
    assert_eq!(bench.released(), None);
    let sent = offer(&mut bench, Side::B, Offered::Again);
    let sent = bench.receive(FIRST, sent[0].response("481 Gone", ""));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "BYE sip:1000@198.51.100.1 > phone",
            "BYE sip:gw@203.0.113.1 > trunk 1"
        ]
    );
    assert_eq!(bench.released(), Some(Cause::SessionExpired));
}
