#![allow(clippy::unwrap_used)]
//! Attended transfers, message by message: the phone talks to the first trunk's party and to the second's, and joins them.

use crate::{
    Cause, Fact,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, two, what},
};

const PHONE_SDP: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const ONE: &str = "v=0\r\no=b 7 7 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0 8\r\n";
const TWO: &str = "v=0\r\no=t 3 3 IN IP4 203.0.113.2\r\ns=-\r\nc=IN IP4 203.0.113.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// The phone calls a trunk; gives the INVITE that the trunk gets.
fn call(bench: &mut Bench, trunk: &str) -> Sent {
    bench.invite_with(PHONE, PHONE_SDP);
    bench.route(&[trunk]).remove(0)
}

/// The trunk of an INVITE answers it.
fn answer(bench: &mut Bench, call: u32, invite: &Sent, from: [u8; 4], sdp: &str) {
    let contact = format!("Contact: <sip:gw@{}>\r\n", std::net::IpAddr::from(from));
    bench.receive(from, invite.response_with("200 OK", &contact, sdp));
    bench.phone_says_in(call, "ACK", 1, "");
}

fn refer(bench: &mut Bench, tag: &str, more: &str) -> Vec<Sent> {
    let replaces = format!("2%3Bto-tag%3D{tag}%3Bfrom-tag%3Da{more}");
    bench.phone_says(
        "REFER",
        2,
        &format!("Refer-To: <sip:+43999@office.test?Replaces={replaces}>\r\n"),
    )
}

/// Both calls up.
fn both() -> Bench {
    let mut bench = Bench::new(two());
    let invite = call(&mut bench, "a");
    answer(&mut bench, 1, &invite, FIRST, ONE);
    let invite = call(&mut bench, "b");
    answer(&mut bench, 2, &invite, SECOND, TWO);
    bench
}

/// As far as the re-INVITE to the first party.
fn begun(bench: &mut Bench) -> Sent {
    let tag = bench.tags_of_calls["2"].clone();
    let mut sent = refer(bench, &tag, "");
    assert_eq!(
        what(&sent),
        [
            "202 Accepted > phone",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "INVITE sip:gw@203.0.113.1 > trunk 1"
        ]
    );
    assert_eq!(sent[2].body(), "");
    bench.receive(PHONE, sent[1].response("200 OK", ""));
    sent.remove(2)
}

#[test]
fn both_parties_are_joined_and_both_calls_of_the_phone_end() {
    let mut bench = both();
    let ask = begun(&mut bench);
    let sent = bench.receive(FIRST, ask.response_with("200 OK", "", ONE));
    assert_eq!(what(&sent), ["INVITE sip:gw@203.0.113.2 > trunk 2"]);
    // What it knows of its session goes on: it has spoken to the phone so far.
    assert_eq!(sent[0].body(), ONE.replace("o=b 7 7 ", "o=a 1 2 "));
    let sent = bench.receive(SECOND, sent[0].response_with("200 OK", "", TWO));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.2 > trunk 2",
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone"
        ]
    );
    assert_eq!(sent[1].body(), TWO.replace("o=t 3 3 ", "o=a 1 2 "));
    assert_eq!(sent[2].body(), "SIP/2.0 200 OK\r\n");
    let calls: Vec<_> = bench.switch.calls(bench.now).map(|call| call.phase.name()).collect();
    assert_eq!(calls, ["established"]);
    let over = bench
        .facts
        .iter()
        .filter(|fact| matches!(fact, Fact::Released { cause: Cause::Transferred, .. }));
    assert_eq!(over.count(), 2);
    let facts = bench.facts.iter().rev().find_map(|fact| match fact {
        Fact::CallOffered { facts, .. } => Some(facts.clone()),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!(facts.transfer.as_ref().unwrap().kind.name(), "attended");
    assert_eq!((facts.caller.user.as_str(), facts.trunk.as_deref()), ("+43123", Some("a")));
}

#[test]
fn when_the_second_party_refuses_both_are_where_they_were() {
    let mut bench = both();
    let ask = begun(&mut bench);
    let reinvite = bench.receive(FIRST, ask.response_with("200 OK", "", ONE)).remove(0);
    let sent = bench.receive(SECOND, reinvite.response("488 Not Acceptable Here", ""));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.2 > trunk 2",
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "NOTIFY sip:1000@198.51.100.1 > phone"
        ]
    );
    // The offer is answered with what the party was told before.
    assert_eq!(
        (sent[1].body(), sent[2].body()),
        (PHONE_SDP, "SIP/2.0 488 Not Acceptable Here\r\n")
    );
    for (call, trunk) in [(1, "1 > trunk 1"), (2, "2 > trunk 2")] {
        let sent = bench.phone_says_in(call, "INFO", 3, "");
        assert_eq!(what(&sent), [format!("INFO sip:gw@203.0.113.{trunk}")]);
    }
}

#[test]
fn a_party_that_hangs_up_while_it_is_joined_ends_everything() {
    let mut bench = both();
    begun(&mut bench);
    let bye = format!(
        "BYE sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKbye\r\nFrom: {};tag=carrier\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        bench.leg("To"),
        bench.leg("From"),
        bench.leg("Call-ID"),
    );
    let sent = bench.receive(FIRST, bye);
    let mut told = what(&sent);
    told.sort();
    assert_eq!(
        told,
        [
            "200 OK > trunk 1",
            "BYE sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone",
            "BYE sip:gw@203.0.113.2 > trunk 2",
            "NOTIFY sip:1000@198.51.100.1 > phone"
        ]
    );
    assert!(bench.switch.calls(bench.now).all(|call| call.phase.name() == "ending"));
}

#[test]
fn a_dialog_that_is_not_there_or_not_early_is_not_replaced() {
    for (tag, more, status) in [
        (Some("nobody"), "", "481 Call/Transaction Does Not Exist"),
        (None, "%3Bearly-only", "486 Busy Here"),
        (None, "x", "481 Call/Transaction Does Not Exist"),
    ] {
        let mut bench = both();
        let tag = tag.map_or_else(|| bench.tags_of_calls["2"].clone(), str::to_owned);
        let sent = refer(&mut bench, &tag, more);
        // The answer to the REFER says nothing of the dialog it came in, so it is not 481.
        assert_eq!(what(&sent)[0], "202 Accepted > phone");
        let last = bench.receive(PHONE, sent[1].response("200 OK", ""));
        let mut told = sent.iter().chain(&last).map(|sent| sent.body().trim_end().to_owned());
        assert_eq!(told.rfind(|body| !body.is_empty()), Some(format!("SIP/2.0 {status}")));
        let calls: Vec<_> = bench.switch.calls(bench.now).map(|call| call.phase.name()).collect();
        assert_eq!(calls, ["established", "established"]);
    }
}

#[test]
fn a_party_is_sent_on_to_a_phone_that_still_rings() {
    let mut bench = Bench::new(two());
    let invite = call(&mut bench, "a");
    answer(&mut bench, 1, &invite, FIRST, ONE);
    let ringing = call(&mut bench, "b");
    bench.receive(SECOND, ringing.response("180 Ringing", "Contact: <sip:gw@203.0.113.2>\r\n"));
    let tag = bench.tag.clone();
    let sent = refer(&mut bench, &tag, "");
    assert_eq!(
        what(&sent),
        [
            "202 Accepted > phone",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "487 Request Terminated > phone"
        ]
    );
    bench.receive(PHONE, sent[1].response("200 OK", ""));
    let ok = ringing.response_with("200 OK", "Contact: <sip:gw@203.0.113.2>\r\n", TWO);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:gw@203.0.113.2 > trunk 2", "INVITE sip:gw@203.0.113.1 > trunk 1"]
    );
    let sent = bench.receive(FIRST, sent[1].response_with("200 OK", "", ONE));
    assert_eq!(what(&sent), ["INVITE sip:gw@203.0.113.2 > trunk 2"]);
    assert_eq!(sent[0].body(), ONE.replace("o=b 7 7 ", "o=a 1 2 "));
    let sent = bench.receive(SECOND, sent[0].response_with("200 OK", "", TWO));
    assert_eq!(
        what(&sent),
        [
            "ACK sip:gw@203.0.113.2 > trunk 2",
            "ACK sip:gw@203.0.113.1 > trunk 1",
            "NOTIFY sip:1000@198.51.100.1 > phone",
            "BYE sip:1000@198.51.100.1 > phone"
        ]
    );
}

/// A request of the party that has got `ask` from us, in its dialog.
fn of_party(ask: &Sent, method: &str, cseq: u32, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{method}{cseq}\r\nFrom: {}\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:gw@203.0.113.1>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        ask.line("To"),
        ask.line("From"),
        ask.line("Call-ID"),
        body.len()
    )
}

#[test]
fn a_party_that_is_being_joined_is_not_told_that_its_dialog_is_gone() {
    let mut bench = both();
    let ask = begun(&mut bench);
    let sent = bench.receive(FIRST, of_party(&ask, "UPDATE", 1, ""));
    assert_eq!(what(&sent), ["200 OK > trunk 1"]);
    let sent = bench.receive(FIRST, of_party(&ask, "INVITE", 2, ONE));
    assert_eq!(what(&sent), ["491 Request Pending > trunk 1"]);
    let sent = bench.receive(FIRST, of_party(&ask, "UPDATE", 3, ONE));
    assert_eq!(what(&sent), ["491 Request Pending > trunk 1"]);
}

#[test]
fn nobody_joins_a_call_that_is_none_of_his() {
    let mut bench = Bench::new(two());
    let invite = call(&mut bench, "a");
    answer(&mut bench, 1, &invite, FIRST, ONE);
    let invite = call(&mut bench, "b");
    answer(&mut bench, 2, &invite, SECOND, TWO);
    // The dialog of the second trunk's party, which the phone has no business to end.
    let tag = invite.line("From").split("tag=").nth(1).unwrap().to_owned();
    let id = invite.line("Call-ID").replace('@', "%40");
    let replaces = format!("{id}%3Bto-tag%3D{tag}%3Bfrom-tag%3Dcarrier");
    let fields = format!("Refer-To: <sip:+43999@office.test?Replaces={replaces}>\r\n");
    assert_eq!(what(&bench.phone_says("REFER", 2, &fields)), ["403 Forbidden > phone"]);
    let calls = bench.switch.calls(bench.now).map(|call| call.phase.name());
    assert_eq!(calls.collect::<Vec<_>>(), ["established", "established"]);
}
