//! Registration of clients on DNs, one by one and in bulk (sections 1.3, 2.3 and 5.8).

use std::sync::Arc;

use tlib::{
    AddressInfoType, Attribute, ControlMode, ErrorCode, KvList, Message, MessageType, RegisterMode,
};

use super::{Output, TController, line::Line, ownership::OwnerEvent};
use crate::{ClientId, Dn, Refusal, requests::Request};

/// What a TRegisterAddress says, checked against the DN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    pub(crate) mode: RegisterMode,
    pub(crate) control: ControlMode,
}

impl Registration {
    /// Reads a request for a DN.
    ///
    /// # Errors
    ///
    /// 53 for a mode that is none, 128 for an address type that is not the DN's.
    pub(crate) fn of(message: &Message, dn: &Dn) -> Result<Self, Refusal> {
        let number = |attribute| message.int(attribute).unwrap_or(0);
        let bad = |name: &str, number| {
            Refusal::new(
                ErrorCode::InvalidAttribute,
                format!("{name} {number} is none; give 0 to 2"),
            )
        };
        let mode = number(Attribute::RegisterMode);
        let control = number(Attribute::ControlMode);
        let address_type = number(Attribute::AddressType);
        let have = dn.kind.address_type();
        if address_type != 0 && address_type != i64::from(have.number()) {
            let text = format!(
                "DN {} is of AddressType {} ({}), not {address_type}",
                dn.number,
                have.number(),
                have.name()
            );
            return Err(Refusal::new(ErrorCode::BadDNType, text));
        }
        Ok(Self {
            mode: RegisterMode::of(mode).ok_or_else(|| bad("RegisterMode", mode))?,
            control: ControlMode::of(control).ok_or_else(|| bad("ControlMode", control))?,
        })
    }
}

/// 59 (table 3.15) for a number that is no DN.
pub fn not_configured(dn: &str) -> Refusal {
    Refusal::new(ErrorCode::NotConfigured, format!("DN {dn} is not configured"))
}

/// ThisDN of a request.
pub(crate) fn this_dn(message: &Message) -> Result<&Arc<str>, Refusal> {
    let dn = message.text(Attribute::ThisDN).filter(|dn| !dn.is_empty());
    dn.ok_or_else(|| Refusal::new(ErrorCode::InvalidAttribute, "give ThisDN"))
}

/// EventRegistered of a DN (section 2.3), without ReferenceID.
pub(crate) fn registered(dn: &Dn, snapshot: KvList, agent: Option<&Arc<str>>) -> Message {
    Message::new(MessageType::EventRegistered)
        .with(Attribute::Extensions, snapshot)
        .with(Attribute::AddressInfoStatus, i64::from(dn.kind.address_type().number()))
        .with(Attribute::AddressInfoType, AddressInfoType::AddressType)
        .with_some(Attribute::AgentID, agent)
        .with(Attribute::ThisDN, &dn.number)
}

/// EventUnregistered of a DN, without ReferenceID.
pub(crate) fn unregistered(dn: &Arc<str>) -> Message {
    Message::new(MessageType::EventUnregistered).with(Attribute::ThisDN, dn)
}

impl TController {
    pub(super) fn register(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        let line = self.line_of(message)?;
        let dn = Arc::clone(&line.dn.number);
        let asked = Registration::of(message, &line.dn)?;
        self.registry.register(token.client, &dn, (asked.mode, request.filter()?))?;
        if let Some(event) = self.registered_event(&dn) {
            self.reply(now, token, event);
        }
        let application = self.clients.get(&token.client).cloned();
        if let Some(application) = application
            && asked.control != ControlMode::Local
        {
            let event = OwnerEvent::ClientRegistered { client: token.client, application };
            self.on_owner_event(now, &dn, event);
        }
        Ok(())
    }

    pub(super) fn unregister(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        let dn = Arc::clone(this_dn(message)?);
        if !self.registry.unregister(token.client, &dn) {
            return Err(ErrorCode::NotRegistered.into());
        }
        self.reply(now, token, unregistered(&dn));
        self.on_client_left_dn(now, token.client, &dn);
        let application = self.clients.get(&token.client).cloned();
        let application = application.unwrap_or_else(|| Arc::from(""));
        let event = OwnerEvent::ClientGone { client: token.client, application };
        self.on_owner_event(now, &dn, event);
        Ok(())
    }

    /// TRegisterAll and TUnregisterAll: the events of all DNs that this node owns, whichever they are.
    pub(super) fn on_bulk_request(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, .. } = request;
        let client = token.client;
        if request.kind() == MessageType::RequestUnregisterAll {
            if !self.registry.leave_bulk(client) {
                return Err(ErrorCode::NotRegistered.into());
            }
            self.reply(now, token, Message::new(MessageType::EventUnregisteredAll));
            return Ok(());
        }
        if self.registry.bulk_filter(client).is_some() {
            return Err(ErrorCode::AlreadyRegistered.into());
        }
        let filter = request.filter()?;
        let by_name = |this: &Self, dn: &Arc<str>| this.registry.mode(client, dn).is_some();
        let owned: Vec<Arc<str>> = self
            .lines
            .iter()
            .filter(|(dn, line)| line.owner.is_some() && !by_name(self, dn))
            .map(|(dn, _)| Arc::clone(dn))
            .collect();
        self.registry.join_bulk(client, filter);
        if !owned.is_empty() {
            let requests = u32::try_from(owned.len()).unwrap_or(u32::MAX);
            self.outputs.push_back(Output::Charge { client, requests });
        }
        self.reply(now, token, Message::new(MessageType::EventRegisteredAll));
        for dn in owned {
            if let Some(event) = self.registered_event(&dn) {
                self.answer(now, client, event);
            }
        }
        Ok(())
    }

    pub(super) fn registered_event(&self, dn: &str) -> Option<Message> {
        let line = self.lines.get(dn)?;
        let snapshot = line.snapshot(self.settings.snapshot_calls_max);
        Some(registered(&line.dn, snapshot, line.agent.as_ref().map(|agent| &agent.id)))
    }

    /// The line that a request names.
    pub(super) fn line_of(&self, message: &Message) -> Result<&Line, Refusal> {
        let dn = this_dn(message)?;
        self.lines.get(dn).ok_or_else(|| not_configured(dn))
    }

    /// The DN of a request of a client that may act on it: it is registered, and not to watch only.
    pub(super) fn held_dn(&self, client: ClientId, message: &Message) -> Result<Arc<str>, Refusal> {
        let dn = Arc::clone(&self.line_of(message)?.dn.number);
        self.registry.check_held(client, &dn)?;
        Ok(dn)
    }
}
