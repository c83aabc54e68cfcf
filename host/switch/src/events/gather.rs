//! What this shard knows of the users it watches, and how it comes to know it.

use model::{Aor, Directory, Instant, LegId, Shard};

use super::{DialogInfo, DialogPhase, Dialogs, Events, SubId, Word, package::Matter};
use crate::{Output, Switch, tables::Tables};

impl Switch {
    /// Another shard has said something.
    pub(crate) fn on_told(&mut self, now: Instant, dir: &dyn Directory, word: Word) {
        let Some(word) = self.on_moved(now, dir, word) else { return };
        match word {
            Word::Inquiry { from, aor } => {
                let dialogs = self.lamps.dialogs_of(&self.calls, &aor);
                let from_here = self.tables.config.shard;
                let report = Word::Report { from: from_here, aor, whole: true, dialogs };
                self.tables.outputs.push_back(Output::Tell { to: from, word: report });
            }
            Word::Report { from, aor, whole, dialogs } => {
                self.events.learn(&mut self.tables, now, dir, (from, &aor), whole, dialogs);
            }
            Word::Changed { aor } => self.events.note_change(&mut self.tables, now, dir, &aor),
            Word::Call(_)
            | Word::Message { .. }
            | Word::Relay(_)
            | Word::Hangup(_)
            | Word::Control(_)
            | Word::Noted { .. }
            | Word::Over { .. } => {}
        }
    }

    /// Finds out which dialogs a user has: those of this shard at once, those of the others when they have answered.
    pub(super) fn gather(&mut self, now: Instant, dir: &dyn Directory, aor: &Aor) {
        let own = self.tables.config.shard;
        let others: Vec<Shard> =
            (0..self.tables.config.shards.0.get()).map(Shard).filter(|s| *s != own).collect();
        if let Some(resource) = self.events.resources.get_mut(&(Matter::Calls, aor.clone())) {
            resource.missing = others.iter().copied().collect();
            let until = now + self.tables.config.events.gather_time;
            resource.waits_until = (!others.is_empty()).then_some(until);
        }
        for to in others {
            let word = Word::Inquiry { from: own, aor: aor.clone() };
            self.tables.outputs.push_back(Output::Tell { to, word });
        }
        let dialogs = self.lamps.dialogs_of(&self.calls, aor);
        self.events.learn(&mut self.tables, now, dir, (own, aor), true, dialogs);
    }
}

impl Events {
    /// Takes in what a shard says of a user.
    pub(super) fn learn(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        (from, aor): (Shard, &Aor),
        whole: bool,
        dialogs: Vec<DialogInfo>,
    ) {
        let key = (Matter::Calls, aor.clone());
        let Some(resource) = self.resources.get_mut(&key) else { return };
        let mut changed = Vec::new();
        if whole {
            let is_gone =
                |leg: &LegId, at: Shard| at == from && !dialogs.iter().any(|info| info.leg == *leg);
            changed.extend(take_out(&mut resource.dialogs, is_gone).iter().map(DialogInfo::ended));
        }
        for info in dialogs {
            let known = match info.phase {
                // Of a call that has moved the shard says that it ends to which it went.
                DialogPhase::Terminated
                    if resource.dialogs.get(&info.leg).is_some_and(|(at, _)| *at != from) =>
                {
                    continue;
                }
                DialogPhase::Terminated => resource.dialogs.remove(&info.leg).map(|_| false),
                _ => {
                    let known = resource.dialogs.insert(info.leg, (from, info.clone()));
                    known.map(|(_, old)| old == info)
                }
            };
            let is_news = match known {
                Some(same) => !same,
                None => info.phase != DialogPhase::Terminated,
            };
            changed.extend(is_news.then_some(info));
        }
        let mut is_answered = false;
        if whole && resource.missing.remove(&from) && resource.missing.is_empty() {
            is_answered = resource.waits_until.take().is_some();
        }
        if changed.is_empty() && !is_answered {
            return;
        }
        let watchers: Vec<SubId> = resource.watchers.iter().copied().collect();
        for id in watchers {
            if let Some(subscription) = self.subscriptions.get_mut(&id) {
                for info in &changed {
                    subscription.note(info);
                }
                if is_answered && subscription.waits {
                    subscription.waits = false;
                    subscription.not_before = now;
                }
            }
            self.pump(tables, now, dir, id);
        }
    }

    /// The directory says something else of the messages or the registration of a user.
    pub(super) fn note_change(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        aor: &Aor,
    ) {
        let keys = [Matter::Calls, Matter::Messages].map(|matter| (matter, aor.clone()));
        let found = keys.iter().filter_map(|key| self.resources.get(key));
        let watchers: Vec<SubId> = found.flat_map(|resource| resource.watchers.clone()).collect();
        for id in watchers {
            if let Some(subscription) = self.subscriptions.get_mut(&id) {
                subscription.note_change();
            }
            self.pump(tables, now, dir, id);
        }
    }
}

fn take_out(dialogs: &mut Dialogs, is_gone: impl Fn(&LegId, Shard) -> bool) -> Vec<DialogInfo> {
    let all = dialogs.iter();
    let gone: Vec<LegId> =
        all.filter(|(leg, (at, _))| is_gone(leg, *at)).map(|(leg, _)| *leg).collect();
    gone.iter().filter_map(|leg| dialogs.remove(leg)).map(|(_, info)| info).collect()
}
