//! Whether devices can be reached (sections 2.7 and 6.5).

use std::sync::Arc;

use tlib::{Attribute, Message, MessageType};

use super::{Output, TController, ownership::OwnerEvent};
use crate::{DnType, LogLine, Now, option_names};

impl TController {
    /// The check of a device tells whether it answers.
    pub(super) fn on_service(&mut self, now: Now, dn: &Arc<str>, in_service: bool) {
        self.change_service(now, dn, |line| line.has_failed = !in_service);
    }

    /// A phone has registered for a DN, or the last one of a DN has not any more.
    pub(super) fn on_contact(&mut self, now: Now, dn: &Arc<str>, has_contact: bool) {
        self.change_service(now, dn, |line| line.has_contact = has_contact);
        let event = if has_contact { OwnerEvent::PhoneRegistered } else { OwnerEvent::PhoneGone };
        self.on_owner_event(now, dn, event);
    }

    fn change_service(
        &mut self,
        now: Now,
        dn: &Arc<str>,
        change: impl FnOnce(&mut super::line::Line),
    ) {
        let Some(line) = self.lines.get_mut(dn) else { return };
        let was = line.in_service();
        change(line);
        let is = line.in_service();
        let kind = line.dn.kind;
        if was == is {
            return;
        }
        self.log_service(dn, kind, is);
        let event =
            if is { MessageType::EventDNBackInService } else { MessageType::EventDNOutOfService };
        let message = Message::new(event).with(Attribute::ThisDN, dn);
        self.emit(now, dn, Arc::new(message), None);
        if !is && self.places(dn).flag(option_names::logout_on_out_of_service) {
            self.log_out(now, dn, None);
        }
        self.publish(dn);
    }

    /// 52000 and 52001 for devices, 52003 and 52004 for what serves devices: trunks and services.
    fn log_service(&mut self, dn: &str, kind: DnType, in_service: bool) {
        let is_service = matches!(kind, DnType::Trunk | DnType::VoipService);
        let (id, text) = match (is_service, in_service) {
            (false, false) => (52_000, format!("Device {dn} is out of service")),
            (false, true) => (52_001, format!("Device {dn} is back in service")),
            (true, false) => (52_003, format!("Device {dn}: service unavailable")),
            (true, true) => (52_004, format!("Device {dn}: service available")),
        };
        self.outputs.push_back(Output::Log(LogLine { id, text }));
    }
}
