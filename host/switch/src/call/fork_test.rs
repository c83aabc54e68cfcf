#![allow(clippy::unwrap_used)]
//! An answer that is kept back for a PRACK, and what else the call had under way.

use model::{
    Transport,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};
use sip::locate::Place;

use super::super::talk::{Talk, told};
use crate::{
    Input, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, trunk, two, what},
};

const REQUIRED: &str = "Require: 100rel\r\n";
const CONTACT: &str = "Contact: <sip:203.0.113.1>\r\n";

/// The trunk of this INVITE has answered, and the caller has not acknowledged what it heard before.
fn kept_back(bench: &mut Bench, invite: &Sent) {
    let progress = invite.response_with("183 Session Progress", CONTACT, "answer");
    let sent = bench.receive(FIRST, progress);
    assert_eq!(what(&sent), ["183 Session Progress > phone"]);
    let sent = bench.receive(FIRST, invite.response_with("200 OK", CONTACT, "answer"));
    assert_eq!(what(&sent), [""; 0], "it waits");
}

/// The caller acknowledges at last, and is answered.
fn is_answered(bench: &mut Bench, progress: &Sent) {
    let rack = format!("RAck: {} 1 INVITE\r\n", progress.line("RSeq"));
    let sent = bench.phone_says("PRACK", 2, &rack);
    let all = ["200 OK > phone", "200 OK > phone: answer", "ACK sip:203.0.113.1 > trunk 1"];
    assert_eq!(told(&sent), all);
    assert_eq!(bench.released(), None);
}

/// So many seconds pass, and nothing is sent but the 183 again, which is given.
fn nothing_but_progress(bench: &mut Bench, seconds: u64) -> Sent {
    let mut sent: Vec<Sent> = (0..seconds).flat_map(|_| bench.pass(1)).collect();
    let all = what(&sent);
    assert!(all.iter().all(|what| what == "183 Session Progress > phone"), "{all:?}");
    sent.pop().unwrap()
}

#[test]
fn no_other_trunk_is_tried_when_the_one_that_answered_should_have_been_heard() {
    let mut bench = Bench::new(two());
    bench.invite_asking(PHONE, REQUIRED, "offer");
    let invite = bench.route(&["outside"]).remove(0);
    bench.pass(3);
    kept_back(&mut bench, &invite);
    let progress = nothing_but_progress(&mut bench, 6);
    is_answered(&mut bench, &progress);
}

/// A trunk that is kept back, and together with it one that the DNS is asked for.
fn with_one_looked_for(bench: &mut Bench) {
    bench.invite_asking(PHONE, REQUIRED, "offer");
    let to = |name: &str| {
        let to = Destination::Trunk { name: name.to_owned(), user: None };
        Target { together: true, ..Target::new(to) }
    };
    let targets = vec![to("a"), to("b"), to("c")];
    let plan = Plan { targets, media: MediaMode::Default };
    let invite = bench.decide(Hook::Route, Verdict::Plan(plan)).remove(0);
    kept_back(bench, &invite);
}

fn one_of_a_name() -> Vec<TrunkConfig> {
    ["sip:203.0.113.1", "sip:b.test", "sip:c.test"]
        .into_iter()
        .zip(["a", "b", "c"])
        .map(|(uri, name)| trunk(name, uri, 1))
        .collect()
}

#[test]
fn a_trunk_that_is_found_after_the_answer_is_not_called() {
    let mut bench = Bench::new(one_of_a_name());
    with_one_looked_for(&mut bench);
    assert_eq!(bench.lookups.len(), 2);
    for (id, _) in std::mem::take(&mut bench.lookups) {
        let place = Place { transport: Transport::Udp, address: (SECOND, 5060).into() };
        let located = Input::Located { id, places: Ok(vec![place]) };
        bench.switch.handle_input(bench.now, &bench.town, located);
        assert_eq!(what(&bench.drain()), [""; 0]);
    }
    let progress = nothing_but_progress(&mut bench, 6);
    is_answered(&mut bench, &progress);
}

#[test]
fn a_trunk_that_the_dns_does_not_find_ends_no_answered_call() {
    let mut bench = Bench::new(one_of_a_name());
    with_one_looked_for(&mut bench);
    let progress = nothing_but_progress(&mut bench, 6);
    is_answered(&mut bench, &progress);
}

#[test]
fn one_who_answers_too_late_and_wrongly_does_not_end_the_call() {
    let mut talk = Talk::begin(REQUIRED, "offer", 2);
    talk.respond(0, "183 Session Progress", "b", "", "answer");
    talk.respond(1, "180 Ringing", "c", "", "");
    let sent = talk.respond(0, "200 OK", "b", "", "answer");
    assert_eq!(what(&sent), ["CANCEL sip:2000@203.0.113.2 > trunk 2"]);
    talk.bench.receive(SECOND, sent[0].response("200 OK", ""));
    // Without a Contact there is no dialog.
    let wrong = talk.invites[1].response("200 OK", "");
    assert_eq!(what(&talk.bench.receive(SECOND, wrong)), [""; 0]);
    nothing_but_progress(&mut talk.bench, 6);
    let acknowledged = "ACK sip:2000@203.0.113.1 > trunk 1";
    let answered = ["200 OK > phone", "200 OK > phone: answer", acknowledged];
    assert_eq!(told(&talk.prack("")), answered);
}
