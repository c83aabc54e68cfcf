//! Ordinary calls between SIPp and SIPp through the switch with its defaults.

use std::path::Path;

use jackfield_interop::{Sipp, Switch, sipp::Scenario};

fn switch() -> Switch {
    Switch::start(&[], &[])
}

/// Registers a user at the port of a callee.
#[track_caller]
fn register(switch: &Switch, user: &str, callee: &Sipp) {
    binding(switch, user, callee.port, 3600);
}

#[track_caller]
fn binding(switch: &Switch, user: &str, port: u16, expires: u32) {
    Scenario::new("register", switch.folder())
        .value("USER", user)
        .value("CONTACT", port)
        .value("EXPIRES", expires)
        .call(switch.sip_port, user)
        .succeed();
}

/// A scenario for each end of one call to the registered user 2000: both must go as written.
#[track_caller]
fn both_succeed(caller: impl Fn(&Path) -> Scenario<'_>, callee: impl Fn(&Path) -> Scenario<'_>) {
    both_succeed_at(&switch(), caller, callee);
}

#[track_caller]
fn both_succeed_at(
    switch: &Switch,
    caller: impl Fn(&Path) -> Scenario<'_>,
    callee: impl Fn(&Path) -> Scenario<'_>,
) {
    let called = callee(switch.folder()).listen();
    register(switch, "2000", &called);
    caller(switch.folder()).call(switch.sip_port, "2000").succeed();
    called.succeed();
}

#[test]
fn a_registered_user_is_called_and_the_caller_hangs_up() {
    both_succeed(
        |folder| Scenario::new("caller", folder).value("TALK", 100),
        |folder| Scenario::new("callee", folder).value("RING", 100),
    );
}

#[test]
fn the_callee_hangs_up() {
    both_succeed(
        |folder| Scenario::new("caller_is_left", folder),
        |folder| Scenario::new("callee_leaves", folder),
    );
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    both_succeed(
        |folder| Scenario::new("caller_cancels", folder),
        |folder| Scenario::new("callee_is_cancelled", folder),
    );
}

#[test]
fn a_busy_callee_makes_a_busy_tone() {
    both_succeed(
        |folder| Scenario::new("caller_is_refused", folder).value("STATUS", 486),
        |folder| Scenario::new("callee_refuses", folder).value("STATUS", 486),
    );
}

#[test]
fn a_callee_that_does_not_answer_is_given_up() {
    let switch = Switch::start(&["sip.ring_timeout_s=1"], &[]);
    both_succeed_at(
        &switch,
        |folder| Scenario::new("caller_is_refused", folder).value("STATUS", 480),
        |folder| Scenario::new("callee_is_cancelled", folder),
    );
}

#[test]
fn a_user_without_contact_cannot_be_reached() {
    let switch = switch();
    Scenario::new("caller_is_refused", switch.folder())
        .value("STATUS", 480)
        .call(switch.sip_port, "2000")
        .succeed();
    switch.stop();
}

#[test]
fn a_removed_contact_is_no_longer_called() {
    let switch = switch();
    let callee = Scenario::new("callee", switch.folder()).value("RING", 0).listen();
    register(&switch, "2000", &callee);
    Scenario::new("caller", switch.folder())
        .value("TALK", 0)
        .call(switch.sip_port, "2000")
        .succeed();
    binding(&switch, "2000", callee.port, 0);
    Scenario::new("caller_is_refused", switch.folder())
        .value("STATUS", 480)
        .call(switch.sip_port, "2000")
        .succeed();
}

#[test]
fn the_caller_holds_and_resumes() {
    both_succeed(
        |folder| Scenario::new("caller_holds", folder),
        |folder| Scenario::new("callee_is_held", folder),
    );
}

#[test]
fn the_callee_holds_and_resumes() {
    both_succeed(
        |folder| Scenario::new("caller_is_held", folder),
        |folder| Scenario::new("callee_holds", folder),
    );
}

#[test]
fn an_invite_without_an_offer_is_offered_and_answered_in_the_ack() {
    both_succeed(
        |folder| Scenario::new("caller_offers_late", folder),
        |folder| Scenario::new("callee_offers", folder),
    );
}

#[test]
fn three_contacts_ring_and_the_two_that_do_not_answer_are_cancelled() {
    let switch = switch();
    let answers = Scenario::new("callee", switch.folder()).value("RING", 500).listen();
    let rings = [(); 2].map(|()| Scenario::new("callee_is_cancelled", switch.folder()).listen());
    register(&switch, "2000", &answers);
    for phone in &rings {
        register(&switch, "2000", phone);
    }
    Scenario::new("caller", switch.folder())
        .value("TALK", 100)
        .call(switch.sip_port, "2000")
        .succeed();
    answers.succeed();
    for phone in rings {
        phone.succeed();
    }
}

#[test]
fn media_between_the_parties_leaves_the_relay_out() {
    let switch = Switch::start(&["media.mode=bypass"], &[]);
    both_succeed_at(
        &switch,
        |folder| Scenario::new("caller_holds", folder),
        |folder| Scenario::new("callee_is_held", folder),
    );
}

#[test]
fn the_switch_says_that_it_is_there_and_ends_when_asked() {
    let switch = switch();
    Scenario::new("options", switch.folder()).call(switch.sip_port, "nobody").succeed();
    switch.stop();
}
