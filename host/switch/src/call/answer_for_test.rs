#![allow(clippy::unwrap_used)]
//! Phones that a third party has answer, be sent on and give way, message by message.

use model::{
    LegId,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use super::super::talk::Talk;
use crate::{
    Action,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what},
};

const CALLER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

fn ringing(fields: &str, places: usize) -> Talk {
    let mut talk = Talk::begin("", CALLER, places);
    for n in 0..places {
        talk.respond(n, "180 Ringing", "b", fields, "");
    }
    talk.bench.story();
    talk
}

fn leg(bench: &Bench, number: u16) -> LegId {
    LegId { conn: bench.conn(), number }
}

fn answer(bench: &mut Bench, number: u16) -> Vec<Sent> {
    bench.control(Action::Answer { leg: leg(bench, number) })
}

fn to_second(bench: &mut Bench) -> Vec<Sent> {
    let target = Target::new(Destination::Uri("sip:3000@203.0.113.2".to_owned()));
    bench.decide(
        Hook::Route,
        Verdict::Plan(Plan { targets: vec![target], media: MediaMode::Default }),
    )
}

#[test]
fn a_phone_that_takes_it_is_told_to_answer_within_its_early_dialog() {
    let mut talk = ringing("Allow-Events: hold, talk\r\n", 1);
    let sent = answer(&mut talk.bench, 1);
    assert_eq!(what(&sent), ["NOTIFY sip:2000@203.0.113.1 > trunk 1"]);
    let fields = ["Event", "Subscription-State", "CSeq", "Call-ID", "To"];
    let said = fields.map(|name| sent[0].line(name));
    let call_id = talk.invites[0].line("Call-ID");
    let expected = ["talk", "active", "2 NOTIFY", &call_id, "<sip:2000@office.test>;tag=b"];
    assert_eq!(said, expected);
    assert!(talk.answer(&sent[0], "200 OK", "").is_empty());
    assert_eq!(talk.bench.story(), [""; 0]);
    let sent = talk.respond(0, "200 OK", "b", "", CALLEE);
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(talk.bench.story(), ["established 1.1", "done 1"]);
    talk.ask("ACK", "", "");
    // The numbers of the early dialog go on.
    let sent = talk.ask("BYE", "", "");
    assert_eq!(sent[1].line("CSeq"), "3 BYE");
    assert!(answer(&mut ringing("", 1).bench, 2).is_empty());
}

/// The INVITE that asks the phone to answer by itself, among what was sent.
fn asks_anew(talk: &Talk, sent: &[Sent]) -> Sent {
    assert_eq!(
        what(sent),
        ["CANCEL sip:2000@203.0.113.1 > trunk 1", "INVITE sip:2000@203.0.113.1 > trunk 1"]
    );
    let invite = sent[1].clone();
    assert_ne!(invite.line("Call-ID"), talk.invites[0].line("Call-ID"));
    let said = ["Answer-Mode", "Call-Info", "Alert-Info"].map(|name| invite.line(name));
    assert_eq!(
        said,
        [
            "Auto",
            "<http://www.notused.com>;answer-after=0",
            "<http://www.notused.com>;info=alert-autoanswer;delay=0"
        ]
    );
    assert_eq!(invite.body(), CALLER);
    invite
}

#[test]
fn another_phone_is_called_anew_and_answers_by_itself() {
    let mut talk = ringing("", 1);
    let sent = answer(&mut talk.bench, 1);
    let invite = asks_anew(&talk, &sent);
    talk.answer(&sent[0], "200 OK", "");
    talk.respond(0, "487 Request Terminated", "b", "", "");
    assert_eq!(talk.bench.story(), [""; 0], "of the first INVITE nothing is told");
    talk.invites.push(invite);
    let ok = talk.invites[1].response_with("200 OK", "Contact: <sip:2000@203.0.113.1>\r\n", CALLEE);
    let sent = talk.bench.receive(FIRST, ok);
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(talk.bench.story(), ["established 1.1", "done 1"]);
    talk.ask("ACK", "", "");
    assert_eq!(what(&talk.ask("BYE", "", "")).len(), 2);
}

#[test]
fn a_phone_that_refuses_to_be_told_is_called_anew() {
    let mut talk = ringing("Allow-Events: talk\r\n", 1);
    let sent = answer(&mut talk.bench, 1);
    let sent = talk.answer(&sent[0], "489 Bad Event", "");
    asks_anew(&talk, &sent);
    assert_eq!(talk.bench.story(), [""; 0]);
    // The 2xx that crosses the CANCEL is not wanted.
    let sent = talk.respond(0, "200 OK", "b", "", CALLEE);
    assert_eq!(
        what(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert_eq!(talk.bench.story(), [""; 0]);
}

#[test]
fn who_waits_for_an_answer_learns_that_there_is_none() {
    let mut talk = ringing("", 1);
    let sent = answer(&mut talk.bench, 1);
    assert!(answer(&mut talk.bench, 1).is_empty());
    assert_eq!(talk.bench.story(), ["not done: State"]);
    talk.bench.receive(FIRST, sent[1].response("486 Busy Here", ""));
    assert_eq!(talk.bench.story()[..2], ["failed 1.1: 486", "not done: Phone(486)"]);
    // Of two that ring another one answers.
    let mut talk = ringing("Allow-Events: talk\r\n", 2);
    answer(&mut talk.bench, 1);
    talk.respond(1, "200 OK", "b", "", CALLEE);
    assert_eq!(talk.bench.story(), ["established 1.2", "not done: NoLeg"]);
    // And the caller gives up.
    let mut talk = ringing("", 1);
    answer(&mut talk.bench, 1);
    talk.bench.control(Action::Clear { conn: talk.bench.conn() });
    assert_eq!(talk.bench.story(), ["not done: NoCall", "released 1: cancelled", "done 1"]);
}

#[test]
fn what_rings_is_given_up_for_whom_the_call_is_redirected_to() {
    let mut talk = ringing("", 2);
    let to = |to: &str| Action::Redirect { leg: leg(&talk.bench, 1), to: to.to_owned() };
    let (good, bad) = (to("3000"), to("sip:"));
    assert!(talk.bench.control(bad).is_empty());
    assert_eq!(talk.bench.story(), ["not done: Destination"]);
    let sent = talk.bench.control(good);
    assert_eq!(
        what(&sent),
        ["CANCEL sip:2000@203.0.113.1 > trunk 1", "CANCEL sip:2000@203.0.113.2 > trunk 2"]
    );
    assert_eq!(talk.bench.story(), ["amended: to sip:3000@192.0.2.9", "done 1"]);
    let sent = to_second(&mut talk.bench);
    assert_eq!(what(&sent), ["INVITE sip:3000@203.0.113.2 > trunk 2"]);
    assert_eq!(sent[0].line("Diversion"), "<sip:2000@192.0.2.9>;reason=deflection;counter=1");
    talk.respond(0, "487 Request Terminated", "b", "", "");
    let ok = sent[0].response_with("200 OK", "Contact: <sip:3000@203.0.113.2>\r\n", CALLEE);
    let sent = talk.bench.receive(SECOND, ok);
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:3000@203.0.113.2 > trunk 2"]);
    assert_eq!(
        talk.bench.story(),
        ["leg 1.3: sip:3000@203.0.113.2", "failed 1.1: 487", "established 1.3"]
    );
    let action = Action::Redirect { leg: leg(&talk.bench, 3), to: "2000".to_owned() };
    assert!(talk.bench.control(action).is_empty());
    assert_eq!(talk.bench.story(), ["not done: NoLeg"]);
}

#[test]
fn a_call_is_redirected_as_often_as_the_limit_says() {
    let mut talk = ringing("", 1);
    for n in 1..7 {
        let action = Action::Redirect { leg: leg(&talk.bench, n), to: "3000".to_owned() };
        talk.bench.control(action);
        let story = talk.bench.story();
        if n == 6 {
            assert_eq!(story, ["not done: Limit"]);
        } else {
            assert_eq!(story.last().unwrap(), "done 1");
            to_second(&mut talk.bench);
            talk.bench.story();
        }
    }
}

#[test]
fn a_party_sends_the_other_on_and_has_left() {
    let mut talk = ringing("", 1);
    let sends_on =
        |bench: &Bench, to: &str| Action::Transfer { leg: leg(bench, 1), to: to.to_owned() };
    let early = sends_on(&talk.bench, "3000");
    assert!(talk.bench.control(early).is_empty());
    assert_eq!(talk.bench.story(), ["not done: State"]);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    let mut bench = talk.bench;
    bench.story();
    let nowhere = sends_on(&bench, "sip:");
    assert!(bench.control(nowhere).is_empty());
    let unknown = Action::Transfer { leg: leg(&bench, 9), to: "3000".to_owned() };
    bench.control(unknown);
    assert_eq!(bench.story(), ["not done: Destination", "not done: NoLeg"]);
    let action = sends_on(&bench, "3000");
    assert!(bench.control(action).is_empty());
    assert_eq!(
        bench.story(),
        ["transfer by 1.1 into 2: sip:3000@192.0.2.9", "offered 2: 1000 to 3000 by 2000", "done 2"]
    );
    let sent = to_second(&mut bench);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:3000@203.0.113.2>\r\n", CALLEE);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:3000@203.0.113.2 > trunk 2", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    let ok = sent[1].response_with("200 OK", "Contact: <sip:1000@198.51.100.1>\r\n", CALLER);
    let sent = bench.receive(PHONE, ok);
    assert_eq!(
        what(&sent),
        ["ACK sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert_eq!(
        bench.story(),
        [
            "leg 2.1: sip:3000@203.0.113.2",
            "established 2.1",
            "transferred 1 into 2",
            "released 1: transferred"
        ]
    );
}
