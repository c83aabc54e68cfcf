#![allow(clippy::expect_used)]
//! Transfers among pjsua2 phones: who is sent on hears its new peer, in the relay and past it.

use jackfield_interop::{
    Phone, Race, Switch, Watcher, races,
    sipp::{Scenario, all_succeed},
};
use serde_json::json;

const ANN_HZ: u32 = 440;
const BEN_HZ: u32 = 1000;
const EVE_HZ: u32 = 1430;
/// Anchored, and bypassed.
const MODES: [&str; 2] = ["media.mode=\"anchor\"", "media.mode=\"bypass\""];

struct Three {
    switch: Switch,
    ann: Phone,
    ben: Phone,
    eve: Phone,
}

fn three(mode: &str) -> Three {
    three_with(&[mode])
}

fn three_with(settings: &[&str]) -> Three {
    let switch = Switch::start(settings, &[]);
    let ann = Phone::register(&switch, "1000", ANN_HZ);
    let ben = Phone::register(&switch, "2000", BEN_HZ);
    let eve = Phone::register(&switch, "3000", EVE_HZ);
    Three { switch, ann, ben, eve }
}

#[track_caller]
fn transfer(phone: &mut Phone, to: &str) {
    phone.tell("hold");
    phone.expect_media("local-hold");
    phone.transfer(to);
}

#[test]
fn the_called_party_sends_the_caller_on() {
    for mode in MODES {
        let Three { switch: _switch, mut ann, mut ben, mut eve } = three(mode);
        ann.call("2000");
        ann.is_answered_by(&mut ben);
        transfer(&mut ben, "3000");
        eve.expect(&json!({ "event": "incoming" }));
        eve.tell("ring");
        ben.expect(&json!({ "event": "transfer", "code": 180 }));
        eve.tell("answer");
        ben.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
        ben.expect_call("DISCONNECTED");
        eve.expect_call("CONFIRMED");
        ann.hears(EVE_HZ, ANN_HZ);
        eve.hears(ANN_HZ, EVE_HZ);
        ann.tell("hangup");
        eve.expect_end(200);
    }
}

#[test]
fn the_caller_sends_the_called_party_on_and_it_is_sent_on_again() {
    for mode in MODES {
        let Three { switch: _switch, mut ann, mut ben, mut eve } = three(mode);
        ann.call("2000");
        ann.is_answered_by(&mut ben);
        transfer(&mut ann, "3000");
        eve.expect(&json!({ "event": "incoming" }));
        eve.tell("answer");
        ann.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
        ann.expect_call("DISCONNECTED");
        ben.hears(EVE_HZ, BEN_HZ);
        // Eve sends Ben back to Ann.
        transfer(&mut eve, "1000");
        ann.expect(&json!({ "event": "incoming" }));
        ann.tell("answer");
        eve.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
        ben.hears(ANN_HZ, BEN_HZ);
        ann.hears(BEN_HZ, ANN_HZ);
        ben.tell("hangup");
        ann.expect_end(200);
    }
}

#[test]
fn two_parties_are_joined_by_whom_they_talk_to() {
    for mode in MODES {
        let Three { switch: _switch, mut ann, mut ben, mut eve } = three(mode);
        // Ann is called by Ben, and calls Eve.
        ben.call("1000");
        ben.is_answered_by(&mut ann);
        ann.tell("hold");
        ann.expect_media("local-hold");
        ann.consult("3000");
        ann.is_answered_by(&mut eve);
        eve.hears(ANN_HZ, EVE_HZ);
        ann.tell("attend");
        ann.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
        for _ in 0..2 {
            ann.expect_call("DISCONNECTED");
        }
        ben.hears(EVE_HZ, BEN_HZ);
        eve.hears(BEN_HZ, EVE_HZ);
        ben.tell("hangup");
        eve.expect_end(200);
    }
}

#[test]
fn a_party_is_sent_on_to_a_phone_that_still_rings() {
    let Three { switch: _switch, mut ann, mut ben, mut eve } = three(MODES[0]);
    ann.call("2000");
    ann.is_answered_by(&mut ben);
    ann.tell("hold");
    ann.expect_media("local-hold");
    ann.consult("3000");
    eve.expect(&json!({ "event": "incoming" }));
    eve.tell("ring");
    ann.expect_call("EARLY");
    ann.tell("attend");
    ann.expect(&json!({ "event": "transfer", "code": 100 }));
    eve.tell("answer");
    eve.expect_call("CONFIRMED");
    ann.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
    ben.hears(EVE_HZ, BEN_HZ);
    eve.hears(BEN_HZ, EVE_HZ);
    ben.tell("hangup");
    eve.expect_end(200);
}

/// Calls with Call-IDs by chance are on two of three workers in two of three cases.
const ROUNDS_MAX: usize = 20;

#[test]
fn parties_of_calls_of_several_workers_are_joined() {
    let Three { switch, mut ann, mut ben, mut eve } = three_with(&[MODES[0], "node.workers=3"]);
    let moved = || switch.counter("jackfield_calls_moved_total");
    for round in 0..ROUNDS_MAX {
        let before = moved();
        ben.call("1000");
        ben.is_answered_by(&mut ann);
        ann.tell("hold");
        ann.expect_media("local-hold");
        ann.consult("3000");
        ann.is_answered_by(&mut eve);
        ann.tell("attend");
        ann.expect(&json!({ "event": "transfer", "code": 200, "final": true }));
        for _ in 0..2 {
            ann.expect_call("DISCONNECTED");
        }
        ben.hears(EVE_HZ, BEN_HZ);
        eve.hears(BEN_HZ, EVE_HZ);
        // Who holds and resumes is heard by the other's worker too.
        eve.tell("hold");
        eve.expect_media("local-hold");
        eve.tell("resume");
        eve.expect_media("active");
        ben.hears(EVE_HZ, BEN_HZ);
        let has_moved = moved() > before;
        ben.tell("hangup");
        eve.expect_end(200);
        if has_moved && round > 0 {
            return;
        }
    }
    panic!("no call has gone to another worker in {ROUNDS_MAX} rounds");
}

/// The value of Replaces for the one dialog that a busy lamp shows.
fn dialog_of(document: &str, early_only: &str) -> String {
    let value = |name: &str| {
        let rest = document.split(&format!(" {name}=\"")).nth(1).expect("the attribute");
        rest.split('"').next().expect("its end").to_owned()
    };
    let (call_id, local, remote) = (value("call-id"), value("local-tag"), value("remote-tag"));
    format!("{call_id};to-tag={remote};from-tag={local}{early_only}")
}

#[test]
fn a_phone_with_a_busy_lamp_picks_up_a_call_and_takes_one_over() {
    for mode in MODES {
        // By default nobody takes over what others talk.
        let may = "transfers.take_over=\"anybody\"";
        // The INVITE goes to the worker that has the dialog.
        let workers = "node.workers=3";
        let Three { switch, mut ann, mut ben, mut eve } = three_with(&[mode, may, workers]);
        let mut lamp = Watcher::new(switch.sip_port, "2000");
        assert_eq!(lamp.subscribe(600), 200);
        ann.call("2000");
        ben.expect(&json!({ "event": "incoming" }));
        ben.tell("ring");
        lamp.shows(&["early"]);
        eve.pick_up("2000", &dialog_of(&lamp.panel.document, ";early-only"));
        ben.expect_end(487);
        eve.expect_call("CONFIRMED");
        ann.expect_call("CONFIRMED");
        ann.hears(EVE_HZ, ANN_HZ);
        eve.hears(ANN_HZ, EVE_HZ);
        // Ben takes over, with the dialog that the lamp of Eve shows.
        let mut lamp = Watcher::new(switch.sip_port, "3000");
        assert_eq!(lamp.subscribe(600), 200);
        lamp.shows(&["confirmed"]);
        ben.pick_up("3000", &dialog_of(&lamp.panel.document, ""));
        eve.expect_end(200);
        ben.expect_call("CONFIRMED");
        ann.hears(BEN_HZ, ANN_HZ);
        ben.hears(ANN_HZ, BEN_HZ);
        ann.tell("hangup");
        ben.expect_end(200);
    }
}

/// One each in `scenarios`, with the section of the RFC it is about; those that need a call are called to a phone that answers.
const IN_A_CALL: &[&str] = &[
    "refer_fails",
    "refer_replaces_nothing",
    "refer_replaces_unknown",
    "refer_requires_magic",
    "refer_to_bye",
    "refer_to_nobody",
    "refer_to_the_web",
    "refer_to_two",
    "refer_twice",
    "refer_untold",
    "replaces_early_only_confirmed",
    "replaces_ended",
    "replaces_swapped_tags",
];
const WITHOUT: &[&str] = &[
    "refer_outside",
    "replaces_early_unknown",
    "replaces_tagless",
    "replaces_twice",
    "replaces_unknown",
];

#[test]
fn each_race_of_refer_and_replaces_ends_as_its_rfc_says() {
    let switch = Switch::start(&[], &[]);
    for name in WITHOUT {
        Scenario::new(name, switch.folder()).call(switch.sip_port, "2000").succeed();
    }
    let pairs: Vec<_> = IN_A_CALL.iter().map(|name| (*name, "callee")).collect();
    all_succeed(&switch, &pairs, 0);
}

#[test]
fn who_asked_is_told_what_the_target_says_until_it_wants_to_hear_no_more() {
    let switch = Switch::start(&[], &[]);
    let target = |user: u32| {
        let called = Scenario::new("callee_declines", switch.folder()).listen();
        Scenario::new("register", switch.folder())
            .value("USER", user)
            .value("CONTACT", called.port)
            .value("EXPIRES", 3600)
            .call(switch.sip_port, &user.to_string())
            .succeed();
        called
    };
    let targets = [4001, 4002].map(target);
    let races = [
        Race::new("refer_is_declined", &["callee"]).with(&[("TARGET", 4001)]),
        Race::new("refer_is_forgotten", &["callee"]).with(&[("TARGET", 4002)]),
    ];
    races::all_succeed(&switch, &races);
    for target in targets {
        target.succeed();
    }
}

#[test]
fn a_target_that_is_busy_leaves_the_call_as_it_was() {
    let Three { switch: _switch, mut ann, mut ben, mut eve } = three(MODES[0]);
    ann.call("2000");
    ann.is_answered_by(&mut ben);
    transfer(&mut ben, "3000");
    eve.expect(&json!({ "event": "incoming" }));
    eve.refuse(486);
    ben.expect(&json!({ "event": "transfer", "code": 486, "final": true }));
    ben.tell("resume");
    ben.expect_media("active");
    ann.hears(BEN_HZ, ANN_HZ);
    ben.hears(ANN_HZ, BEN_HZ);
    ben.tell("hangup");
    ann.expect_end(200);
}
