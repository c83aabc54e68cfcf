#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use model::{
    LegId, Transport,
    hook::{CallFacts, Party, RequestKind, Transfer, TransferKind},
};
use switch::{Cause, DeviceChange, ReleasedBy, Unfit};

use super::*;
use crate::mailbox::{Mailbox, mailbox};

const CAPACITY: usize = 16;

fn port() -> (FactPort, Mailbox<Letter>) {
    let (postbox, mailbox) = mailbox(CAPACITY).unwrap();
    (FactPort::new(postbox), mailbox)
}

/// What the Session Controller gets, at most so many letters.
fn read(mailbox: &Mailbox<Letter>, most: usize) -> Vec<String> {
    let shown = |letter| match letter {
        Letter::Fact(Fact::CallOffered { facts, .. }) => format!("offered {}", facts.conn_id.0),
        Letter::Fact(Fact::Established { conn, .. }) => format!("established {}", conn.0),
        Letter::Fact(Fact::Held { leg }) => format!("held {}", leg.conn.0),
        Letter::Fact(Fact::Released { conn, .. }) => format!("released {}", conn.0),
        Letter::Fact(Fact::Registered { aor, .. }) => format!("registered {}", aor.user()),
        Letter::Fact(Fact::Unregistered { aor, .. }) => format!("unregistered {}", aor.user()),
        Letter::Fact(Fact::Device { aor, change }) => format!("{} {change}", aor.user()),
        Letter::Fact(Fact::Trunk { trunk, change }) => format!("{trunk} {change:?}"),
        Letter::Fact(Fact::Controlled { ticket, outcome }) => format!("{ticket} {outcome:?}"),
        Letter::Lost(conn) => format!("lost {}", conn.0),
        other => format!("{other:?}"),
    };
    mailbox.take(most).map(shown).collect()
}

fn offered(conn: u64) -> Fact {
    let came = (Transport::Udp, ([192, 0, 2, 1], 5060).into());
    let facts = CallFacts::new(ConnId(conn), RequestKind::Invite, came);
    Fact::CallOffered { facts: Arc::new(facts), ticket: None }
}

/// One that a client's request has made.
fn asked_for(conn: u64) -> Fact {
    let Fact::CallOffered { facts, .. } = offered(conn) else { unreachable!() };
    Fact::CallOffered { facts, ticket: Some(conn) }
}

/// One that goes on after its party was sent on.
fn sent_on(conn: u64) -> Fact {
    let Fact::CallOffered { facts, .. } = offered(conn) else { unreachable!() };
    let transfer =
        Transfer { kind: TransferKind::Blind, by: Party::default(), of: ConnId(1), count: 1 };
    let facts = Arc::new(CallFacts { transfer: Some(Box::new(transfer)), ..(*facts).clone() });
    Fact::CallOffered { facts, ticket: None }
}

fn leg(conn: u64) -> LegId {
    LegId { conn: ConnId(conn), number: 1 }
}

fn established(conn: u64) -> Fact {
    Fact::Established { conn: ConnId(conn), leg: leg(conn) }
}

fn released(conn: u64) -> Fact {
    let cause = Cause::Hangup(ReleasedBy::Caller);
    Fact::Released { conn: ConnId(conn), cause, anchored: false, table: None }
}

fn aor() -> Aor {
    Aor::new("2001", "test")
}

/// Holds of this call until there is no room.
fn fill(port: &mut FactPort, conn: u64) {
    while port.postbox.waiting() < CAPACITY {
        assert!(port.tell(&Fact::Held { leg: leg(conn) }));
    }
}

#[test]
fn of_a_call_that_could_not_be_told_of_it_is_told_that_alone() {
    let (mut port, mailbox) = port();
    assert!(port.tell(&offered(1)) && port.tell(&offered(2)));
    fill(&mut port, 2);
    assert!(!port.tell(&established(1)));
    assert!(port.owes());
    // There is room again, but it is too late for this call, and not for the other one.
    assert_eq!(read(&mailbox, 3), ["offered 1", "offered 2", "held 2"]);
    assert!(!port.tell(&Fact::Held { leg: leg(1) }));
    assert!(port.tell(&established(2)));
    assert_eq!(read(&mailbox, 13), ["held 2"; 13]);
    port.make_good();
    assert!(!port.owes());
    // What comes of it now would be of a call that is not known there.
    assert!(!port.tell(&Fact::Held { leg: leg(1) }));
    assert!(!port.tell(&released(1)) && port.tell(&released(2)));
    assert_eq!(read(&mailbox, 9), ["established 2", "lost 1", "released 2"]);
    assert!(port.untold.is_empty());
}

#[test]
fn a_call_that_touches_a_lost_one_is_lost_as_well() {
    let (mut port, mailbox) = port();
    fill(&mut port, 9);
    assert!(!port.tell(&established(1)));
    assert_eq!(read(&mailbox, 1).len(), 1);
    assert!(!port.tell(&Fact::Transferred { conn: ConnId(1), into: ConnId(2) }));
    assert_eq!(read(&mailbox, 15).len(), 15);
    port.make_good();
    assert_eq!(read(&mailbox, 9), ["lost 1", "lost 2"]);
}

#[test]
fn new_calls_leave_a_quarter_of_the_room_to_those_that_were_told() {
    let (mut port, mailbox) = port();
    for conn in 0..12 {
        assert!(port.tell(&offered(conn)));
    }
    assert!(!port.tell(&offered(12)));
    assert!(port.tell(&established(3)));
    // Nobody has heard of it, so that there is nothing to clear.
    assert!(!port.owes());
    assert_eq!(read(&mailbox, 16).len(), 13);
    assert!(port.tell(&offered(13)));
}

/// A quarter of the room was filled with what nobody looks at, so that calls were cleared which had been told.
#[test]
fn of_a_call_that_was_not_told_nothing_is_told_at_all() {
    let (mut port, mailbox) = port();
    for conn in 0..12 {
        assert!(port.tell(&offered(conn)));
    }
    assert!(!port.tell(&offered(12)) && !port.tell(&offered(13)));
    for _ in 0..9 {
        assert!(!port.tell(&established(12)) && !port.tell(&Fact::Held { leg: leg(13) }));
    }
    for conn in 0..4 {
        assert!(port.tell(&established(conn)));
    }
    // Not when there is room for it either, and there is nothing to clear.
    assert!(!port.owes());
    assert_eq!(read(&mailbox, 16).len(), 16);
    assert!(!port.tell(&Fact::Held { leg: leg(12) }) && !port.tell(&released(12)));
    assert!(!port.tell(&Fact::TurnedAway { conn: ConnId(13), status: 403 }));
    assert!(port.untold.is_empty());
    assert!(port.tell(&released(3)));
    assert_eq!(read(&mailbox, 9), ["released 3"]);
}

#[test]
fn a_call_that_a_client_waits_for_may_use_the_room_that_is_kept() {
    let (mut port, mailbox) = port();
    for conn in 0..12 {
        assert!(port.tell(&offered(conn)));
    }
    assert!(!port.tell(&offered(12)));
    for conn in 20..24 {
        assert!(port.tell(&asked_for(conn)));
    }
    assert!(!port.tell(&asked_for(24)));
    assert_eq!(read(&mailbox, 16)[12..], ["offered 20", "offered 21", "offered 22", "offered 23"]);
    assert!(port.tell(&established(20)) && !port.tell(&established(24)));
}

#[test]
fn where_a_call_that_was_not_told_goes_on_is_not_told_either() {
    let (mut port, mailbox) = port();
    for conn in 0..12 {
        assert!(port.tell(&offered(conn)));
    }
    assert!(!port.tell(&offered(12)));
    assert_eq!(read(&mailbox, 16).len(), 12);
    let begun = |conn, into| Fact::TransferBegun {
        leg: leg(conn),
        into: ConnId(into),
        to: "sip:2002@test".to_owned(),
        dropped: false,
    };
    assert!(!port.tell(&begun(12, 40)) && !port.tell(&sent_on(40)));
    assert!(!port.tell(&Fact::Transferred { conn: ConnId(12), into: ConnId(40) }));
    assert!(!port.tell(&released(12)) && !port.tell(&released(40)));
    assert!(port.untold.is_empty());
    // Of the one that it goes on in it is not known whether it was told before.
    assert_eq!(read(&mailbox, 9), ["lost 40"]);
    // What was told of the other call cannot be put right any more.
    port.untold.insert(ConnId(50));
    assert!(!port.tell(&begun(50, 3)));
    port.make_good();
    assert_eq!(read(&mailbox, 9), ["lost 3"]);
}

#[test]
fn calls_that_were_not_told_are_remembered_within_bounds() {
    let (mut port, _mailbox) = port();
    fill(&mut port, 99);
    for conn in 0..100 {
        assert!(!port.tell(&offered(conn)));
    }
    assert_eq!(port.untold.len(), CAPACITY);
    assert!(port.untold.contains(&ConnId(99)) && !port.owes());
}

#[test]
fn of_devices_and_tickets_the_last_word_comes_late_rather_than_never() {
    let (mut port, mailbox) = port();
    fill(&mut port, 9);
    let out = DeviceChange::OutOfService { why: "no answer".to_owned() };
    assert!(!port.tell(&Fact::Registered { aor: aor(), contacts: 1 }));
    assert!(!port.tell(&Fact::Device { aor: aor(), change: out }));
    assert!(!port.tell(&Fact::Unregistered { aor: aor(), lapsed: true }));
    assert!(!port.tell(&Fact::Trunk { trunk: "carrier".to_owned(), change: TrunkChange::Up }));
    let expired = TrunkChange::Unregistered;
    assert!(port.tell(&Fact::Trunk { trunk: "carrier".to_owned(), change: expired }));
    assert!(!port.tell(&Fact::Controlled { ticket: 7, outcome: Err(Unfit::State) }));
    // As long as the older word waits the newer one does not overtake it.
    assert_eq!(read(&mailbox, 1).len(), 1);
    assert!(!port.tell(&Fact::Registered { aor: aor(), contacts: 2 }));
    assert_eq!(read(&mailbox, 15).len(), 15);
    port.make_good();
    assert_eq!(
        read(&mailbox, 9),
        ["registered 2001", "2001 out of service: no answer", "carrier Up", "7 Err(State)"]
    );
}

#[test]
fn more_lost_calls_than_there_is_room_for_are_all_calls() {
    let (mut port, mailbox) = port();
    fill(&mut port, 99);
    for conn in 0..=CAPACITY as u64 {
        assert!(!port.tell(&established(conn)));
    }
    assert!(port.calls.is_empty());
    assert_eq!(read(&mailbox, 16).len(), 16);
    assert!(port.tell(&offered(50)));
    assert_eq!(read(&mailbox, 9), ["AllLost(Shard(0))", "offered 50"]);
}

#[test]
fn calls_of_another_shard_are_lost_one_by_one() {
    let (mut port, mailbox) = port();
    fill(&mut port, 99);
    let elsewhere = ConnId::mint(Shard(1), 7).0;
    assert!(!port.tell(&established(elsewhere)));
    for conn in 0..CAPACITY as u64 {
        assert!(!port.tell(&established(conn)));
    }
    assert_eq!(read(&mailbox, 16).len(), 16);
    // What was lost is told first; others of that shard are as they were.
    let other = ConnId::mint(Shard(1), 8).0;
    assert!(port.tell(&established(other)));
    assert_eq!(
        read(&mailbox, 9),
        [
            "AllLost(Shard(0))".to_owned(),
            format!("lost {elsewhere}"),
            format!("established {other}")
        ]
    );
    assert!(!port.owes());
}

#[test]
fn nothing_is_kept_for_who_is_gone() {
    let (mut port, mailbox) = port();
    fill(&mut port, 1);
    assert!(!port.tell(&established(1)));
    drop(mailbox);
    assert!(!port.tell(&established(2)));
    assert!(!port.owes());
}
