#![allow(clippy::unwrap_used)]
//! A third party connects those that a party talks to in two calls, message by message.

use model::{
    LegId,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Action,
    consultations::bench::{
        CALLEE, CALLER, THIRD, consulting, leg, phone_says, settle, takes, talking, to_second, up,
    },
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what},
};

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
