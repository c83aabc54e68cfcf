//! The calls that are not over, as the journal knows them, and their log lines.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use model::{
    Aor, ConnId, GenerationRef, Instant,
    hook::{CallFacts, Decision, Hook, StepOutcome},
};
use sip::auth::Trouble;
use switch::{Cause, DeviceChange, Fact, TrunkChange, TrunkPassed};
use tracing::{debug, info, warn};

/// Calls that are not over, indexed by their connection id.
pub(super) struct LiveCalls {
    calls_by_conn: HashMap<ConnId, LiveCall>,
    calls_max: usize,
    /// Those that ended last, or are at the door, newest last: what is told of them has their Call-ID too.
    ended: VecDeque<Arc<CallFacts>>,
}

/// Calls that are remembered beside those that stand.
const ENDED_MAX: usize = 256;

struct LiveCall {
    facts: Arc<CallFacts>,
    offered_at: Instant,
    established_at: Option<Instant>,
    routed_by: Option<GenerationRef>,
}

impl LiveCalls {
    pub(super) fn new(calls_max: usize) -> Self {
        Self { calls_by_conn: HashMap::new(), calls_max, ended: VecDeque::new() }
    }

    pub(super) const fn set_calls_max(&mut self, calls_max: usize) {
        self.calls_max = calls_max;
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&CallFacts> {
        self.calls_by_conn.get(&conn).map(|call| &*call.facts)
    }

    /// The Call-ID of the caller's INVITE; empty when it is not known any more.
    fn call_id(&self, conn: ConnId) -> &str {
        let live = self.get(conn);
        let ended = || self.ended.iter().rev().find(|facts| facts.conn_id == conn).map(|f| &**f);
        live.or_else(ended).map_or("", |facts| &facts.call_id)
    }

    fn on_transfer(&self, fact: &Fact) {
        match fact {
            Fact::TransferBegun { leg, into, to, dropped } => {
                let call_id = self.call_id(leg.conn);
                info!(conn_id = %leg.conn, call_id, leg = leg.number, to, into = %into, "transfer begun");
                if *dropped {
                    warn!(conn_id = %leg.conn, call_id, "header fields of a Refer-To were left out: only Replaces is taken");
                }
            }
            Fact::Transferred { conn, into } => {
                info!(conn_id = %conn, call_id = self.call_id(*conn), into = %into, "transferred");
            }
            Fact::TransferFailed { conn, status } => {
                info!(conn_id = %conn, call_id = self.call_id(*conn), status, "transfer failed");
            }
            _ => {}
        }
    }

    /// What parties and others do with a call.
    fn on_control(&self, fact: &Fact) {
        match fact {
            Fact::Held { leg } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, "held")
            }
            Fact::Retrieved { leg } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, "retrieved")
            }
            Fact::Queued { conn, point, failed } => {
                debug!(conn_id = %conn, call_id = self.call_id(*conn), %point, failed, "call waits to be routed");
            }
            Fact::Routed { conn, facts } => {
                debug!(conn_id = %conn, call_id = facts.call_id, callee = facts.callee.uri, "call routed by a client");
            }
            Fact::LegMoved { from, to } => {
                debug!(conn_id = %from.conn, call_id = self.call_id(from.conn), into = %to.conn, "a party talks in another call");
            }
            Fact::DtmfSent { leg, .. } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, "digits sent");
            }
            Fact::Controlled { ticket, outcome: Err(unfit) } => {
                debug!(ticket, ?unfit, "not controlled")
            }
            Fact::Controlled { ticket, outcome: Ok(conn) } => {
                debug!(ticket, conn_id = %conn, "controlled")
            }
            _ => {}
        }
    }

    /// Follows the call and writes its line.
    pub(super) fn on_fact(&mut self, fact: &Fact, at: Instant) {
        match fact {
            Fact::CallOffered { facts, .. } => self.on_offered(facts, at),
            Fact::Decided { conn, decision } => self.on_decided(*conn, decision),
            Fact::Judged { facts, decision } => {
                self.remember(facts.clone());
                warn_of_failures(facts.conn_id, &facts.call_id, decision);
            }
            Fact::Amended { facts } => {
                debug!(
                    conn_id = %facts.conn_id, call_id = facts.call_id, callee = facts.callee.uri,
                    "facts amended"
                );
            }
            Fact::TurnedAway { conn, status } => {
                debug!(conn_id = %conn, call_id = self.call_id(*conn), status, "call turned away");
            }
            Fact::TargetFailed { conn, attempt, .. } => {
                debug!(conn_id = %conn, call_id = self.call_id(*conn), status = attempt.status, "target failed");
            }
            Fact::LegOffered { leg, uri, .. } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, uri, "leg offered");
            }
            Fact::LegOnTrunk { leg, trunk } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, trunk, "leg goes over a trunk");
            }
            Fact::TrunkPassed { conn, trunk, why: why @ TrunkPassed::Unknown } => {
                warn!(conn_id = %conn, call_id = self.call_id(*conn), trunk, why = why.text(), "a trunk is passed over");
            }
            Fact::TrunkPassed { conn, trunk, why } => {
                info!(conn_id = %conn, call_id = self.call_id(*conn), trunk, why = why.text(), "a trunk is passed over");
            }
            Fact::Trunk { trunk, change } => tell_of_trunk(trunk, change),
            Fact::Device { aor, change } => tell_of_device(aor, change),
            Fact::LegAlerting { leg, status } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, status, "leg alerting");
            }
            Fact::LegFailed { leg, status } => {
                debug!(conn_id = %leg.conn, call_id = self.call_id(leg.conn), leg = leg.number, status, "leg failed");
            }
            Fact::Established { conn, leg } => {
                debug!(conn_id = %conn, call_id = self.call_id(*conn), leg = leg.number, "call established");
                if let Some(call) = self.calls_by_conn.get_mut(conn) {
                    call.established_at = Some(at);
                }
            }
            Fact::Held { .. }
            | Fact::Retrieved { .. }
            | Fact::Queued { .. }
            | Fact::Routed { .. }
            | Fact::LegMoved { .. }
            | Fact::DtmfSent { .. }
            | Fact::Controlled { .. } => self.on_control(fact),
            Fact::TransferBegun { .. } | Fact::Transferred { .. } | Fact::TransferFailed { .. } => {
                self.on_transfer(fact);
            }
            Fact::Released { conn, cause, .. } => self.on_released(*conn, *cause, at),
            Fact::NotAuthenticated { source, claimed, method, trouble } => {
                let trouble = match trouble {
                    Some(Trouble::User) => "no such user",
                    Some(Trouble::Password) => "wrong password",
                    Some(Trouble::Uri) => "credentials for another URI",
                    None => "too many failed attempts",
                };
                warn!(%source, claimed, method, trouble, "not authenticated");
            }
            Fact::Registered { aor, contacts } => debug!(%aor, contacts, "registered"),
            Fact::Unregistered { aor, lapsed } => debug!(%aor, lapsed, "unregistered"),
        }
    }

    fn on_offered(&mut self, facts: &Arc<CallFacts>, at: Instant) {
        debug!(
            conn_id = %facts.conn_id, call_id = facts.call_id, caller = facts.caller.uri,
            callee = facts.callee.uri, ingress = facts.ingress, "call offered"
        );
        if self.calls_by_conn.len() < self.calls_max {
            let facts = facts.clone();
            let call = LiveCall { facts, offered_at: at, established_at: None, routed_by: None };
            self.calls_by_conn.insert(call.facts.conn_id, call);
        }
    }

    fn on_decided(&mut self, conn: ConnId, decision: &Decision) {
        warn_of_failures(conn, self.call_id(conn), decision);
        if decision.hook == Hook::CallEvent {
            return self.tell_of_commands(conn, decision);
        }
        if let Some(call) = self.calls_by_conn.get_mut(&conn) {
            // A failure that no plugin has a word on changes nothing of who routed the call.
            if decision.decided_by.is_some() {
                call.routed_by.clone_from(&decision.decided_by);
            }
        }
    }

    /// What plugins wanted of a call that stands.
    fn tell_of_commands(&self, conn: ConnId, decision: &Decision) {
        let call_id = self.call_id(conn);
        for why in &decision.reasons {
            let command = why.text.as_str();
            match why.code.as_str() {
                "command" => info!(conn_id = %conn, call_id, command, "a plugin commands"),
                "refused" => {
                    warn!(conn_id = %conn, call_id, command, "a plugin's command is refused")
                }
                _ => {}
            }
        }
    }

    fn on_released(&mut self, conn: ConnId, cause: Cause, at: Instant) {
        let Some(call) = self.calls_by_conn.remove(&conn) else { return };
        let lasted = at.saturating_since(call.offered_at);
        let talked = call.established_at.map(|since| at.saturating_since(since));
        let by = call.routed_by.map_or_else(|| "built-in".to_owned(), |by| by.to_string());
        info!(
            conn_id = %conn, call_id = call.facts.call_id, %cause, routed_by = by, lasted_ms = lasted.as_millis() as u64,
            talked_ms = talked.map(|talked| talked.as_millis() as u64), "call released"
        );
        self.remember(call.facts);
    }

    fn remember(&mut self, facts: Arc<CallFacts>) {
        // What is of no call has no Call-ID to be remembered for.
        if facts.call_id.is_empty() {
            return;
        }
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(facts);
    }
}

fn tell_of_device(aor: &Aor, change: &DeviceChange) {
    match change {
        DeviceChange::OutOfService { .. } => warn!(%aor, "the device is {change}"),
        DeviceChange::BackInService | DeviceChange::NotChecked => {
            info!(%aor, "the device is {change}");
        }
    }
}

fn tell_of_trunk(trunk: &str, change: &TrunkChange) {
    match change {
        TrunkChange::NotRegistered { .. } | TrunkChange::Down { .. } => {
            warn!(trunk, "the trunk is {change}");
        }
        TrunkChange::Registered { .. } | TrunkChange::Unregistered | TrunkChange::Up => {
            info!(trunk, "the trunk is {change}");
        }
    }
}

fn warn_of_failures(conn: ConnId, call_id: &str, decision: &Decision) {
    for step in &decision.steps {
        if let StepOutcome::Failed(failure) = &step.outcome
            && failure.kind.is_its_own()
        {
            warn!(
                conn_id = %conn, call_id, hook = %decision.hook, plugin = %step.generation,
                kind = failure.kind.name(), detail = failure.detail,
                "plugin failed a decision; the next one was asked"
            );
        }
    }
}
