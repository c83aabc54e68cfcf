//! Whose packets are let through, and where media goes.

use std::time::Duration;

use media::{LearnerConfig, RelayCommand, Side};

use crate::lab::{CALL, Call, Lab, Phone, rtp, rtp_of};

/// A call whose caller is behind NAT: it is not where it says.
fn behind_nat(change: impl FnOnce(&mut LearnerConfig)) -> (Call, Phone) {
    let lab = Lab::with(16, |config| change(&mut config.learner));
    let (ports, a, b, said) = (lab.open(CALL), Phone::new(), Phone::new(), Phone::new());
    lab.remote(Side::A, &said);
    lab.remote(Side::B, &b);
    for n in 0..3 {
        a.send(&rtp(&n.to_string()), ports.a);
    }
    assert_eq!(b.receive().0, rtp("2"), "the third packet locks");
    assert_eq!(lab.learned(), a.at());
    (Call { lab, ports, a, b }, said)
}

#[test]
fn a_phone_behind_nat_is_answered_where_it_is() {
    let (call, _) = behind_nat(|_| {});
    call.b_is_heard("back");
    call.a_is_heard("and forth");
    assert_eq!(call.close().strangers, 2);
}

#[test]
fn a_stranger_is_not_heard_and_is_counted() {
    let call = Call::new();
    let stranger = Phone::new();
    call.a_is_heard("first");
    for _ in 0..10 {
        stranger.send(&rtp_of(9, "bleed"), call.ports.a);
    }
    call.a_is_heard("mine");
    call.b_is_heard("still to a");
    assert_eq!(call.close().strangers, 10);
}

#[test]
fn a_phone_whose_nat_gives_it_another_port_is_followed() {
    let (call, _) = behind_nat(|learner| learner.relearn_after = Duration::ZERO);
    let (moved, stranger) = (Phone::new(), Phone::new());
    stranger.send(&rtp_of(9, "another source"), call.ports.a);
    moved.send(&rtp("the same source"), call.ports.a);
    assert_eq!(call.b.receive().0, rtp("the same source"));
    assert_eq!(call.lab.learned(), moved.at());
    call.b.send(&rtp("follows"), call.ports.b);
    assert_eq!(moved.receive().0, rtp("follows"));
}

#[test]
fn a_re_invite_to_another_address_is_followed_and_the_old_one_is_a_stranger() {
    let call = Call::new();
    call.a_is_heard("before");
    call.b_is_heard("before");
    let new = Phone::new();
    call.lab.remote(Side::A, &new);
    call.a.send(&rtp("from the old place"), call.ports.a);
    new.send(&rtp("after"), call.ports.a);
    assert_eq!(call.b.receive().0, rtp("after"));
    call.b.send(&rtp("after"), call.ports.b);
    assert_eq!(new.receive().0, rtp("after"));
    assert_eq!(call.close().strangers, 1);
}

#[test]
fn a_new_target_takes_the_side_and_the_last_one_is_not_heard_any_more() {
    let call = Call::new();
    call.a_is_heard("to b");
    call.b_is_heard("announcement");
    call.lab.tell(RelayCommand::Forget { relay: CALL, side: Side::B });
    for _ in 0..5 {
        call.b.send(&rtp("goes on"), call.ports.b);
    }
    let c = Phone::new();
    call.lab.remote(Side::B, &c);
    call.a.send(&rtp("to c"), call.ports.a);
    assert_eq!(c.receive(), (rtp("to c"), call.ports.b));
    c.send(&rtp("c speaks"), call.ports.b);
    assert_eq!(call.a.receive().0, rtp("c speaks"));
}

#[test]
fn a_party_on_hold_is_sent_nothing_is_heard_and_is_found_again() {
    let (call, said) = behind_nat(|_| {});
    call.lab.remote_at(Side::A, None, None, false);
    call.b.send(&rtp("to nobody"), call.ports.b);
    while call.lab.learned() != call.b.at() {}
    call.a_is_heard("music");
    call.lab.remote(Side::A, &said);
    call.b_is_heard("hello again");
    assert_eq!(call.close().homeless, 1);
}
