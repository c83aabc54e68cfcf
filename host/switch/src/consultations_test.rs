#![allow(clippy::unwrap_used)]
//! Consultations that a third party controls, message by message.

use model::{
    LegId,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Action, NotQuiescent,
    call::talk::Talk,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what},
};

const CALLER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
const THIRD: &str = "v=0\r\no=c 1 5 IN IP4 203.0.113.2\r\ns=-\r\nc=IN IP4 203.0.113.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// The phone at `from` takes what it was sent; gives what follows.
fn takes(bench: &mut Bench, from: [u8; 4], invite: &Sent) -> Vec<Sent> {
    let (user, sdp) = match from {
        PHONE => ("1000@198.51.100.1", CALLER),
        FIRST => ("2000@203.0.113.1", CALLEE),
        _ => ("3000@203.0.113.2", THIRD),
    };
    assert!(invite.text.starts_with("INVITE"), "{}", invite.text);
    let ok = invite.response_with("200 OK", &format!("Contact: <sip:{user}>\r\n"), sdp);
    bench.receive(from, ok)
}

/// The re-INVITEs of a list, each taken by its phone until there are none; gives what was sent in all.
fn settle(bench: &mut Bench, sent: Vec<Sent>) -> Vec<Sent> {
    let mut all = Vec::new();
    let mut left = std::collections::VecDeque::from(sent);
    while let Some(next) = left.pop_front() {
        if next.text.starts_with("INVITE") && next.line("To").contains("tag=") {
            let to = match next.to {
                std::net::IpAddr::V4(ip) => ip.octets(),
                std::net::IpAddr::V6(_) => unreachable!(),
            };
            left.extend(takes(bench, to, &next));
        }
        all.push(next);
    }
    all
}

/// The phone talks to the first.
fn up() -> Bench {
    let mut talk = Talk::begin("", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.bench.story();
    talk.bench
}

fn leg(bench: &Bench, call: usize, number: u16) -> LegId {
    LegId { conn: bench.conns()[call], number }
}

fn to_second(bench: &mut Bench) -> Sent {
    let target = Target::new(Destination::Uri("sip:3000@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![target], media: MediaMode::Default };
    let mut sent = bench.decide(Hook::Route, Verdict::Plan(plan));
    assert_eq!(what(&sent), ["INVITE sip:3000@203.0.113.2 > trunk 2"]);
    sent.remove(0)
}

/// The party of that leg consults the second, which rings.
fn consulting(bench: &mut Bench, number: u16) -> Sent {
    let action = Action::Consult { leg: leg(bench, 0, number), to: "3000".to_owned() };
    let sent = bench.control(action);
    settle(bench, sent);
    let invite = to_second(bench);
    bench.receive(SECOND, invite.response("180 Ringing", ""));
    invite
}

/// The same, and it has answered.
fn talking(bench: &mut Bench, number: u16) -> Sent {
    let invite = consulting(bench, number);
    let sent = takes(bench, SECOND, &invite);
    settle(bench, sent);
    bench.story();
    invite
}

/// A request of the phone in its one dialog.
fn phone_says(bench: &mut Bench, method: &str, cseq: u32, body: &str) -> Vec<Sent> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "{method} sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{method}{cseq}\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>;tag={}\r\nCall-ID: 1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        bench.tag,
        body.len()
    );
    bench.receive(PHONE, text)
}

/// A request of one who was called, in the dialog of this INVITE.
fn called_says(
    bench: &mut Bench,
    from: [u8; 4],
    tag: &str,
    invite: &Sent,
    method: &str,
) -> Vec<Sent> {
    let text = format!(
        "{method} sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{method}b{}\r\n\
         From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:2000@203.0.113.1>\r\nContent-Length: 0\r\n\r\n",
        from[3],
        invite.line("To"),
        invite.line("From"),
        invite.line("Call-ID")
    );
    bench.receive(from, text)
}

#[test]
fn a_party_calls_somebody_else_with_the_leg_of_the_call_that_it_holds() {
    let mut bench = up();
    let action = Action::Consult { leg: leg(&bench, 0, 0), to: "3000".to_owned() };
    let sent = bench.control(action);
    let held = settle(&mut bench, sent);
    assert_eq!(
        what(&held),
        [
            "INVITE sip:1000@198.51.100.1 > phone",
            "ACK sip:1000@198.51.100.1 > phone",
            "INVITE sip:2000@203.0.113.1 > trunk 1",
            "ACK sip:2000@203.0.113.1 > trunk 1"
        ]
    );
    assert!(held[0].body().contains("a=inactive") && held[2].body().contains("a=inactive"));
    assert_eq!(
        bench.story(),
        ["held 1.0", "offered 2: 1000 to 3000", "moved 1.0 to 2.0", "done 2"]
    );
    let invite = to_second(&mut bench);
    assert_eq!(invite.body(), CALLER);
    bench.receive(SECOND, invite.response("180 Ringing", ""));
    let sent = takes(&mut bench, SECOND, &invite);
    assert_eq!(
        what(&sent),
        ["ACK sip:3000@203.0.113.2 > trunk 2", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    // The session that the phone knows goes on.
    assert_eq!(sent[1].body(), THIRD.replace("o=c 1 5 ", "o=b 1 5 "));
    assert_eq!(what(&settle(&mut bench, sent[1..].to_vec())).len(), 2);
    assert_eq!(bench.story(), ["leg 2.1: sip:3000@203.0.113.2", "alerting 2.1", "established 2.1"]);
    let conn = bench.conn();
    assert_eq!(bench.switch.export(bench.now, conn, None), Err(NotQuiescent::Transferring));
}

#[test]
fn a_leg_that_was_called_consults_and_keeps_its_number() {
    let mut bench = up();
    let invite = talking(&mut bench, 1);
    assert!(invite.line("From").starts_with("<sip:2000@office.test>"));
    let sent = bench.control(Action::Release { leg: leg(&bench, 1, 1) });
    assert_eq!(
        what(&sent),
        ["BYE sip:3000@203.0.113.2 > trunk 2", "INVITE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert!(sent[1].body().contains("a=inactive"));
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["released 2: hang-up by callee", "moved 2.0 to 1.1", "done 2"]);
}

#[test]
fn the_party_alternates_between_both_calls() {
    let mut bench = up();
    talking(&mut bench, 0);
    // Back to the first: the second is put on hold, and the phone is told of the first.
    let take = |bench: &Bench, call: usize, of: usize| Action::Retrieve {
        conn: bench.conns()[call],
        leg: leg(bench, of, 0),
    };
    let action = take(&bench, 0, 1);
    let sent = bench.control(action);
    let all = settle(&mut bench, sent);
    assert_eq!(
        what(&all),
        [
            "INVITE sip:3000@203.0.113.2 > trunk 2",
            "ACK sip:3000@203.0.113.2 > trunk 2",
            "INVITE sip:1000@198.51.100.1 > phone",
            "ACK sip:1000@198.51.100.1 > phone",
            "INVITE sip:2000@203.0.113.1 > trunk 1",
            "ACK sip:2000@203.0.113.1 > trunk 1"
        ]
    );
    assert!(all[0].body().contains("a=inactive"));
    assert!(all[2].body().contains("m=audio 5000") && !all[2].body().contains("inactive"));
    assert!(!all[4].body().contains("inactive"));
    assert_eq!(bench.story(), ["held 2.0", "moved 2.0 to 1.0", "retrieved 1.0", "done 1"]);
    // And to the second again, by its name in the first.
    let action = take(&bench, 1, 0);
    let sent = bench.control(action);
    let all = settle(&mut bench, sent);
    assert_eq!(what(&all).len(), 6);
    assert!(all[2].body().contains("m=audio 6000") && !all[2].body().contains("inactive"));
    assert_eq!(bench.story(), ["held 1.0", "moved 1.0 to 2.0", "retrieved 2.0", "done 2"]);
    // What is held already, by a wish of its own, only has the leg go over.
    let sent = bench.control(Action::Hold { leg: leg(&bench, 1, 0) });
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["held 2.0", "done 2"]);
    let action = take(&bench, 0, 1);
    let sent = bench.control(action);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["moved 2.0 to 1.0", "retrieved 1.0", "done 1"]);
    let wrong = Action::Retrieve { conn: bench.conns()[1], leg: leg(&bench, 0, 1) };
    assert!(bench.control(wrong).is_empty());
    assert_eq!(bench.story(), ["not done: NoLeg"]);
}

#[test]
fn the_leg_goes_back_when_the_consultation_ends() {
    // Nobody takes it.
    let mut bench = up();
    let invite = consulting(&mut bench, 0);
    bench.story();
    bench.receive(SECOND, invite.response("486 Busy Here", ""));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    assert!(sent[0].body().contains("m=audio 5000") && sent[0].body().contains("a=inactive"));
    settle(&mut bench, sent);
    let story = bench.story();
    assert_eq!(story[2..], ["released 2: refused 486", "moved 2.0 to 1.0"]);
    retrieves(&mut bench);
    // Who was consulted hangs up.
    let mut bench = up();
    let invite = talking(&mut bench, 0);
    let sent = called_says(&mut bench, SECOND, "carrier", &invite, "BYE");
    assert_eq!(what(&sent), ["200 OK > trunk 2", "INVITE sip:1000@198.51.100.1 > phone"]);
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["released 2: hang-up by callee", "moved 2.0 to 1.0"]);
    retrieves(&mut bench);
    // A third party ends it while it rings.
    let mut bench = up();
    consulting(&mut bench, 0);
    bench.story();
    let conn = bench.conns()[1];
    let sent = bench.control(Action::Clear { conn });
    assert_eq!(
        what(&sent),
        ["CANCEL sip:3000@203.0.113.2 > trunk 2", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    settle(&mut bench, sent);
    retrieves(&mut bench);
}

/// The phone is back in its first call, takes it back, and ends it.
fn retrieves(bench: &mut Bench) {
    bench.story();
    let (conn, leg) = (bench.conn(), leg(bench, 0, 0));
    let sent = bench.control(Action::Retrieve { conn, leg });
    let all = settle(bench, sent);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|sent| !sent.body().contains("inactive")));
    assert_eq!(bench.story(), ["retrieved 1.0", "done 1"]);
    let sent = phone_says(bench, "BYE", 2, "");
    assert_eq!(what(&sent), ["200 OK > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]);
}

#[test]
fn the_consultation_goes_on_when_who_is_held_hangs_up() {
    let mut talk = Talk::begin("", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    let held = talk.invites[0].clone();
    let mut bench = talk.bench;
    bench.story();
    let invite = talking(&mut bench, 0);
    let sent = called_says(&mut bench, FIRST, "b", &held, "BYE");
    assert_eq!(what(&sent), ["200 OK > trunk 1"]);
    assert_eq!(bench.story(), ["released 1: hang-up by callee"]);
    let sent = called_says(&mut bench, SECOND, "carrier", &invite, "BYE");
    assert_eq!(what(&sent), ["200 OK > trunk 2", "BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(bench.story(), ["released 2: hang-up by callee"]);
}

#[test]
fn both_calls_end_when_the_party_hangs_up() {
    for rings in [true, false] {
        let mut bench = up();
        if rings {
            consulting(&mut bench, 0);
            bench.story();
        } else {
            talking(&mut bench, 0);
        }
        let sent = phone_says(&mut bench, "BYE", 2, "");
        let second = if rings { "CANCEL" } else { "BYE" };
        assert_eq!(
            what(&sent),
            [
                "200 OK > phone".to_owned(),
                format!("{second} sip:3000@203.0.113.2 > trunk 2"),
                "BYE sip:2000@203.0.113.1 > trunk 1".to_owned()
            ]
        );
        let why = if rings { "cancelled" } else { "hang-up by caller" };
        let story = [format!("released 2: {why}"), "released 1: hang-up by caller".to_owned()];
        assert_eq!(bench.story(), story);
    }
}

#[test]
fn who_is_not_told_of_anybody_is_answered_by_the_switch() {
    let mut talk = Talk::begin("", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    let held = talk.invites[0].clone();
    let mut bench = talk.bench;
    consulting(&mut bench, 0);
    // The phone waits for the second, and refreshes its session.
    let sent = phone_says(&mut bench, "INVITE", 2, CALLER);
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert!(sent[0].body().contains("a=inactive"), "{}", sent[0].body());
    phone_says(&mut bench, "ACK", 2, "");
    let two = format!("{CALLER}m=video 1 RTP/AVP 34\r\n");
    let sent = phone_says(&mut bench, "INVITE", 3, &two);
    assert_eq!(what(&sent), ["488 Not Acceptable Here > phone"]);
    phone_says(&mut bench, "ACK", 3, "");
    // So does who is held.
    let sent = called_says(&mut bench, FIRST, "b", &held, "INVITE");
    assert_eq!(what(&sent), ["200 OK > trunk 1"]);
    assert!(sent[0].body().contains("m=audio 4000") && sent[0].body().contains("a=inactive"));
}

#[test]
fn a_phone_that_refuses_to_be_held_consults_nobody() {
    let mut bench = up();
    let action = Action::Consult { leg: leg(&bench, 0, 0), to: "3000".to_owned() };
    let sent = bench.control(action);
    bench.receive(PHONE, sent[0].response("488 Not Acceptable Here", ""));
    assert_eq!(bench.story(), ["not done: Phone(488)"]);
    let action = Action::Consult { leg: leg(&bench, 0, 0), to: "sip:".to_owned() };
    bench.control(action);
    let action = Action::Consult { leg: leg(&bench, 0, 5), to: "3000".to_owned() };
    bench.control(action);
    assert_eq!(bench.story(), ["not done: Destination", "not done: NoLeg"]);
    talking(&mut bench, 0);
    // One consultation at a time.
    let action = Action::Consult { leg: leg(&bench, 1, 0), to: "4000".to_owned() };
    assert!(bench.control(action).is_empty());
    assert_eq!(bench.story(), ["not done: State"]);
}

fn complete(bench: &mut Bench) -> Vec<Sent> {
    let (held, consult, leg) = (bench.conns()[0], bench.conns()[1], leg(bench, 1, 0));
    bench.control(Action::Complete { held, consult, leg })
}

#[test]
fn those_the_party_talks_to_are_joined_and_it_is_let_go() {
    let mut bench = up();
    talking(&mut bench, 0);
    let sent = complete(&mut bench);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(
        bench.story(),
        ["transfer by 1.0 into 3: sip:3000@192.0.2.9", "offered 3: 2000 to 3000 by 1000", "done 3"]
    );
    let sent = takes(&mut bench, FIRST, &sent[0]);
    assert_eq!(what(&sent), ["INVITE sip:3000@203.0.113.2 > trunk 2"]);
    assert!(sent[0].body().contains("m=audio 5000"));
    let sent = takes(&mut bench, SECOND, &sent[0]);
    assert_eq!(
        what(&sent),
        [
            "ACK sip:3000@203.0.113.2 > trunk 2",
            "ACK sip:2000@203.0.113.1 > trunk 1",
            "BYE sip:1000@198.51.100.1 > phone"
        ]
    );
    assert!(sent[1].body().contains("m=audio 6000"));
    assert_eq!(
        bench.story(),
        [
            "established 3.1",
            "transferred 1 into 3",
            "released 1: transferred",
            "transferred 2 into 3",
            "released 2: transferred"
        ]
    );
    assert_eq!(bench.conns().len(), 1);
}

#[test]
fn who_rings_goes_on_ringing_for_who_was_held() {
    let mut bench = up();
    let invite = consulting(&mut bench, 0);
    bench.story();
    let sent = complete(&mut bench);
    assert_eq!(what(&sent), ["BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(
        bench.story(),
        [
            "transfer by 1.0 into 2: sip:3000@192.0.2.9",
            "amended: to sip:3000@192.0.2.9",
            "transferred 1 into 2",
            "released 1: transferred",
            "done 2"
        ]
    );
    let facts = bench.switch.calls(bench.now).next().unwrap().facts;
    assert_eq!((&*facts.caller.user, &*facts.transfer.as_ref().unwrap().by.user), ("2000", "1000"));
    let sent = takes(&mut bench, SECOND, &invite);
    assert_eq!(
        what(&sent),
        ["ACK sip:3000@203.0.113.2 > trunk 2", "INVITE sip:2000@203.0.113.1 > trunk 1"]
    );
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["established 2.1"]);
}

#[test]
fn who_was_held_is_let_go_when_nobody_takes_it() {
    let mut bench = up();
    let invite = consulting(&mut bench, 0);
    complete(&mut bench);
    bench.receive(SECOND, invite.response("486 Busy Here", ""));
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(what(&sent), ["BYE sip:2000@203.0.113.1 > trunk 1"]);
    assert!(bench.conns().is_empty());
}

#[test]
fn parties_that_cannot_be_joined_are_where_they_were() {
    let mut bench = up();
    talking(&mut bench, 0);
    let sent = complete(&mut bench);
    bench.story();
    let sent = bench.receive(FIRST, sent[0].response("488 Not Acceptable Here", ""));
    assert_eq!(what(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(bench.story(), ["released 3: refused 488", "not transferred 1: 488"]);
    // The phone still talks to the second, and takes the first back.
    let sent = phone_says(&mut bench, "INFO", 2, "");
    assert_eq!(what(&sent), ["INFO sip:3000@203.0.113.2 > trunk 2"]);
    let action = Action::Retrieve { conn: bench.conns()[0], leg: leg(&bench, 1, 0) };
    let sent = bench.control(action);
    settle(&mut bench, sent);
    assert_eq!(bench.story(), ["held 2.0", "moved 2.0 to 1.0", "retrieved 1.0", "done 1"]);
}

/// The phone has a dialog in each of two calls; the second rings, or is up.
fn two_dialogs(rings: bool) -> (Bench, Sent) {
    let mut bench = Bench::new(Vec::new());
    let mut second = None;
    for (n, host, sdp) in [(1, FIRST, CALLEE), (2, SECOND, THIRD)] {
        bench.invite_with(PHONE, CALLER);
        let to = format!("sip:{n}000@203.0.113.{n}");
        let plan =
            Plan { targets: vec![Target::new(Destination::Uri(to))], media: MediaMode::Default };
        let invite = bench.decide(Hook::Route, Verdict::Plan(plan)).remove(0);
        bench.receive(host, invite.response("180 Ringing", ""));
        if n == 1 || !rings {
            let contact = format!("Contact: <sip:{n}000@203.0.113.{n}>\r\n");
            bench.receive(host, invite.response_with("200 OK", &contact, sdp));
            bench.phone_says_in(n, "ACK", 1, "");
        }
        second = Some(invite);
    }
    bench.story();
    (bench, second.unwrap())
}

#[test]
fn a_phone_with_a_dialog_in_each_call_connects_its_parties_too() {
    let (mut bench, _) = two_dialogs(false);
    let sent = complete(&mut bench);
    assert_eq!(what(&sent), ["INVITE sip:1000@203.0.113.1 > trunk 1"]);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:1000@203.0.113.1>\r\n", CALLEE);
    let sent = bench.receive(FIRST, ok);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.2 > trunk 2"]);
    let ok = sent[0].response_with("200 OK", "Contact: <sip:2000@203.0.113.2>\r\n", THIRD);
    let sent = bench.receive(SECOND, ok);
    assert_eq!(
        what(&sent)[2..],
        ["BYE sip:1000@198.51.100.1 > phone", "BYE sip:1000@198.51.100.1 > phone"]
    );
    let story = bench.story();
    assert_eq!(
        story[..2],
        ["transfer by 1.0 into 3: sip:+43123@office.test", "offered 3: +43123 to +43123 by 1000"]
    );
    assert_eq!(story.last().unwrap(), "released 2: transferred");
}

#[test]
fn a_phone_whose_second_call_rings_hands_it_over() {
    let (mut bench, invite) = two_dialogs(true);
    let sent = complete(&mut bench);
    assert_eq!(
        what(&sent),
        ["487 Request Terminated > phone", "BYE sip:1000@198.51.100.1 > phone"]
    );
    assert_eq!(
        bench.story(),
        [
            "transfer by 1.0 into 2: sip:+43123@192.0.2.9",
            "amended: to sip:+43123@192.0.2.9",
            "transferred 1 into 2",
            "released 1: transferred",
            "done 2"
        ]
    );
    let sent = takes(&mut bench, SECOND, &invite);
    assert_eq!(
        what(&sent),
        ["ACK sip:3000@203.0.113.2 > trunk 2", "INVITE sip:1000@203.0.113.1 > trunk 1"]
    );
}

#[test]
fn calls_of_two_parties_are_not_joined() {
    let (mut bench, _) = two_dialogs(false);
    let (held, consult) = (bench.conns()[0], bench.conns()[1]);
    // Who was called in the second is no party of the first.
    let leg = LegId { conn: consult, number: 1 };
    assert!(bench.control(Action::Complete { held, consult, leg }).is_empty());
    let leg = LegId { conn: held, number: 0 };
    assert!(bench.control(Action::Complete { held, consult, leg }).is_empty());
    assert!(bench.control(Action::Complete { held, consult: held, leg }).is_empty());
    let nobody = model::ConnId::mint(model::Shard(0), 99);
    assert!(bench.control(Action::Complete { held, consult: nobody, leg }).is_empty());
    let no_leg = "not done: NoLeg";
    let expected = [no_leg, no_leg, "not done: State", "not done: NoCall"];
    assert_eq!(bench.story(), expected);
}

#[test]
fn who_is_held_may_hold_as_well() {
    let mut bench = up();
    talking(&mut bench, 0);
    let (conn, held) = (bench.conn(), leg(&bench, 0, 1));
    assert!(bench.control(Action::Hold { leg: held }).is_empty());
    assert!(bench.control(Action::Retrieve { conn, leg: held }).is_empty());
    assert_eq!(bench.story(), ["held 1.1", "done 1", "retrieved 1.1", "done 1"]);
    // While it does, the party is back in the call and still hears nothing.
    bench.control(Action::Hold { leg: held });
    let sent = bench.control(Action::Retrieve { conn, leg: leg(&bench, 1, 0) });
    let all = settle(&mut bench, sent);
    assert_eq!(
        what(&all),
        [
            "INVITE sip:3000@203.0.113.2 > trunk 2",
            "ACK sip:3000@203.0.113.2 > trunk 2",
            "INVITE sip:1000@198.51.100.1 > phone",
            "ACK sip:1000@198.51.100.1 > phone"
        ]
    );
    assert!(all[2].body().contains("m=audio 5000") && all[2].body().contains("a=inactive"));
    let story = bench.story();
    assert_eq!(story[2..], ["held 2.0", "moved 2.0 to 1.0", "retrieved 1.0", "done 1"]);
}

#[test]
fn whoever_is_called_after_a_call_was_handed_over_hears_of_who_was_held() {
    let mut bench = up();
    let action = Action::Consult { leg: leg(&bench, 0, 0), to: "3000".to_owned() };
    let sent = bench.control(action);
    settle(&mut bench, sent);
    // The plugins have not said where the consultation goes.
    let sent = complete(&mut bench);
    assert_eq!(what(&sent), ["BYE sip:1000@198.51.100.1 > phone"]);
    bench.story();
    let invite = to_second(&mut bench);
    assert!(invite.line("From").starts_with("<sip:2000@office.test>;tag="), "{}", invite.text);
    assert_eq!(
        (invite.line("Referred-By"), invite.body()),
        ("<sip:1000@office.test>".to_owned(), CALLEE)
    );
    let sent = takes(&mut bench, SECOND, &invite);
    let sent = settle(&mut bench, sent);
    assert_eq!(
        what(&sent),
        [
            "ACK sip:3000@203.0.113.2 > trunk 2",
            "INVITE sip:2000@203.0.113.1 > trunk 1",
            "INVITE sip:3000@203.0.113.2 > trunk 2",
            "ACK sip:3000@203.0.113.2 > trunk 2",
            "ACK sip:2000@203.0.113.1 > trunk 1"
        ]
    );
    assert_eq!(bench.story(), ["leg 2.1: sip:3000@203.0.113.2", "established 2.1"]);
}

#[test]
fn a_phone_that_is_let_go_with_an_offer_open_is_acknowledged_when_it_answers() {
    let mut bench = up();
    talking(&mut bench, 0);
    let sent = bench.control(Action::Hold { leg: leg(&bench, 1, 0) });
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    let open = sent[0].clone();
    let sent = complete(&mut bench);
    let sent = takes(&mut bench, FIRST, &sent[0]);
    let sent = takes(&mut bench, SECOND, &sent[0]);
    assert_eq!(what(&sent)[2..], ["BYE sip:1000@198.51.100.1 > phone"]);
    // It has crossed the BYE.
    let sent = takes(&mut bench, PHONE, &open);
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"]);
    let sent = takes(&mut bench, PHONE, &open);
    assert_eq!(what(&sent), ["ACK sip:1000@198.51.100.1 > phone"], "the same again");
}
