//! Subscriptions to the state of users, and the NOTIFYs that tell it (RFC 6665).
//!
//! A subscription lives on the shard of its Call-ID, the calls of the user it watches on any. The shard tells the
//! [`model::Directory`] whose calls it wants to be told of and asks the others once for those that stand; from then on each shard
//! looks, when a call of its changes, whether somebody watches one of its users, and tells them. Nobody waits for anybody.

mod config;
mod dialog_info;
mod gather;
mod message_summary;
mod observe;
mod package;
mod pidf;
mod subscribe;
mod subscription;
mod word;
mod xml;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Aor, Directory, Instant, LegId, Shard};
use sip::Message;

pub use self::{
    config::{EventsConfig, Watchers},
    dialog_info::{DialogInfo, DialogPhase},
    word::Word,
};
pub(crate) use self::{observe::Lamps, package::allow_events, subscription::SubId};
use self::{
    package::{Matter, Package},
    subscription::{Aftermath, Subscription},
};
use crate::{
    Output,
    tables::{ClientUse, Tables},
};

/// The dialogs of a user, each with the shard that has told of it.
type Dialogs = BTreeMap<LegId, (Shard, DialogInfo)>;

/// The subscriptions of a shard.
#[derive(Default)]
pub(crate) struct Events {
    subscriptions: BTreeMap<SubId, Subscription>,
    ids_by_tag: HashMap<Box<str>, SubId>,
    resources: HashMap<(Matter, Aor), Resource>,
    timers: BTreeSet<(Instant, SubId)>,
    next: u64,
}

/// A user who is watched from this shard.
#[derive(Default)]
struct Resource {
    watchers: BTreeSet<SubId>,
    dialogs: Dialogs,
    /// The shards that have not said yet what they have.
    missing: BTreeSet<Shard>,
    /// When they are not waited for any more.
    waits_until: Option<Instant>,
}

impl Events {
    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether our tag is that of a subscription.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.ids_by_tag.contains_key(tag)
    }

    /// When the next subscription wants to be woken.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                return;
            }
            self.timers.pop_first();
            let Some(subscription) = self.subscriptions.get_mut(&id) else { continue };
            subscription.wakes_at = None;
            if subscription.expires_at <= now && subscription.ending.is_none() {
                subscription.ending = Some("timeout");
                subscription.not_before = now;
            }
            self.pump(tables, now, dir, id);
        }
    }

    /// Tells a subscriber what it has not been told, if it may be told now.
    fn pump(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory, id: SubId) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let resource = self.resources.get_mut(&subscription.resource());
        let waits = resource.as_ref().and_then(|resource| resource.waits_until);
        if let Some(until) = waits.filter(|until| *until > now) {
            subscription.not_before = subscription.not_before.max(until);
            subscription.waits = true;
        }
        if !subscription.is_due() || subscription.in_flight || subscription.not_before > now {
            return self.rest(id);
        }
        let none = BTreeMap::new();
        let dialogs = resource.as_ref().map_or(&none, |resource| &resource.dialogs);
        let Some((flow, draft)) = subscription.notify(tables, now, dir, dialogs) else {
            return self.rest(id);
        };
        match tables.endpoint.send_request(now, flow, draft) {
            Ok(tx) => {
                tables.uses_by_client_tx.insert(tx, ClientUse::Notify(id));
                tables.stats.notified += 1;
                self.rest(id);
            }
            // At its limit of transactions the switch tells nobody; who subscribes again is told.
            Err(_) => self.forget(tables, id),
        }
    }

    /// Sets the timer of a subscription.
    fn rest(&mut self, id: SubId) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let at = subscription.next_wake();
        if subscription.wakes_at == at {
            return;
        }
        if let Some(was) = std::mem::replace(&mut subscription.wakes_at, at) {
            self.timers.remove(&(was, id));
        }
        self.timers.extend(at.map(|at| (at, id)));
    }

    /// A NOTIFY was answered.
    pub(crate) fn on_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        id: SubId,
        response: &Message,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let aftermath = subscription.on_response(now, response);
        self.settle(tables, now, dir, id, aftermath);
    }

    /// A NOTIFY was not answered.
    pub(crate) fn on_lost(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        id: SubId,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let aftermath = subscription.on_lost(now);
        self.settle(tables, now, dir, id, aftermath);
    }

    fn settle(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        id: SubId,
        aftermath: Aftermath,
    ) {
        let is_over = |sub: &Subscription| sub.ended && !sub.in_flight;
        let ended = self.subscriptions.get(&id).is_some_and(is_over);
        if aftermath == Aftermath::Forget || ended {
            tables.stats.notify_failures += u64::from(aftermath == Aftermath::Forget);
            self.forget(tables, id);
        } else {
            self.pump(tables, now, dir, id);
        }
    }

    fn forget(&mut self, tables: &mut Tables, id: SubId) {
        let Some(subscription) = self.subscriptions.remove(&id) else { return };
        if let Some(at) = subscription.wakes_at {
            self.timers.remove(&(at, id));
        }
        self.ids_by_tag.remove(subscription.dialog.id.local_tag.as_str());
        let Some(resource) = self.resources.get_mut(&subscription.resource()) else { return };
        resource.watchers.remove(&id);
        if resource.watchers.is_empty() {
            self.resources.remove(&subscription.resource());
            if subscription.package.matter() == Matter::Calls {
                let aor = subscription.aor;
                tables.outputs.push_back(Output::Watch { aor, wanted: false });
            }
        }
    }

    /// Ends every subscription: the phones are to subscribe again, here or where else they are at home.
    pub(crate) fn stop(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        let ids: Vec<SubId> = self.subscriptions.keys().copied().collect();
        self.end(tables, now, dir, ids, "deactivated");
    }

    /// Ends the subscriptions to packages that the settings do not have any more; they are not to come again (RFC 6665 section 4.1.3).
    fn end_disabled(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        let config = tables.config.events;
        let all = self.subscriptions.iter();
        let ids = all.filter(|(_, sub)| !sub.package.is_on(&config)).map(|(id, _)| *id).collect();
        self.end(tables, now, dir, ids, "rejected");
    }

    fn end(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        ids: Vec<SubId>,
        reason: &'static str,
    ) {
        for id in ids {
            if let Some(subscription) = self.subscriptions.get_mut(&id) {
                subscription.ending.get_or_insert(reason);
                subscription.not_before = now;
            }
            self.pump(tables, now, dir, id);
        }
    }

    /// Knows nothing of the dialogs of users any more.
    fn forget_dialogs(&mut self) {
        // any order: each by itself.
        self.resources.values_mut().for_each(|resource| resource.dialogs.clear());
    }

    /// The users that are watched for this.
    fn watched(&self, matter: Matter) -> Vec<Aor> {
        // any order: they are sorted.
        let keys = self.resources.keys().filter(|(what, _)| *what == matter);
        let mut aors: Vec<Aor> = keys.map(|(_, aor)| aor.clone()).collect();
        aors.sort();
        aors
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod events_test;
#[cfg(test)]
mod state_test;
#[cfg(test)]
mod texts_test;
