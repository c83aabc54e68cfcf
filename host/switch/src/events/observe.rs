//! The calls of this shard, as watchers on any shard are told of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use model::{Aor, ConnId, Directory, Instant, Shard};

use super::{DialogInfo, EventsConfig, Word, package::Matter};
use crate::{Output, Switch, call::Call};

type Calls = BTreeMap<ConnId, Box<Call>>;

/// The index of this shard's calls is swept when it has so many more entries than calls.
const STALE_MAX: usize = 1024;

/// Which calls are whose, and what was told of them.
#[derive(Default)]
pub(crate) struct Lamps {
    /// Calls by the hash of each of their users; some may have ended.
    by_user: BTreeSet<(u64, ConnId)>,
    /// What watchers were told last of each call that somebody watches.
    told: HashMap<ConnId, Vec<(Aor, DialogInfo)>>,
}

impl Lamps {
    /// The dialogs of a user on this shard; changes of them will be told from now on.
    pub(super) fn dialogs_of(&mut self, calls: &Calls, aor: &Aor) -> Vec<DialogInfo> {
        let hash = hash_of(aor);
        let mut found = Vec::new();
        for (_, conn) in self.by_user.range((hash, ConnId(0))..=(hash, ConnId(u64::MAX))) {
            let Some(call) = calls.get(conn) else { continue };
            let dialogs = call.dialogs_of(aor);
            let told = self.told.entry(*conn).or_default();
            told.retain(|(whose, _)| whose != aor);
            told.extend(dialogs.iter().map(|info| (aor.clone(), info.clone())));
            found.extend(dialogs);
        }
        found
    }

    /// A call goes to another shard, which tells of it from now on.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.told.remove(&conn);
    }

    fn index(&mut self, calls: &Calls, call: &Call) {
        for aor in call.users() {
            self.by_user.insert((hash_of(&aor), call.conn));
        }
        // A call has two users, seldom more.
        if self.by_user.len() > 4 * calls.len() + STALE_MAX {
            self.by_user.retain(|(_, conn)| calls.contains_key(conn));
        }
    }

    /// What is to be told of a call now: of each user the dialogs that have changed, and to whom.
    fn changes(
        &mut self,
        dir: &dyn Directory,
        conn: ConnId,
        call: Option<&Call>,
    ) -> Vec<(Arc<[Shard]>, Aor, Vec<DialogInfo>)> {
        let was = self.told.remove(&conn).unwrap_or_default();
        let mut users: BTreeSet<Aor> = was.iter().map(|(aor, _)| aor.clone()).collect();
        users.extend(call.into_iter().flat_map(Call::users));
        let (mut changes, mut told) = (Vec::new(), Vec::new());
        for aor in users {
            let Some(shards) = dir.watchers(&aor) else { continue };
            let before = || was.iter().filter(|(whose, _)| *whose == aor).map(|(_, info)| info);
            let dialogs = call.map(|call| call.dialogs_of(&aor)).unwrap_or_default();
            let is_gone = |old: &&DialogInfo| !dialogs.iter().any(|info| info.leg == old.leg);
            let mut news: Vec<_> = before().filter(is_gone).map(DialogInfo::ended).collect();
            let is_new = |info: &&DialogInfo| !before().any(|old| old == *info);
            news.extend(dialogs.iter().filter(is_new).cloned());
            told.extend(dialogs.into_iter().map(|info| (aor.clone(), info)));
            if !news.is_empty() {
                changes.push((shards, aor, news));
            }
        }
        if !told.is_empty() {
            self.told.insert(conn, told);
        }
        changes
    }
}

impl Switch {
    /// Tells those who watch of the calls that have changed since it was last done.
    pub(crate) fn observe_calls(&mut self, now: Instant, dir: &dyn Directory) {
        let mut touched = std::mem::take(&mut self.tables.touched);
        if self.tables.config.events.observes_calls() {
            touched.dedup();
            for (conn, is_new) in touched.drain(..) {
                self.observe(now, dir, conn, is_new);
            }
        }
        touched.clear();
        // The room is kept for the next.
        self.tables.touched = touched;
    }

    /// Ends the subscriptions to what the settings do not have any more. While no call is observed nothing is known of any, so that all
    /// are looked at when they are observed again.
    pub(crate) fn configure_events(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        before: EventsConfig,
    ) {
        let config = self.tables.config.events;
        self.events.end_disabled(&mut self.tables, now, dir);
        match (before.observes_calls(), config.observes_calls()) {
            (true, false) => {
                self.lamps = Lamps::default();
                self.events.forget_dialogs();
            }
            (false, true) => {
                for call in self.calls.values() {
                    self.lamps.index(&self.calls, call);
                }
                for aor in self.events.watched(Matter::Calls) {
                    self.gather(now, dir, &aor);
                }
            }
            (true, true) | (false, false) => {}
        }
    }

    /// Tells those who watch that the contacts of a user have changed.
    pub(crate) fn observe_registrations(&mut self, dir: &dyn Directory) {
        let mut moved = std::mem::take(&mut self.tables.moved);
        for aor in moved.drain(..).filter(|_| dir.has_watchers()) {
            for to in dir.watchers(&aor).iter().flat_map(|shards| shards.iter().copied()) {
                let word = Word::Changed { aor: aor.clone() };
                self.tables.outputs.push_back(Output::Tell { to, word });
            }
        }
        self.tables.moved = moved;
    }

    fn observe(&mut self, now: Instant, dir: &dyn Directory, conn: ConnId, is_new: bool) {
        let call = self.calls.get(&conn).map(|call| &**call);
        if let Some(call) = call.filter(|_| is_new) {
            self.lamps.index(&self.calls, call);
        }
        if !dir.has_watchers() {
            self.lamps.told.clear();
            return;
        }
        let from = self.tables.config.shard;
        for (shards, aor, dialogs) in self.lamps.changes(dir, conn, call) {
            for to in shards.iter().copied().filter(|to| *to != from) {
                let (aor, dialogs) = (aor.clone(), dialogs.clone());
                let word = Word::Report { from, aor, whole: false, dialogs };
                self.tables.outputs.push_back(Output::Tell { to, word });
            }
            if shards.contains(&from) {
                self.events.learn(&mut self.tables, now, dir, (from, &aor), false, dialogs);
            }
        }
    }
}

fn hash_of(aor: &Aor) -> u64 {
    let mut hasher = DefaultHasher::new();
    aor.hash(&mut hasher);
    hasher.finish()
}
