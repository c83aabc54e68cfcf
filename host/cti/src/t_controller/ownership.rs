//! Whose a DN is (seed 001, section 5.4): what the policy is asked, and what it says where nobody is asked.

use std::{sync::Arc, time::Duration};

use super::{Output, TController, timers::Timer, unregistered};
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
    /// Something has happened that may change whose a DN is. Only Extensions are owned.
    pub(super) fn on_owner_event(&mut self, now: Now, dn: &Arc<str>, event: OwnerEvent) {
        let max = self.settings.owner_changes_max.max(1);
        let Some(line) = self.lines.get_mut(dn) else { return };
        if line.dn.kind != DnType::Extension {
            return;
        }
        line.owner_changes.push(event);
        let waiting = line.owner_changes.len();
        if !self.settings.asks_owner || waiting > max {
            self.decide_built_in(now, dn);
        }
        if self.settings.asks_owner && (waiting == 1 || waiting > max) {
            self.ask_owner(now, dn);
        }
    }

    /// The policy has spoken, of the oldest change of a DN.
    pub(super) fn on_owner_answer(&mut self, now: Now, dn: &Arc<str>, verdict: OwnerVerdict) {
        if self.timers.is_armed(dn, Timer::OwnerAnswer) {
            self.decide(now, dn, verdict);
            self.ask_owner(now, dn);
        }
    }

    /// The policy has not spoken in time.
    pub(super) fn on_owner_silence(&mut self, now: Now, dn: &Arc<str>) {
        self.decide_built_in(now, dn);
        self.ask_owner(now, dn);
    }

    fn question(&self, dn: &Arc<str>) -> Option<OwnerQuestion> {
        let line = self.lines.get(dn)?;
        let names = self.cluster_option(option_names::dn_owner_applications);
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some(OwnerQuestion {
            dn: Arc::clone(dn),
            is_sip: line.dn.sip_owned,
            event: line.owner_changes.first()?.clone(),
            owner: line.owner.clone(),
            applications: names.map(Arc::from).collect(),
        })
    }

    fn ask_owner(&mut self, now: Now, dn: &Arc<str>) {
        self.timers.cancel(dn, Timer::OwnerAnswer);
        if let Some(question) = self.question(dn) {
            let wait = Duration::from_millis(self.settings.owner_answer_ms);
            self.timers.arm(dn, Timer::OwnerAnswer, now.at + wait);
            self.outputs.push_back(Output::Ask(question));
        }
    }

    fn decide_built_in(&mut self, now: Now, dn: &Arc<str>) {
        if let Some(question) = self.question(dn) {
            self.decide(now, dn, built_in(&question));
        }
    }

    fn decide(&mut self, now: Now, dn: &Arc<str>, verdict: OwnerVerdict) {
        let Some(line) = self.lines.get_mut(dn) else { return };
        if line.owner_changes.is_empty() {
            return;
        }
        let event = line.owner_changes.remove(0);
        let owner = match (verdict, event) {
            (OwnerVerdict::Keep, _) => return,
            (OwnerVerdict::Claim, OwnerEvent::PhoneRegistered) if line.has_contact => {
                Some(Owner::Sip)
            }
            (OwnerVerdict::Claim, OwnerEvent::ClientRegistered { client, application })
                if self.registry.mode(client, dn).is_some() =>
            {
                Some(Owner::Client { client, application })
            }
            // Who was to own it is not there any more.
            (OwnerVerdict::Claim, _) => return,
            (OwnerVerdict::Release, _) => None,
        };
        self.set_owner(now, dn, owner);
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
