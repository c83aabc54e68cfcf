//! The T-Controller: agents and DNs, and everybody who wants to know of them (seed 001, section 5.1).
//!
//! Drain [`TController::poll_output`] after every input.

mod after_call;
mod agent_table;
mod agents;
mod configure;
mod features;
mod io;
mod line;
mod monitor;
mod ownership;
mod query;
mod register;
mod reserve;
mod service;
mod timers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use model::Instant;
use tlib::{Attribute, CallState, ErrorCode, Message, MessageType};

pub use agent_table::{AgentEvent, AgentStatus, AgentStep, Facts, step};
pub use io::{
    Configuration, DnState, Input, MonitorFeed, MonitorRequest, Output, ServerFacts,
    TControllerSettings,
};
pub use ownership::{Owner, OwnerEvent, OwnerQuestion, OwnerVerdict, built_in};
pub(crate) use query::association;
pub use register::not_configured;
pub(crate) use register::{Registration, registered, this_dn, unregistered};
pub use timers::Timer;

use crate::{
    CallEvent, Change, ClientId, Deliver, Grant, Handler, Module, Now, Refusal, Registry,
    RegistryLimits, Token,
    deliver::Numbering,
    now::stamped,
    requests::{Request, not_monitored_here},
    server,
};
use line::Line;
use monitor::Monitor;
use timers::Timers;

/// The machine.
#[derive(Debug)]
pub struct TController {
    settings: TControllerSettings,
    facts: ServerFacts,
    configuration: Configuration,
    registry: Registry,
    /// The names of their applications, indexed by client.
    clients: BTreeMap<ClientId, Arc<str>>,
    /// Those who have reported calls in virtual queues.
    reporters: BTreeSet<ClientId>,
    /// Indexed by number.
    lines: BTreeMap<Arc<str>, Line>,
    /// The DN that each agent is logged in on, indexed by agent id.
    agents: BTreeMap<Arc<str>, Arc<str>>,
    timers: Timers,
    monitor: Monitor,
    numbering: Numbering,
    calls_not_counted: u64,
    outputs: VecDeque<Output>,
}

impl TController {
    /// One that knows no DN yet.
    pub fn new(settings: TControllerSettings, facts: ServerFacts) -> Self {
        Self {
            registry: Registry::new(settings.registry),
            settings,
            facts,
            configuration: Configuration::default(),
            clients: BTreeMap::new(),
            reporters: BTreeSet::new(),
            lines: BTreeMap::new(),
            agents: BTreeMap::new(),
            timers: Timers::default(),
            monitor: Monitor::default(),
            numbering: Numbering::default(),
            calls_not_counted: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes something in.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Configure(configuration) => self.configure(now, *configuration),
            Input::Connected { client, application } => self.on_connected(client, application),
            Input::Request { client, message } => {
                self.on_request(Request::new(now, client, &message, &Grant::default()));
            }
            Input::Subscribe { client, message, grant } => {
                self.on_request(Request::new(now, client, &message, &grant));
            }
            Input::Gone { client } => self.on_gone(now, client),
            Input::Call(event) => self.on_call(now, event),
            Input::Left { dn, conn } => {
                if let Some(line) = self.lines.get_mut(&dn) {
                    line.parties.remove(conn);
                }
            }
            Input::Answer { token, message } => self.reply(now, token, message),
            Input::Registered { dn } => self.on_contact(now, &dn, true),
            Input::Unregistered { dn } => self.on_contact(now, &dn, false),
            Input::Service { dn, in_service } => self.on_service(now, &dn, in_service),
            Input::NoAnswer { dn, action } => self.on_no_answer(now, &dn, action),
            Input::OwnerAnswer { question, verdict } => {
                self.on_owner_answer(now, *question, verdict)
            }
            Input::Monitor(request) => self.on_monitor(request),
        }
    }

    /// Goes by these limits from now on; registrations over them stay.
    pub const fn set_limits(&mut self, registry: RegistryLimits) {
        self.registry.set_limits(registry);
        self.settings.registry = registry;
    }

    /// What is to be done, in order; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called next, and what for.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((dn, timer)) = self.timers.take_due(now.at) {
            match timer {
                Timer::AfterCallWork => self.on_time_over(now, &dn, AgentEvent::AfterCallWorkOver),
                Timer::LegalGuard => self.on_time_over(now, &dn, AgentEvent::LegalGuardOver),
                Timer::AutoLogout => self.log_out(now, &dn, None),
                Timer::Reservations => self.on_reservations(now, &dn),
            }
        }
    }

    /// Registrations on DNs by name.
    pub const fn registrations(&self) -> usize {
        self.registry.len()
    }

    /// Whether a phone is registered for this DN.
    pub fn has_phone(&self, dn: &str) -> bool {
        self.lines.get(dn).is_some_and(|line| line.has_contact)
    }

    /// Agents that are logged in.
    pub fn agents(&self) -> usize {
        self.agents.len()
    }

    /// Calls that found no room in the counts of their DN (`calls_per_dn_max`), since the start.
    pub const fn calls_not_counted(&self) -> u64 {
        self.calls_not_counted
    }

    fn on_connected(&mut self, client: ClientId, application: Arc<str>) {
        if self.clients.len() >= self.settings.clients_max {
            let reason = "clients_max of the T-Controller is reached";
            self.outputs.push_back(Output::Close { client, reason });
            return;
        }
        self.clients.insert(client, application);
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        let application = self.clients.remove(&client).unwrap_or_else(|| Arc::from(""));
        self.drop_reservations_of(client);
        if self.reporters.remove(&client) {
            self.outputs.push_back(Output::ClientGone { client });
        }
        for dn in self.registry.leave(client) {
            self.on_client_left_dn(now, client, &dn);
            let application = Arc::clone(&application);
            self.on_owner_event(now, &dn, OwnerEvent::ClientGone { client, application });
        }
    }

    fn on_request(&mut self, request: Request<'_>) {
        let Request { now, token, message, .. } = request;
        let reserves = request.kind() == MessageType::RequestReserveAgent;
        let is_known = self.clients.contains_key(&token.client);
        if !is_known && (token.client.module == Module::TController || !reserves) {
            return;
        }
        if let Err(refusal) = self.dispatch(request) {
            self.refuse(now, token, message, &refusal);
        }
    }

    fn dispatch(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        match request.handler()? {
            Handler::Registry => self.on_registry_request(request),
            Handler::Agents => self.on_agent_request(now, token, message),
            Handler::Features => self.on_feature_request(now, token, message),
            Handler::Bulk => self.on_bulk_request(request),
            Handler::Calls => self.pass_on(token, message),
            Handler::Supervision | Handler::Session => Err(ErrorCode::Unsupported.into()),
            Handler::Monitoring => Err(not_monitored_here()),
        }
    }

    fn on_registry_request(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        let answer = match request.kind() {
            MessageType::RequestRegisterAddress => return self.register(request),
            MessageType::RequestUnregisterAddress => return self.unregister(request),
            MessageType::RequestQueryAddress => self.query_address(Some(token.client), message)?,
            _ => server::answer(&self.facts, now, message)?,
        };
        self.reply(now, token, answer);
        Ok(())
    }

    /// A request about a call goes to the Session Controller. A routing client reports a virtual queue without being registered on it.
    fn pass_on(&mut self, token: Token, message: &Arc<Message>) -> Result<(), Refusal> {
        if message.kind() == MessageType::RequestDistributeEvent {
            self.line_of(message)?;
            self.reporters.insert(token.client);
        } else {
            self.held_dn(token.client, message)?;
        }
        self.outputs.push_back(Output::CallRequest { token, message: Arc::clone(message) });
        Ok(())
    }

    fn on_call(&mut self, now: Now, event: CallEvent) {
        let max = self.settings.calls_per_dn_max;
        let Some(line) = self.lines.get_mut(&event.dn) else { return };
        let hooks = line.has_hook_events;
        let was_off = hooks && line.parties.is_off_hook();
        let change = line.parties.apply(&event, max);
        let is_off = hooks && line.parties.is_off_hook();
        self.calls_not_counted += u64::from(change == Change::Full);
        let dn = event.dn;
        let state = event.message.int(Attribute::CallState);
        let no_answer = event.no_answer;
        let was_not_answered = state == Some(CallState::NoAnswer as i64);
        if is_off && !was_off {
            self.emit_hook(now, &dn, MessageType::EventOffHook);
        }
        let asked_by = event.asked_by.filter(|token| token.client.module == Module::TController);
        self.emit(now, &dn, event.message, asked_by);
        if was_off && !is_off {
            self.emit_hook(now, &dn, MessageType::EventOnHook);
        }
        match change {
            Change::Left(party) => {
                self.on_parties_changed(now, &dn, Some(&party));
                if was_not_answered && party.is_alerting() && party.status.queue.is_some() {
                    self.on_no_answer(now, &dn, no_answer);
                }
            }
            Change::Joined => self.on_parties_changed(now, &dn, None),
            Change::Changed | Change::None | Change::Full => {}
        }
    }

    fn emit_hook(&mut self, now: Now, dn: &Arc<str>, kind: MessageType) {
        let message = Message::new(kind).with(Attribute::ThisDN, dn);
        self.emit(now, dn, Arc::new(message), None);
    }

    /// Distributes an event of a DN: to its clients, to who asked for it, to the Smart Proxy.
    fn emit(&mut self, now: Now, dn: &Arc<str>, message: Arc<Message>, asked_by: Option<Token>) {
        self.feed(dn, &message);
        let audience = self.registry.clients(dn);
        let asked_by = asked_by.filter(|token| {
            let is_one = audience.as_ref().is_some_and(|all| all.clients.contains(&token.client));
            is_one
                || self.clients.contains_key(&token.client)
                || token.client.module != Module::TController
        });
        if audience.is_none() && asked_by.is_none() {
            return;
        }
        let event = self.numbering.next(message, now);
        if let Some(token) = asked_by
            && !audience.as_ref().is_some_and(|all| all.clients.contains(&token.client))
        {
            let message = Message::clone(event.message())
                .with_some(Attribute::EventSequenceNumber, event.sequence().map(tlib::Value::Id))
                .with(Attribute::ReferenceID, token.reference);
            self.outputs.push_back(Output::Answer { client: token.client, message });
        }
        if let Some(audience) = audience {
            let deliver = Deliver { asked_by, ..Deliver::to(event, audience) };
            self.outputs.push_back(Output::Deliver(deliver));
        }
    }

    /// Answers a request with its ReferenceID.
    fn reply(&mut self, now: Now, token: Token, message: Message) {
        self.answer(now, token.client, message.with(Attribute::ReferenceID, token.reference));
    }

    fn answer(&mut self, now: Now, client: ClientId, message: Message) {
        let message = stamped(&message, now);
        self.outputs.push_back(Output::Answer { client, message });
    }

    fn refuse(&mut self, now: Now, token: Token, request: &Message, refusal: &Refusal) {
        self.answer(now, token.client, refusal.event(token, request));
    }

    fn publish(&mut self, dn: &str) {
        if let Some(line) = self.lines.get(dn) {
            self.outputs.push_back(Output::Publish(line.published()));
        }
    }
}
