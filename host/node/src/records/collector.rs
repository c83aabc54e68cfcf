//! A worker's end: the facts of each call, kept together until it is over.

use std::collections::HashMap;

use model::{ConnId, Instant};
use switch::Fact;

use super::{Draft, RecordSender};

/// Keeps the facts of a worker's calls together. It holds at most as many as there are calls.
pub struct Collector {
    sender: RecordSender,
    drafts_by_conn: HashMap<ConnId, Box<Draft>>,
    events_max: usize,
    enabled: bool,
}

impl Collector {
    /// A collector that keeps at most `events_max` facts of a call; none of any call unless `enabled`.
    pub fn new(sender: RecordSender, events_max: usize, enabled: bool) -> Self {
        Self { sender, drafts_by_conn: HashMap::new(), events_max, enabled }
    }

    /// Changes what [`Self::new`] was told. Calls that began while it was off get no record.
    pub fn configure(&mut self, events_max: usize, enabled: bool) {
        self.events_max = events_max;
        self.enabled = enabled;
        if !enabled {
            self.drafts_by_conn = HashMap::new();
        }
    }

    /// Takes note of what happened at `now`. Never waits.
    pub fn take(&mut self, now: Instant, fact: &Fact) {
        if !self.enabled {
            return;
        }
        match fact {
            Fact::CallOffered { facts } => {
                let draft = Box::new(Draft::new(facts.clone(), now));
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
            | Fact::Established { conn, .. } => self.keep(*conn, now, fact),
            Fact::LegOffered { leg, .. }
            | Fact::LegOnTrunk { leg, .. }
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
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Trunk { .. }
            | Fact::Unregistered { .. } => {}
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

    fn keep(&mut self, conn: ConnId, now: Instant, fact: &Fact) {
        let Some(draft) = self.drafts_by_conn.get_mut(&conn) else { return };
        if draft.events.len() < self.events_max || matches!(fact, Fact::Established { .. }) {
            draft.events.push((now, fact.clone()));
        } else {
            draft.truncated = true;
        }
    }
}
