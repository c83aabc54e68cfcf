//! Two pjsua2 phones through the switch with its defaults: calls, and what is heard in them.

use jackfield_interop::{Phone, Switch, tone::assert_hears};

/// What each phone plays; neither is a harmonic of the other.
const ANN_HZ: u32 = 440;
const BEN_HZ: u32 = 1000;
/// RTP packets of 20 ms: two seconds.
const PACKETS: u64 = 100;

fn phones(switch: &Switch) -> (Phone, Phone) {
    (Phone::register(switch, "1000", ANN_HZ), Phone::register(switch, "2000", BEN_HZ))
}

#[track_caller]
fn connect(ann: &mut Phone, ben: &mut Phone) {
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("ring");
    ann.expect_call("EARLY");
    ben.tell("answer");
    for phone in [ann, ben] {
        phone.expect_media("active");
        phone.expect_call("CONFIRMED");
    }
}

/// Each hears the other's tone and not its own.
#[track_caller]
fn assert_talk(switch: &Switch, ann: &mut Phone, ben: &mut Phone, moment: &str) {
    for (phone, who, theirs, own) in [(ann, "ann", BEN_HZ, ANN_HZ), (ben, "ben", ANN_HZ, BEN_HZ)] {
        let file = switch.folder().join(format!("{who}-{moment}.wav"));
        phone.record(&file, PACKETS);
        assert_hears(&file, theirs.into(), own.into());
    }
}

#[track_caller]
fn hang_up(first: &mut Phone, second: &mut Phone) {
    first.tell("hangup");
    first.expect_call("DISCONNECTED");
    second.expect_end(200);
}

#[test]
fn each_phone_hears_the_tone_of_the_other_through_the_relay() {
    let switch = Switch::start(&[], &[]);
    let (mut ann, mut ben) = phones(&switch);
    connect(&mut ann, &mut ben);
    assert_talk(&switch, &mut ann, &mut ben, "talk");
    hang_up(&mut ben, &mut ann);
}

#[test]
fn held_and_resumed_by_either_side_they_hear_each_other_again() {
    let switch = Switch::start(&[], &[]);
    let (mut ann, mut ben) = phones(&switch);
    connect(&mut ann, &mut ben);
    hold_and_resume(&mut ann, &mut ben);
    assert_talk(&switch, &mut ann, &mut ben, "after-ann-held");
    hold_and_resume(&mut ben, &mut ann);
    assert_talk(&switch, &mut ann, &mut ben, "after-ben-held");
    hang_up(&mut ann, &mut ben);
}

#[track_caller]
fn hold_and_resume(holder: &mut Phone, held: &mut Phone) {
    holder.tell("hold");
    holder.expect_media("local-hold");
    held.expect_media("remote-hold");
    holder.tell("resume");
    holder.expect_media("active");
    held.expect_media("active");
}

#[test]
fn a_call_given_up_stops_the_ringing() {
    let switch = Switch::start(&[], &[]);
    let (mut ann, mut ben) = phones(&switch);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("ring");
    ann.expect_call("EARLY");
    ann.tell("hangup");
    ann.expect_end(487);
    ben.expect_end(487);
}

#[test]
fn a_busy_phone_refuses() {
    let switch = Switch::start(&[], &[]);
    let (mut ann, mut ben) = phones(&switch);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.refuse(486);
    ann.expect_end(486);
}

#[test]
fn a_phone_that_does_not_answer_is_given_up() {
    let switch = Switch::start(&["sip.ring_timeout_s=1"], &[]);
    let (mut ann, mut ben) = phones(&switch);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("ring");
    ann.expect_end(480);
    ben.expect_end(487);
}
