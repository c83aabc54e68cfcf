//! Registrations and subscribers, as every worker reads them: no lock is taken.

mod messages;
mod subscribers;
mod trunk_figures;
mod trunks;
mod watched;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use cti::{DnType, Dns, t_controller::DnState};
use model::{
    Aor, Binding, DeviceCheck, Directory, ForwardWhen, GenerationToken, Membership, MessageCount,
    Seat, Secret, Shard, TrunkId, hook::Hook,
};
use plugin::PluginHost;

pub use messages::Messages;
pub use subscribers::{Everyone, Listed, SubscriberStore};
pub use trunk_figures::{RATE_WINDOW_S, TrunkCounts};
pub use trunks::{TrunkTable, TrunkView};
pub use watched::Watched;

/// Whose users are ours, and which of them are there.
pub struct Members {
    domains: BTreeSet<String>,
    subscribers: Box<dyn SubscriberStore>,
}

impl Members {
    /// Takes the hosts that are ours (any case) and the store of subscribers.
    pub fn new(
        domains: impl IntoIterator<Item = String>,
        subscribers: Box<dyn SubscriberStore>,
    ) -> Self {
        let domains = domains.into_iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Self { domains, subscribers }
    }
}

/// The directory of a node: which hosts are ours, who subscribes, and which contacts are bound to whom.
pub struct NodeDirectory {
    members: ArcSwap<Members>,
    bindings_by_aor: papaya::HashMap<Aor, Arc<[Binding]>>,
    trunks: TrunkTable,
    watched: Watched,
    messages: Messages,
    dns: ArcSwap<Dns>,
    /// The numbers of emergency services.
    emergency: ArcSwap<switch::Emergency>,
    dn_states: papaya::HashMap<Arc<str>, Arc<DnState>>,
    out_of_service: papaya::HashMap<Aor, ()>,
    plugins: Option<Arc<PluginHost>>,
}

impl NodeDirectory {
    /// Takes the hosts that are ours (any case) and the store of subscribers.
    pub fn new(
        domains: impl IntoIterator<Item = String>,
        subscribers: Box<dyn SubscriberStore>,
    ) -> Self {
        Self {
            members: ArcSwap::from_pointee(Members::new(domains, subscribers)),
            bindings_by_aor: papaya::HashMap::new(),
            trunks: TrunkTable::default(),
            watched: Watched::default(),
            messages: Messages::default(),
            dns: ArcSwap::default(),
            emergency: ArcSwap::default(),
            dn_states: papaya::HashMap::new(),
            out_of_service: papaya::HashMap::new(),
            plugins: None,
        }
    }

    /// With these trunks.
    #[must_use]
    pub fn with_trunks(self, trunks: TrunkTable) -> Self {
        Self { trunks, ..self }
    }

    /// The plugins, of which the shards ask whether one answers a hook.
    #[must_use]
    pub fn with_plugins(self, plugins: Arc<PluginHost>) -> Self {
        Self { plugins: Some(plugins), ..self }
    }

    /// The voice messages that wait for users.
    pub const fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Makes these the devices that T-Library clients know.
    pub fn set_dns(&self, dns: Arc<Dns>) {
        self.dns.store(dns);
    }

    /// The devices that T-Library clients know.
    pub fn dns(&self) -> Arc<Dns> {
        self.dns.load_full()
    }

    /// The DNs for which a phone is registered.
    pub fn dns_with_phones(&self) -> BTreeSet<Arc<str>> {
        let (dns, bindings) = (self.dns.load(), self.bindings_by_aor.pin());
        let dn_of = |aor: &Aor| dns.of(aor.user(), aor.host()).map(|dn| Arc::clone(&dn.number));
        bindings.keys().filter_map(dn_of).collect()
    }

    /// Makes these the numbers of emergency services.
    pub fn set_emergency(&self, emergency: switch::Emergency) {
        self.emergency.store(Arc::new(emergency));
    }

    /// The numbers of emergency services.
    pub fn emergency(&self) -> Arc<switch::Emergency> {
        self.emergency.load_full()
    }

    /// Makes this the state of a DN.
    pub fn publish_dn(&self, state: DnState) {
        self.dn_states.pin().insert(Arc::clone(&state.dn), Arc::new(state));
    }

    /// A DN is no more.
    pub fn unpublish_dn(&self, dn: &str) {
        self.dn_states.pin().remove(dn);
    }

    /// Nobody tells of DNs any more: nothing holds that was told.
    pub fn unpublish_dns(&self) {
        self.dn_states.pin().clear();
    }

    /// The state of a DN, as far as anything was told of it.
    pub fn dn_state(&self, dn: &str) -> Option<Arc<DnState>> {
        self.dn_states.pin().get(dn).cloned()
    }

    /// Makes it known whether a device can be reached.
    pub fn publish_device(&self, aor: Aor, in_service: bool) {
        let map = self.out_of_service.pin();
        if in_service {
            map.remove(&aor);
        } else {
            map.insert(aor, ());
        }
    }

    /// Whose calls somebody watches.
    pub const fn watched(&self) -> &Watched {
        &self.watched
    }

    /// The trunks.
    pub const fn trunks(&self) -> &TrunkTable {
        &self.trunks
    }

    /// Makes `bindings` the state of `aor`; empty removes it.
    pub fn publish(&self, aor: Aor, bindings: Arc<[Binding]>) {
        let map = self.bindings_by_aor.pin();
        if bindings.is_empty() {
            map.remove(&aor);
        } else {
            map.insert(aor, bindings);
        }
    }

    /// At most `limit` addresses-of-record with their bindings, sorted by address.
    pub fn registrations(&self, limit: usize) -> Vec<(Aor, Arc<[Binding]>)> {
        let map = self.bindings_by_aor.pin();
        let mut all: Vec<_> = map.iter().map(|(aor, list)| (aor.clone(), list.clone())).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.truncate(limit);
        all
    }

    /// How many addresses-of-record have bindings.
    pub fn registered(&self) -> usize {
        self.bindings_by_aor.len()
    }

    /// The hosts that are ours.
    pub fn domains(&self) -> Vec<String> {
        self.members.load().domains.iter().cloned().collect()
    }

    /// Has every worker go by these members from its next question on. Bindings of whoever is none any more stay until they lapse,
    /// but nobody is led to them by the built-in route.
    pub fn set_members(&self, members: Members) {
        self.members.store(Arc::new(members));
    }
}

impl Directory for NodeDirectory {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.bindings_by_aor.pin().get(aor).cloned()
    }

    fn membership(&self, aor: &Aor) -> Membership {
        let members = self.members.load();
        if !members.domains.contains(aor.host()) {
            Membership::ForeignHost
        } else if members.subscribers.contains(aor) {
            Membership::Subscriber
        } else {
            Membership::UnknownUser
        }
    }

    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>> {
        let members = self.members.load();
        members.domains.contains(aor.host()).then(|| members.subscribers.secret(aor)).flatten()
    }

    fn seat(&self, trunk: TrunkId) -> Option<Seat> {
        self.trunks.seat(trunk)
    }

    fn trunk_refused(&self, trunk: TrunkId, status: u16) {
        self.trunks.refused(trunk, status);
    }

    fn routing_point(&self, aor: &Aor) -> bool {
        let dns = self.dns.load();
        dns.of(aor.user(), aor.host()).is_some_and(|dn| dn.kind == DnType::RoutingPoint)
    }

    fn do_not_disturb(&self, aor: &Aor) -> bool {
        let states = self.dn_states.pin();
        states.get(aor.user()).is_some_and(|state| state.dnd)
            && self.dns.load().of(aor.user(), aor.host()).is_some()
    }

    fn forward(&self, aor: &Aor, when: ForwardWhen) -> Option<Arc<str>> {
        let states = self.dn_states.pin();
        let to = states.get(aor.user())?.forward(when)?;
        self.dns.load().of(aor.user(), aor.host()).map(|_| Arc::clone(to))
    }

    fn device_check(&self, aor: &Aor) -> Option<DeviceCheck> {
        let dns = self.dns.load();
        dns.of(aor.user(), aor.host()).filter(|dn| dn.sip_owned)?.device_check()
    }

    fn out_of_service(&self, aor: &Aor) -> bool {
        !self.out_of_service.is_empty() && self.out_of_service.pin().contains_key(aor)
    }

    fn trunk_is_up(&self, trunk: TrunkId) -> bool {
        self.trunks.is_up(trunk)
    }

    fn service_route(&self, trunk: TrunkId) -> Option<Arc<str>> {
        self.trunks.service_route(trunk)
    }

    fn trunk_at(&self, source: IpAddr) -> Option<TrunkId> {
        self.trunks.at(source)
    }

    fn messages(&self, aor: &Aor) -> Option<MessageCount> {
        self.messages.of(aor)
    }

    fn has_watchers(&self) -> bool {
        self.watched.any()
    }

    fn watchers(&self, aor: &Aor) -> Option<Arc<[Shard]>> {
        self.watched.by(aor)
    }

    fn answers(&self, hook: Hook, pin: Option<&GenerationToken>) -> bool {
        self.plugins.as_ref().is_some_and(|plugins| plugins.answers(hook, pin))
    }
}

#[cfg(test)]
mod tests {
    use model::{Flow, Instant, ListenerId, Transport};

    use super::*;

    fn binding(contact: &str) -> Binding {
        Binding {
            contact: contact.into(),
            path: "".into(),
            flow: Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                peer: ([192, 0, 2, 1], 5060).into(),
            },
            is_behind_nat: false,
            q_milli: 1000,
            expires_at: Instant::ZERO,
            call_id: "c".into(),
            cseq: 1,
            user_agent: "".into(),
            instance: "".into(),
            reg_id: 0,
        }
    }

    #[test]
    fn what_was_published_is_read_until_it_is_removed() {
        let directory = NodeDirectory::new(["Example.ORG".to_owned()], Box::new(Everyone));
        let aor = Aor::new("2000", "example.org");
        assert_eq!(directory.bindings(&aor), None);
        let bindings: Arc<[Binding]> = [binding("sip:2000@192.0.2.1")].into();
        directory.publish(aor.clone(), bindings.clone());
        assert_eq!(directory.bindings(&aor), Some(bindings));
        assert_eq!(directory.registrations(10).len(), 1);
        directory.publish(aor.clone(), [].into());
        assert_eq!(directory.bindings(&aor), None);
        assert_eq!(directory.registered(), 0);
    }

    #[test]
    fn membership_looks_at_the_host_before_the_user() {
        let listed = Listed::default().with("2000", None, Secret::default());
        let directory = NodeDirectory::new(["example.org".to_owned()], Box::new(listed));
        let of = |user: &str, host: &str| directory.membership(&Aor::new(user, host));
        assert_eq!(of("2000", "EXAMPLE.org"), Membership::Subscriber);
        assert_eq!(of("2001", "example.org"), Membership::UnknownUser);
        assert_eq!(of("2000", "example.net"), Membership::ForeignHost);
    }
}
