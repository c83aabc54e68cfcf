//! One DN as the T-Controller knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tlib::{AgentWorkMode, DNState, ForwardMode, KvList, KvValue};

use super::{agent_table::AgentStatus, io::DnState, ownership::Owner, reserve::Reservations};
use crate::{ClientId, Dn, DnType, Parties};

/// A DN and everything that is known of it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) dn: Arc<Dn>,
    pub(super) parties: Parties,
    pub(super) agent: Option<Agent>,
    pub(super) dnd: bool,
    pub(super) mwl: bool,
    pub(super) forwards: BTreeMap<ForwardMode, Arc<str>>,
    pub(super) owner: Option<Owner>,
    pub(super) has_contact: bool,
    pub(super) has_failed: bool,
    /// Whether the Smart Proxy watches it.
    pub(super) is_watched: bool,
    /// The option `hook-events`.
    pub(super) has_hook_events: bool,
    pub(super) reservations: Reservations,
}

/// An agent that is logged in.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: Arc<str>,
    /// Which client logged it in.
    pub(super) client: ClientId,
    pub(super) queues: BTreeSet<Arc<str>>,
    pub(super) status: AgentStatus,
    pub(super) standing: Standing,
    /// What it is again after after-call work or the legal guard.
    pub(super) before: Standing,
    pub(super) before_is_ready: bool,
    pub(super) idle_reason: Option<Arc<str>>,
    /// Seconds of after-call work that the login asked for.
    pub(super) wrap_up_s: Option<u64>,
    /// A call through a queue that was answered is over, others are still there.
    pub(super) call_is_over: bool,
    /// When it came into its status, in seconds since 1970.
    pub(super) since_s: i64,
}

/// How an agent is ready or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    pub(super) mode: AgentWorkMode,
    pub(super) reasons: KvList,
    pub(super) extensions: KvList,
}

impl Standing {
    pub(super) fn plain(mode: AgentWorkMode) -> Self {
        Self { mode, reasons: KvList::new(), extensions: KvList::new() }
    }

    /// The pair ReasonCode of Reasons, or of Extensions.
    pub(super) fn reason_code(&self) -> Option<&KvValue> {
        self.reasons.get("ReasonCode").or_else(|| self.extensions.get("ReasonCode"))
    }
}

impl Agent {
    /// AgentStatus as snapshots print it: 2 ready, 3 not ready, 4 after-call work, 5 walked away. 0 is logged out.
    pub(super) fn code(&self) -> i32 {
        match self.status {
            AgentStatus::Ready => 2,
            AgentStatus::NotReady if self.standing.mode == AgentWorkMode::WalkAway => 5,
            AgentStatus::NotReady | AgentStatus::LegalGuard => 3,
            AgentStatus::AfterCallWork => 4,
        }
    }
}

impl Line {
    pub(super) fn new(dn: Arc<Dn>) -> Self {
        Self {
            dn,
            parties: Parties::default(),
            agent: None,
            dnd: false,
            mwl: false,
            forwards: BTreeMap::new(),
            owner: None,
            has_contact: false,
            has_failed: false,
            is_watched: false,
            has_hook_events: false,
            reservations: Reservations::default(),
        }
    }

    /// Whether its device can be reached: the check has not failed, and a phone that must register has.
    pub(super) fn in_service(&self) -> bool {
        let must_register = self.dn.sip_owned && self.dn.kind == DnType::Extension;
        !self.has_failed && (self.has_contact || !must_register)
    }

    pub(super) fn dn_state(&self) -> DNState {
        match self.dn.kind {
            DnType::VirtualQueue => DNState::Virtual,
            _ if self.in_service() => DNState::Ok,
            _ => DNState::OutOfService,
        }
    }

    pub(super) fn is_queue(&self) -> bool {
        matches!(self.dn.kind, DnType::VirtualQueue | DnType::AcdQueue | DnType::RoutingPoint)
    }

    /// The destination of its calls that `fwd` names: of those that always go there first.
    pub(super) fn forward(&self) -> Option<(ForwardMode, &Arc<str>)> {
        self.forwards.iter().next().map(|(mode, to)| (*mode, to))
    }

    /// The Extensions of EventRegistered and of EventAddressInfo for DNStatus and QueueStatus (section 1.3).
    pub(super) fn snapshot(&self, calls_max: usize) -> KvList {
        let mut list = KvList::new();
        self.parties.write(&mut list, calls_max);
        list.push("status", i32::from(self.dn_state().number()));
        if self.dn.kind != DnType::Extension {
            return list;
        }
        list.push("AgentStatus", self.agent.as_ref().map_or(0, Agent::code));
        if let Some(agent) = &self.agent {
            list.push("AgentStatusTimestamp", i32::try_from(agent.since_s).unwrap_or(i32::MAX));
            list.push("AgentID", &*agent.id);
            list.push("WorkMode", i32::from(agent.standing.mode.number()));
            if let Some(code) = agent.standing.reason_code() {
                list.push("ReasonCode", code.clone());
            }
        }
        list.push("fwd", self.forward().map_or("", |(_, to)| &**to));
        list.push("dnd", i32::from(self.dnd));
        list.push("mwl", i32::from(self.mwl));
        let queues = self.agent.iter().flat_map(|agent| &agent.queues);
        for (number, queue) in (1..).zip(queues) {
            list.push(format!("queue-{number}"), &**queue);
        }
        list
    }

    /// What calls must know of it.
    pub(super) fn published(&self) -> DnState {
        let ready = |agent: &Agent| agent.status == AgentStatus::Ready;
        DnState {
            dn: Arc::clone(&self.dn.number),
            dnd: self.dnd,
            forwards: self.forwards.clone(),
            owner: self.owner.clone(),
            agent: self.agent.as_ref().map(|agent| Arc::clone(&agent.id)),
            is_ready: self.agent.as_ref().is_some_and(ready),
            in_service: self.in_service(),
        }
    }
}
