//! From a candidate that is compared to one that serves, and what is said of it on the way.

use std::{sync::Arc, time::SystemTime};

use model::GenerationRef;
use record::Approval;

use crate::{
    Diagnostic, Diff, Patience, PluginHost, Source,
    generation::Generation,
    host::{Installed, Plugin, unknown},
    shadow::{Book, Shadow},
    update::Built,
};

/// A version that was promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// The version.
    pub generation: GenerationRef,
    /// For how many of a thousand calls, where it is on trial first; `None` when it serves all new ones.
    pub per_mille: Option<u16>,
    /// Where it comes from, if that is not where the plugin was loaded from: what `plugins.load` must name for a restart to have it.
    pub moved_to: Option<String>,
    /// What was missing, where somebody wanted it all the same.
    pub missing: Vec<String>,
    /// Writes that are lost, since it keeps what it keeps under a schema of its own: its own on trial, or those of the version before.
    pub lost_writes: u64,
}

/// Who says something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

impl PluginHost {
    /// Has a candidate asked whatever a plugin is asked, and compared with it: read from `from`, or again from where the plugin is. It
    /// decides nothing. One that was compared before is not any more.
    ///
    /// # Errors
    ///
    /// When there is no such plugin, the candidate does not load, or is what serves already.
    pub fn shadow(
        &self,
        plugin: &str,
        from: Option<Source>,
        patience: Option<Patience>,
    ) -> Result<GenerationRef, Diagnostic> {
        let mut installed = self.lock();
        let at = installed.place(plugin)?;
        let is_installed = matches!(installed.plugins[at].source, Source::Stored { .. });
        if is_installed && from.is_some() {
            let reason = format!(
                "`{plugin}` is an installed plugin, and only what is installed is compared with it"
            );
            let help = "pack and sign it, and `jackfield plugin install` it with `[reload] shadow` in its plugin.toml";
            return Err(Diagnostic::new("plugins", reason, help).of(plugin));
        }
        let source = from.unwrap_or_else(|| installed.plugins[at].source.clone());
        let current = Arc::clone(&installed.plugins[at].generation);
        let built = self.build_contained(&mut installed, &source, Some(&current))?;
        let Built::New(candidate) = built else {
            let reason = format!("{} is what serves already", source);
            let help = "change it, or name another one: --from PATH";
            return Err(Diagnostic::new(source.to_string(), reason, help).of(plugin));
        };
        let trial = installed.plugins[at].versions.trial.as_ref();
        if trial.is_some_and(|trial| trial.candidate.reference.digest == candidate.reference.digest)
        {
            let reason = format!("{} is on trial already", candidate.reference);
            let help = "roll it back first, or let the trial tell";
            return Err(Diagnostic::new(source.to_string(), reason, help).of(plugin));
        }
        let patience = patience.or(candidate.shadow).unwrap_or_default();
        let reference = candidate.reference.clone();
        self.begin_shadow(&mut installed, at, (candidate, source), patience)?;
        self.align_shadows(&mut installed);
        Ok(reference)
    }

    /// What a candidate does otherwise.
    ///
    /// # Errors
    ///
    /// When there is no such plugin, or no candidate of it.
    pub fn diff(&self, plugin: &str) -> Result<Diff, Diagnostic> {
        let book = self.lock().book(plugin)?;
        Ok(book.diff())
    }

    /// Takes somebody's word that these groups of differences are meant: all, or none.
    ///
    /// # Errors
    ///
    /// When there is no such plugin, no candidate of it or no such group, or nobody says so.
    pub fn approve(
        &self,
        plugin: &str,
        groups: &[String],
        Word { by, why }: Word,
    ) -> Result<Diff, Diagnostic> {
        let book = self.lock().book(plugin)?;
        let refused =
            |reason: String, help: &str| Err(Diagnostic::new("plugins", reason, help).of(plugin));
        if by.trim().is_empty() || why.trim().is_empty() {
            return refused("an approval says who and why".to_owned(), "give both");
        }
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let (by, why) = (crate::proposal::clean(by, 128), crate::proposal::clean(why, 512));
        let approval = Approval { by, why, at_ms };
        let approved = book.ledger().approve(groups, &approval);
        if let Err(unknown) = approved {
            return refused(unknown.to_string(), "`jackfield plugin diff` shows the groups");
        }
        let Approval { by, why, .. } = approval;
        let generation = &book.candidate.reference;
        tracing::info!(plugin = %generation, groups = groups.join(" "), by, why, "differences approved");
        Ok(book.diff())
    }

    /// As [`Self::promote_by`], with nobody who takes the blame. Gives the version.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn promote(&self, plugin: &str) -> Result<GenerationRef, Diagnostic> {
        self.promote_by(plugin, None).map(|promoted| promoted.generation)
    }

    /// What is compared, or on trial, comes into service: as its manifest says when it was compared, and for every new call when it was
    /// on trial. With `anyway`, a word of somebody who takes the blame, also when something is missing.
    ///
    /// # Errors
    ///
    /// When no such plugin is installed, nothing of it is compared or on trial, or something is missing; then what.
    pub fn promote_by(&self, plugin: &str, anyway: Option<Word>) -> Result<Promoted, Diagnostic> {
        let mut installed = self.lock();
        let at = installed.place(plugin)?;
        let found = &mut installed.plugins[at];
        let promoted = match found.versions.shadow.clone() {
            Some(shadow) => found.promote_shadow(self, &shadow.book, anyway)?,
            None => found.promote_trial(self)?,
        };
        installed.activated += u64::from(promoted.per_mille.is_none());
        self.activate(&mut installed);
        Ok(promoted)
    }

    /// Begins to compare; what was compared before is not any more.
    pub(crate) fn begin_shadow(
        &self,
        installed: &mut Installed,
        at: usize,
        (candidate, source): (Arc<Generation>, Source),
        patience: Patience,
    ) -> Result<(), Diagnostic> {
        let others = installed.plugins.iter().enumerate();
        let others = others.filter(|(n, plugin)| *n != at && plugin.versions.shadow.is_some());
        let max = self.config.shadow.shadows_max;
        let found = &installed.plugins[at];
        let id = found.generation.reference.plugin.to_string();
        if others.count() >= max {
            let reason = format!("{max} candidates are compared already");
            let help = "promote or roll back one, or raise plugins.shadows_max";
            return Err(Diagnostic::new("plugins", reason, help).of(&id));
        }
        let reference = candidate.reference.clone();
        let pair = (candidate, Arc::clone(&found.generation));
        let shadow =
            Shadow::begin(self.me.clone(), &self.config.shadow, pair, source.clone(), patience);
        let shadow = shadow.map_err(|error| {
            let reason = format!("the thread that compares did not start: {error}");
            Diagnostic::new("plugins", reason, "check the limit of threads").of(&id)
        })?;
        tracing::info!(plugin = %reference, source = %source, "plugin compared");
        installed.plugins[at].versions.shadow = Some(Arc::new(shadow));
        Ok(())
    }

    /// Has what is compared from elsewhere follow the settings and grants that plugins were installed anew with: it is read again, and
    /// compared anew where it is another version by them. One that does not load with them is not compared any more.
    pub(crate) fn renew_shadows(&self, installed: &mut Installed) {
        for at in 0..installed.plugins.len() {
            let plugin = &installed.plugins[at];
            let Some(shadow) = plugin.versions.shadow.clone() else { continue };
            let Book { candidate, source, patience, .. } = &*shadow.book;
            if *source == plugin.source {
                continue;
            }
            let current = Arc::clone(&plugin.generation);
            let begun = match self.build_contained(installed, source, Some(&current)) {
                Ok(built) if built.generation().reference.digest == candidate.reference.digest => {
                    continue;
                }
                Ok(Built::New(fresh)) => {
                    self.begin_shadow(installed, at, (fresh, source.clone()), *patience)
                }
                Ok(Built::Same(_)) => {
                    installed.plugins[at].versions.shadow = None;
                    continue;
                }
                Err(diagnostic) => Err(diagnostic),
            };
            if let Err(diagnostic) = begun {
                tracing::warn!(%diagnostic, "plugin not compared any more");
                installed.plugins[at].versions.shadow = None;
            }
        }
    }

    /// Ends comparisons with a candidate that serves now, begins those anew whose other side has changed, and has workers see it.
    pub(crate) fn align_shadows(&self, installed: &mut Installed) {
        for at in 0..installed.plugins.len() {
            let plugin = &mut installed.plugins[at];
            let Some(shadow) = plugin.versions.shadow.clone() else { continue };
            let Book { candidate, against, source, patience, .. } = &*shadow.book;
            if candidate.reference.digest == plugin.generation.reference.digest {
                plugin.versions.shadow = None;
            } else if against.key != plugin.generation.key {
                let fresh = (Arc::clone(candidate), source.clone());
                if let Err(diagnostic) = self.begin_shadow(installed, at, fresh, *patience) {
                    tracing::warn!(%diagnostic, "plugin not compared any more");
                    installed.plugins[at].versions.shadow = None;
                }
            }
        }
        let shadows = installed.plugins.iter().filter_map(|p| p.versions.shadow.clone()).collect();
        self.watch.change(|watchers| watchers.shadows = shadows);
    }
}

impl Plugin {
    fn promote_shadow(
        &mut self,
        host: &PluginHost,
        book: &Book,
        anyway: Option<Word>,
    ) -> Result<Promoted, Diagnostic> {
        let missing = book.missing();
        let generation = book.candidate.reference.clone();
        let id = generation.plugin.to_string();
        match anyway {
            None if !missing.is_empty() => {
                let reason = format!("{generation} may not serve yet: {}", missing.join("; "));
                let help = "`jackfield plugin diff` shows the differences and `plugin approve` takes them; `promote --anyway` asks nobody";
                return Err(Diagnostic::new("plugins", reason, help).of(&id));
            }
            Some(Word { by, why }) if !missing.is_empty() => {
                let missing = missing.join("; ");
                tracing::warn!(plugin = %generation, by, why, missing, "plugin promoted against the gate");
            }
            None | Some(_) => tracing::info!(plugin = %generation, "plugin promoted"),
        }
        let candidate = Arc::clone(&book.candidate);
        let lost_writes = host.renew_shelf(&self.generation, &candidate, true)?;
        let per_mille = candidate.canary;
        self.versions.shadow = None;
        self.versions.pardon(generation.digest);
        self.take_in(candidate, per_mille);
        let moved = Some(book.source.clone()).filter(|source| *source != self.source);
        let moved_to = moved.as_ref().map(ToString::to_string);
        match (per_mille, moved) {
            (Some(_), moved) => self.versions.trial_source = moved,
            (None, Some(source)) => self.move_to(source),
            (None, None) => {}
        }
        Ok(Promoted { generation, per_mille, moved_to, missing, lost_writes })
    }

    fn promote_trial(&mut self, host: &PluginHost) -> Result<Promoted, Diagnostic> {
        let trial = self.versions.trial.clone().filter(|trial| trial.over().is_none());
        let Some(trial) = trial else {
            let id = &self.generation.reference.plugin;
            let reason = format!("nothing of `{id}` is on trial");
            let help = "load a version with `--canary` or compare one with `plugin shadow` first; `jackfield plugin list` shows what is on trial";
            return Err(Diagnostic::new("plugins", reason, help).of(id));
        };
        let lost_writes = host.renew_shelf(&self.generation, &trial.candidate, false)?;
        let moved = self.versions.trial_source.take();
        self.take_in(Arc::clone(&trial.candidate), None);
        let moved_to = moved.as_ref().map(ToString::to_string);
        if let Some(source) = moved {
            self.move_to(source);
        }
        let generation = trial.candidate.reference.clone();
        tracing::info!(plugin = %generation, "plugin promoted");
        let (per_mille, missing) = (None, Vec::new());
        Ok(Promoted { generation, per_mille, moved_to, missing, lost_writes })
    }

    /// From now on it is read from there. What the configuration names is remembered: it is not to come back with the next look.
    fn move_to(&mut self, source: Source) {
        let before = std::mem::replace(&mut self.source, source);
        self.versions.configured.get_or_insert(before);
        self.forget_configured();
    }

    /// It is read again from where the configuration says.
    pub(crate) fn forget_configured(&mut self) {
        self.versions.configured.take_if(|configured| *configured == self.source);
    }
}

impl Installed {
    pub(crate) fn place(&self, id: &str) -> Result<usize, Diagnostic> {
        let at = self.plugins.iter().position(|plugin| *plugin.generation.reference.plugin == *id);
        at.ok_or_else(|| unknown(id, &self.plugins))
    }

    fn book(&self, id: &str) -> Result<Arc<Book>, Diagnostic> {
        let plugin = &self.plugins[self.place(id)?];
        let shadow = plugin.versions.shadow.as_ref();
        shadow.map(|shadow| Arc::clone(&shadow.book)).ok_or_else(|| {
            let reason = format!("no candidate of `{id}` is compared");
            let help = "begin with `jackfield plugin shadow ID --from PATH`";
            Diagnostic::new("plugins", reason, help).of(id)
        })
    }
}
