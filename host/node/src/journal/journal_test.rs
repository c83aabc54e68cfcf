#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use model::{
    ConnId, Instant, LegId, Transport,
    hook::{CallFacts, Decision, Hook, Party, Reason, RequestKind},
};
use switch::{Cause, Fact};

use super::*;

fn party(uri: &str) -> Party {
    Party { uri: uri.to_owned(), ..Party::default() }
}

fn offered(conn: u64) -> Fact {
    let came = (Transport::Udp, ([192, 0, 2, 1], 5060).into());
    let facts = CallFacts {
        call_id: format!("call-{conn}"),
        ingress: "udp".to_owned(),
        caller: party("sip:1000@example.org"),
        callee: party("sip:2000@example.org"),
        ..CallFacts::new(ConnId(conn), RequestKind::Invite, came)
    };
    Fact::CallOffered { facts: Arc::new(facts), ticket: None }
}

fn decided(conn: u64, code: &str) -> Fact {
    let reasons = vec![Reason { code: code.to_owned(), text: String::new() }];
    let decision = Decision { reasons, ..Decision::of(Hook::Route, 0) };
    Fact::Decided { conn: ConnId(conn), decision }
}

fn journal(entries_max: usize, queue_max: usize) -> (Arc<Journal>, FactSender) {
    Journal::new(&JournalConfig { entries_max, queue_max }, 10, Clock::start())
}

fn all(limit: usize) -> Query {
    Query { limit, ..Query::default() }
}

#[test]
fn a_decision_is_kept_with_the_call_it_was_made_for() {
    let (journal, facts) = journal(10, 10);
    for fact in [offered(1), decided(1, "day")] {
        assert!(facts.send(Instant::ZERO, fact));
    }
    let entries = journal.entries(&all(10));
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].call_id, "call-1");
    assert_eq!(entries[0].callee, "sip:2000@example.org");
    assert_eq!((entries[0].number, entries[0].decision.reasons[0].code.as_str()), (1, "day"));
}

#[test]
fn the_oldest_decisions_give_way_and_the_newest_are_given() {
    let (journal, facts) = journal(3, 10);
    for conn in 1..=5 {
        facts.send(Instant::ZERO, decided(conn, "x"));
    }
    let numbers =
        |query: &Query| journal.entries(query).iter().map(|e| e.number).collect::<Vec<_>>();
    assert_eq!(numbers(&all(10)), [3, 4, 5]);
    assert_eq!(numbers(&all(2)), [4, 5]);
    assert_eq!(numbers(&Query { conn: Some(ConnId(4)), ..all(10) }), [4]);
    assert_eq!(journal.decisions(), 5);
}

#[test]
fn a_call_is_found_by_its_call_id_after_it_ended() {
    let (journal, facts) = journal(10, 20);
    for fact in [offered(1), offered(2), decided(1, "a"), decided(2, "b")] {
        facts.send(Instant::ZERO, fact);
    }
    facts.send(
        Instant::ZERO,
        Fact::Released { conn: ConnId(1), cause: Cause::Cancelled, anchored: false, table: None },
    );
    facts.send(Instant::ZERO, decided(1, "late"));
    let query = Query { call_id: Some("call-1".to_owned()), ..all(10) };
    let found = journal.entries(&query);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].decision.reasons[0].code, "a");
}

/// It was told as a decision of the call, with the parties of the call.
#[test]
fn what_a_client_asks_of_a_call_is_found_with_the_call_and_told_of_the_client() {
    let (journal, facts) = journal(10, 10);
    let Fact::CallOffered { facts: call, .. } = offered(1) else { unreachable!() };
    let asks = CallFacts { call_id: String::new(), caller: party("desktop"), ..(*call).clone() };
    let by = Decision { decided_by: None, ..Decision::of(Hook::AuthoriseRequest, 1) };
    facts.send(Instant::ZERO, offered(1));
    facts.send(Instant::ZERO, Fact::Judged { facts: Arc::new(asks), decision: by });
    let entries = journal.entries(&all(10));
    assert_eq!((entries[0].call_id.as_str(), entries[0].caller.as_str()), ("call-1", "desktop"));
}

#[test]
fn facts_beyond_the_queue_are_refused() {
    let (_journal, facts) = journal(10, 1);
    assert!(facts.send(Instant::ZERO, decided(1, "x")));
    assert!(!facts.send(Instant::ZERO, decided(2, "x")));
}

#[test]
fn the_scribe_takes_a_last_look_when_it_ends() {
    let (journal, facts) = journal(10, 10);
    let scribe = Scribe::start(journal.clone()).unwrap();
    facts.send(Instant::ZERO, decided(1, "x"));
    drop(scribe);
    assert_eq!(journal.lock().entries.len(), 1);
}

#[test]
fn what_only_a_finer_log_would_tell_takes_no_room() {
    let (journal, facts) = journal(10, 1);
    let alerting = Fact::LegAlerting { leg: LegId { conn: ConnId(1), number: 1 }, status: 180 };
    for _ in 0..5 {
        assert!(facts.send(Instant::ZERO, alerting.clone()));
    }
    assert!(facts.send(Instant::ZERO, decided(1, "x")));
    assert_eq!(journal.entries(&all(10)).len(), 1);
}
