//! The Smart Proxy: all DNs for clients that only watch (seed 001, section 5.2).
//!
//! It is the one client of the T-Controller for all of its own clients. It registers them itself, and asks the T-Controller for the snapshot that
//! answers a registration; answers and events come from there in one order, so what a client is told after its EventRegistered is what
//! has happened since. Drain [`SmartProxy::poll_output`] after every input, and after [`SmartProxy::new`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use tlib::{AddressInfoType, Attribute, ErrorCode, Message, MessageType, RegisterMode};

use crate::{
    ClientId, Deliver, Dns, Filter, Grant, Handler, Now, Refusal, Registry, RegistryLimits,
    ServerFacts, Token,
    deliver::Numbering,
    now::stamped,
    requests::{Request, not_monitored_here},
    server,
    t_controller::{
        MonitorFeed, MonitorRequest, Registration, association, not_configured, this_dn,
        unregistered,
    },
};

/// How much a Smart Proxy holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SmartProxySettings {
    /// Registrations.
    pub registry: RegistryLimits,
    /// Clients that may be connected; the next one is sent away.
    pub clients_max: usize,
    /// Registrations and queries that wait for the T-Controller; further ones are refused.
    pub asked_max: usize,
}

impl Default for SmartProxySettings {
    fn default() -> Self {
        Self { registry: RegistryLimits::default(), clients_max: 200, asked_max: 200_000 }
    }
}

/// What comes in.
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
    /// A client is gone.
    Gone {
        /// Which.
        client: ClientId,
    },
    /// What the T-Controller gives.
    Feed(MonitorFeed),
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// An event for the clients of a DN.
    Deliver(Deliver),
    /// What one client alone is told.
    Answer {
        /// Whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// For the T-Controller.
    Ask(MonitorRequest),
    /// A client is to be sent away.
    Close {
        /// Which.
        client: ClientId,
        /// Why.
        reason: &'static str,
    },
}

/// The machine.
#[derive(Debug)]
pub struct SmartProxy {
    settings: SmartProxySettings,
    facts: ServerFacts,
    dns: Arc<Dns>,
    clients: BTreeSet<ClientId>,
    registry: Registry,
    /// What waits for the T-Controller, by the number of the question.
    asked: BTreeMap<u64, Asked>,
    /// Questions that were asked, ever.
    questions: u64,
    /// Whether every event comes, rather than those of DNs that are watched.
    is_bulk: bool,
    watched: BTreeSet<Arc<str>>,
    numbering: Numbering,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Asked {
    token: Token,
    message: Arc<Message>,
    /// The registration that the answer makes.
    registers: Option<Registers>,
}

/// What a client is registered for when the T-Controller has answered.
#[derive(Debug)]
struct Registers {
    dn: Arc<str>,
    mode: RegisterMode,
    filter: Filter,
}

impl SmartProxy {
    /// One without clients. It asks the T-Controller to be fed.
    pub fn new(settings: SmartProxySettings, facts: ServerFacts) -> Self {
        Self {
            registry: Registry::new(settings.registry),
            settings,
            facts,
            dns: Arc::default(),
            clients: BTreeSet::new(),
            asked: BTreeMap::new(),
            questions: 0,
            is_bulk: true,
            watched: BTreeSet::new(),
            numbering: Numbering::default(),
            outputs: VecDeque::from([Output::Ask(MonitorRequest::Open)]),
        }
    }

    /// Takes something in.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Configure(dns) => self.dns = dns,
            Input::Connected { client } => self.on_connected(client),
            Input::Request { client, message } => {
                self.on_request(Request::new(now, client, &message, &Grant::default()));
            }
            Input::Subscribe { client, message, grant } => {
                self.on_request(Request::new(now, client, &message, &grant));
            }
            Input::Gone { client } => {
                self.clients.remove(&client);
                for dn in self.registry.leave(client) {
                    self.unwatch(&dn);
                }
            }
            Input::Feed(feed) => self.on_feed(now, feed),
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

    /// Registrations on DNs.
    pub const fn registrations(&self) -> usize {
        self.registry.len()
    }

    fn on_connected(&mut self, client: ClientId) {
        if self.clients.len() >= self.settings.clients_max {
            let reason = "clients_max of the Smart Proxy is reached";
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
            self.answer(now, token, &refusal.event(token, message));
        }
    }

    fn dispatch(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let here = "the Smart Proxy only shows DNs";
        match request.handler()? {
            Handler::Registry => self.on_registry_request(request),
            Handler::Agents | Handler::Supervision | Handler::Features | Handler::Bulk => {
                Err(Refusal::new(
                    ErrorCode::NotSupportedHere,
                    format!(
                        "{here}: agents, supervisors and smart clients use the port of the T-Controller (TCport)"
                    ),
                ))
            }
            Handler::Calls => Err(Refusal::new(
                ErrorCode::NotSupportedHere,
                format!("{here}: requests about calls go to the port of the T-Controller (TCport)"),
            )),
            Handler::Monitoring => Err(not_monitored_here()),
            Handler::Session => Err(ErrorCode::Unsupported.into()),
        }
    }

    fn on_registry_request(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        match request.kind() {
            MessageType::RequestRegisterAddress => self.register(request),
            MessageType::RequestUnregisterAddress => {
                let dn = this_dn(message)?;
                if !self.registry.unregister(token.client, dn) {
                    return Err(ErrorCode::NotRegistered.into());
                }
                self.unwatch(dn);
                self.reply(now, token, unregistered(dn));
                Ok(())
            }
            MessageType::RequestQueryAddress => self.query_address(now, token, message),
            _ => {
                let answer = server::answer(&self.facts, now, message)?;
                self.reply(now, token, answer);
                Ok(())
            }
        }
    }

    fn register(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { token, message, .. } = request;
        let number = this_dn(message)?;
        let dn = self.dns.get(number).ok_or_else(|| not_configured(number))?;
        let asked = Registration::of(message, dn)?;
        if asked.mode == RegisterMode::Private {
            return Err(Refusal::new(
                ErrorCode::NotSupportedHere,
                "the Smart Proxy shows every DN to everybody; register it in another mode",
            ));
        }
        if self.registry.mode(token.client, number) == Some(asked.mode) {
            return Err(ErrorCode::AlreadyRegistered.into());
        }
        let dn = Arc::clone(&dn.number);
        let filter = request.filter()?;
        self.ask(token, message, Some(Registers { dn, mode: asked.mode, filter }))
    }

    fn query_address(
        &mut self,
        now: Now,
        token: Token,
        message: &Arc<Message>,
    ) -> Result<(), Refusal> {
        let dn = this_dn(message)?;
        self.dns.get(dn).ok_or_else(|| not_configured(dn))?;
        let is_registered = self.registry.mode(token.client, dn).is_some();
        let asked = message.int(Attribute::AddressInfoType).and_then(AddressInfoType::of);
        if asked == Some(AddressInfoType::AssociationStatus) {
            let status = association(&self.registry, Some(token.client), dn);
            let event = Message::new(MessageType::EventAddressInfo)
                .with(Attribute::AddressInfoStatus, status)
                .with(Attribute::AddressInfoType, AddressInfoType::AssociationStatus)
                .with(Attribute::ThisDN, dn);
            self.reply(now, token, event);
            return Ok(());
        }
        if !is_registered && asked != Some(AddressInfoType::AddressType) {
            return Err(ErrorCode::NotRegistered.into());
        }
        self.ask(token, message, None)
    }

    fn ask(
        &mut self,
        token: Token,
        message: &Arc<Message>,
        registers: Option<Registers>,
    ) -> Result<(), Refusal> {
        if self.asked.len() >= self.settings.asked_max {
            let text = format!("asked_max is {}; ask again later", self.settings.asked_max);
            return Err(Refusal::new(ErrorCode::TooManyRequests, text));
        }
        if let Some(Registers { dn, .. }) = &registers {
            let dn = Arc::clone(dn);
            self.watch(dn);
        }
        self.questions += 1;
        let id = self.questions;
        self.asked.insert(id, Asked { token, message: Arc::clone(message), registers });
        let message = Arc::clone(message);
        self.outputs.push_back(Output::Ask(MonitorRequest::Ask { id, token, message }));
        Ok(())
    }

    fn on_feed(&mut self, now: Now, feed: MonitorFeed) {
        match feed {
            MonitorFeed::Mode { is_bulk } => self.on_mode(is_bulk),
            MonitorFeed::Event { dn, message } => self.on_event(now, &dn, message),
            MonitorFeed::Answer { id, message, .. } => {
                if let Some(asked) = self.asked.remove(&id) {
                    self.on_answer(now, asked, message);
                }
            }
        }
    }

    /// In bulk nothing has to be named. Otherwise every DN is that anybody is registered on, or is about to be.
    fn on_mode(&mut self, is_bulk: bool) {
        self.is_bulk = is_bulk;
        self.watched.clear();
        if is_bulk {
            return;
        }
        let asked = self.asked.values().filter_map(|asked| asked.registers.as_ref());
        let dns: BTreeSet<Arc<str>> =
            self.registry.held().chain(asked.map(|registers| &registers.dn)).cloned().collect();
        dns.into_iter().for_each(|dn| self.watch(dn));
        self.outputs.push_back(Output::Ask(MonitorRequest::Watching));
    }

    fn watch(&mut self, dn: Arc<str>) {
        if !self.is_bulk && self.watched.insert(Arc::clone(&dn)) {
            self.outputs.push_back(Output::Ask(MonitorRequest::Watch { dn }));
        }
    }

    fn unwatch(&mut self, dn: &Arc<str>) {
        let is_asked = |asked: &Asked| asked.registers.as_ref().is_some_and(|one| one.dn == *dn);
        let is_wanted = self.registry.is_held(dn) || self.asked.values().any(is_asked);
        if !is_wanted && self.watched.remove(dn) {
            let dn = Arc::clone(dn);
            self.outputs.push_back(Output::Ask(MonitorRequest::Unwatch { dn }));
        }
    }

    fn on_answer(&mut self, now: Now, asked: Asked, message: Message) {
        let Asked { token, message: request, registers } = asked;
        let is_there = self.clients.contains(&token.client);
        let Some(Registers { dn, mode, filter }) = registers else {
            if is_there {
                self.answer(now, token, &message);
            }
            return;
        };
        let is_registered = message.kind() == MessageType::EventRegistered;
        if is_registered {
            // The DN may have been another one when it was asked of, and is watched no more since.
            self.watch(Arc::clone(&dn));
        }
        if is_there && is_registered {
            match self.registry.register(token.client, &dn, (mode, filter)) {
                Ok(()) => self.answer(now, token, &message),
                Err(refusal) => self.answer(now, token, &refusal.event(token, &request)),
            }
        } else if is_there {
            self.answer(now, token, &message);
        }
        self.unwatch(&dn);
    }

    fn on_event(&mut self, now: Now, dn: &Arc<str>, message: Arc<Message>) {
        let is_gone = message.kind() == MessageType::EventUnregistered;
        let clients = if is_gone { self.registry.forget(dn) } else { self.registry.clients(dn) };
        if is_gone {
            self.watched.remove(dn);
        }
        if let Some(audience) = clients {
            let event = self.numbering.next(message, now);
            self.outputs.push_back(Output::Deliver(Deliver::to(event, audience)));
        }
    }

    fn reply(&mut self, now: Now, token: Token, message: Message) {
        self.answer(now, token, &message.with(Attribute::ReferenceID, token.reference));
    }

    fn answer(&mut self, now: Now, token: Token, message: &Message) {
        let message = stamped(message, now);
        self.outputs.push_back(Output::Answer { client: token.client, message });
    }
}
