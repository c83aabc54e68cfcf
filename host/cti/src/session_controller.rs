//! The Session Controller: the calls of this node, and routing clients on the default port (seed 001).
//!
//! It holds the [`Calls`], dates each of their events once, gives them to its own clients and hands them to the other modules, and does the
//! call requests of all modules' clients. Drain [`SessionController::poll_output`] after every input.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use model::{ConnId, Instant, Shard};
use switch::{Control, Fact};
use tlib::{AddressInfoType, Attribute, DNState, ErrorCode, KvList, Message, MessageType};

use crate::{
    CallEvent, Calls, CallsConfig, CallsOutput, ClientId, Deliver, Dns, Grant, Handler, LogLine,
    Module, MonitorEvent, Now, Parties, Refusal, Registry, RegistryLimits, ServerFacts, Token,
    answer::acknowledged,
    deliver::Numbering,
    distribute::distribute,
    now::{dated, stamped},
    reported::Reported,
    requests::{Request, not_monitored_here},
    server,
    t_controller::{Registration, not_configured, registered, this_dn, unregistered},
};

/// How much a Session Controller holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionControllerSettings {
    /// Registrations.
    pub registry: RegistryLimits,
    /// Clients that may be connected; the next one is sent away.
    pub clients_max: usize,
    /// Calls on one DN that snapshots count.
    pub calls_per_dn_max: usize,
    /// Calls of a DN that a snapshot lists.
    pub snapshot_calls_max: usize,
    /// The calls.
    pub calls: CallsConfig,
}

impl Default for SessionControllerSettings {
    fn default() -> Self {
        Self {
            registry: RegistryLimits::default(),
            clients_max: 2_000,
            calls_per_dn_max: 10_000,
            snapshot_calls_max: 100,
            calls: CallsConfig::default(),
        }
    }
}

/// What comes in, besides facts ([`SessionController::on_fact`]).
#[derive(Clone, Debug)]
pub enum Input {
    /// The DNs, at the beginning and whenever they change.
    Configure(Arc<Dns>),
    /// A client has registered itself.
    Connected {
        /// Which.
        client: ClientId,
    },
    /// A client wants something.
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
        /// What: TRegisterAddress.
        message: Arc<Message>,
        /// What it may have.
        grant: Grant,
    },
    /// A client is gone, or one of the T-Controller that has reported calls in virtual queues.
    Gone {
        /// Which.
        client: ClientId,
    },
    /// A request of another module's client, who has the DN registered there.
    CallRequest {
        /// Who asks.
        token: Token,
        /// What for.
        message: Arc<Message>,
    },
    /// The T-Controller tells which agent is on a DN.
    Agent {
        /// The DN.
        dn: Arc<str>,
        /// The agent's id; `None` when nobody is logged in.
        agent: Option<Arc<str>>,
    },
    /// Something that the call engine has told of a call has not come here, and nothing more of it will: what is known of it is not so.
    Lost {
        /// The engine's call.
        conn: ConnId,
    },
    /// So it may be with every call that a shard of the engine has named.
    AllLost {
        /// Which.
        shard: Shard,
    },
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// An event for routing clients.
    Deliver(Deliver),
    /// What one routing client alone is told.
    Answer {
        /// Whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// What a client of another module alone is told: for that module.
    Forward {
        /// Whom.
        token: Token,
        /// What, with the ReferenceID.
        message: Message,
    },
    /// An event of a call, for the T-Controller and the Interaction Proxy. It says when it was.
    Call(CallEvent),
    /// An event of the call-monitoring stream, for the Interaction Proxy. It says when it was.
    Monitor(MonitorEvent),
    /// What is wanted of the call engine.
    Control(Control),
    /// A request about agents, for the T-Controller, which answers the client.
    AgentRequest {
        /// Who asks.
        client: ClientId,
        /// What for.
        message: Arc<Message>,
    },
    /// A client is gone, for the T-Controller: what it has reserved is free.
    ClientGone {
        /// Which.
        client: ClientId,
    },
    /// For the T-Controller: a call that a client has reported is over, and on this DN no more, whatever the client says. Nobody is told.
    Left {
        /// The virtual queue.
        dn: Arc<str>,
        /// The call.
        conn: ConnId,
    },
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

/// The machine.
pub struct SessionController {
    settings: SessionControllerSettings,
    facts: ServerFacts,
    dns: Arc<Dns>,
    calls: Calls,
    registry: Registry,
    clients: BTreeSet<ClientId>,
    /// The calls on each DN, indexed by number.
    parties: BTreeMap<Arc<str>, Parties>,
    reported: Reported,
    numbering: Numbering,
    outputs: VecDeque<Output>,
}

impl SessionController {
    /// One without calls. `seed` is the upper half of every CallUUID and must be another at each start.
    pub fn new(settings: SessionControllerSettings, facts: ServerFacts, seed: u64) -> Self {
        let dns = Arc::new(Dns::default());
        Self {
            calls: Calls::new(Arc::clone(&dns), settings.calls.clone(), seed),
            registry: Registry::new(settings.registry),
            settings,
            facts,
            dns,
            clients: BTreeSet::new(),
            parties: BTreeMap::new(),
            reported: Reported::default(),
            numbering: Numbering::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what a shard of the call engine tells.
    pub fn on_fact(&mut self, now: Now, fact: &Fact) {
        self.calls.on_fact(now.at, fact);
        self.take_calls(now);
    }

    /// Takes something in.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Configure(dns) => self.configure(now, dns),
            Input::Connected { client } => self.on_connected(client),
            Input::Request { client, message } => {
                self.on_request(Request::new(now, client, &message, &Grant::default()));
            }
            Input::Subscribe { client, message, grant } => {
                self.on_request(Request::new(now, client, &message, &grant));
            }
            Input::Gone { client } => {
                self.registry.leave(client);
                let ended = self.reported.end_of_client(client);
                ended.into_iter().for_each(|event| self.tell(now, event));
                if self.clients.remove(&client) {
                    self.outputs.push_back(Output::ClientGone { client });
                }
            }
            Input::CallRequest { token, message } => {
                if let Err(refusal) = self.do_call_request(now, token, &message) {
                    self.answer(now, token, refusal.event(token, &message));
                }
            }
            Input::Agent { dn, agent } => self.calls.on_agent(dn, agent),
            Input::Lost { conn } => {
                let lost = self.calls.on_lost(now.at, conn);
                self.log_lost(lost);
            }
            Input::AllLost { shard } => {
                let lost = self.calls.on_all_lost(now.at, shard);
                self.log_lost(lost);
            }
        }
        self.take_calls(now);
    }

    /// Goes by these limits from now on; what is over them stays.
    pub fn set_limits(&mut self, registry: RegistryLimits, calls: CallsConfig) {
        self.registry.set_limits(registry);
        self.settings.registry = registry;
        self.settings.calls = calls.clone();
        self.calls.configure(Arc::clone(&self.dns), calls);
    }

    /// What is to be done, in order; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.calls.poll_timeout()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.calls.handle_timeout(now.at);
        self.take_calls(now);
    }

    /// The calls, for statistics.
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Registrations on DNs by name.
    pub const fn registrations(&self) -> usize {
        self.registry.len()
    }

    fn configure(&mut self, now: Now, dns: Arc<Dns>) {
        let gone: Vec<Arc<str>> = self
            .registry
            .held()
            .filter(|dn| dns.get(dn).map(|new| new.kind) != self.dns.get(dn).map(|old| old.kind))
            .cloned()
            .collect();
        for dn in gone {
            if let Some(audience) = self.registry.forget(&dn) {
                let event = self.numbering.next(Arc::new(unregistered(&dn)), now);
                self.outputs.push_back(Output::Deliver(Deliver::to(event, audience)));
            }
        }
        self.calls.configure(Arc::clone(&dns), self.settings.calls.clone());
        self.dns = dns;
    }

    fn log_lost(&mut self, calls: impl IntoIterator<Item = ConnId>) {
        for conn in calls {
            let text = format!("Call {conn} cleared, reliability uncertain");
            self.outputs.push_back(Output::Log(LogLine { id: 20_021, text }));
        }
    }

    fn on_connected(&mut self, client: ClientId) {
        if self.clients.len() >= self.settings.clients_max {
            let reason = "clients_max of the Session Controller is reached";
            self.outputs.push_back(Output::Close { client, reason });
            return;
        }
        self.clients.insert(client);
    }

    fn on_request(&mut self, request: Request<'_>) {
        let Request { now, token, message, .. } = request;
        if self.clients.contains(&token.client)
            && let Err(refusal) = self.dispatch(request)
        {
            self.answer(now, token, refusal.event(token, message));
        }
    }

    fn dispatch(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        match request.handler()? {
            Handler::Registry => {
                let answer = self.registry_request(request)?;
                self.answer(now, token, answer.with(Attribute::ReferenceID, token.reference));
                Ok(())
            }
            Handler::Calls => {
                if message.kind() != MessageType::RequestDistributeEvent {
                    let dn = this_dn(message)?;
                    self.dns.get(dn).ok_or_else(|| not_configured(dn))?;
                    self.registry.check_held(token.client, dn)?;
                }
                self.do_call_request(now, token, message)
            }
            Handler::Agents if message.kind() == MessageType::RequestReserveAgent => {
                let message = Arc::clone(message);
                self.outputs.push_back(Output::AgentRequest { client: token.client, message });
                Ok(())
            }
            Handler::Agents | Handler::Features | Handler::Bulk | Handler::Supervision => {
                Err(Refusal::new(
                    ErrorCode::NotSupportedHere,
                    "agents and what DNs can do are on the port of the T-Controller (TCport)",
                ))
            }
            Handler::Monitoring => Err(not_monitored_here()),
            Handler::Session => Err(ErrorCode::Unsupported.into()),
        }
    }

    fn do_call_request(
        &mut self,
        now: Now,
        token: Token,
        message: &Message,
    ) -> Result<(), Refusal> {
        let kind = message.kind();
        if !matches!(
            kind,
            MessageType::RequestDistributeEvent | MessageType::RequestDistributeUserEvent
        ) {
            self.calls.on_request(now.at, token, message);
            return Ok(());
        }
        let event = distribute(&self.dns, message)?;
        self.tell(now, event.clone());
        if kind == MessageType::RequestDistributeEvent {
            self.note_report(token.client, event);
        }
        self.answer(now, token, acknowledged(token, kind));
        Ok(())
    }

    /// Notes whose a call in a virtual queue is, as long as it is counted there.
    fn note_report(&mut self, client: ClientId, event: CallEvent) {
        let parties = self.parties.get(&event.dn);
        if event.party.is_some() && parties.is_some_and(|parties| parties.has(event.conn)) {
            self.reported.begin(client, event);
        } else {
            self.reported.end(&(event.conn, event.dn));
        }
    }

    /// A call is over: where clients have reported it, it is not counted any more.
    fn leave_queues(&mut self, conn: ConnId) {
        for dn in self.reported.end_of_call(conn) {
            if let Some(parties) = self.parties.get_mut(&dn) {
                parties.remove(conn);
                if parties.is_empty() {
                    self.parties.remove(&dn);
                }
            }
            self.outputs.push_back(Output::Left { dn, conn });
        }
    }

    fn registry_request(&mut self, request: Request<'_>) -> Result<Message, Refusal> {
        let Request { now, token: Token { client, .. }, message, .. } = request;
        match request.kind() {
            MessageType::RequestRegisterAddress => {
                let number = this_dn(message)?;
                let dn = self.dns.get(number).ok_or_else(|| not_configured(number))?;
                let asked = Registration::of(message, dn)?;
                self.registry.register(client, &dn.number, (asked.mode, request.filter()?))?;
                Ok(registered(dn, self.snapshot(&dn.number), None))
            }
            MessageType::RequestUnregisterAddress => {
                let dn = this_dn(message)?;
                if !self.registry.unregister(client, dn) {
                    return Err(ErrorCode::NotRegistered.into());
                }
                Ok(unregistered(dn))
            }
            MessageType::RequestQueryAddress => self.query_address(client, message),
            _ => server::answer(&self.facts, now, message),
        }
    }

    /// What the calls tell of a DN: DNStatus, QueueStatus, CallsQuery and NumberOfCallsInQueue.
    fn query_address(&self, client: ClientId, message: &Message) -> Result<Message, Refusal> {
        let dn = this_dn(message)?;
        self.dns.get(dn).ok_or_else(|| not_configured(dn))?;
        if self.registry.mode(client, dn).is_none() {
            return Err(ErrorCode::NotRegistered.into());
        }
        let number =
            message.int(Attribute::AddressInfoType).unwrap_or(AddressInfoType::DNStatus as i64);
        let extensions = match AddressInfoType::of(number) {
            Some(AddressInfoType::DNStatus | AddressInfoType::QueueStatus) => {
                Some(self.snapshot(dn))
            }
            Some(AddressInfoType::CallsQuery) => Some(self.calls_on(dn)),
            Some(AddressInfoType::NumberOfCallsInQueue) => None,
            Some(_) => {
                return Err(Refusal::new(
                    ErrorCode::NotSupportedHere,
                    "of a DN only its calls are known here; ask on the port of the T-Controller (TCport)",
                ));
            }
            None => return Err(ErrorCode::InvalidAttribute.into()),
        };
        let calls = self.parties.get(dn).map_or(0, Parties::len);
        Ok(Message::new(MessageType::EventAddressInfo)
            .with_some(Attribute::Extensions, extensions)
            .with(Attribute::AddressInfoStatus, i64::try_from(calls).unwrap_or(i64::MAX))
            .with(Attribute::AddressInfoType, number)
            .with(Attribute::ThisDN, dn))
    }

    fn calls_on(&self, dn: &str) -> KvList {
        let mut list = KvList::new();
        if let Some(parties) = self.parties.get(dn) {
            parties.write(&mut list, self.settings.snapshot_calls_max);
        }
        list
    }

    fn snapshot(&self, dn: &str) -> KvList {
        self.calls_on(dn).with("status", i32::from(DNState::Ok.number()))
    }

    fn take_calls(&mut self, now: Now) {
        while let Some(output) = self.calls.poll_output() {
            match output {
                CallsOutput::Event(event) => self.tell(now, event),
                CallsOutput::Monitor(event) => {
                    let is_over = event.message.kind() == MessageType::EventCallDeleted;
                    let over = event.message.conn(Attribute::ConnID).filter(|_| is_over);
                    let message = dated(event.message, now);
                    let event = MonitorEvent { message, ..event };
                    self.outputs.push_back(Output::Monitor(event));
                    if let Some(conn) = over {
                        self.leave_queues(conn);
                    }
                }
                CallsOutput::Answer { token, message } => self.answer(now, token, message),
                CallsOutput::Control(control) => self.outputs.push_back(Output::Control(control)),
            }
        }
    }

    /// Gives an event to the clients of its DN here, and to the other modules.
    fn tell(&mut self, now: Now, event: CallEvent) {
        let event = CallEvent { message: dated(event.message, now), ..event };
        self.count(&event);
        if let Some(audience) = self.registry.clients(&event.dn) {
            let module = Module::SessionController;
            let asked_by = event.asked_by.filter(|token| token.client.module == module);
            let event = self.numbering.next(Arc::clone(&event.message), now);
            let deliver = Deliver { asked_by, ..Deliver::to(event, audience) };
            self.outputs.push_back(Output::Deliver(deliver));
        }
        self.outputs.push_back(Output::Call(event));
    }

    fn count(&mut self, event: &CallEvent) {
        let max = self.settings.calls_per_dn_max;
        if let Some(parties) = self.parties.get_mut(&event.dn) {
            parties.apply(event, max);
            if parties.is_empty() {
                self.parties.remove(&event.dn);
            }
        } else if event.party.is_some() {
            self.parties.entry(Arc::clone(&event.dn)).or_default().apply(event, max);
        }
    }

    fn answer(&mut self, now: Now, token: Token, message: Message) {
        let output = if token.client.module == Module::SessionController {
            Output::Answer { client: token.client, message: stamped(&message, now) }
        } else {
            Output::Forward { token, message }
        };
        self.outputs.push_back(output);
    }
}
