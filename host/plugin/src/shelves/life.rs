//! How what is kept comes to a new version, and where it stays when that is rolled back.

use std::{
    collections::BTreeSet,
    sync::{Arc, MutexGuard, PoisonError},
    time::Instant,
};

use super::{Kept, KeptChange, KeptNews, KeptSource, Registry, Session, Shelf, WrittenDown};
use crate::{
    Diagnostic, KeepLimits, PluginHost,
    body::Body,
    contain::contained,
    generation::Generation,
    host::{Installed, Plugin},
    source::Bundle,
};

/// A session of a migration may read and write so many times as often as there may be keys.
const MIGRATION_OPERATIONS: usize = 8;

/// What came of a way from one schema to another.
enum Way {
    /// It is in the new form.
    Made(Arc<Shelf>),
    /// The code knows none.
    Unknown,
}

/// What a plugin has kept before.
struct Before {
    plugin: Arc<str>,
    limits: KeepLimits,
    is_written: bool,
    /// What served last, where that is in memory.
    last: Option<Arc<Shelf>>,
    /// What was written down, where that matters.
    written: WrittenDown,
}

impl Before {
    /// What served last.
    fn last(&self) -> Option<Arc<Shelf>> {
        let read = || Some(Arc::new(self.read(self.written.serving?)));
        self.last.clone().or_else(read)
    }

    /// What was kept under a schema that has served before.
    fn view(&self, schema: u32, host: &PluginHost) -> Option<Arc<Shelf>> {
        let is_there = self.written.entries.contains_key(&schema);
        let read = || is_there.then(|| Arc::new(self.read(schema)));
        host.registry().find(&self.plugin, schema).or_else(read)
    }

    fn read(&self, schema: u32) -> Shelf {
        let entries = self.written.entries.get(&schema).cloned().unwrap_or_default();
        Shelf::new(Arc::clone(&self.plugin), schema, self.limits, entries, self.is_written)
    }

    /// The first that it keeps.
    fn empty(&self, schema: u32) -> Shelf {
        let plugin = Arc::clone(&self.plugin);
        Shelf::new(plugin, schema, self.limits, Vec::new(), self.is_written).fresh()
    }
}

impl PluginHost {
    /// From now on plugins that are loaded first get what was written down of them before, and what they keep is to be written down
    /// ([`Self::flush_kept`]). To be called before plugins are loaded.
    pub fn remember(&self, source: Box<dyn KeptSource>) {
        self.lock().kept = Some(source);
        self.registry().is_written = true;
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        // A panic while it was held left at worst a shelf that is not written down.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a new version is to keep its things in: what the serving one has, or, under another schema, a copy that it has brought
    /// into its form itself.
    pub(crate) fn shelf(
        &self,
        installed: &Installed,
        bundle: &Bundle,
        body: &dyn Body,
    ) -> Result<Option<Arc<Shelf>>, Diagnostic> {
        if !bundle.manifest.grants.state {
            return Ok(None);
        }
        let schema = bundle.manifest.state_schema;
        let before = self.before(installed, bundle)?;
        let Some(last) = before.last() else { return Ok(Some(Arc::new(before.empty(schema)))) };
        if last.schema == schema {
            return Ok(Some(last));
        }
        let refused = |reason: String, help: &str| {
            let from = last.schema;
            let reason = format!("what is kept has schema {from}, this version {schema}: {reason}");
            Err(Diagnostic::new(&bundle.code_file, reason, help))
        };
        let view = before.view(schema, self).filter(|_| schema < last.schema);
        // Whoever goes back to what a version has kept needs no way back: its code knows only the one to it.
        if view.is_none() {
            match self.migrated(&last, schema, body) {
                Ok(Way::Made(shelf)) => return Ok(Some(shelf)),
                Ok(Way::Unknown) => {}
                Err(why) => {
                    let help = "the version before serves on, with what it keeps; state_migration_ms is the time there is";
                    return refused(why, help);
                }
            }
        }
        match view {
            // Whoever loads the version before goes back to what it kept, as with a rollback.
            Some(view) => {
                let (from, plugin) = (last.schema, &*bundle.id);
                tracing::warn!(plugin, schema, from, "what was kept before is kept again");
                Ok(Some(view))
            }
            None => refused(
                "nothing brings the one into the other".to_owned(),
                "write fn migrate(from, to), or Plugin::migrate and name it in register_plugin!; or leave schema as it was",
            ),
        }
    }

    /// What a plugin has kept before: what is in memory, or else what was written down.
    fn before(&self, installed: &Installed, bundle: &Bundle) -> Result<Before, Diagnostic> {
        let id = &*bundle.id;
        let (last, is_written) = {
            let registry = self.registry();
            (registry.last(id), registry.is_written)
        };
        let is_same = |last: &Arc<Shelf>| last.schema == bundle.manifest.state_schema;
        let written = match &installed.kept {
            Some(source) if !last.as_ref().is_some_and(is_same) => {
                source.load(id).map_err(|why| {
                    let help = "mend the file, or take it away: what plugins kept is lost then";
                    Diagnostic::new(&bundle.manifest_file, format!("what it kept: {why}"), help)
                })?
            }
            Some(_) | None => WrittenDown::default(),
        };
        let (plugin, limits) = (id.into(), self.config.keep);
        Ok(Before { plugin, limits, is_written, last, written })
    }

    /// A copy of a shelf, in the form of another schema.
    fn migrated(&self, from: &Arc<Shelf>, schema: u32, body: &dyn Body) -> Result<Way, String> {
        let limits = self.config.keep;
        let shelf = Arc::new(from.copy(schema, self.registry().is_written));
        if shelf.count() == 0 {
            return Ok(Way::Made(shelf));
        }
        let slot = self.wasm.slot();
        Session::begin(&shelf, limits.entries_max.saturating_mul(MIGRATION_OPERATIONS));
        let mut is_there = true;
        let done = contained(Instant::now(), limits.migration_limit, || {
            let done = body.migrate(&slot, from.schema, schema);
            is_there = done.is_some();
            done.unwrap_or(Ok(()))
        });
        Session::end(done.is_ok() && is_there);
        shelf.begin();
        let refused = shelf.refused();
        match done {
            Ok(()) if is_there && refused > 0 => {
                Err(format!("{refused} of what it wrote found no room, or no number to add to"))
            }
            Ok(()) if is_there => Ok(Way::Made(shelf)),
            Ok(()) => Ok(Way::Unknown),
            Err(failure) => Err(format!("{} ({})", failure.detail, failure.kind.name())),
        }
    }

    /// Has a version that is about to be promoted keep what the serving one has, brought into its form anew: much was written since it was
    /// loaded. What a version on trial has kept of its own stays only where that is more. Gives how many writes are lost either way.
    pub(crate) fn renew_shelf(
        &self,
        serving: &Generation,
        candidate: &Generation,
        is_compared: bool,
    ) -> Result<u64, Diagnostic> {
        let (Some(cell), Some(theirs)) = (&candidate.shelf, serving.shelf()) else { return Ok(0) };
        let mine = cell.load_full();
        if Arc::ptr_eq(&mine, &theirs) {
            return Ok(0);
        }
        if mine.schema == theirs.schema {
            cell.store(theirs);
            return Ok(mine.writes());
        }
        let missed = mine.missed().unwrap_or_else(|| theirs.writes());
        if !is_compared && mine.writes() > missed {
            return Ok(missed);
        }
        match self.migrated(&theirs, mine.schema, &*candidate.body) {
            Ok(Way::Made(shelf)) => {
                cell.store(shelf);
                Ok(mine.writes())
            }
            // It went back to what it had kept itself.
            Ok(Way::Unknown) if mine.schema < theirs.schema => Ok(missed),
            way => {
                let unknown = "nothing brings the one into the other".to_owned();
                let why = way.err().unwrap_or(unknown);
                let (id, from, to) = (&candidate.reference.plugin, theirs.schema, mine.schema);
                let reason =
                    format!("what is kept now has schema {from}, this version {to}: {why}");
                let help = "mend fn migrate and load it anew; the version before serves on";
                Err(Diagnostic::new(id.to_string(), reason, help).of(id))
            }
        }
    }

    /// The same where a version that is on trial is to serve, or to be tried for another share of the calls, without a promotion.
    pub(crate) fn renew_tried(
        &self,
        plugin: &Plugin,
        candidate: &Arc<Generation>,
        per_mille: Option<u16>,
    ) -> Result<(), Diagnostic> {
        let trial = plugin.versions.trial.as_ref();
        let is_it = trial.is_some_and(|trial| Arc::ptr_eq(&trial.candidate, candidate));
        if is_it && per_mille.is_none() {
            self.renew_shelf(&plugin.generation, candidate, false)?;
        }
        Ok(())
    }

    /// What a plugin keeps, with those keys that begin with `prefix` and come behind `after`, at most so many; `None` when none such serves,
    /// or it keeps nothing.
    pub fn kept(&self, plugin: &str, prefix: &str, after: &str, most: usize) -> Option<Kept> {
        let shelf = self.registry().serving(plugin);
        Some(shelf?.shown(prefix, after, most))
    }

    /// What every plugin keeps that serves and keeps something, without keys and values.
    pub fn all_kept(&self) -> Vec<Kept> {
        self.registry().each().iter().map(|shelf| shelf.shown("", "", 0)).collect()
    }

    /// Has a plugin keep this and nothing else: the beginning of a test.
    pub fn set_kept(&self, plugin: &str, entries: &[(String, String)]) {
        let shelf = self.registry().serving(plugin);
        if let Some(shelf) = shelf {
            shelf.fill(entries);
        }
    }

    /// Has a plugin forget a key or, without one, all that begin with `prefix`: under every schema, of versions that serve, are tried or
    /// served before, and also when none is loaded any more. Gives how many keys there were; `None` when nothing is known of such a plugin,
    /// or it keeps nothing.
    pub fn forget_kept(&self, plugin: &str, key: Option<&str>, prefix: &str) -> Option<usize> {
        let installed = self.lock();
        let tried = installed.plugins.iter().flat_map(|it| it.versions.tried());
        let tried = tried.filter(|it| *it.reference.plugin == *plugin).filter_map(|it| it.shelf());
        let mut shelves: Vec<Arc<Shelf>> = tried.collect();
        let written = installed.kept.as_ref().and_then(|source| source.load(plugin).ok());
        let mut written = written.unwrap_or_default().entries;
        for shelf in self.registry().of(plugin) {
            // What is in memory stands for what is written down of it; what is only tried stands for nothing.
            written.remove(&shelf.schema);
            shelves.push(shelf);
        }
        if shelves.is_empty() && written.is_empty() {
            return None;
        }
        let concerns = |have: &str| key.map_or_else(|| have.starts_with(prefix), |key| key == have);
        let mut forgotten: BTreeSet<Arc<str>> = BTreeSet::new();
        for shelf in &shelves {
            let keys = shelf.with_prefix("").into_iter().map(|(key, _)| key);
            let keys: Vec<_> = keys.filter(|key| concerns(key)).collect();
            shelf.forget(keys.iter().cloned());
            forgotten.extend(keys);
        }
        for (schema, entries) in written {
            let keys = entries.into_iter().map(|(key, _)| key).filter(|key| concerns(key));
            for key in keys {
                forgotten.insert(key.as_str().into());
                let what = KeptNews::Remove(key);
                let change = KeptChange { plugin: plugin.to_owned(), schema, what };
                self.registry().tell(change);
            }
        }
        // A key is often somebody's number, so it is not in the log.
        let keys = forgotten.len();
        tracing::warn!(plugin, keys, "an operator had a plugin forget");
        Some(keys)
    }

    /// Hands what has changed since the last time to who writes it down; of the versions that serve or have served. What one on trial keeps
    /// under a schema of its own is written down when it serves. Gives how many changes there were.
    ///
    /// # Errors
    ///
    /// What `write` says; then it is handed over again the next time.
    pub fn flush_kept<E>(
        &self,
        write: impl FnOnce(&[KeptChange]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut batch = self.registry().take();
        batch.fill();
        if batch.changes.is_empty() {
            return Ok(0);
        }
        let written = write(&batch.changes);
        if written.is_err() {
            self.registry().give_back(&batch);
        }
        batch.settle();
        written.map(|()| batch.changes.len())
    }

    /// What serves has changed: what is written down from now on, and what of it nobody goes back to.
    pub(crate) fn shelve(&self, installed: &mut Installed) {
        let mut registry = self.registry();
        for plugin in &mut installed.plugins {
            plugin.versions.forgotten.drain(..).for_each(|shelf| registry.forget(&shelf));
        }
        let serving = installed.plugins.iter().filter_map(|plugin| plugin.generation.shelf());
        registry.serve(serving.collect());
    }
}
