#![allow(clippy::unwrap_used)]
//! Calls that a third party holds, takes back and ends, message by message.

use std::num::NonZeroU16;

use model::{LegId, Shard, Shards};

use super::super::talk::Talk;
use crate::{
    Action, Config, Control, Input, Output, Word,
    trunk::bench::{Bench, FIRST, PHONE, Sent, what},
};

pub(super) const CALLER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(super) const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

/// A call that is up.
fn up() -> Talk {
    let mut talk = Talk::begin("", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.bench.story();
    talk
}

fn leg(bench: &Bench, number: u16) -> LegId {
    LegId { conn: bench.conn(), number }
}

fn hold(bench: &mut Bench, number: u16) -> Vec<Sent> {
    bench.control(Action::Hold { leg: leg(bench, number) })
}

fn retrieve(bench: &mut Bench, number: u16) -> Vec<Sent> {
    bench.control(Action::Retrieve { conn: bench.conn(), leg: leg(bench, number) })
}

/// Both parties take what they are told, the caller first; gives the two INVITEs.
fn both_take(bench: &mut Bench, sent: Vec<Sent>) -> [Sent; 2] {
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", CALLER);
    let second = bench.receive(PHONE, ok);
    assert_eq!(
        what(&second),
        ["ACK sip:1000@198.51.100.1 > phone", "INVITE sip:2000@203.0.113.1 > trunk 1"]
    );
    let ok = second[1].response_with("200 OK", "Contact: <sip:2000@203.0.113.1>\r\n", CALLEE);
    let last = bench.receive(FIRST, ok);
    assert_eq!(what(&last), ["ACK sip:2000@203.0.113.1 > trunk 1"]);
    [sent[0].clone(), second[1].clone()]
}

#[test]
fn both_parties_are_told_of_a_hold_and_of_its_end() {
    let mut bench = up().bench;
    let sent = hold(&mut bench, 1);
    assert_eq!(bench.story(), [""; 0], "it is not held before both know");
    let told = both_take(&mut bench, sent);
    for invite in &told {
        assert!(invite.body().ends_with("a=inactive\r\n"), "{}", invite.body());
    }
    assert_eq!(bench.story(), ["held 1.1", "done 1"]);
    let views: Vec<bool> =
        bench.switch.calls(bench.now).next().unwrap().legs.iter().map(|leg| leg.holding).collect();
    assert_eq!(views, [false, true]);
    // Who does not hold has nothing to take back, and who does holds already.
    assert!(retrieve(&mut bench, 0).is_empty());
    assert!(hold(&mut bench, 1).is_empty());
    assert_eq!(bench.story(), ["not done: State", "not done: State"]);
    let sent = retrieve(&mut bench, 1);
    let told = both_take(&mut bench, sent);
    for invite in &told {
        assert!(!invite.body().contains("inactive"), "{}", invite.body());
    }
    assert_eq!(bench.story(), ["retrieved 1.1", "done 1"]);
}

#[test]
fn a_call_that_both_hold_is_held_until_both_take_it_back() {
    let mut bench = up().bench;
    let sent = hold(&mut bench, 0);
    both_take(&mut bench, sent);
    assert!(hold(&mut bench, 1).is_empty());
    assert_eq!(bench.story(), ["held 1.0", "done 1", "held 1.1", "done 1"]);
    assert!(retrieve(&mut bench, 0).is_empty());
    assert_eq!(bench.story(), ["retrieved 1.0", "done 1"]);
    let sent = retrieve(&mut bench, 1);
    both_take(&mut bench, sent);
    assert_eq!(bench.story(), ["retrieved 1.1", "done 1"]);
}

#[test]
fn one_thing_at_a_time_and_a_phone_that_refuses_is_not_held() {
    let mut bench = up().bench;
    let sent = hold(&mut bench, 0);
    assert!(hold(&mut bench, 1).is_empty());
    assert_eq!(bench.story(), ["not done: State"]);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", CALLER);
    let sent = bench.receive(PHONE, ok);
    let refused = sent[1].response("488 Not Acceptable Here", "");
    let sent = bench.receive(FIRST, refused);
    // The one that has taken it is told that it is not held after all.
    assert_eq!(
        what(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    assert!(!sent[1].body().contains("inactive"));
    assert_eq!(bench.story(), ["not done: Phone(488)"]);
    let ok = sent[1].response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", CALLER);
    bench.receive(PHONE, ok);
    // And it may be tried again.
    assert_eq!(what(&hold(&mut bench, 0)), ["INVITE sip:1000@198.51.100.1 > phone"]);
}

#[test]
fn a_phone_that_knows_no_such_call_ends_it() {
    let mut bench = up().bench;
    let sent = hold(&mut bench, 0);
    bench.receive(PHONE, sent[0].response("481 Gone", ""));
    assert_eq!(bench.story(), ["not done: Phone(481)", "released 1: hang-up by switch"]);
}

#[test]
fn what_is_wanted_of_a_call_that_ends_is_answered() {
    let mut talk = up();
    hold(&mut talk.bench, 0);
    talk.ask("BYE", "", "");
    assert_eq!(talk.bench.story(), ["not done: NoCall", "released 1: hang-up by caller"]);
}

#[test]
fn a_leg_is_released_as_its_party_would_do_it() {
    for (number, by) in [(0, "caller"), (1, "callee")] {
        let mut bench = up().bench;
        let sent = bench.control(Action::Release { leg: leg(&bench, number) });
        assert_eq!(
            what(&sent),
            ["BYE sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
        );
        assert_eq!(bench.story(), [format!("released 1: hang-up by {by}"), "done 1".to_owned()]);
    }
    let mut bench = up().bench;
    let sent = bench.control(Action::Clear { conn: bench.conn() });
    assert_eq!(sent.len(), 2);
    assert_eq!(bench.story(), ["released 1: hang-up by switch", "done 1"]);
    let mut bench = up().bench;
    assert!(bench.control(Action::Release { leg: leg(&bench, 2) }).is_empty());
    assert_eq!(bench.story(), ["not done: NoLeg"]);
}

#[test]
fn a_call_that_rings_is_given_up_or_declined() {
    let ringing = || {
        let mut talk = Talk::begin("", CALLER, 1);
        talk.respond(0, "180 Ringing", "b", "", "");
        talk.bench.story();
        talk.bench
    };
    for action in [0, 1] {
        let mut bench = ringing();
        let action = match action {
            0 => Action::Release { leg: leg(&bench, 0) },
            _ => Action::Clear { conn: bench.conn() },
        };
        let sent = bench.control(action);
        assert_eq!(
            what(&sent),
            ["487 Request Terminated > phone", "CANCEL sip:2000@203.0.113.1 > trunk 1"]
        );
        assert_eq!(bench.story(), ["released 1: cancelled", "done 1"]);
    }
    let mut bench = ringing();
    let sent = bench.control(Action::Release { leg: leg(&bench, 1) });
    assert_eq!(what(&sent), ["603 Decline > phone", "CANCEL sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(bench.story(), ["released 1: refused 603", "done 1"]);
    let mut bench = ringing();
    assert!(hold(&mut bench, 0).is_empty());
    assert_eq!(bench.story(), ["not done: State"]);
}

#[test]
fn a_held_call_is_not_one_whose_media_is_silent() {
    let mut config = Bench::config(Vec::new(), None);
    config.sessions.end_silent = true;
    let mut talk = Talk::with(Bench::of(config), "", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    let mut bench = talk.bench;
    let sent = hold(&mut bench, 0);
    both_take(&mut bench, sent);
    bench.story();
    let relay = model::RelayId(bench.conn());
    let silent = || {
        Input::Relay(media::RelayEvent::Silent { relay, since: std::time::Duration::from_secs(60) })
    };
    bench.switch.handle_input(bench.now, &bench.town, silent());
    assert_eq!(bench.story(), [""; 0]);
    bench.drain();
    let sent = retrieve(&mut bench, 0);
    both_take(&mut bench, sent);
    bench.switch.handle_input(bench.now, &bench.town, silent());
    bench.drain();
    assert_eq!(bench.story().last().unwrap(), "released 1: no media");
}

#[test]
fn a_held_call_goes_to_another_shard_and_what_is_wanted_of_it_follows() {
    let shards = Shards(NonZeroU16::new(2).unwrap());
    let config = |n| Config { shard: Shard(n), shards, ..Bench::config(Vec::new(), None) };
    let mut talk = Talk::with(Bench::of(config(0)), "", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    let mut bench = talk.bench;
    let sent = hold(&mut bench, 0);
    assert!(bench.switch.export(bench.now, bench.conn(), Some(Shard(1))).is_err());
    both_take(&mut bench, sent);
    let leg = leg(&bench, 0);
    let moved = bench.switch.export(bench.now, leg.conn, Some(Shard(1))).unwrap();
    assert_eq!(moved.image.holders, [true, false]);
    let mut other = Bench::of(config(1));
    other.now = bench.now;
    other.switch.import(bench.now, &other.town, moved).unwrap();
    other.drain();
    let control = Control { ticket: 3, action: Action::Retrieve { conn: leg.conn, leg } };
    bench.switch.handle_input(bench.now, &bench.town, Input::Control(control.clone()));
    let word = Word::Control(control);
    let tell = Output::Tell { to: Shard(1), word: word.clone() };
    let all: Vec<Output> = std::iter::from_fn(|| bench.switch.poll_output()).collect();
    assert!(all.contains(&tell), "{all:?}");
    other.switch.handle_input(bench.now, &other.town, Input::Told(word));
    let sent = other.drain();
    both_take(&mut other, sent);
    assert_eq!(other.story(), ["retrieved 1.0", "done 1"]);
}
