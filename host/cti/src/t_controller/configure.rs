//! What an administrator changes: DNs that come, change and go.

use std::sync::Arc;

use super::{
    Configuration, Output, TController, line::Line, ownership::OwnerEvent, timers::Timer,
    unregistered,
};
use crate::{Deliver, DnType, Now, OptionDef, OptionPlaces, option_names};

impl TController {
    /// Takes a configuration in, and says how each DN is that is new. Who was registered on a DN that is no more, or is of another type, is told that it is not registered.
    pub(super) fn configure(&mut self, now: Now, configuration: Configuration) {
        let gone: Vec<Arc<str>> = self
            .lines
            .iter()
            .filter(|(dn, line)| {
                configuration.dns.get(dn).is_none_or(|new| new.kind != line.dn.kind)
            })
            .map(|(dn, _)| Arc::clone(dn))
            .collect();
        for dn in gone {
            self.remove_dn(now, &dn);
        }
        self.configuration = configuration;
        let dns = Arc::clone(&self.configuration.dns);
        for dn in dns.iter() {
            match self.lines.get_mut(&dn.number) {
                Some(line) if line.dn.sip_owned == dn.sip_owned => line.dn = Arc::clone(dn),
                Some(line) => {
                    line.dn = Arc::clone(dn);
                    self.change_ownership(now, &dn.number);
                }
                None => {
                    self.lines.insert(Arc::clone(&dn.number), Line::new(Arc::clone(dn)));
                    self.publish(&dn.number);
                }
            }
        }
        for dn in dns.iter() {
            let has_hook_events = self.places(&dn.number).flag(option_names::hook_events);
            if let Some(line) = self.lines.get_mut(&dn.number) {
                line.has_hook_events = has_hook_events;
            }
        }
        self.choose_feed();
    }

    /// A DN is owned by other rules from now on: whoever owns it does no more, until somebody does by these.
    fn change_ownership(&mut self, now: Now, dn: &Arc<str>) {
        let Some(line) = self.lines.get(dn) else { return };
        let registers = line.dn.sip_owned && line.has_contact;
        self.set_owner(now, dn, None);
        if registers {
            self.on_owner_event(now, dn, OwnerEvent::PhoneRegistered);
        }
    }

    fn remove_dn(&mut self, now: Now, dn: &Arc<str>) {
        self.log_out(now, dn, None);
        self.timers.cancel(dn, Timer::Reservations);
        let message = Arc::new(unregistered(dn));
        self.feed(dn, &message);
        if let Some(audience) = self.registry.forget(dn) {
            let event = self.numbering.next(message, now);
            self.outputs.push_back(Output::Deliver(Deliver::to(event, audience)));
        }
        self.lines.remove(dn);
        self.outputs.push_back(Output::Unpublish { dn: Arc::clone(dn) });
    }

    /// An option of the cluster: it stands at the VoIP Service DN with `service-type=sip-cluster-nodes` (section 5.3), of several at the one
    /// with the lowest number.
    pub(super) fn cluster_option(&self, option: OptionDef) -> &str {
        let dn = self.configuration.dns.iter().find(|dn| {
            dn.kind == DnType::VoipService
                && dn.options.get("service-type").is_some_and(|kind| &**kind == "sip-cluster-nodes")
        });
        let places = OptionPlaces {
            login: None,
            dn: dn.map(|dn| &**dn),
            application: &self.configuration.application,
        };
        places.text(option)
    }
}
