//! The registrations, as every shard reads them.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use model::{
    Aor, Binding, DeviceCheck, Directory, ForwardWhen, GenerationToken, Membership, Seat, Seats,
    Secret, Shard, TrunkId, hook::Hook,
};
use switch::{Publish, Reach, TrunkStatus};

/// A directory in which every user of one host is a subscriber.
#[derive(Debug, Default)]
pub(crate) struct SimDirectory {
    host: String,
    bindings_by_aor: BTreeMap<Aor, Arc<[Binding]>>,
    trunks: BTreeMap<TrunkId, Arc<TrunkStatus>>,
    /// Places on trunks that carry no more than so many calls at once.
    seats: BTreeMap<TrunkId, Seats>,
    /// Which shards watch whom.
    watchers: BTreeMap<Aor, Vec<Shard>>,
    /// Those before a call for which the decider is asked.
    pub(crate) hooks: Vec<Hook>,
    /// Where calls wait to be sent on.
    pub(crate) routing_points: Vec<Aor>,
    /// Who does not want to be disturbed.
    pub(crate) undisturbed: Vec<Aor>,
    /// Whose calls go somewhere else, and when.
    pub(crate) forwards: Vec<(Aor, ForwardWhen, Arc<str>)>,
    /// How phones are checked.
    pub(crate) checks: BTreeMap<Aor, DeviceCheck>,
    /// Who is out of service.
    pub(crate) out: Vec<Aor>,
}

impl SimDirectory {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), ..Self::default() }
    }

    pub(crate) fn limit_trunk(&mut self, trunk: TrunkId, calls_max: u32) {
        self.seats.insert(trunk, Seats::new(Some(calls_max)));
    }

    pub(crate) fn publish_trunk(&mut self, trunk: TrunkId, status: Arc<TrunkStatus>) {
        self.trunks.insert(trunk, status);
    }

    pub(crate) fn trunk(&self, trunk: TrunkId) -> Option<&TrunkStatus> {
        self.trunks.get(&trunk).map(|status| &**status)
    }

    pub(crate) fn seats_taken(&self, trunk: TrunkId) -> u32 {
        self.seats.get(&trunk).map_or(0, Seats::taken)
    }

    pub(crate) fn watch(&mut self, aor: Aor, shard: Shard, wanted: bool) {
        let shards = self.watchers.entry(aor).or_default();
        shards.retain(|other| *other != shard);
        shards.extend(wanted.then_some(shard));
        self.watchers.retain(|_, shards| !shards.is_empty());
    }

    pub(crate) fn publish_device(&mut self, aor: Aor, in_service: bool) {
        self.out.retain(|have| *have != aor);
        self.out.extend((!in_service).then_some(aor));
    }

    pub(crate) fn publish(&mut self, publish: Publish) {
        if publish.bindings.is_empty() {
            self.bindings_by_aor.remove(&publish.aor);
        } else {
            self.bindings_by_aor.insert(publish.aor, publish.bindings);
        }
    }
}

impl Directory for SimDirectory {
    fn do_not_disturb(&self, aor: &Aor) -> bool {
        self.undisturbed.contains(aor)
    }

    fn forward(&self, aor: &Aor, when: ForwardWhen) -> Option<Arc<str>> {
        let is_it = |(of, case, _): &&(Aor, ForwardWhen, _)| of == aor && *case == when;
        self.forwards.iter().find(is_it).map(|(_, _, to)| Arc::clone(to))
    }

    fn device_check(&self, aor: &Aor) -> Option<DeviceCheck> {
        self.checks.get(aor).copied()
    }

    fn out_of_service(&self, aor: &Aor) -> bool {
        self.out.contains(aor)
    }

    fn routing_point(&self, aor: &Aor) -> bool {
        self.routing_points.contains(aor)
    }

    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.bindings_by_aor.get(aor).cloned()
    }

    fn membership(&self, aor: &Aor) -> Membership {
        if aor.host() == self.host { Membership::Subscriber } else { Membership::ForeignHost }
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }

    fn seat(&self, trunk: TrunkId) -> Option<Seat> {
        self.seats.get(&trunk).map_or_else(|| Some(Seat::default()), Seats::take)
    }

    fn trunk_is_up(&self, trunk: TrunkId) -> bool {
        self.trunk(trunk).is_none_or(|status| status.reach != Reach::Down)
    }

    fn trunk_at(&self, source: IpAddr) -> Option<TrunkId> {
        self.trunks.iter().find(|(_, status)| status.places.contains(&source)).map(|(id, _)| *id)
    }

    fn has_watchers(&self) -> bool {
        !self.watchers.is_empty()
    }

    fn watchers(&self, aor: &Aor) -> Option<Arc<[Shard]>> {
        self.watchers.get(aor).map(|shards| shards.as_slice().into())
    }

    fn answers(&self, hook: Hook, _: Option<&GenerationToken>) -> bool {
        self.hooks.contains(&hook)
    }
}
