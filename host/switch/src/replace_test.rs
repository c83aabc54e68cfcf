#![allow(clippy::unwrap_used)]
//! INVITEs with Replaces, message by message. The phone has one call and sends another INVITE for its place.

use std::time::Duration;

use crate::{
    Cause, Config, Fact, SessionConfig,
    trunk::bench::{Bench, FIRST, PHONE, Sent, two, what},
};

const OLD: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";
const NEW: &str = "v=0\r\no=n 5 5 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 9\r\n";
const CALLEE: &str = "v=0\r\no=b 7 7 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

/// A call of the phone, up.
fn up() -> Bench {
    up_in(Bench::new(two()))
}

fn up_in(mut bench: Bench) -> Bench {
    bench.invite_with(PHONE, OLD);
    let invite = bench.route(&["a"]).remove(0);
    let contact = "Contact: <sip:gw@203.0.113.1>\r\n";
    bench.receive(FIRST, invite.response_with("200 OK", contact, CALLEE));
    bench.phone_says("ACK", 1, "");
    bench
}

fn replace(bench: &mut Bench, value: &str) -> Vec<Sent> {
    bench.invite_asking(PHONE, &format!("Require: replaces\r\nReplaces: {value}\r\n"), NEW)
}

fn of_phone(bench: &Bench) -> String {
    format!("1;to-tag={};from-tag=a", bench.tags_of_calls["1"])
}

#[test]
fn another_phone_takes_the_place_of_a_party() {
    let mut bench = up();
    let value = of_phone(&bench);
    let sent = replace(&mut bench, &value);
    assert_eq!(what(&sent), ["INVITE sip:gw@203.0.113.1 > trunk 1"]);
    assert_eq!(sent[0].body(), NEW.replace("o=n 5 5 ", "o=a 1 2 "));
    let sent = bench.receive(FIRST, sent[0].response_with("200 OK", "", CALLEE));
    assert_eq!(
        what(&sent),
        ["ACK sip:gw@203.0.113.1 > trunk 1", "200 OK > phone", "BYE sip:1000@198.51.100.1 > phone"]
    );
    assert_eq!((sent[1].line("Call-ID").as_str(), sent[1].body()), ("2", CALLEE));
    assert_eq!(sent[2].line("Call-ID"), "1");
    assert_eq!(bench.released(), Some(Cause::Transferred));
    bench.phone_says_in(2, "ACK", 1, "");
    let sent = bench.phone_says_in(2, "INFO", 2, "");
    assert_eq!(what(&sent), ["INFO sip:gw@203.0.113.1 > trunk 1"]);
}

#[test]
fn another_phone_takes_the_place_of_who_was_called() {
    let take_over = crate::TakeOver::Anybody;
    let transfers = crate::TransferConfig { take_over, ..Default::default() };
    let mut bench = up_in(Bench::of(Config { transfers, ..Bench::config(two(), None) }));
    let tag = bench.leg("From").split("tag=").nth(1).unwrap().to_owned();
    let value = format!("{};to-tag={tag};from-tag=carrier", bench.leg("Call-ID"));
    let sent = replace(&mut bench, &value);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    let sent = bench.receive(PHONE, sent[0].response_with("200 OK", "", OLD));
    assert_eq!(
        what(&sent),
        ["ACK sip:1000@198.51.100.1 > phone", "200 OK > phone", "BYE sip:gw@203.0.113.1 > trunk 1"]
    );
    bench.phone_says_in(2, "ACK", 1, "");
    // What who called says now goes to who has come.
    let sent = bench.phone_says("BYE", 2, "");
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[1].line("Call-ID"), "2");
}

#[test]
fn when_the_other_party_refuses_nothing_is_replaced() {
    let mut bench = up();
    let value = of_phone(&bench);
    let sent = replace(&mut bench, &value);
    let sent = bench.receive(FIRST, sent[0].response("488 Not Acceptable Here", ""));
    assert_eq!(
        what(&sent),
        ["ACK sip:gw@203.0.113.1 > trunk 1", "488 Not Acceptable Here > phone"]
    );
    let sent = bench.phone_says("INFO", 2, "");
    assert_eq!(what(&sent), ["INFO sip:gw@203.0.113.1 > trunk 1"]);
}

/// A call of the phone that rings at the first trunk; gives the INVITE that the trunk has.
fn ringing() -> (Bench, Sent) {
    ringing_in(Bench::new(two()))
}

fn ringing_in(mut bench: Bench) -> (Bench, Sent) {
    bench.invite_with(PHONE, OLD);
    ring(bench)
}

/// The call that has come in rings.
fn ring(mut bench: Bench) -> (Bench, Sent) {
    let invite = bench.route(&["a"]).remove(0);
    let sent =
        bench.receive(FIRST, invite.response("180 Ringing", "Contact: <sip:gw@203.0.113.1>\r\n"));
    assert_eq!(what(&sent), ["180 Ringing > phone"]);
    (bench, invite)
}

fn of_ringing(invite: &Sent) -> String {
    let tag = invite.line("From").split("tag=").nth(1).unwrap().to_owned();
    format!("{};to-tag={tag};from-tag=carrier;early-only", invite.line("Call-ID"))
}

#[test]
fn a_call_that_rings_is_picked_up() {
    let (mut bench, invite) = ringing();
    let sent = replace(&mut bench, &of_ringing(&invite));
    assert_eq!(
        what(&sent),
        ["CANCEL sip:+43123@203.0.113.1 > trunk 1", "200 OK > phone", "200 OK > phone"]
    );
    // Each is answered with what both can do, under the numbers of the other.
    assert_eq!((sent[1].line("Call-ID").as_str(), sent[2].line("Call-ID").as_str()), ("2", "1"));
    assert_eq!(sent[1].body(), OLD.replace("AVP 0 8", "AVP 8"));
    assert_eq!(sent[2].body(), NEW.replace("AVP 8 9", "AVP 8"));
    bench.phone_says_in(1, "ACK", 1, "");
    bench.phone_says_in(2, "ACK", 1, "");
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::Established { .. })));
    let sent = bench.phone_says_in(2, "BYE", 2, "");
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:1000@198.51.100.1 > phone"]);
}

#[test]
fn who_picks_up_a_caller_that_is_not_to_be_known_does_not_learn_who_it_is() {
    let contact = |fields: &str| {
        let mut bench = Bench::new(two());
        bench.invite_asking(PHONE, fields, OLD);
        let (mut bench, invite) = ring(bench);
        let sent = replace(&mut bench, &of_ringing(&invite));
        let ok = sent
            .iter()
            .find(|sent| sent.text.starts_with("SIP/2.0 200") && sent.line("Call-ID") == "2");
        ok.unwrap().line("Contact")
    };
    assert_eq!(contact(""), "<sip:1000@192.0.2.9:5060>");
    assert_eq!(contact("Privacy: id\r\n"), "<sip:192.0.2.9:5060>");
}

#[test]
fn who_has_no_codec_in_common_picks_nothing_up() {
    let (mut bench, invite) = ringing();
    let fields = format!("Replaces: {}\r\n", of_ringing(&invite));
    let sent = bench.invite_asking(PHONE, &fields, &NEW.replace("AVP 8 9", "AVP 9"));
    assert_eq!(what(&sent), ["488 Not Acceptable Here > phone"]);
    let sent = bench.receive(FIRST, invite.response("180 Ringing", ""));
    assert_eq!(what(&sent), ["180 Ringing > phone"]);
}

#[test]
fn what_is_not_there_is_not_replaced() {
    let status = |bench: &mut Bench, value: &str| what(&replace(bench, value)).concat();
    let mut bench = up();
    let own = of_phone(&bench);
    let gone = "481 Call/Transaction Does Not Exist > phone";
    assert_eq!(status(&mut bench, "1;to-tag=x;from-tag=a"), gone);
    assert_eq!(status(&mut bench, &own.replace("from-tag=a", "from-tag=b")), gone);
    assert_eq!(status(&mut bench, &own.replace("1;", "9;")), gone);
    assert_eq!(status(&mut bench, &format!("{own};early-only")), "486 Busy Here > phone");
    assert_eq!(status(&mut bench, "1;to-tag=x"), "400 Bad Replaces > phone");
    let twice = format!("{own}\r\nReplaces: {own}");
    assert_eq!(status(&mut bench, &twice), "400 Bad Replaces > phone");
    // RFC 3891 section 3: an early dialog that we did not begin.
    let (mut bench, _) = ringing();
    let early = format!("1;to-tag={};from-tag=a", bench.tag);
    assert_eq!(status(&mut bench, &early), gone);
    bench.phone_says("BYE", 2, "");
    assert_eq!(status(&mut bench, &early), gone);
}

#[test]
fn a_stranger_does_not_take_over_what_others_talk_and_may_pick_up_what_rings() {
    let mut bench = up();
    let tag = bench.leg("From").split("tag=").nth(1).unwrap().to_owned();
    // The dialog of who was called, as a lamp tells it.
    let value = format!("{};to-tag={tag};from-tag=carrier", bench.leg("Call-ID"));
    assert_eq!(what(&replace(&mut bench, &value)), ["403 Forbidden > phone"]);
    let sent = bench.phone_says("INFO", 2, "");
    assert_eq!(what(&sent), ["INFO sip:gw@203.0.113.1 > trunk 1"], "the call stands");
}

#[test]
fn who_offers_nothing_replaces_nothing_and_leaves_nothing_behind() {
    let mut bench = up();
    let value = of_phone(&bench);
    let fields = format!("Replaces: {value}\r\n");
    let sent = bench.invite_asking(PHONE, &fields, "");
    assert_eq!(what(&sent), ["488 An offer is needed to replace a call > phone"]);
    let stats = bench.switch.stats();
    assert_eq!((stats.calls_now, stats.calls_ending), (1, 0));
}

#[test]
fn a_call_that_was_replaced_or_picked_up_lasts_no_longer_than_others() {
    let sessions = SessionConfig { call_max: Duration::from_secs(600), ..Default::default() };
    let config = || Config { sessions, ..Bench::config(two(), None) };
    let mut bench = up_in(Bench::of(config()));
    let value = of_phone(&bench);
    let sent = replace(&mut bench, &value);
    bench.receive(FIRST, sent[0].response_with("200 OK", "", CALLEE));
    bench.phone_says_in(2, "ACK", 1, "");
    bench.pass(599);
    assert_eq!(bench.switch.stats().calls_now, 1);
    bench.pass(2);
    assert_eq!(too_long(&bench), 1);
    let (mut bench, invite) = ringing_in(Bench::of(config()));
    replace(&mut bench, &of_ringing(&invite));
    bench.phone_says_in(1, "ACK", 1, "");
    bench.phone_says_in(2, "ACK", 1, "");
    bench.pass(601);
    assert_eq!(too_long(&bench), 1);
}

fn too_long(bench: &Bench) -> usize {
    let is_it = |fact: &&Fact| matches!(fact, Fact::Released { cause: Cause::TooLong, .. });
    bench.facts.iter().filter(is_it).count()
}
