//! Whose a DN is (seed 001, section 5.4): what the policy is asked, and what it says where nobody is asked.

use std::sync::Arc;

use super::{Output, TController, unregistered};
use crate::{ClientId, DnType, Now, option_names};

/// By what this node owns a DN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Its phone is registered here.
    Sip,
    /// A client application that may own DNs is registered on it.
    Client {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
    },
}

/// What may change whose a DN is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerEvent {
    /// A phone has registered.
    PhoneRegistered,
    /// The last registration of its phones is over.
    PhoneGone,
    /// A client has registered on it.
    ClientRegistered {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
    },
    /// A client has unregistered from it, or is gone.
    ClientGone {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
    },
}

/// What the policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerQuestion {
    /// Whose DN.
    pub dn: Arc<str>,
    /// Whether its contact is `*`.
    pub is_sip: bool,
    /// What has happened.
    pub event: OwnerEvent,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The applications that may own DNs (`dn-owner-applications`).
    pub applications: Vec<Arc<str>>,
}

/// What the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerVerdict {
    /// Who did what has happened owns it now.
    Claim,
    /// It stays as it is.
    Keep,
    /// Nobody owns it any more.
    Release,
}

/// Seed 001's rules. A phone that registers owns a DN whose contact is `*` until its registration is over. Any other DN is owned by the
/// first application registering on it that may, until it unregisters or is gone; who has been registered since then owns it when it
/// registers again.
pub fn built_in(question: &OwnerQuestion) -> OwnerVerdict {
    match (&question.event, question.is_sip) {
        (OwnerEvent::PhoneRegistered, true) => OwnerVerdict::Claim,
        (OwnerEvent::PhoneGone, true) => OwnerVerdict::Release,
        (OwnerEvent::ClientRegistered { application, .. }, false) => {
            let may = question.applications.contains(application);
            if may && question.owner.is_none() { OwnerVerdict::Claim } else { OwnerVerdict::Keep }
        }
        (OwnerEvent::ClientGone { client: gone, .. }, false) => match &question.owner {
            Some(Owner::Client { client, .. }) if client == gone => OwnerVerdict::Release,
            _ => OwnerVerdict::Keep,
        },
        _ => OwnerVerdict::Keep,
    }
}

impl TController {
    /// Something has happened that may change whose a DN is. Only Extensions are owned; that a client is gone matters of the owner alone.
    pub(super) fn on_owner_event(&mut self, now: Now, dn: &Arc<str>, event: OwnerEvent) {
        let Some(line) = self.lines.get(dn) else { return };
        let is_owner = |gone: &ClientId| matches!(&line.owner, Some(Owner::Client { client, .. }) if client == gone);
        let matters = match &event {
            OwnerEvent::ClientGone { client, .. } => is_owner(client),
            _ => true,
        };
        if line.dn.kind != DnType::Extension || !matters {
            return;
        }
        let names = self.cluster_option(option_names::dn_owner_applications);
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let question = OwnerQuestion {
            dn: Arc::clone(dn),
            is_sip: line.dn.sip_owned,
            event,
            owner: line.owner.clone(),
            applications: names.map(Arc::from).collect(),
        };
        if self.settings.asks_owner {
            self.outputs.push_back(Output::Ask(question));
        } else {
            let verdict = built_in(&question);
            self.on_owner_answer(now, question, verdict);
        }
    }

    /// What is to be of what was asked.
    pub(super) fn on_owner_answer(
        &mut self,
        now: Now,
        question: OwnerQuestion,
        verdict: OwnerVerdict,
    ) {
        let OwnerQuestion { dn, event, .. } = question;
        let Some(line) = self.lines.get(&dn) else { return };
        let owner = match (verdict, event) {
            (OwnerVerdict::Keep, _) => return,
            (OwnerVerdict::Claim, OwnerEvent::PhoneRegistered) if line.has_contact => {
                Some(Owner::Sip)
            }
            (OwnerVerdict::Claim, OwnerEvent::ClientRegistered { client, application })
                if self.registry.mode(client, &dn).is_some() =>
            {
                Some(Owner::Client { client, application })
            }
            // Who was to own it is not there.
            (OwnerVerdict::Claim, _) => return,
            (OwnerVerdict::Release, _) => None,
        };
        self.set_owner(now, &dn, owner);
    }

    /// Gives a DN an owner, or none, and bulk clients its events, or none.
    pub(super) fn set_owner(&mut self, now: Now, dn: &Arc<str>, owner: Option<Owner>) {
        let Some(line) = self.lines.get_mut(dn) else { return };
        if line.owner == owner {
            return;
        }
        let (was, is) = (line.owner.is_some(), owner.is_some());
        line.owner = owner;
        if was != is {
            self.cover(now, dn, is);
        }
        self.publish(dn);
    }

    /// Bulk clients get the events of a DN from now on, or no more; those are told that are not registered on it by name as well.
    fn cover(&mut self, now: Now, dn: &Arc<str>, is: bool) {
        let others = |this: &Self| -> Vec<ClientId> {
            let bulk = this.registry.bulk();
            bulk.iter().copied().filter(|one| this.registry.mode(*one, dn).is_none()).collect()
        };
        if is {
            let told = others(self);
            self.registry.cover(dn, true);
            let Some(message) = self.registered_event(dn) else { return };
            for client in told {
                // Nobody has asked for it, so who is to have less is not told what happens on the DN.
                if self.registry.bulk_filter(client).is_some_and(|filter| filter.passes(&message)) {
                    self.answer(now, client, message.clone());
                }
            }
        } else {
            self.registry.cover(dn, false);
            let message = unregistered(dn);
            others(self).into_iter().for_each(|client| self.answer(now, client, message.clone()));
        }
    }
}
