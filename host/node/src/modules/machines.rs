//! The four modules as machines that threads drive.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use cti::{
    ClientId, Dns, Grant, Module, Now,
    interaction_proxy::{self, InteractionProxy},
    session_controller::{self, SessionController},
    smart_proxy::{self, SmartProxy},
    t_controller::{self, Configuration, OwnerQuestion, OwnerVerdict, TController},
};
use model::Instant;
use switch::Fact;
use tlib::Message;

use super::{Effect, Holdings, Letter, Machine, ModuleSettings};

/// A machine with what it wants done.
pub(super) struct Driven<M> {
    inner: M,
    module: Module,
    dns: Arc<Dns>,
    effects: VecDeque<Effect>,
}

impl<M> Driven<M> {
    /// Takes a machine that has its configuration.
    pub(super) const fn new(inner: M, module: Module, dns: Arc<Dns>) -> Self {
        Self { inner, module, dns, effects: VecDeque::new() }
    }

    fn post(&mut self, to: Module, letter: Letter) {
        self.effects.push_back(Effect::Post(to, letter));
    }

    /// Tells one client, of whichever module it is.
    fn answer(&mut self, client: ClientId, message: Message) {
        let effect = if client.module == self.module {
            Effect::Answer(client, message)
        } else {
            Effect::Post(client.module, Letter::Tell(client, message))
        };
        self.effects.push_back(effect);
    }
}

/// What the T-Controller is told of a configuration.
pub(super) fn configure(settings: &ModuleSettings) -> t_controller::Input {
    let configuration = Configuration { dns: settings.dns.clone(), ..Configuration::default() };
    t_controller::Input::Configure(Box::new(configuration))
}

impl Driven<SessionController> {
    fn drain(&mut self) {
        use session_controller::Output;
        while let Some(output) = self.inner.poll_output() {
            match output {
                Output::Deliver(deliver) => self.effects.push_back(Effect::Deliver(deliver)),
                Output::Answer { client, message } => self.answer(client, message),
                Output::Forward { token, message } => {
                    self.post(token.client.module, Letter::Answer(token, message));
                }
                Output::Call(event) => {
                    self.post(Module::InteractionProxy, Letter::Call(event.clone()));
                    self.post(Module::TController, Letter::Call(event));
                }
                Output::Monitor(event) => {
                    self.post(Module::InteractionProxy, Letter::Monitor(event));
                }
                Output::Control(control) => self.effects.push_back(Effect::Control(control)),
                Output::AgentRequest { client, message } => {
                    self.post(Module::TController, Letter::Agent(client, message));
                }
                Output::Log(line) => self.effects.push_back(Effect::Log(line)),
                Output::ClientGone { client } => {
                    self.post(Module::TController, Letter::Gone(client));
                }
                Output::Left { dn, conn } => {
                    self.post(Module::TController, Letter::Left(dn, conn));
                }
                Output::Close { client, reason } => {
                    self.effects.push_back(Effect::Close(client, reason));
                }
            }
        }
    }

    /// The T-Controller keeps who has a phone that answers.
    fn tell_of_device(&mut self, fact: &Fact) {
        if let Some(input) = t_controller::Input::of_fact(&self.dns, fact) {
            self.post(Module::TController, Letter::Device(input));
        }
    }

    fn input(&mut self, now: Now, input: session_controller::Input) {
        self.inner.handle_input(now, input);
        self.drain();
    }
}

impl Machine for Driven<SessionController> {
    fn holdings(&self) -> Holdings {
        let calls = self.inner.calls();
        Holdings {
            registrations: self.inner.registrations(),
            calls: calls.len(),
            calls_missed: calls.missed(),
            requests_waiting: calls.waiting(),
            ..Holdings::default()
        }
    }

    fn configure(&mut self, now: Now, settings: &ModuleSettings) {
        self.inner.set_limits(settings.registry, settings.calls.clone());
        if self.dns != settings.dns {
            self.dns = settings.dns.clone();
            self.input(now, session_controller::Input::Configure(self.dns.clone()));
            self.effects.push_back(Effect::TellPhones);
        }
    }

    fn on_letter(&mut self, now: Now, letter: Letter) {
        use session_controller::Input;
        match letter {
            Letter::Fact(fact) => {
                self.tell_of_device(&fact);
                self.inner.on_fact(now, &fact);
                self.drain();
            }
            Letter::Request(token, message) => {
                self.input(now, Input::CallRequest { token, message });
            }
            Letter::Gone(client) => self.input(now, Input::Gone { client }),
            Letter::AgentOn(dn, agent) => self.input(now, Input::Agent { dn, agent }),
            Letter::Lost(conn) => self.input(now, Input::Lost { conn }),
            Letter::AllLost(shard) => self.input(now, Input::AllLost { shard }),
            Letter::Tell(client, message) => self.answer(client, message),
            _ => {}
        }
    }

    fn on_client(&mut self, now: Now, client: ClientId, _: Arc<str>) {
        self.input(now, session_controller::Input::Connected { client });
    }

    fn on_request(&mut self, now: Now, client: ClientId, message: Message, grant: Option<Grant>) {
        use session_controller::Input;
        let message = Arc::new(message);
        let input = match grant {
            None => Input::Request { client, message },
            Some(grant) => Input::Subscribe { client, message, grant },
        };
        self.input(now, input);
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        self.input(now, session_controller::Input::Gone { client });
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.inner.poll_timeout()
    }

    fn on_time(&mut self, now: Now) {
        self.inner.handle_timeout(now);
        self.drain();
    }
}

impl Driven<TController> {
    /// Which DNs have a phone, where others are DNs than before.
    fn on_phones(&mut self, now: Now, with: &BTreeSet<Arc<str>>) {
        use t_controller::Input;
        let dns = self.dns.clone();
        for dn in dns.iter().map(|dn| Arc::clone(&dn.number)) {
            match (self.inner.has_phone(&dn), with.contains(&dn)) {
                (false, true) => self.input(now, Input::Registered { dn }),
                (true, false) => self.input(now, Input::Unregistered { dn }),
                _ => {}
            }
        }
    }

    fn input(&mut self, now: Now, input: t_controller::Input) {
        self.inner.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        use t_controller::Output;
        while let Some(output) = self.inner.poll_output() {
            let effect = match output {
                Output::Deliver(deliver) => Effect::Deliver(deliver),
                Output::Answer { client, message } => {
                    self.answer(client, message);
                    continue;
                }
                Output::CallRequest { token, message } => {
                    Effect::Post(Module::SessionController, Letter::Request(token, message))
                }
                Output::ClientGone { client } => {
                    Effect::Post(Module::SessionController, Letter::Gone(client))
                }
                Output::Publish(state) => Effect::Publish(state),
                Output::Unpublish { dn } => Effect::Unpublish(dn),
                Output::Monitor(feed) => Effect::Post(Module::SmartProxy, Letter::Feed(feed)),
                Output::Log(line) => Effect::Log(line),
                Output::Close { client, reason } => Effect::Close(client, reason),
                Output::Charge { client, requests } => Effect::Charge(client, requests),
                Output::Ask(question) => Effect::AskOwner(question),
            };
            self.effects.push_back(effect);
        }
    }
}

impl Machine for Driven<TController> {
    fn holdings(&self) -> Holdings {
        let (registrations, agents) = (self.inner.registrations(), self.inner.agents());
        Holdings { registrations, agents, ..Holdings::default() }
    }

    fn configure(&mut self, now: Now, settings: &ModuleSettings) {
        self.inner.set_limits(settings.registry);
        if self.dns != settings.dns {
            self.dns = settings.dns.clone();
            self.input(now, configure(settings));
        }
    }

    fn on_letter(&mut self, now: Now, letter: Letter) {
        use t_controller::Input;
        if let Letter::Phones(with) = &letter {
            return self.on_phones(now, with);
        }
        let input = match letter {
            Letter::Call(event) => Input::Call(event),
            Letter::Answer(token, message) => Input::Answer { token, message },
            Letter::Agent(client, message) => Input::Request { client, message },
            Letter::Device(input) => input,
            Letter::Gone(client) => Input::Gone { client },
            Letter::Left(dn, conn) => Input::Left { dn, conn },
            Letter::Watch(request) => Input::Monitor(request),
            _ => return,
        };
        self.input(now, input);
    }

    fn on_client(&mut self, now: Now, client: ClientId, application: Arc<str>) {
        self.input(now, t_controller::Input::Connected { client, application });
    }

    fn on_request(&mut self, now: Now, client: ClientId, message: Message, grant: Option<Grant>) {
        use t_controller::Input;
        let message = Arc::new(message);
        let input = match grant {
            None => Input::Request { client, message },
            Some(grant) => Input::Subscribe { client, message, grant },
        };
        self.input(now, input);
    }

    fn on_owner(&mut self, now: Now, question: OwnerQuestion, verdict: OwnerVerdict) {
        let question = Box::new(question);
        self.input(now, t_controller::Input::OwnerAnswer { question, verdict });
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        self.input(now, t_controller::Input::Gone { client });
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.inner.poll_timeout().map(|(at, _)| at)
    }

    fn on_time(&mut self, now: Now) {
        self.inner.handle_timeout(now);
        self.drain();
    }
}

impl Driven<SmartProxy> {
    /// Asks the T-Controller to be fed.
    pub(super) fn open(mut self) -> Self {
        self.drain();
        self
    }

    fn input(&mut self, now: Now, input: smart_proxy::Input) {
        self.inner.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        use smart_proxy::Output;
        while let Some(output) = self.inner.poll_output() {
            match output {
                Output::Deliver(deliver) => self.effects.push_back(Effect::Deliver(deliver)),
                Output::Answer { client, message } => self.answer(client, message),
                Output::Ask(request) => self.post(Module::TController, Letter::Watch(request)),
                Output::Close { client, reason } => {
                    self.effects.push_back(Effect::Close(client, reason));
                }
            }
        }
    }
}

impl Machine for Driven<SmartProxy> {
    fn holdings(&self) -> Holdings {
        Holdings { registrations: self.inner.registrations(), ..Holdings::default() }
    }

    fn configure(&mut self, now: Now, settings: &ModuleSettings) {
        self.inner.set_limits(settings.registry);
        self.dns = settings.dns.clone();
        self.input(now, smart_proxy::Input::Configure(self.dns.clone()));
    }

    fn on_letter(&mut self, now: Now, letter: Letter) {
        if let Letter::Feed(feed) = letter {
            self.input(now, smart_proxy::Input::Feed(feed));
        }
    }

    fn on_client(&mut self, now: Now, client: ClientId, _: Arc<str>) {
        self.input(now, smart_proxy::Input::Connected { client });
    }

    fn on_request(&mut self, now: Now, client: ClientId, message: Message, grant: Option<Grant>) {
        use smart_proxy::Input;
        let message = Arc::new(message);
        let input = match grant {
            None => Input::Request { client, message },
            Some(grant) => Input::Subscribe { client, message, grant },
        };
        self.input(now, input);
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        self.input(now, smart_proxy::Input::Gone { client });
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn on_time(&mut self, _: Now) {}
}

impl Driven<InteractionProxy> {
    fn input(&mut self, now: Now, input: interaction_proxy::Input) {
        self.inner.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        use interaction_proxy::Output;
        while let Some(output) = self.inner.poll_output() {
            match output {
                Output::Deliver(deliver) => self.effects.push_back(Effect::Deliver(deliver)),
                Output::Answer { client, message } => self.answer(client, message),
                Output::Charge { client, requests } => {
                    self.effects.push_back(Effect::Charge(client, requests));
                }
                Output::Close { client, reason } => {
                    self.effects.push_back(Effect::Close(client, reason));
                }
            }
        }
    }
}

impl Machine for Driven<InteractionProxy> {
    fn holdings(&self) -> Holdings {
        let (calls, calls_missed) = (self.inner.calls(), self.inner.calls_missed());
        Holdings { calls, calls_missed, ..Holdings::default() }
    }

    fn configure(&mut self, _: Now, settings: &ModuleSettings) {
        self.inner.set_calls_max(settings.calls.calls_max);
    }

    fn on_letter(&mut self, now: Now, letter: Letter) {
        use interaction_proxy::Input;
        match letter {
            Letter::Call(event) => self.input(now, Input::Call(event)),
            Letter::Monitor(event) => self.input(now, Input::Monitor(event)),
            _ => {}
        }
    }

    fn on_client(&mut self, now: Now, client: ClientId, _: Arc<str>) {
        self.input(now, interaction_proxy::Input::Connected { client });
    }

    fn on_request(&mut self, now: Now, client: ClientId, message: Message, grant: Option<Grant>) {
        use interaction_proxy::Input;
        let message = Arc::new(message);
        let input = match grant {
            None => Input::Request { client, message },
            Some(grant) => Input::Subscribe { client, message, grant },
        };
        self.input(now, input);
    }

    fn waiting(&self) -> Vec<ClientId> {
        self.inner.waiting().collect()
    }

    fn on_room(&mut self, now: Now, client: ClientId) {
        self.input(now, interaction_proxy::Input::Room { client });
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        self.input(now, interaction_proxy::Input::Gone { client });
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn on_time(&mut self, _: Now) {}
}
