//! The four modules with their clients, driven by one loop.

use std::{collections::BTreeMap, sync::Arc};

use cti::{
    CallsConfig, ClientId, Deliver, Dns, Module, Now, ServerFacts, Token,
    interaction_proxy::{self, InteractionProxy, InteractionProxySettings},
    session_controller::{self, SessionController, SessionControllerSettings},
    smart_proxy::{self, SmartProxy, SmartProxySettings},
    t_controller::{self, Configuration, DnState, TController, TControllerSettings},
};
use model::{ConnId, Instant};
use switch::{Control, Fact};
use tlib::Message;

/// A message, with those who get it and the ReferenceID of who asked.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) message: Arc<Message>,
    pub(crate) to: Vec<(String, Option<u32>)>,
}

/// The modules of a node.
pub(crate) struct Floor {
    sc: SessionController,
    tc: TController,
    spx: SmartProxy,
    ipr: InteractionProxy,
    dns: Arc<Dns>,
    names: BTreeMap<ClientId, String>,
    clients: BTreeMap<String, ClientId>,
    told: Vec<Told>,
    controls: Vec<Control>,
    /// What calls must know of DNs.
    states: Vec<DnState>,
}

impl Floor {
    pub(crate) fn new(dns: Arc<Dns>, now: Now) -> Self {
        let facts = ServerFacts {
            application: "SIPS".into(),
            version: "0".into(),
            location: "".into(),
            started_s: 0,
        };
        let settings = SessionControllerSettings {
            calls: CallsConfig::default(),
            ..SessionControllerSettings::default()
        };
        let mut sc = SessionController::new(settings, facts.clone(), 0x5EED);
        sc.handle_input(now, session_controller::Input::Configure(Arc::clone(&dns)));
        let mut tc = TController::new(TControllerSettings::default(), facts.clone());
        let configuration = Configuration { dns: Arc::clone(&dns), ..Configuration::default() };
        tc.handle_input(now, t_controller::Input::Configure(Box::new(configuration)));
        let mut spx = SmartProxy::new(SmartProxySettings::default(), facts.clone());
        spx.handle_input(now, smart_proxy::Input::Configure(Arc::clone(&dns)));
        let ipr = InteractionProxy::new(InteractionProxySettings::default(), facts);
        let (names, clients) = (BTreeMap::new(), BTreeMap::new());
        let (told, controls, states) = (Vec::new(), Vec::new(), Vec::new());
        let mut floor = Self { sc, tc, spx, ipr, dns, names, clients, told, controls, states };
        floor.settle(now);
        floor
    }

    /// A client connects to the port of a module.
    pub(crate) fn connect(&mut self, now: Now, name: &str, module: Module) {
        let number = self.names.len() as u64 + 1;
        let client = ClientId { module, number };
        self.names.insert(client, name.to_owned());
        self.clients.insert(name.to_owned(), client);
        let application: Arc<str> = name.into();
        match module {
            Module::SessionController => {
                self.sc.handle_input(now, session_controller::Input::Connected { client });
            }
            Module::TController => {
                let connected = t_controller::Input::Connected { client, application };
                self.tc.handle_input(now, connected);
            }
            Module::InteractionProxy => {
                let connected = interaction_proxy::Input::Connected { client };
                self.ipr.handle_input(now, connected);
            }
            Module::SmartProxy => {
                self.spx.handle_input(now, smart_proxy::Input::Connected { client });
            }
        }
        self.settle(now);
    }

    /// Whether there is a client of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.clients.contains_key(name)
    }

    /// A client asks for something.
    pub(crate) fn request(&mut self, now: Now, name: &str, message: Message) {
        let Some(client) = self.clients.get(name).copied() else { return };
        let message = Arc::new(message);
        match client.module {
            Module::SessionController => {
                let request = session_controller::Input::Request { client, message };
                self.sc.handle_input(now, request);
            }
            Module::TController => {
                self.tc.handle_input(now, t_controller::Input::Request { client, message });
            }
            Module::InteractionProxy => {
                self.ipr.handle_input(now, interaction_proxy::Input::Request { client, message });
            }
            Module::SmartProxy => {
                self.spx.handle_input(now, smart_proxy::Input::Request { client, message });
            }
        }
        self.settle(now);
    }

    /// The call engine tells something.
    pub(crate) fn on_fact(&mut self, now: Now, fact: &Fact) {
        if let Some(input) = t_controller::Input::of_fact(&self.dns, fact) {
            self.tc.handle_input(now, input);
        }
        self.sc.on_fact(now, fact);
        self.settle(now);
    }

    /// Something of a call has not been told.
    pub(crate) fn lose(&mut self, now: Now, conn: ConnId) {
        self.sc.handle_input(now, session_controller::Input::Lost { conn });
        self.settle(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let tc = self.tc.poll_timeout().map(|(at, _)| at);
        self.sc.poll_timeout().into_iter().chain(tc).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.sc.handle_timeout(now);
        self.tc.handle_timeout(now);
        self.settle(now);
    }

    /// What clients were told since.
    pub(crate) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// What is wanted of the call engine.
    pub(crate) fn take_controls(&mut self) -> Vec<Control> {
        std::mem::take(&mut self.controls)
    }

    /// What calls must know of DNs, as it has changed since.
    pub(crate) fn take_states(&mut self) -> Vec<DnState> {
        std::mem::take(&mut self.states)
    }

    /// Calls that are left.
    pub(crate) fn calls(&self) -> usize {
        self.sc.calls().len()
    }

    fn tell(&mut self, message: &Arc<Message>, to: Vec<(String, Option<u32>)>) {
        // The modules tell the same event one after another.
        if let Some(last) = self.told.last_mut().filter(|last| last.message == *message) {
            last.to.extend(to);
            return;
        }
        self.told.push(Told { message: Arc::clone(message), to });
    }

    fn deliver(&mut self, deliver: &Deliver) {
        let to = deliver.recipients().map(|client| {
            let name = self.names.get(&client).cloned().unwrap_or_default();
            (name, deliver.reference_for(client))
        });
        let to = to.collect();
        self.tell(deliver.event.message(), to);
    }

    fn answer(&mut self, client: ClientId, message: Message) {
        let name = self.names.get(&client).cloned().unwrap_or_default();
        self.tell(&Arc::new(message), vec![(name, None)]);
    }

    fn settle(&mut self, now: Now) {
        while self.settle_calls(now) | self.settle_desks(now) | self.settle_proxies(now) {}
    }

    fn settle_calls(&mut self, now: Now) -> bool {
        use session_controller::Output;
        let mut is_news = false;
        while let Some(output) = self.sc.poll_output() {
            is_news = true;
            match output {
                Output::Deliver(deliver) => self.deliver(&deliver),
                Output::Answer { client, message } => self.answer(client, message),
                Output::Forward { token, message } => self.forward(now, token, message),
                Output::Call(event) => {
                    self.tc.handle_input(now, t_controller::Input::Call(event.clone()));
                    self.ipr.handle_input(now, interaction_proxy::Input::Call(event));
                    self.settle_desks(now);
                }
                Output::Monitor(event) => {
                    self.ipr.handle_input(now, interaction_proxy::Input::Monitor(event));
                }
                Output::Control(control) => self.controls.push(control),
                Output::AgentRequest { client, message } => {
                    self.tc.handle_input(now, t_controller::Input::Request { client, message });
                }
                Output::ClientGone { client } => {
                    self.tc.handle_input(now, t_controller::Input::Gone { client });
                }
                Output::Left { dn, conn } => {
                    self.tc.handle_input(now, t_controller::Input::Left { dn, conn });
                }
                Output::Log(_) | Output::Close { .. } => {}
            }
        }
        is_news
    }

    fn forward(&mut self, now: Now, token: Token, message: Message) {
        match token.client.module {
            Module::TController => {
                self.tc.handle_input(now, t_controller::Input::Answer { token, message });
            }
            _ => self.answer(token.client, message),
        }
    }

    fn settle_desks(&mut self, now: Now) -> bool {
        use t_controller::Output;
        let mut is_news = false;
        while let Some(output) = self.tc.poll_output() {
            is_news = true;
            match output {
                Output::Deliver(deliver) => self.deliver(&deliver),
                Output::Answer { client, message } => self.answer(client, message),
                Output::CallRequest { token, message } => {
                    let request = session_controller::Input::CallRequest { token, message };
                    self.sc.handle_input(now, request);
                }
                Output::ClientGone { client } => {
                    self.sc.handle_input(now, session_controller::Input::Gone { client });
                }
                Output::Monitor(feed) => {
                    self.spx.handle_input(now, smart_proxy::Input::Feed(feed));
                    self.settle_proxies(now);
                }
                Output::Publish(state) => {
                    let (dn, agent) = (Arc::clone(&state.dn), state.agent.clone());
                    self.sc.handle_input(now, session_controller::Input::Agent { dn, agent });
                    self.states.push(state);
                }
                Output::Unpublish { dn } => {
                    let agent = None;
                    self.sc.handle_input(now, session_controller::Input::Agent { dn, agent });
                }
                Output::Ask(_) | Output::Log(_) | Output::Charge { .. } | Output::Close { .. } => {}
            }
        }
        is_news
    }

    fn settle_proxies(&mut self, now: Now) -> bool {
        let mut is_news = false;
        while let Some(output) = self.spx.poll_output() {
            is_news = true;
            match output {
                smart_proxy::Output::Deliver(deliver) => self.deliver(&deliver),
                smart_proxy::Output::Answer { client, message } => self.answer(client, message),
                smart_proxy::Output::Ask(request) => {
                    self.tc.handle_input(now, t_controller::Input::Monitor(request));
                }
                smart_proxy::Output::Close { .. } => {}
            }
        }
        while let Some(client) = { self.ipr.waiting().next() } {
            self.ipr.handle_input(now, interaction_proxy::Input::Room { client });
        }
        while let Some(output) = self.ipr.poll_output() {
            is_news = true;
            match output {
                interaction_proxy::Output::Deliver(deliver) => self.deliver(&deliver),
                interaction_proxy::Output::Answer { client, message } => {
                    self.answer(client, message);
                }
                interaction_proxy::Output::Charge { .. }
                | interaction_proxy::Output::Close { .. } => {}
            }
        }
        is_news
    }
}
