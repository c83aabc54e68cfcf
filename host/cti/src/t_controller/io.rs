//! What the T-Controller takes and gives.

use std::{collections::BTreeMap, sync::Arc};

use model::{Aor, ConnId, ForwardWhen};
use switch::{DeviceChange, Fact, TrunkChange};
use tlib::{ForwardMode, Message};

use super::ownership::{Owner, OwnerQuestion, OwnerVerdict};
use crate::{
    AgentLogins, CallEvent, ClientId, Deliver, DnType, Dns, Grant, LogLine, NoAnswerAction,
    RegistryLimits, Token,
};

/// What the node is, as it says to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// The name of the application.
    pub application: Arc<str>,
    /// The version of the program.
    pub version: Arc<str>,
    /// The location (the switch) that its DNs belong to.
    pub location: Arc<str>,
    /// When it was started, in seconds since 1970.
    pub started_s: i64,
}

/// How much a T-Controller holds, and whom it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TControllerSettings {
    /// Registrations.
    pub registry: RegistryLimits,
    /// Clients that may be connected; the next one is sent away.
    pub clients_max: usize,
    /// Calls on one DN that are kept count of; events of others are passed on all the same.
    pub calls_per_dn_max: usize,
    /// Calls of a DN that a snapshot lists.
    pub snapshot_calls_max: usize,
    /// Queues that one agent may be logged in to.
    pub queues_per_agent_max: usize,
    /// Reservations of one agent that are collected; further ones are refused.
    pub reservations_collected_max: usize,
    /// Whether the owner of a DN is asked for ([`Output::Ask`]) rather than decided by the built-in rules.
    pub asks_owner: bool,
}

impl Default for TControllerSettings {
    fn default() -> Self {
        Self {
            registry: RegistryLimits::default(),
            clients_max: 2_000,
            calls_per_dn_max: 10_000,
            snapshot_calls_max: 100,
            queues_per_agent_max: 100,
            reservations_collected_max: 64,
            asks_owner: false,
        }
    }
}

/// What an administrator says.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The DNs.
    pub dns: Arc<Dns>,
    /// Options of the application ([`crate::OPTIONS`]).
    pub application: BTreeMap<Arc<str>, Arc<str>>,
    /// The agents.
    pub logins: Arc<AgentLogins>,
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// The configuration, at the beginning and whenever it changes.
    Configure(Box<Configuration>),
    /// A client has registered itself with its application's name.
    Connected {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
    },
    /// A client wants something. A request of a Session Controller's client may be one for agents that routing clients make.
    Request {
        /// Who.
        client: ClientId,
        /// What.
        message: Arc<Message>,
    },
    /// A client wants events, of which somebody has said what it may have.
    Subscribe {
        /// Who.
        client: ClientId,
        /// What: TRegisterAddress or TRegisterAll.
        message: Arc<Message>,
        /// What it may have.
        grant: Grant,
    },
    /// A client is gone.
    Gone {
        /// Which.
        client: ClientId,
    },
    /// An event of a call.
    Call(CallEvent),
    /// A call that a client has reported in a virtual queue is over; nobody is told.
    Left {
        /// The queue.
        dn: Arc<str>,
        /// The call.
        conn: ConnId,
    },
    /// What the Session Controller answers to [`Output::CallRequest`], where the answer is no event of a call.
    Answer {
        /// To whom, and with which ReferenceID.
        token: Token,
        /// The answer.
        message: Message,
    },
    /// A phone has registered for a DN, or has a registration again.
    Registered {
        /// The DN.
        dn: Arc<str>,
    },
    /// The last registration of a DN's phones is over.
    Unregistered {
        /// The DN.
        dn: Arc<str>,
    },
    /// What the check of a device tells (oos-check).
    Service {
        /// The DN.
        dn: Arc<str>,
        /// Whether it answers.
        in_service: bool,
    },
    /// The agent on a DN has not answered, as somebody knows who does not follow calls. Of calls it is known by their events: one that came
    /// through a queue leaves the DN with CallState NoAnswer while it rings.
    NoAnswer {
        /// The DN.
        dn: Arc<str>,
        /// What is to become of it; `None` leaves it to the option.
        action: Option<NoAnswerAction>,
    },
    /// The answer to [`Output::Ask`].
    OwnerAnswer {
        /// The question.
        question: Box<OwnerQuestion>,
        /// What is to be.
        verdict: OwnerVerdict,
    },
    /// What the Smart Proxy wants.
    Monitor(MonitorRequest),
}

impl Input {
    /// What a fact of the call engine tells of a DN's device: its phone has registered or is gone, or its check has found it gone or
    /// there again. The DN of a trunk is the one of its name.
    pub fn of_fact(dns: &Dns, fact: &Fact) -> Option<Self> {
        let of = |aor: &Aor| Some(Arc::clone(&dns.of(aor.user(), aor.host())?.number));
        Some(match fact {
            Fact::Registered { aor, .. } => Self::Registered { dn: of(aor)? },
            Fact::Unregistered { aor, .. } => Self::Unregistered { dn: of(aor)? },
            Fact::Device { aor, change } => {
                let in_service = !matches!(change, DeviceChange::OutOfService { .. });
                Self::Service { dn: of(aor)?, in_service }
            }
            Fact::Trunk {
                trunk,
                change: change @ (TrunkChange::Up | TrunkChange::Down { .. }),
            } => {
                let dn = dns.get(trunk).filter(|dn| dn.kind == DnType::Trunk)?;
                Self::Service { dn: Arc::clone(&dn.number), in_service: *change == TrunkChange::Up }
            }
            _ => return None,
        })
    }
}

/// What the Smart Proxy wants of the T-Controller.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorRequest {
    /// It is there: the T-Controller says by [`MonitorFeed::Mode`] how it is fed.
    Open,
    /// One of its clients has registered on a DN.
    Watch {
        /// The DN.
        dn: Arc<str>,
    },
    /// None of its clients is registered on a DN any more.
    Unwatch {
        /// The DN.
        dn: Arc<str>,
    },
    /// It has named every DN that it watches: it needs no others.
    Watching,
    /// A registration or a query of one of its clients, to be answered from what the T-Controller knows. Nobody is registered by it.
    Ask {
        /// Which question of the Smart Proxy it is.
        id: u64,
        /// Who asked.
        token: Token,
        /// RequestRegisterAddress or RequestQueryAddress.
        message: Arc<Message>,
    },
}

/// What the Smart Proxy is given.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorFeed {
    /// How it is fed from now on.
    Mode {
        /// With every event; otherwise with those of the DNs that it watches.
        is_bulk: bool,
    },
    /// An event of a DN.
    Event {
        /// The DN.
        dn: Arc<str>,
        /// What it says.
        message: Arc<Message>,
    },
    /// The answer to [`MonitorRequest::Ask`].
    Answer {
        /// Which question it answers.
        id: u64,
        /// Who asked.
        token: Token,
        /// EventRegistered, EventAddressInfo or EventError, with the ReferenceID and without the time.
        message: Message,
    },
}

/// A DN as calls must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnState {
    /// Which.
    pub dn: Arc<str>,
    /// Whether it does not want to be disturbed.
    pub dnd: bool,
    /// Where its calls go, by when.
    pub forwards: BTreeMap<ForwardMode, Arc<str>>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The agent on it.
    pub agent: Option<Arc<str>>,
    /// Whether that agent waits for calls.
    pub is_ready: bool,
    /// Whether its device can be reached.
    pub in_service: bool,
}

impl DnState {
    /// Where calls to it go in this case. What was set for one case alone comes before what was set for two.
    pub fn forward(&self, when: ForwardWhen) -> Option<&Arc<str>> {
        let modes = match when {
            ForwardWhen::Always => [ForwardMode::Unconditional, ForwardMode::SendAllCalls],
            ForwardWhen::Busy => [ForwardMode::OnBusy, ForwardMode::OnBusyAndNoAnswer],
            ForwardWhen::NoAnswer => [ForwardMode::OnNoAnswer, ForwardMode::OnBusyAndNoAnswer],
        };
        modes.iter().find_map(|mode| self.forwards.get(mode))
    }
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// An event for the clients of a DN.
    Deliver(Deliver),
    /// What one client alone is told, with its ReferenceID and the time.
    Answer {
        /// Whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// What a client has asked for was the work of so many requests more.
    Charge {
        /// Who asked.
        client: ClientId,
        /// How many.
        requests: u32,
    },
    /// A request for the Session Controller. It is answered by an event of a call with this token, or by [`Input::Answer`].
    CallRequest {
        /// Who asks.
        token: Token,
        /// What for.
        message: Arc<Message>,
    },
    /// For the Session Controller: a client is gone that has reported calls in virtual queues.
    ClientGone {
        /// Which.
        client: ClientId,
    },
    /// How a DN is now, for calls.
    Publish(DnState),
    /// A DN is no more.
    Unpublish {
        /// Which.
        dn: Arc<str>,
    },
    /// Whose a DN is to be, for the policy; it is answered ([`Input::OwnerAnswer`]) before anything else is put in.
    Ask(OwnerQuestion),
    /// For the Smart Proxy.
    Monitor(MonitorFeed),
    /// For the log.
    Log(LogLine),
    /// A client is to be sent away.
    Close {
        /// Which.
        client: ClientId,
        /// Why.
        reason: &'static str,
    },
}
