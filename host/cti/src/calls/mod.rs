//! Calls as T-Library clients see them: parties on devices, made of what the call engine tells of its legs.
//!
//! A [`Calls`] takes the facts of every shard and the requests of all modules' clients, and gives the events of section 4 in the order
//! in which they happened, answers to requests, and what is wanted of the call engine. The ConnID of an ordinary call is the engine's;
//! where the engine goes on with another call after a transfer, the ConnID of the call that was held stays.

mod agents;
mod call;
mod called;
mod expect;
mod facts;
mod monitor;
mod query;
mod requests;
mod routing;
mod tell;
mod transfers;
mod user_data;
mod waiting;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{ConnId, Instant, Shard};
use switch::{Control, Fact};
use tlib::Message;

pub use self::called::called;
use self::{
    agents::Agents,
    call::{Call, Party},
    waiting::Waiting,
};
use crate::{CallEvent, Dns, MonitorEvent, Token};

/// The limits and rules of [`Calls`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallsConfig {
    /// Calls at once; what goes beyond it has no events.
    pub calls_max: usize,
    /// Requests that wait for the call engine at once; beyond it they are answered EventError 111.
    pub requests_max: usize,
    /// How long a request waits for the event that answers it; then it is answered EventError 57.
    pub request_timeout: Duration,
    /// The size of the user data of one call, in bytes of their packed form: 16,000, at most 65,535 (section 1.8).
    pub user_data_max: usize,
    /// How long a routing client has to say where a call goes that waits at a Routing Point with an option `default-dn` and none
    /// `router-timeout`.
    pub router_timeout: Duration,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            calls_max: 100_000,
            requests_max: 10_000,
            request_timeout: Duration::from_secs(60),
            user_data_max: 16_000,
            router_timeout: Duration::from_secs(10),
        }
    }
}

/// Something to do about calls.
#[derive(Clone, Debug, PartialEq)]
pub enum CallsOutput {
    /// An event for the clients of a DN.
    Event(CallEvent),
    /// An event of the call-monitoring stream.
    Monitor(MonitorEvent),
    /// For who asked, and nobody else: EventError, EventPartyInfo.
    Answer {
        /// Who.
        token: Token,
        /// With its ReferenceID.
        message: Message,
    },
    /// For the shard of the call engine that has the call.
    Control(Control),
}

/// All calls of a node.
pub struct Calls {
    pub(crate) dns: Arc<Dns>,
    config: CallsConfig,
    /// By the ConnID that clients know.
    calls: BTreeMap<ConnId, Call>,
    /// The call that a call of the engine belongs to.
    by_engine: BTreeMap<ConnId, ConnId>,
    /// Calls in which a DN has a party, oldest first.
    by_dn: BTreeMap<Arc<str>, Vec<ConnId>>,
    agents: Agents,
    expected: Waiting,
    /// The called party's leg of a call of the engine that joins two others, until it is told which they were.
    joined_leg: BTreeMap<ConnId, u16>,
    /// Tickets of what sends calls on from their Routing Points, with the calls, until it is told whether it is carried out.
    routes: BTreeMap<u64, ConnId>,
    /// Calls at Routing Points, by the time at which somebody must have said where they go.
    route_by: BTreeSet<(Instant, ConnId)>,
    outputs: VecDeque<CallsOutput>,
    now: Instant,
    seed: u64,
    minted: u64,
    next_ticket: u64,
    /// Calls that were left out because there were too many.
    missed: u64,
}

impl Calls {
    /// No calls yet. `seed` is the upper half of every CallUUID and must be another at each start.
    pub fn new(dns: Arc<Dns>, config: CallsConfig, seed: u64) -> Self {
        Self {
            dns,
            config,
            calls: BTreeMap::new(),
            by_engine: BTreeMap::new(),
            by_dn: BTreeMap::new(),
            agents: Agents::default(),
            expected: Waiting::default(),
            joined_leg: BTreeMap::new(),
            routes: BTreeMap::new(),
            route_by: BTreeSet::new(),
            outputs: VecDeque::new(),
            now: Instant::default(),
            seed,
            minted: 0,
            next_ticket: 1,
            missed: 0,
        }
    }

    /// Goes by these DNs and limits from now on; calls that stand keep their parties.
    pub fn configure(&mut self, dns: Arc<Dns>, config: CallsConfig) {
        self.dns = dns;
        self.config = config;
    }

    /// Takes what a shard tells. Drain [`Self::poll_output`] afterwards.
    pub fn on_fact(&mut self, now: Instant, fact: &Fact) {
        self.now = now;
        self.take_fact(fact);
    }

    /// This agent is on a DN from now on, or none: events of calls name it, and calls are routed to it by its id.
    pub fn on_agent(&mut self, dn: Arc<str>, agent: Option<Arc<str>>) {
        self.agents.set(dn, agent);
    }

    /// What is known of a call of the engine is not so any more: it is cleared, and what the engine tells of it passed over.
    /// Gives which call is cleared, if there is one.
    pub fn on_lost(&mut self, now: Instant, engine: ConnId) -> Option<ConnId> {
        self.now = now;
        let lost = self.call_of(engine)?;
        self.clear_lost(lost);
        Some(lost)
    }

    /// The same for every call of the engine that this shard has named. Gives which calls are cleared.
    pub fn on_all_lost(&mut self, now: Instant, shard: Shard) -> Vec<ConnId> {
        self.now = now;
        let of_shard = |call: &&Call| call.engines.iter().any(|engine| engine.shard() == shard);
        let lost: Vec<ConnId> =
            self.calls.values().filter(of_shard).map(|call| call.conn).collect();
        lost.iter().for_each(|conn| self.clear_lost(*conn));
        lost
    }

    /// Takes a request about a call or one that makes a call; whoever asks may ask it of its ThisDN, which has been looked into.
    pub fn on_request(&mut self, now: Instant, token: Token, request: &Message) {
        self.now = now;
        if let Err(refusal) = self.take_request(token, request) {
            let message = refusal.event(token, request);
            self.outputs.push_back(CallsOutput::Answer { token, message });
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<CallsOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let late = self.expected.next_timer();
        let route = self.route_by.first().map(|(at, _)| *at);
        late.into_iter().chain(route).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.give_up_requests();
        self.route_by_default();
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there is no call.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Calls that have had no events because there were too many.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Requests that wait for the call engine.
    pub fn waiting(&self) -> usize {
        self.expected.len()
    }

    /// Another text that no call and no party of any node has had: 32 hexadecimal digits.
    fn mint_uuid(&mut self) -> Arc<str> {
        self.minted += 1;
        format!("{:016X}{:016X}", self.seed, self.minted).into()
    }

    /// Notes that a DN has a party in a call.
    fn enter(&mut self, dn: &Arc<str>, conn: ConnId) {
        let conns = self.by_dn.entry(Arc::clone(dn)).or_default();
        if !conns.contains(&conn) {
            conns.push(conn);
        }
    }

    /// Notes that a DN has no party in a call any more.
    fn leave(&mut self, dn: &str, conn: ConnId) {
        if let Some(conns) = self.by_dn.get_mut(dn) {
            conns.retain(|have| *have != conn);
            if conns.is_empty() {
                self.by_dn.remove(dn);
            }
        }
    }
}
