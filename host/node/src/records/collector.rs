//! A worker's end: the facts of each call, kept together until it is over.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{
    ConnId, Instant,
    hook::{CallFacts, Hook, RequestKind},
};
use switch::{Cause, Fact};

use super::{Draft, RecordSender};

/// INVITEs at the door that are remembered.
const EARLY_MAX: usize = 1000;

/// Keeps the facts of a worker's calls together. It holds at most as many as there are calls.
pub struct Collector {
    sender: RecordSender,
    drafts_by_conn: HashMap<ConnId, Box<Draft>>,
    /// Of those that plugins were asked about at the door and that are no calls yet; most of them become one at once.
    early_by_conn: BTreeMap<ConnId, Box<Draft>>,
    events_max: usize,
    enabled: bool,
}

impl Collector {
    /// A collector that keeps at most `events_max` facts of a call; none of any call unless `enabled`.
    pub fn new(sender: RecordSender, events_max: usize, enabled: bool) -> Self {
        Self {
            sender,
            drafts_by_conn: HashMap::new(),
            early_by_conn: BTreeMap::new(),
            events_max,
            enabled,
        }
    }

    /// Changes what [`Self::new`] was told. Calls that began while it was off get no record.
    pub fn configure(&mut self, events_max: usize, enabled: bool) {
        self.events_max = events_max;
        self.enabled = enabled;
        if !enabled {
            self.drafts_by_conn = HashMap::new();
            self.early_by_conn = BTreeMap::new();
        }
    }

    /// Takes note of what happened at `now`. Never waits.
    pub fn take(&mut self, now: Instant, fact: &Fact) {
        if !self.enabled {
            return;
        }
        match fact {
            Fact::Judged { facts, .. } if facts.request == RequestKind::Invite => {
                self.keep_early(facts, now, fact);
            }
            Fact::TurnedAway { conn, status } => {
                if let Some(mut draft) = self.early_by_conn.remove(conn) {
                    draft.ended_at = now;
                    let (cause, anchored, table) = (Cause::Refused(*status), false, None);
                    let over = Fact::Released { conn: *conn, cause, anchored, table };
                    draft.events.push((now, over));
                    self.sender.send(draft);
                }
            }
            Fact::CallOffered { facts, .. } => {
                let mut draft = Box::new(Draft::new(facts.clone(), now));
                if let Some(early) = self.early_by_conn.remove(&facts.conn_id) {
                    draft.events = early.events;
                }
                self.drafts_by_conn.insert(facts.conn_id, draft);
            }
            Fact::Amended { facts } => {
                if let Some(draft) = self.drafts_by_conn.get_mut(&facts.conn_id) {
                    draft.facts = facts.clone();
                }
            }
            Fact::Decided { conn, .. }
            | Fact::TargetFailed { conn, .. }
            | Fact::TrunkPassed { conn, .. }
            | Fact::Transferred { conn, .. }
            | Fact::TransferFailed { conn, .. }
            | Fact::Established { conn, .. } => self.keep(*conn, now, fact),
            Fact::LegOffered { leg, .. }
            | Fact::LegOnTrunk { leg, .. }
            | Fact::TransferBegun { leg, .. }
            | Fact::LegFailed { leg, .. } => {
                self.keep(leg.conn, now, fact);
            }
            Fact::LegAlerting { leg, .. } => {
                // A phone may say 180 as often as it likes; the first counts.
                let rings = |(_, fact): &(Instant, Fact)| matches!(fact, Fact::LegAlerting { leg: l, .. } if l == leg);
                let draft = self.drafts_by_conn.get(&leg.conn);
                if draft.is_some_and(|draft| !draft.events.iter().any(rings)) {
                    self.keep(leg.conn, now, fact);
                }
            }
            Fact::Released { conn, .. } => {
                if let Some(mut draft) = self.drafts_by_conn.remove(conn) {
                    draft.ended_at = now;
                    draft.events.push((now, fact.clone()));
                    self.sender.send(draft);
                }
            }
            Fact::Judged { .. }
            | Fact::Held { .. }
            | Fact::Retrieved { .. }
            | Fact::Queued { .. }
            | Fact::Routed { .. }
            | Fact::LegMoved { .. }
            | Fact::DtmfSent { .. }
            | Fact::Controlled { .. }
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Trunk { .. }
            | Fact::Device { .. }
            | Fact::Unregistered { .. } => {}
        }
    }

    /// A call goes to another worker, and what is known of it with it.
    pub fn give(&mut self, conn: ConnId) -> Option<Box<Draft>> {
        self.drafts_by_conn.remove(&conn)
    }

    /// A call comes from another worker.
    pub fn keep_on(&mut self, conn: ConnId, draft: Box<Draft>) {
        if self.enabled {
            self.drafts_by_conn.insert(conn, draft);
        }
    }

    /// The worker ends at `now`: what its calls have become is written down. Waits a little for a full queue.
    pub fn finish(&mut self, now: Instant) {
        let mut drafts: Vec<_> = std::mem::take(&mut self.drafts_by_conn).into_values().collect();
        drafts.sort_by_key(|draft| (draft.offered_at, draft.facts.conn_id));
        for mut draft in drafts {
            draft.ended_at = now;
            self.sender.send_patiently(draft);
        }
    }

    fn keep_early(&mut self, facts: &Arc<CallFacts>, now: Instant, fact: &Fact) {
        let new = || Box::new(Draft::new(facts.clone(), now));
        let draft = self.early_by_conn.entry(facts.conn_id).or_insert_with(new);
        draft.events.push((now, fact.clone()));
        if self.early_by_conn.len() > EARLY_MAX {
            // The oldest was asked for a password, and comes again under another name.
            self.early_by_conn.pop_first();
        }
    }

    fn keep(&mut self, conn: ConnId, now: Instant, fact: &Fact) {
        let Some(draft) = self.drafts_by_conn.get_mut(&conn) else { return };
        // What plugins do about a call must not take the room of what happens to it.
        let room = match fact {
            Fact::Decided { decision, .. } if decision.hook == Hook::CallEvent => {
                self.events_max / 2
            }
            _ => self.events_max,
        };
        if draft.events.len() < room || matches!(fact, Fact::Established { .. }) {
            draft.events.push((now, fact.clone()));
        } else {
            draft.truncated = true;
        }
    }
}
