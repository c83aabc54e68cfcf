//! Where a worker tells of calls, registrations and devices.

use std::collections::{BTreeMap, BTreeSet};

use model::{Aor, ConnId, Shard};
use switch::{Fact, TrunkChange};

use super::Letter;
use crate::mailbox::Postbox;

/// A worker's way to the Session Controller, which it never waits for.
///
/// What finds no room in the mailbox is made good as soon as half of it is free. Of a call of which something could not be told nothing
/// more is told but that: the Session Controller clears it. Of a registration, a device, a trunk and an answer to a third party the last that
/// was to be told is told then. New calls are not told any more when a quarter of the room is left: that is for those that were, and for
/// those that a client waits for. Of a call that was not told nothing is told later either.
#[derive(Clone)]
pub struct FactPort {
    postbox: Postbox<Letter>,
    /// Calls of which nothing, or nothing more, is told until they end.
    untold: BTreeSet<ConnId>,
    /// Calls that are to be cleared.
    calls: BTreeSet<ConnId>,
    /// They were more than the mailbox has room for: so are all calls that these shards have named.
    all_of: BTreeSet<Shard>,
    /// What else is to be told: not more than there are users, trunks and requests under way.
    others: BTreeMap<About, Fact>,
}

/// What only the last word counts of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Registration(Aor),
    Device(Aor),
    Trunk(String),
    Ticket(u64),
}

impl FactPort {
    /// A port of the Session Controller with this mailbox. Each worker has its own.
    pub const fn new(postbox: Postbox<Letter>) -> Self {
        Self {
            postbox,
            untold: BTreeSet::new(),
            calls: BTreeSet::new(),
            all_of: BTreeSet::new(),
            others: BTreeMap::new(),
        }
    }

    /// Tells of `fact`, which has just happened; `false` when there was no room for it. What no module looks at is not told.
    pub fn tell(&mut self, fact: &Fact) -> bool {
        if is_unseen(fact) {
            return true;
        }
        self.make_good();
        if self.postbox.is_gone() {
            return false;
        }
        if let Some(about) = about(fact) {
            let comes_later = self.others.contains_key(&about);
            if !comes_later && self.post(Letter::Fact(fact.clone())) {
                return true;
            }
            self.others.insert(about, fact.clone());
            return false;
        }
        if let Some((conn, is_awaited)) = begins(fact) {
            let has_room = self.postbox.waiting() < self.postbox.capacity() / 4 * 3;
            if (has_room || is_awaited) && self.post(Letter::Fact(fact.clone())) {
                return true;
            }
            // Nobody has heard of it, and nobody will.
            self.leave_untold(conn);
            return false;
        }
        let calls = calls_of(fact);
        let is_left = |call: &ConnId| {
            self.untold.contains(call)
                || self.calls.contains(call)
                || self.all_of.contains(&call.shard())
        };
        let is_whole = !calls.iter().flatten().any(is_left);
        if is_whole && self.post(Letter::Fact(fact.clone())) {
            return true;
        }
        calls.into_iter().flatten().for_each(|call| self.lose(call));
        if let Fact::Released { conn, .. } | Fact::TurnedAway { conn, .. } = fact {
            self.untold.remove(conn);
        }
        false
    }

    /// Something of a call is not told: it is to be cleared, unless nobody has heard of it.
    fn lose(&mut self, call: ConnId) {
        if self.untold.contains(&call) {
            return;
        }
        self.leave_untold(call);
        if !self.all_of.contains(&call.shard()) {
            self.calls.insert(call);
        }
        if self.calls.len() > self.postbox.capacity() {
            let mut of = BTreeMap::<Shard, usize>::new();
            self.calls.iter().for_each(|call| *of.entry(call.shard()).or_default() += 1);
            // Most of them are of the worker's own shard; others have come from other workers.
            let most = of.into_iter().max_by_key(|(_, calls)| *calls).map(|(shard, _)| shard);
            self.calls.retain(|call| Some(call.shard()) != most);
            self.all_of.extend(most);
        }
    }

    /// Tells nothing of a call any more. They are at most as many as letters that may wait: what comes of an older one is passed over by the
    /// Session Controller.
    fn leave_untold(&mut self, call: ConnId) {
        self.untold.insert(call);
        if self.untold.len() > self.postbox.capacity() {
            self.untold.pop_first();
        }
    }

    /// Whether something is to be made good.
    pub fn owes(&self) -> bool {
        !self.all_of.is_empty() || !self.calls.is_empty() || !self.others.is_empty()
    }

    /// Tells what there was no room for, if there is now.
    pub fn make_good(&mut self) {
        if self.postbox.is_gone() {
            self.untold.clear();
            self.calls.clear();
            self.others.clear();
            self.all_of.clear();
        }
        while self.owes() && self.postbox.waiting() <= self.postbox.capacity() / 2 {
            if let Some(shard) = self.all_of.first().copied() {
                if !self.post(Letter::AllLost(shard)) {
                    return;
                }
                self.all_of.remove(&shard);
            } else if let Some(call) = self.calls.first().copied() {
                if !self.post(Letter::Lost(call)) {
                    return;
                }
                self.calls.remove(&call);
            } else if let Some((about, fact)) = self.others.pop_first()
                && let Err(Letter::Fact(fact)) = self.postbox.post(Letter::Fact(fact))
            {
                self.others.insert(about, fact);
                return;
            }
        }
    }

    fn post(&self, letter: Letter) -> bool {
        self.postbox.post(letter).is_ok()
    }
}

/// Whether no module looks at it.
const fn is_unseen(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Decided { .. }
            | Fact::Judged { .. }
            | Fact::LegOnTrunk { .. }
            | Fact::TrunkPassed { .. }
            | Fact::NotAuthenticated { .. }
    ) || matches!(fact, Fact::Trunk { change, .. } if !matches!(change, TrunkChange::Up | TrunkChange::Down { .. }))
}

/// Of which call it is the first that is heard, and whether a client waits for that.
fn begins(fact: &Fact) -> Option<(ConnId, bool)> {
    match fact {
        Fact::CallOffered { facts, ticket } if facts.transfer.is_none() => {
            Some((facts.conn_id, ticket.is_some()))
        }
        _ => None,
    }
}

fn about(fact: &Fact) -> Option<About> {
    match fact {
        Fact::Registered { aor, .. } | Fact::Unregistered { aor, .. } => {
            Some(About::Registration(aor.clone()))
        }
        Fact::Device { aor, .. } => Some(About::Device(aor.clone())),
        Fact::Trunk { trunk, .. } => Some(About::Trunk(trunk.clone())),
        Fact::Controlled { ticket, .. } => Some(About::Ticket(*ticket)),
        _ => None,
    }
}

/// The calls of the engine that it changes.
fn calls_of(fact: &Fact) -> [Option<ConnId>; 2] {
    match fact {
        Fact::CallOffered { facts, .. } | Fact::Amended { facts } | Fact::Judged { facts, .. } => {
            [Some(facts.conn_id), None]
        }
        Fact::Decided { conn, .. }
        | Fact::TurnedAway { conn, .. }
        | Fact::TrunkPassed { conn, .. }
        | Fact::TargetFailed { conn, .. }
        | Fact::Established { conn, .. }
        | Fact::TransferFailed { conn, .. }
        | Fact::Queued { conn, .. }
        | Fact::Routed { conn, .. }
        | Fact::Released { conn, .. } => [Some(*conn), None],
        Fact::LegOffered { leg, .. }
        | Fact::LegOnTrunk { leg, .. }
        | Fact::LegAlerting { leg, .. }
        | Fact::LegFailed { leg, .. }
        | Fact::Held { leg }
        | Fact::Retrieved { leg }
        | Fact::DtmfSent { leg, .. } => [Some(leg.conn), None],
        Fact::TransferBegun { leg, into, .. } => [Some(leg.conn), Some(*into)],
        Fact::Transferred { conn, into } => [Some(*conn), Some(*into)],
        Fact::LegMoved { from, to } => [Some(from.conn), Some(to.conn)],
        Fact::Trunk { .. }
        | Fact::Device { .. }
        | Fact::Controlled { .. }
        | Fact::NotAuthenticated { .. }
        | Fact::Registered { .. }
        | Fact::Unregistered { .. } => [None, None],
    }
}

#[cfg(test)]
#[path = "fact_port_test.rs"]
mod tests;
