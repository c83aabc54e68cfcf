use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use model::{GenerationToken, hook::Hook};

use crate::{
    Diagnostic, HookStats, HostConfig, HostError, HostStats, KeptSource, PluginStatus,
    ReloadReport, Reloaded, Rollout, Source, Worker,
    contain::panic_text,
    generation::Generation,
    keep::Keeper,
    metrics::{Metrics, nanos},
    observe::Watch,
    rollout::Versions,
    script::Packages,
    shelves::Registry,
    tables::{Entry, HookTable, Tables},
    update::Built,
    wasm::{Census, Wasm},
};

/// Holds the plugins of a node: their code, which generations serve, and what became of them.
///
/// Loading and reloading compile on the calling thread and exclude each other; answering questions goes on meanwhile and takes
/// no lock.
pub struct PluginHost {
    pub(crate) config: HostConfig,
    pub(crate) wasm: Wasm,
    pub(crate) packages: Packages,
    pub(crate) census: Arc<Census>,
    pub(crate) tables: ArcSwap<Tables>,
    /// Counts the times that tables were freed, so that workers know when to look through their instances.
    pub(crate) sweeps: AtomicU64,
    installed: Mutex<Installed>,
    /// What plugins keep.
    pub(crate) shelves: Mutex<Registry>,
    pub(crate) watch: Watch,
    pub(crate) keeper: Keeper,
    /// For threads that end when it does.
    pub(crate) me: Weak<Self>,
    workers: AtomicU64,
    began: Instant,
}

/// What loading and reloading keep. Behind one lock, off the path of calls.
pub(crate) struct Installed {
    /// In the order of their sources.
    pub(crate) plugins: Vec<Plugin>,
    /// What is kept of a plugin over its generations, by id.
    pub(crate) records: BTreeMap<String, Record>,
    pub(crate) overrides: BTreeMap<String, toml::Table>,
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
    /// What was written down of what plugins keep.
    pub(crate) kept: Option<Box<dyn KeptSource>>,
    pub(crate) keys: u64,
    tables_made: u64,
    /// Table sets that were replaced; a worker may still be reading one.
    replaced: Vec<Weak<Tables>>,
    pub(crate) activated: u64,
    pub(crate) refused: u64,
    unchanged: u64,
    unpinned: u64,
}

/// What outlives the generations of a plugin.
#[derive(Clone, Default)]
pub(crate) struct Record {
    /// The serial of its last generation.
    pub(crate) serial: u64,
    pub(crate) metrics: Arc<Metrics>,
}

pub(crate) struct Plugin {
    pub(crate) source: Source,
    pub(crate) generation: Arc<Generation>,
    pub(crate) versions: Versions,
    pub(crate) last: ReloadReport,
}

impl PluginHost {
    /// Makes a host without plugins: every question is answered with the built-in default.
    ///
    /// # Errors
    ///
    /// When the WebAssembly engine or its thread cannot be set up.
    pub fn new(config: HostConfig) -> Result<Arc<Self>, HostError> {
        let wasm = Wasm::new(&config)?;
        let keeper = Keeper::new(&config).map_err(HostError::Thread)?;
        let first = Arc::new(HookTable::new(1, &[]));
        let installed = Installed {
            plugins: Vec::new(),
            records: BTreeMap::new(),
            overrides: config.overrides.clone(),
            grants: config.grants.clone(),
            kept: None,
            keys: 0,
            tables_made: 1,
            replaced: Vec::new(),
            activated: 0,
            refused: 0,
            unchanged: 0,
            unpinned: 0,
        };
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            shelves: Mutex::default(),
            watch: Watch::default(),
            keeper,
            config,
            wasm,
            packages: Packages::new(),
            census: Arc::default(),
            tables: ArcSwap::from_pointee(Tables { current: first, former: Vec::new() }),
            sweeps: AtomicU64::new(0),
            installed: Mutex::new(installed),
            workers: AtomicU64::new(0),
            began: Instant::now(),
        }))
    }

    /// Reads the source of one plugin, or of all, again; what changed and passes every test serves new calls from then on. One
    /// report for each plugin looked at, in their order; an unknown id gives one report that says so.
    ///
    /// Compiles on the calling thread, which should be one of low priority.
    pub fn reload(&self, plugin: Option<&str>) -> Vec<ReloadReport> {
        self.reload_by(plugin, Rollout::AsItSays)
    }

    /// As [`Self::reload`]; what has changed comes into service as `rollout` says. Where that is an operator's word (anything but
    /// [`Rollout::AsItSays`]), it counts for a version that was rolled back as well.
    pub fn reload_by(&self, plugin: Option<&str>, rollout: Rollout) -> Vec<ReloadReport> {
        let mut installed = self.lock();
        let mut reports = Vec::new();
        for at in 0..installed.plugins.len() {
            let current = Arc::clone(&installed.plugins[at].generation);
            if plugin.is_none_or(|id| *current.reference.plugin == *id) {
                let source = installed.plugins[at].source.clone();
                reports.push(self.reload_one(&mut installed, at, &current, source, rollout));
            }
        }
        if let Some(id) = plugin
            && reports.is_empty()
        {
            reports.push(not_found(id, &installed.plugins));
        }
        if reports.iter().any(ReloadReport::is_change) {
            self.activate(&mut installed);
        }
        reports
    }

    /// Has an installed plugin come from another source from now on, which is read like one that has changed. When it is refused the
    /// plugin stays with the source it had.
    pub fn renew(&self, plugin: &str, source: Source, rollout: Rollout) -> ReloadReport {
        let mut installed = self.lock();
        let Ok(at) = installed.place(plugin) else {
            return not_found(plugin, &installed.plugins);
        };
        let current = Arc::clone(&installed.plugins[at].generation);
        let report = self.reload_one(&mut installed, at, &current, source, rollout);
        if report.is_change() {
            self.activate(&mut installed);
        }
        report
    }

    /// Whether a source would load, as [`Self::install`] loads it. Nothing comes into service.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn would_load(&self, source: &Source) -> Result<(), Diagnostic> {
        self.build_contained(&mut self.lock(), source, None).map(drop)
    }

    fn reload_one(
        &self,
        installed: &mut Installed,
        at: usize,
        current: &Arc<Generation>,
        source: Source,
        rollout: Rollout,
    ) -> ReloadReport {
        let started = Instant::now();
        let built = self.build_contained(installed, &source, Some(current));
        let built = built.and_then(|built| installed.plugins[at].admit(built, rollout));
        let id = &current.reference.plugin;
        let mut still_serving = current.reference.clone();
        let outcome = match built {
            Ok(Built::New(generation))
                if rollout.is_compared(&generation, &installed.plugins[at]) =>
            {
                let reference = generation.reference.clone();
                let patience = installed.plugins[at].patience(&generation, &source);
                self.begin_shadow(installed, at, (generation, source.clone()), patience)
                    .map(|()| Reloaded::Shadowed(reference))
            }
            Ok(Built::New(generation)) => {
                let reference = generation.reference.clone();
                let per_mille = rollout.per_mille(&generation, &installed.plugins[at]);
                let plugin = &mut installed.plugins[at];
                let renewed = self.renew_tried(plugin, &generation, per_mille);
                let come = renewed.map(|()| plugin.bring_in(generation, rollout, per_mille));
                match (come, per_mille) {
                    (Err(diagnostic), _) => Err(diagnostic),
                    (Ok(()), Some(per_mille)) => {
                        tracing::info!(plugin = %reference, per_mille, "plugin on trial");
                        Ok(Reloaded::OnTrial(reference, per_mille))
                    }
                    (Ok(()), None) => {
                        installed.activated += 1;
                        tracing::info!(plugin = %reference, "plugin reloaded");
                        still_serving = reference.clone();
                        Ok(Reloaded::Activated(reference))
                    }
                }
            }
            Ok(Built::Same(same)) => {
                installed.unchanged += 1;
                let is_put_back = rollout == Rollout::AsItSays && Arc::ptr_eq(&same, current);
                // Who has it serve whatever its manifest says wants nothing else to come after it.
                let is_chosen = rollout == Rollout::AtOnce && Arc::ptr_eq(&same, current);
                let is_withdrawn = is_put_back && installed.plugins[at].withdraw()
                    || is_chosen && installed.plugins[at].stop_comparing();
                Ok(if is_withdrawn { Reloaded::Withdrawn } else { Reloaded::Unchanged })
            }
            Err(diagnostic) => {
                installed.refused += 1;
                tracing::warn!(plugin = %id, %diagnostic, serving = %still_serving, "plugin refused");
                Err(diagnostic)
            }
        };
        if outcome.is_ok() {
            let terms = installed.terms(&source, id);
            installed.plugins[at].versions.terms = Some(terms);
            installed.plugins[at].source = source;
        }
        let report = ReloadReport {
            plugin: id.to_string(),
            outcome,
            still_serving: Some(still_serving),
            took: started.elapsed(),
        };
        installed.plugins[at].last = report.clone();
        report
    }

    /// Builds a generation. What a file makes the engines do, a panic included, must not end the thread that loads the others.
    pub(crate) fn build_contained(
        &self,
        installed: &mut Installed,
        source: &Source,
        current: Option<&Arc<Generation>>,
    ) -> Result<Built, Diagnostic> {
        let build = AssertUnwindSafe(|| self.build(installed, source, current));
        catch_unwind(build).unwrap_or_else(|panic| {
            let id = current.map_or_else(|| source.guess_id(), |g| g.reference.plugin.to_string());
            let reason = format!("loading it made the host panic: {}", panic_text(&*panic));
            let help = "the file is damaged, or this is a bug of the host: report it with the file";
            Err(Diagnostic::new(source.to_string(), reason, help).of(&id))
        })
    }

    /// Gives the operator's settings for plugins anew (see [`HostConfig::overrides`]); the next reload takes them.
    pub fn set_overrides(&self, overrides: BTreeMap<String, toml::Table>) {
        self.lock().overrides = overrides;
    }

    /// Gives anew what plugins may have (see [`HostConfig::grants`]); the next reload takes it.
    pub fn set_grants(&self, grants: BTreeMap<String, BTreeSet<String>>) {
        self.lock().grants = grants;
    }

    /// Whether a plugin answers this hook: of those that a call is pinned to, or of those that serve new calls.
    pub fn answers(&self, hook: Hook, pin: Option<&GenerationToken>) -> bool {
        self.tables.load().pick(pin).0.answers(hook)
    }

    /// The token of the table that serves new calls.
    pub fn current(&self) -> GenerationToken {
        self.tables.load().current.token.clone()
    }

    /// Frees the tables that no call is pinned to, and with them the code of generations that are in no other. Called about once
    /// a second; a reload does it too. Gives whether there were any: then workers that are idle should look through their instances
    /// ([`Worker::sweep`]).
    pub fn sweep(&self) -> bool {
        self.sweep_locked(&mut self.lock())
    }

    /// How many plugins it loads at most.
    pub fn plugins_max(&self) -> usize {
        self.config.plugins_max
    }

    /// A worker for one thread.
    pub fn worker(self: &Arc<Self>) -> Worker {
        let number = self.workers.fetch_add(1, Ordering::Relaxed) + 1;
        Worker::new(Arc::clone(self), number)
    }

    /// The installed plugins, in the order of their sources.
    pub fn list(&self) -> Vec<PluginStatus> {
        let now = self.nanos_at(Instant::now());
        let installed = self.lock();
        installed.plugins.iter().map(|plugin| status(plugin, now)).collect()
    }

    /// What the host holds and did.
    pub fn stats(&self) -> HostStats {
        let installed = self.lock();
        let tables = self.tables.load();
        let mut keys: Vec<u64> =
            tables.all().flat_map(|table| &table.generations).map(|g| g.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let (compiled, compiled_hits) = self.wasm.cache.stats();
        let (compiled_loaded, compiled_written) = self.wasm.cache.archived();
        HostStats {
            tables: tables.all().count(),
            generations: keys.len(),
            instances: self.census.alive.load(Ordering::Relaxed),
            instances_made: self.census.made.load(Ordering::Relaxed),
            compiled,
            compiled_hits,
            compiled_loaded,
            compiled_written,
            activated: installed.activated,
            refused: installed.refused,
            unchanged: installed.unchanged,
            unpinned: installed.unpinned,
            hooks: installed.plugins.iter().flat_map(|p| hook_stats(&p.generation)).collect(),
            repros_dropped: self.keeper.dropped(),
        }
    }

    /// Nanoseconds from the host's start to `now`.
    pub(crate) fn nanos_at(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.began))
    }

    /// Puts the installed generations into service as a new table.
    pub(crate) fn activate(&self, installed: &mut Installed) {
        self.shelve(installed);
        installed.tables_made += 1;
        let entries = installed.plugins.iter().map(|plugin| Entry {
            serving: Arc::clone(&plugin.generation),
            trial: plugin.versions.trial.clone(),
        });
        let entries: Vec<Entry> = entries.collect();
        let current = Arc::new(HookTable::new(installed.tables_made, &entries));
        let before = self.tables.load_full();
        let mut former = before.former.clone();
        former.push(Arc::clone(&before.current));
        self.replace(installed, Tables { current, former });
        drop(before);
        self.sweep_locked(installed);
        self.unpin_surplus(installed);
        self.align_shadows(installed);
    }

    fn sweep_locked(&self, installed: &mut Installed) -> bool {
        // A worker that still reads a replaced set may pin a call to the table that was current in it. Of all other tables the
        // number of pins can only fall.
        installed.replaced.retain(|tables| tables.strong_count() > 0);
        let read = installed.replaced.iter().filter_map(Weak::upgrade);
        let read: Vec<u64> = read.map(|tables| tables.current.token.table()).collect();
        let tables = self.tables.load_full();
        let is_needed =
            |table: &&Arc<HookTable>| read.contains(&table.token.table()) || table.is_pinned();
        let former: Vec<_> = tables.former.iter().filter(is_needed).cloned().collect();
        let is_less = former.len() < tables.former.len();
        if is_less {
            let current = Arc::clone(&tables.current);
            drop(tables);
            self.replace(installed, Tables { current, former });
        }
        is_less
    }

    /// Drops the oldest tables beyond `generations_max`, pinned or not.
    fn unpin_surplus(&self, installed: &mut Installed) {
        let tables = self.tables.load_full();
        let former_max = self.config.generations_max.saturating_sub(1);
        let surplus = tables.former.len().saturating_sub(former_max);
        if surplus == 0 {
            return;
        }
        for table in &tables.former[..surplus] {
            if table.is_pinned() {
                installed.unpinned += 1;
                let (token, calls) = (&table.token, table.token.holders() - 1);
                tracing::warn!(
                    ?token,
                    calls,
                    "calls fall to the current plugins (generations_max)"
                );
            }
        }
        let (current, former) = (Arc::clone(&tables.current), tables.former[surplus..].to_vec());
        drop(tables);
        self.replace(installed, Tables { current, former });
    }

    fn replace(&self, installed: &mut Installed, tables: Tables) {
        let replaced = self.tables.swap(Arc::new(tables));
        installed.replaced.push(Arc::downgrade(&replaced));
        self.sweeps.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Installed> {
        // A panic while the lock was held left at worst a generation that never served.
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No plugin has this id.
pub(crate) fn unknown(id: &str, plugins: &[Plugin]) -> Diagnostic {
    let known: Vec<&str> = plugins.iter().map(|p| &*p.generation.reference.plugin).collect();
    let help = format!("the installed plugins are: {}", known.join(", "));
    Diagnostic::new("plugins", format!("no plugin is called `{id}`"), help).of(id)
}

fn not_found(id: &str, plugins: &[Plugin]) -> ReloadReport {
    ReloadReport {
        plugin: id.to_owned(),
        outcome: Err(unknown(id, plugins)),
        still_serving: None,
        took: std::time::Duration::ZERO,
    }
}

fn status(plugin: &Plugin, now: u64) -> PluginStatus {
    let generation = &plugin.generation;
    let hooks = generation.hooks.iter().map(|(hook, _)| *hook);
    let candidate = plugin.versions.trial.as_ref().map(|trial| &trial.candidate);
    let keys = std::iter::once(generation).chain(candidate).flat_map(|generation| {
        generation.hooks.iter().flat_map(move |(hook, _)| {
            let keys = generation.quarantine(*hook).keys(now).into_iter();
            keys.map(move |(key, left)| (*hook, key, left))
        })
    });
    PluginStatus {
        id: generation.reference.plugin.to_string(),
        version: generation.version.clone(),
        kind: generation.kind,
        source: plugin.source.to_string(),
        generation: generation.reference.clone(),
        hooks: generation.hooks.clone(),
        quarantined: hooks
            .filter(|hook| generation.quarantine(*hook).of_hook(now).is_some())
            .collect(),
        quarantined_keys: keys.collect(),
        trial: plugin.versions.status(),
        stored: generation.stored,
        shadow: plugin.versions.shadow.as_ref().map(|shadow| shadow.book.status()),
        previous: plugin.versions.previous.as_ref().map(|g| g.reference.clone()),
        rolled_back: plugin.versions.last.clone(),
        last: plugin.last.clone(),
        stats: hook_stats(generation).collect(),
    }
}

fn hook_stats(generation: &Generation) -> impl Iterator<Item = HookStats> {
    let id = &generation.reference.plugin;
    Hook::ALL.into_iter().filter_map(move |hook| {
        let is_asked = generation.priority(hook).is_some();
        is_asked.then(|| generation.metrics.stats(id, hook))
    })
}
