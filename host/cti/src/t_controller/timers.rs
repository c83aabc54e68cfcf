//! The times that run for DNs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::Instant;

/// What a time is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// After-call work ends.
    AfterCallWork,
    /// The legal guard ends.
    LegalGuard,
    /// The agent has done nothing for so long that it is logged out.
    AutoLogout,
    /// Reservations of the agent have been collected.
    Reservations,
}

/// At most one time of each kind for each DN.
#[derive(Debug, Default)]
pub(super) struct Timers {
    armed: BTreeMap<(Arc<str>, Timer), Instant>,
    order: BTreeSet<(Instant, Arc<str>, Timer)>,
}

impl Timers {
    pub(super) fn arm(&mut self, dn: &Arc<str>, timer: Timer, at: Instant) {
        self.cancel(dn, timer);
        self.armed.insert((Arc::clone(dn), timer), at);
        self.order.insert((at, Arc::clone(dn), timer));
    }

    pub(super) fn cancel(&mut self, dn: &Arc<str>, timer: Timer) {
        let key = (Arc::clone(dn), timer);
        if let Some(at) = self.armed.remove(&key) {
            self.order.remove(&(at, key.0, timer));
        }
    }

    pub(super) fn is_armed(&self, dn: &Arc<str>, timer: Timer) -> bool {
        self.armed.contains_key(&(Arc::clone(dn), timer))
    }

    pub(super) fn next(&self) -> Option<(Instant, Timer)> {
        self.order.first().map(|(at, _, timer)| (*at, *timer))
    }

    /// Takes the first one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Arc<str>, Timer)> {
        let (_, dn, timer) = self.order.first().filter(|(at, ..)| *at <= now)?.clone();
        self.cancel(&dn, timer);
        Some((dn, timer))
    }
}
