//! What T-Library clients see of storms of calls: each party's events form a legal sequence, and every call has an end.
//!
//! The rules are written here apart from the code that makes the events: a table of what may follow what on one DN in one call.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cti::{CallEvent, Calls, CallsConfig, CallsOutput, Dn, DnType, Dns};
use model::{ConnId, Instant};
use switch::Fact;
use tlib::{Attribute as A, MessageType as M};
use world::{
    HOST,
    storm::{Kinds, Weather, storm_told},
};

/// How a party is, as far as its events tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Is {
    Nothing,
    Dialing,
    Failed,
    Ringing,
    Talking,
    Holding,
}

/// What an event makes of a party; `None` where it may not come.
fn after(is: Is, what: M, comes_from_another: bool) -> Option<Is> {
    Some(match (is, what) {
        (Is::Nothing, M::EventDialing) => Is::Dialing,
        (Is::Dialing, M::EventNetworkReached) => Is::Dialing,
        (Is::Dialing, M::EventDestinationBusy) => Is::Failed,
        (Is::Nothing, M::EventRinging) => Is::Ringing,
        (Is::Dialing | Is::Ringing, M::EventEstablished) => Is::Talking,
        (Is::Talking, M::EventHeld) => Is::Holding,
        (Is::Holding, M::EventRetrieved) => Is::Talking,
        (Is::Dialing | Is::Failed | Is::Ringing | Is::Talking | Is::Holding, M::EventReleased) => {
            Is::Nothing
        }
        (Is::Ringing, M::EventAbandoned) => Is::Nothing,
        (is @ (Is::Talking | Is::Holding | Is::Ringing | Is::Dialing), M::EventPartyChanged)
            if !comes_from_another =>
        {
            is
        }
        (is @ (Is::Talking | Is::Holding | Is::Ringing), M::EventPartyChanged) => is,
        _ => return None,
    })
}

#[derive(Default)]
struct Judge {
    parties: BTreeMap<(Arc<str>, ConnId), Is>,
    uuids: BTreeMap<Arc<str>, ConnId>,
    faults: Vec<String>,
    events: usize,
}

impl Judge {
    fn take(&mut self, event: &CallEvent) {
        self.events += 1;
        let message = &event.message;
        let conn = message.conn(A::ConnID).unwrap();
        if message.text(A::ThisDN) != Some(&event.dn) || conn != event.conn {
            self.faults.push(format!("{event:?} is for another DN or call than it says"));
        }
        let known = *self.uuids.entry(Arc::clone(&event.uuid)).or_insert(conn);
        if known != conn {
            self.faults.push(format!("{} is of {known} and {conn}", event.uuid));
        }
        let key = (Arc::clone(&event.dn), conn);
        let mut is = self.parties.get(&key).copied().unwrap_or(Is::Nothing);
        let what = message.kind();
        let previous = message.conn(A::PreviousConnID).filter(|_| what == M::EventPartyChanged);
        if let (Some(previous), Is::Nothing) = (previous, is) {
            // It goes on in this call as it was in the other.
            let was = self.parties.remove(&(Arc::clone(&event.dn), previous));
            is = was.unwrap_or(Is::Nothing);
        }
        match after(is, what, previous.is_some()) {
            None => self.faults.push(format!("{what:?} on {} in {conn} that is {is:?}", event.dn)),
            Some(Is::Nothing) => {
                self.parties.remove(&key);
                if event.party.is_some() {
                    self.faults.push(format!("{what:?} on {} is not its last", event.dn));
                }
            }
            Some(is) => {
                self.parties.insert(key, is);
            }
        }
    }
}

fn judge(facts: &[Fact], users: &[String], is_whole: bool) -> (Vec<String>, usize) {
    let users: BTreeSet<&String> = users.iter().collect();
    let dn = |number: &String| Dn {
        number: number.as_str().into(),
        kind: DnType::Extension,
        sip_owned: true,
        options: BTreeMap::new(),
    };
    // Every third user is somebody outside.
    let dns = users.into_iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, user)| dn(user));
    let dns = Arc::new(Dns::new(dns, vec![HOST.to_owned()]));
    let mut calls = Calls::new(dns, CallsConfig::default(), 1);
    let mut judge = Judge::default();
    for fact in facts {
        calls.on_fact(Instant::ZERO, fact);
        while let Some(output) = calls.poll_output() {
            if let CallsOutput::Event(event) = output {
                judge.take(&event);
            }
        }
    }
    if is_whole {
        judge
            .faults
            .extend(judge.parties.iter().map(|(key, is)| format!("{key:?} is left {is:?}")));
        if !calls.is_empty() {
            judge.faults.push(format!("{} calls are left", calls.len()));
        }
    }
    (judge.faults, judge.events)
}

fn holds(seed: u64, shards: u16, still: bool) -> usize {
    let weather = Weather { seed, shards, calls: 50, still, kinds: Kinds::ALL, sabotage: None };
    let (facts, forgotten, users) = storm_told(weather);
    let (before, after) = facts.split_at(forgotten);
    let mut events = 0;
    for (facts, is_whole) in [(before, false), (after, true)] {
        let (faults, told) = judge(facts, &users, is_whole);
        assert!(faults.is_empty(), "{weather:?}: {} faults\n{}", faults.len(), faults.join("\n"));
        events += told;
    }
    events
}

#[test]
fn in_a_still_world_every_party_has_a_legal_story() {
    let events: usize = (0..15).map(|seed| holds(seed, 1, true) + holds(seed, 3, true)).sum();
    assert!(events > 1000, "{events}");
}

#[test]
fn in_a_wild_world_every_party_has_a_legal_story() {
    let events: usize = (100..115).map(|seed| holds(seed, 1, false) + holds(seed, 3, false)).sum();
    assert!(events > 1000, "{events}");
}
