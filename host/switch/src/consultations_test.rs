#![allow(clippy::unwrap_used)]
//! Consultations that a third party controls, message by message.

use model::hook::{Hook, Verdict};

use super::bench::{
    CALLEE, CALLER, THIRD, called_says, consulting, leg, phone_says, settle, takes, talking,
    to_second, up,
};
use crate::{
    Action, NotQuiescent,
    call::talk::Talk,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, what},
};

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
