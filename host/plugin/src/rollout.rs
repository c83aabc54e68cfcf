//! How new versions come into service and go out of it: at once, or for some calls first; by hand, or by themselves.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bundle::BundleDigest;
use model::{Digest, GenerationRef, hook::Hook};

use crate::{
    ArmStats, Diagnostic, PluginHost, Source,
    generation::{Generation, Serving},
    host::{Installed, Plugin},
    renewal::Terms,
    shadow::Shadow,
    shelves::Shelf,
    trial::Trial,
    update::Built,
};

/// How a version that was loaded comes into service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rollout {
    /// As its manifest says; at once when it says nothing.
    AsItSays,
    /// At once, for every new call.
    AtOnce,
    /// For so many of a thousand calls, 1 to 1000, until it is promoted or rolled back.
    Canary(u16),
}

/// Versions that were rolled back and are remembered, for each plugin.
const CONDEMNED_MAX: usize = 16;

/// What is known of the versions of a plugin besides the one that serves.
#[derive(Default)]
pub(crate) struct Versions {
    pub(crate) trial: Option<Arc<Trial>>,
    /// Where what is on trial comes from, if that is not where the plugin is.
    pub(crate) trial_source: Option<Source>,
    /// What is compared with what serves.
    pub(crate) shadow: Option<Arc<Shadow>>,
    /// What is to be compared as soon as that can be begun.
    pub(crate) waiting: Option<(Arc<Generation>, Source)>,
    /// Where the configuration says the plugin is, if it is read from somewhere else.
    pub(crate) configured: Option<Source>,
    /// What serves, for those that were rolled back; empty until something is.
    serving: Serving,
    /// What served before, ready to serve again.
    pub(crate) previous: Option<Arc<Generation>>,
    /// What the plugin was given when it was read last.
    pub(crate) terms: Option<Terms>,
    /// Where what served before came from.
    pub(crate) previous_source: Option<Source>,
    /// When that which serves came into service by a reload or a promotion.
    pub(crate) since: Option<Instant>,
    /// Versions that were rolled back, oldest first, and why.
    condemned: VecDeque<(Digest, String)>,
    pub(crate) last: Option<RolledBack>,
    /// What versions kept that were rolled back, and that nobody goes back to.
    pub(crate) forgotten: Vec<Arc<Shelf>>,
}

/// A version that was taken out of service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolledBack {
    /// The version.
    pub generation: GenerationRef,
    /// What it is in the store, if it comes from there.
    pub stored: Option<BundleDigest>,
    /// Why.
    pub why: String,
    /// What serves instead.
    pub instead: GenerationRef,
    /// What that is in the store.
    pub stored_instead: Option<BundleDigest>,
    /// Writes to what it kept that are lost, since it kept it under a schema of its own.
    pub lost_writes: u64,
    /// When.
    pub at: Instant,
    /// How many questions of each hook it was asked while it was tried for some calls.
    pub touched: Vec<(Hook, u64)>,
}

/// A version that is tried for some calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrialStatus {
    /// The version.
    pub generation: GenerationRef,
    /// Of a thousand calls.
    pub per_mille: u16,
    /// How long already.
    pub lasts: Duration,
    /// By hook what it answered, and what the serving version answered meanwhile.
    pub hooks: Vec<(Hook, ArmStats, ArmStats)>,
}

impl Versions {
    /// Those that are tried or compared.
    pub(crate) fn tried(&self) -> Vec<Arc<Generation>> {
        let trial = self.trial.iter().map(|trial| Arc::clone(&trial.candidate));
        let shadow = self.shadow.iter().map(|shadow| Arc::clone(&shadow.book.candidate));
        trial.chain(shadow).collect()
    }

    /// Why this version was rolled back, if it was.
    pub(crate) fn condemned(&self, digest: Digest) -> Option<&str> {
        let mut found = self.condemned.iter().filter(|(bad, _)| *bad == digest);
        found.next().map(|(_, why)| why.as_str())
    }

    /// An operator wants it all the same.
    pub(crate) fn pardon(&mut self, digest: Digest) {
        self.condemned.retain(|(bad, _)| *bad != digest);
    }

    fn condemn(&mut self, digest: Digest, why: &str) {
        if self.condemned.len() >= CONDEMNED_MAX {
            self.condemned.pop_front();
        }
        self.condemned.push_back((digest, why.to_owned()));
    }

    pub(crate) fn status(&self) -> Option<TrialStatus> {
        let trial = self.trial.as_ref()?;
        let hooks = trial.candidate.hooks.iter().map(|(hook, _)| {
            let [new, old] = trial.stats(*hook);
            (*hook, new, old)
        });
        Some(TrialStatus {
            generation: trial.candidate.reference.clone(),
            per_mille: trial.per_mille,
            lasts: trial.began.elapsed(),
            hooks: hooks.collect(),
        })
    }
}

impl Rollout {
    /// For how many of a thousand calls this version is tried first: as many as the one that is on trial, where nobody says.
    pub(crate) fn per_mille(self, generation: &Generation, plugin: &Plugin) -> Option<u16> {
        match self {
            Self::AsItSays if plugin.is_renewed_by(generation) => None,
            Self::AsItSays => {
                let now = plugin.versions.trial.as_ref().map(|trial| trial.per_mille);
                generation.canary.or(now)
            }
            Self::AtOnce => None,
            Self::Canary(per_mille) => Some(per_mille.clamp(1, 1000)),
        }
    }
}

impl Rollout {
    /// Whether this version is compared first: as its manifest says, or as the one that is compared now and was read from there.
    pub(crate) fn is_compared(self, generation: &Generation, plugin: &Plugin) -> bool {
        let now = plugin.versions.shadow.as_ref();
        let is_next = now.is_some_and(|shadow| shadow.book.source == plugin.source);
        self == Self::AsItSays && (generation.shadow.is_some() || is_next)
    }
}

impl Plugin {
    /// Whether what was built comes into service: not what was rolled back, unless an operator says so, and not what is on trial.
    pub(crate) fn admit(&mut self, built: Built, rollout: Rollout) -> Result<Built, Diagnostic> {
        let generation = built.generation();
        let digest = generation.reference.digest;
        let on_trial = self.versions.trial.as_ref().map(|trial| &trial.candidate);
        if rollout == Rollout::AsItSays
            && on_trial.is_some_and(|candidate| candidate.reference.digest == digest)
        {
            return Ok(Built::Same(generation));
        }
        let compared = self.versions.shadow.as_ref().map(|shadow| &shadow.book.candidate);
        let is_compared = compared.is_some_and(|candidate| {
            candidate.reference.digest == digest && candidate.expect == generation.expect
        });
        if rollout == Rollout::AsItSays && is_compared {
            return Ok(Built::Same(generation));
        }
        match self.versions.condemned(digest) {
            Some(why) if rollout == Rollout::AsItSays => {
                let id = &generation.reference.plugin;
                let help = format!(
                    "mend it, or load it all the same with `jackfield plugin reload {id} --canary 1%` or `--at-once`"
                );
                let reason = format!("this version was rolled back: {why}");
                Err(Diagnostic::new(id.to_string(), reason, help).of(id))
            }
            _ => {
                self.versions.pardon(digest);
                Ok(built)
            }
        }
    }

    /// A version that passed every test comes into service, or on trial.
    pub(crate) fn take_in(&mut self, generation: Arc<Generation>, per_mille: Option<u16>) {
        let now = Instant::now();
        generation.calm_down();
        match per_mille {
            Some(per_mille) => {
                let before = self.versions.trial.take();
                let trial = match &before {
                    // Calls that it began stay with it when its share is changed.
                    Some(before) if Arc::ptr_eq(&before.candidate, &generation) => {
                        before.with_share(per_mille, now)
                    }
                    Some(_) | None => Trial::new(generation, per_mille, now),
                };
                let is_it = |it: &Arc<Trial>| Arc::ptr_eq(&it.candidate, &trial.candidate);
                if !before.as_ref().is_some_and(is_it) {
                    // It comes from where the plugin is, unless who brings it says otherwise.
                    self.versions.trial_source = None;
                    if let Some(before) = before {
                        before.end("another version came".to_owned());
                    }
                }
                self.versions.trial = Some(Arc::new(trial));
            }
            None => {
                let trial = self.versions.trial.take();
                // Calls that it began stay with it when it is promoted.
                if let Some(trial) = trial.filter(|it| !Arc::ptr_eq(&it.candidate, &generation)) {
                    trial.end("another version serves".to_owned());
                }
                let before = std::mem::replace(&mut self.generation, generation);
                self.versions.serving.store(Some(Arc::clone(&self.generation)));
                self.versions.previous = Some(before);
                self.versions.previous_source = Some(self.source.clone());
                self.versions.trial_source = None;
                self.versions.since = Some(now);
            }
        }
    }

    /// Takes out what is compared, or out of service what is on trial, or what serves if there was something before it.
    fn roll_back(&mut self, why: String) -> Option<RolledBack> {
        if let Some(shadow) = self.versions.shadow.take() {
            // It decides nothing, so nobody is to be asked instead of it; calls may still be pinned to it as a former version.
            return Some(self.put_down(&shadow.book.candidate, why, Vec::new()));
        }
        if self.versions.trial.is_some() { self.end_trial(why) } else { self.step_back(why) }
    }

    /// Takes out of service what is on trial.
    fn end_trial(&mut self, why: String) -> Option<RolledBack> {
        let trial = self.versions.trial.take()?;
        self.versions.trial_source = None;
        trial.end(why.clone());
        let digest = trial.candidate.reference.digest;
        // What is condemned is nothing to go back to.
        self.versions.previous.take_if(|previous| previous.reference.digest == digest);
        let hooks = trial.candidate.hooks.iter();
        let touched = hooks.map(|(hook, _)| (*hook, trial.stats(*hook)[0].asked)).collect();
        Some(self.condemn(&trial.candidate, why, touched))
    }

    /// Puts the version before that which serves into its place.
    fn step_back(&mut self, why: String) -> Option<RolledBack> {
        let previous = self.versions.previous.take()?;
        if let Some(source) = self.versions.previous_source.take() {
            self.source = source;
            self.forget_configured();
        }
        let bad = std::mem::replace(&mut self.generation, previous);
        self.generation.calm_down();
        self.versions.since = None;
        Some(self.condemn(&bad, why, Vec::new()))
    }

    /// What a version kept under a schema of its own goes with it. Gives how many writes that are.
    fn leave_shelf(&mut self, bad: &Generation) -> u64 {
        let Some(shelf) = bad.shelf() else { return 0 };
        let others = [Some(&self.generation), self.versions.previous.as_ref()];
        let mut others = others.into_iter().flatten().filter_map(|other| other.shelf());
        if others.any(|other| Arc::ptr_eq(&other, &shelf)) {
            return 0;
        }
        let lost = shelf.writes();
        self.versions.forgotten.push(shelf);
        lost
    }

    fn condemn(
        &mut self,
        bad: &Arc<Generation>,
        why: String,
        touched: Vec<(Hook, u64)>,
    ) -> RolledBack {
        // Calls that were routed by it are asked about elsewhere from now on.
        self.versions.serving.store(Some(Arc::clone(&self.generation)));
        let _ = bad.instead.set(Arc::clone(&self.versions.serving));
        self.put_down(bad, why, touched)
    }

    /// Writes down that a version was taken out, and why.
    fn put_down(
        &mut self,
        bad: &Arc<Generation>,
        why: String,
        touched: Vec<(Hook, u64)>,
    ) -> RolledBack {
        let generation = bad.reference.clone();
        self.versions.condemn(generation.digest, &why);
        let instead = self.generation.reference.clone();
        let (stored, stored_instead) = (bad.stored, self.generation.stored);
        let lost_writes = self.leave_shelf(bad);
        let at = Instant::now();
        let back = RolledBack {
            generation,
            stored,
            why,
            instead,
            stored_instead,
            lost_writes,
            at,
            touched,
        };
        tracing::warn!(
            plugin = %back.generation, why = back.why, serving = %back.instead,
            touched = back.touched.iter().map(|(_, asked)| asked).max().copied().unwrap_or(0),
            "plugin rolled back"
        );
        self.versions.last = Some(back.clone());
        back
    }

    /// Nothing is compared any more, and nothing is held against what was.
    pub(crate) fn stop_comparing(&mut self) -> bool {
        self.versions.shadow.take().is_some()
    }

    /// The file says again what serves: what is on trial goes, and nothing is held against it. Gives whether there was anything.
    pub(crate) fn withdraw(&mut self) -> bool {
        let source = &self.source;
        let shadow = self.versions.shadow.take_if(|shadow| shadow.book.source == *source);
        let is_elsewhere = self.versions.trial_source.is_some();
        let trial = self.versions.trial.take_if(|_| !is_elsewhere);
        trial.is_some_and(|trial| trial.end("its file was put back".to_owned())) || shadow.is_some()
    }
}

impl PluginHost {
    /// Forgets what was rolled back of a plugin: whoever remembers it longer decides what comes back.
    pub fn pardon(&self, plugin: &str) {
        if let Ok(found) = self.lock().find(plugin) {
            found.versions.condemned.clear();
        }
    }

    /// Takes a plugin's version that is on trial out of service, or the one that serves: then the one before it serves again. Calls
    /// that stand are answered by it from now on too.
    ///
    /// # Errors
    ///
    /// When no such plugin is installed, or there is no version to go back to.
    pub fn roll_back(&self, plugin: &str, why: &str) -> Result<RolledBack, Diagnostic> {
        let mut installed = self.lock();
        let found = installed.find(plugin)?;
        let Some(back) = found.roll_back(why.to_owned()) else {
            let reason = format!("there is no version of `{plugin}` to go back to");
            let help = match found.source {
                Source::Stored { .. } => {
                    "`jackfield plugin installed` shows what the store has; choose with `jackfield plugin use`"
                }
                Source::Path(_) | Source::Embedded { .. } => {
                    "one is kept after each reload; write the old version back to its file instead"
                }
            };
            return Err(Diagnostic::new("plugins", reason, help).of(plugin));
        };
        self.activate(&mut installed);
        Ok(back)
    }

    /// Takes out of service what has ended its trial, and what has tripped soon after it came into service. Called about once a
    /// second; calls are kept away from both before.
    pub fn settle(&self) -> Vec<RolledBack> {
        let mut installed = self.lock();
        let mut settled = Vec::new();
        for plugin in &mut installed.plugins {
            let trial = plugin.versions.trial.as_ref();
            if let Some(why) = trial.and_then(|trial| trial.over()) {
                let why = why.to_owned();
                settled.extend(plugin.end_trial(why));
                continue;
            }
            let window = self.config.trial.rollback_window;
            let is_fresh = plugin.versions.since.is_some_and(|since| since.elapsed() < window);
            if let Some(hook) = plugin.generation.tripped().filter(|_| is_fresh) {
                settled.extend(plugin.step_back(format!("{hook} failed too often")));
            }
        }
        if !settled.is_empty() {
            self.activate(&mut installed);
        }
        settled
    }
}

impl Installed {
    /// What a plugin may have; `None` is all that it needs.
    pub(crate) fn allowed(&self, source: &Source, id: &str) -> Option<BTreeSet<String>> {
        match source {
            Source::Stored { grants, .. } => Some(grants.clone()),
            Source::Path(_) => self.grants.get(id).cloned(),
            Source::Embedded { .. } => None,
        }
    }

    pub(crate) fn find(&mut self, id: &str) -> Result<&mut Plugin, Diagnostic> {
        let at = self.place(id)?;
        Ok(&mut self.plugins[at])
    }
}
