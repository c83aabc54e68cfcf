//! The modules as machines that a thread drives.

use std::{collections::VecDeque, sync::Arc};

use cti::{
    Calls, CallsOutput, ClientId, Dns, Module, Now,
    t_controller::{Input, Output, TController},
};
use model::Instant;
use switch::Fact;
use tlib::Message;

use super::{Effect, Letter, Machine};

/// The Session Controller: calls, and routing clients.
pub(super) struct SessionController {
    calls: Calls,
    dns: Arc<Dns>,
    effects: VecDeque<Effect>,
}

impl SessionController {
    /// Takes the calls and the devices.
    pub(super) const fn new(calls: Calls, dns: Arc<Dns>) -> Self {
        Self { calls, dns, effects: VecDeque::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.calls.poll_output() {
            match output {
                CallsOutput::Event(event) => {
                    self.post(Module::InteractionProxy, Letter::Call(event.clone()));
                    self.post(Module::TController, Letter::Call(event));
                }
                CallsOutput::Monitor(event) => {
                    self.post(Module::InteractionProxy, Letter::Monitor(event));
                }
                CallsOutput::Answer { token, message } => {
                    self.post(token.client.module, Letter::Answer(token, message));
                }
                CallsOutput::Control(control) => self.effects.push_back(Effect::Control(control)),
            }
        }
    }

    fn post(&mut self, to: Module, letter: Letter) {
        self.effects.push_back(Effect::Post(to, letter));
    }

    /// The T-Controller keeps who has a phone.
    fn tell_of_phone(&mut self, fact: &Fact) {
        let (aor, is_there) = match fact {
            Fact::Registered { aor, .. } => (aor, true),
            Fact::Unregistered { aor, .. } => (aor, false),
            _ => return,
        };
        if let Some(dn) = self.dns.of(aor.user(), aor.host()) {
            let dn = Arc::clone(&dn.number);
            self.post(Module::TController, Letter::Phone(dn, is_there));
        }
    }
}

impl Machine for SessionController {
    fn on_letter(&mut self, now: Now, letter: Letter) {
        match letter {
            Letter::Fact(at, fact) => {
                self.tell_of_phone(&fact);
                self.calls.on_fact(at.max(now.at), &fact);
            }
            Letter::Request(token, message) => self.calls.on_request(now.at, token, &message),
            _ => {}
        }
        self.drain();
    }

    fn on_client(&mut self, _: Now, _: ClientId, _: Arc<str>) {}

    fn on_request(&mut self, _: Now, _: ClientId, _: Message) {}

    fn on_gone(&mut self, _: Now, _: ClientId) {}

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.calls.poll_timeout()
    }

    fn on_time(&mut self, now: Now) {
        self.calls.handle_timeout(now.at);
        self.drain();
    }
}

/// The T-Controller: DNs, agents, desktops.
pub(super) struct Desk {
    inner: TController,
    effects: VecDeque<Effect>,
}

impl Desk {
    /// Takes a T-Controller that has its configuration.
    pub(super) const fn new(inner: TController) -> Self {
        Self { inner, effects: VecDeque::new() }
    }

    fn input(&mut self, now: Now, input: Input) {
        self.inner.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.inner.poll_output() {
            let effect = match output {
                Output::Deliver(deliver) => Effect::Deliver(deliver),
                Output::Answer { client, message } => Effect::Answer(client, message),
                Output::CallRequest { token, message } => {
                    Effect::Post(Module::SessionController, Letter::Request(token, message))
                }
                Output::Publish(state) => Effect::Publish(state),
                Output::Unpublish { dn } => Effect::Unpublish(dn),
                Output::Monitor(feed) => Effect::Post(Module::SmartProxy, Letter::Feed(feed)),
                Output::Log(line) => Effect::Log(line),
                Output::Close { client, reason } => Effect::Close(client, reason),
                // Nobody is asked as long as `asks_owner` is off.
                Output::Ask(_) => continue,
            };
            self.effects.push_back(effect);
        }
    }
}

impl Machine for Desk {
    fn on_letter(&mut self, now: Now, letter: Letter) {
        let input = match letter {
            Letter::Call(event) => Input::Call(event),
            Letter::Answer(token, message) => Input::Answer { token, message },
            Letter::Phone(dn, true) => Input::Registered { dn },
            Letter::Phone(dn, false) => Input::Unregistered { dn },
            Letter::Watch(request) => Input::Monitor(request),
            _ => return,
        };
        self.input(now, input);
    }

    fn on_client(&mut self, now: Now, client: ClientId, application: Arc<str>) {
        self.input(now, Input::Connected { client, application });
    }

    fn on_request(&mut self, now: Now, client: ClientId, message: Message) {
        self.input(now, Input::Request { client, message: Arc::new(message) });
    }

    fn on_gone(&mut self, now: Now, client: ClientId) {
        self.input(now, Input::Gone { client });
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
