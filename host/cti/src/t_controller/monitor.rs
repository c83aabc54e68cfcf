//! How the Smart Proxy is fed: with everything, or with what it watches (`smart-proxy-enabled`, decision 25).

use std::sync::Arc;

use tlib::{Attribute, Message, MessageType};

use super::{MonitorFeed, MonitorRequest, Output, TController, this_dn};
use crate::{Refusal, option_names};

/// What the T-Controller knows of the Smart Proxy.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    is_open: bool,
    /// Whether it gets every event.
    is_bulk: bool,
    /// What it was last told.
    told: Option<bool>,
}

impl TController {
    pub(super) fn on_monitor(&mut self, request: MonitorRequest) {
        match request {
            MonitorRequest::Open => {
                self.monitor.is_open = true;
                self.choose_feed();
            }
            MonitorRequest::Watch { dn } => self.watch(&dn, true),
            MonitorRequest::Unwatch { dn } => self.watch(&dn, false),
            MonitorRequest::Watching => {
                if self.monitor.told == Some(false) {
                    self.monitor.is_bulk = false;
                }
            }
            MonitorRequest::Ask { id, token, message } => {
                let answer = self.answer_monitor(&message);
                if answer.is_ok() && message.kind() == MessageType::RequestRegisterAddress {
                    self.watch_registered(&message);
                }
                let message = match answer {
                    Ok(answer) => answer.with(Attribute::ReferenceID, token.reference),
                    Err(refusal) => refusal.event(token, &message),
                };
                let feed = MonitorFeed::Answer { id, token, message };
                self.outputs.push_back(Output::Monitor(feed));
            }
        }
    }

    fn watch(&mut self, dn: &str, is_watched: bool) {
        if let Some(line) = self.lines.get_mut(dn) {
            line.is_watched = is_watched;
        }
    }

    /// What happens after a registration was answered is told to who is registered, also where the DN is another one than was named.
    fn watch_registered(&mut self, request: &Message) {
        if self.monitor.told == Some(false)
            && let Ok(dn) = this_dn(request)
        {
            self.watch(dn, true);
        }
    }

    fn answer_monitor(&self, message: &Message) -> Result<Message, Refusal> {
        if message.kind() == MessageType::RequestQueryAddress {
            return self.query_address(None, message);
        }
        let dn = this_dn(message)?;
        self.line_of(message)?;
        self.registered_event(dn).ok_or_else(|| tlib::ErrorCode::NotConfigured.into())
    }

    /// Says how the Smart Proxy is fed, when that is another way than before. It gets everything until it has named what it watches.
    pub(super) fn choose_feed(&mut self) {
        let bulk = self.cluster_option(option_names::smart_proxy_enabled) == "true";
        if !self.monitor.is_open || self.monitor.told == Some(bulk) {
            return;
        }
        if bulk {
            self.lines.values_mut().for_each(|line| line.is_watched = false);
        }
        self.monitor.is_bulk |= bulk || self.monitor.told.is_none();
        self.monitor.told = Some(bulk);
        self.outputs.push_back(Output::Monitor(MonitorFeed::Mode { is_bulk: bulk }));
    }

    /// Gives an event of a DN to the Smart Proxy, if it wants it.
    pub(super) fn feed(&mut self, dn: &Arc<str>, message: &Arc<Message>) {
        if !self.monitor.is_open {
            return;
        }
        let wants = self.monitor.is_bulk || self.lines.get(dn).is_some_and(|line| line.is_watched);
        if wants {
            let feed = MonitorFeed::Event { dn: Arc::clone(dn), message: Arc::clone(message) };
            self.outputs.push_back(Output::Monitor(feed));
        }
    }
}
