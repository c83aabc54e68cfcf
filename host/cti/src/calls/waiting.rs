//! Requests under way, found by what they wait for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{ConnId, Instant};
use tlib::MessageType;

use super::expect::Expected;

/// Requests by their ticket, and by DN, call and time.
#[derive(Default)]
pub(super) struct Waiting {
    by_ticket: BTreeMap<u64, Expected>,
    by_dn: BTreeMap<Arc<str>, Vec<u64>>,
    by_conn: BTreeMap<ConnId, Vec<u64>>,
    by_time: BTreeSet<(Instant, u64)>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.by_ticket.len()
    }

    /// When the first of them has waited long enough.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(super) fn insert(&mut self, ticket: u64, expected: Expected) {
        self.by_dn.entry(Arc::clone(&expected.dn)).or_default().push(ticket);
        if let Some(conn) = expected.conn {
            self.by_conn.entry(conn).or_default().push(ticket);
        }
        self.by_time.insert((expected.until, ticket));
        self.by_ticket.insert(ticket, expected);
    }

    pub(super) fn remove(&mut self, ticket: u64) -> Option<Expected> {
        let expected = self.by_ticket.remove(&ticket)?;
        forget(&mut self.by_dn, &expected.dn, ticket);
        if let Some(conn) = &expected.conn {
            forget(&mut self.by_conn, conn, ticket);
        }
        self.by_time.remove(&(expected.until, ticket));
        Some(expected)
    }

    pub(super) fn get_mut(&mut self, ticket: u64) -> Option<&mut Expected> {
        self.by_ticket.get_mut(&ticket)
    }

    /// The request that an event on a DN answers.
    pub(super) fn met_by(&self, what: MessageType, dn: &str, conn: ConnId) -> Option<u64> {
        let is_it = |ticket: &&u64| {
            self.by_ticket.get(ticket).is_some_and(|expected| expected.is_met_by(what, dn, conn))
        };
        self.by_dn.get(dn)?.iter().find(is_it).copied()
    }

    /// The request that makes a call of a DN.
    pub(super) fn making(&self, dn: &str) -> Option<u64> {
        let makes = |ticket: &&u64| {
            self.by_ticket.get(ticket).is_some_and(|expected| expected.begins.is_some())
        };
        self.by_dn.get(dn)?.iter().find(makes).copied()
    }

    /// The requests about a call.
    pub(super) fn of_call(&self, conn: ConnId) -> Vec<u64> {
        self.by_conn.get(&conn).cloned().unwrap_or_default()
    }

    /// One that has waited long enough.
    pub(super) fn late(&self, now: Instant) -> Option<u64> {
        self.by_time.first().filter(|(at, _)| *at <= now).map(|(_, ticket)| *ticket)
    }
}

fn forget<K: Ord + Clone>(index: &mut BTreeMap<K, Vec<u64>>, key: &K, ticket: u64) {
    if let Some(tickets) = index.get_mut(key) {
        tickets.retain(|have| *have != ticket);
        if tickets.is_empty() {
            index.remove(key);
        }
    }
}
