//! How new settings and grants reach the versions of a plugin that stand beside the one that was read with them.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use crate::{
    Diagnostic, Patience, PluginHost, Reloaded, Rollout, Source,
    generation::Generation,
    host::{Installed, Plugin},
    update::Built,
};

/// What an operator gives a plugin besides its files.
#[derive(Clone, PartialEq)]
pub(crate) struct Terms {
    overrides: Option<toml::Table>,
    /// What it may have; `None` is all that it needs.
    allowed: Option<BTreeSet<String>>,
}

impl Installed {
    /// What a plugin is given now.
    pub(crate) fn terms(&self, source: &Source, id: &str) -> Terms {
        let overrides = self.overrides.get(id).cloned();
        Terms { overrides, allowed: self.allowed(source, id) }
    }
}

impl PluginHost {
    /// Builds what is installed, which was promoted from there if it is `configured` elsewhere. That its file is gone since holds
    /// nothing else up as long as it is given what it was given.
    pub(crate) fn build_moved(
        &self,
        installed: &mut Installed,
        (source, configured): (&Source, Option<&Source>),
        known: Option<&Arc<Generation>>,
    ) -> Result<Built, Diagnostic> {
        let built = self.build_contained(installed, source, known);
        let (Err(why), Some(configured), Some(known)) = (&built, configured, known) else {
            return built;
        };
        if source.read(&self.config.files).is_ok() {
            return built;
        }
        let id = &*known.reference.plugin;
        let terms = installed.terms(source, id);
        let found = installed.find(id)?;
        if found.versions.terms == Some(terms) {
            let (serving, why) = (&known.reference, why.to_string());
            tracing::warn!(plugin = %serving, why, "a promoted file is gone; what was read of it serves on");
            return Ok(Built::Same(Arc::clone(known)));
        }
        let reason = format!(
            "{}; what serves was promoted from there, and has to be read again for its new settings or grants",
            why.reason
        );
        let help = format!(
            "put the file back, or go back to the version before with `jackfield plugin rollback {id}`; {configured} is what a restart reads"
        );
        Err(Diagnostic { reason, help, ..why.clone() })
    }

    /// Has what is on trial from elsewhere follow the settings and grants that plugins were installed anew with: it is read again, and
    /// where it is another version by them that is tried for as many calls. One that cannot be had with them is not tried any more.
    pub(crate) fn renew_trials(&self, installed: &mut Installed) {
        for at in 0..installed.plugins.len() {
            let plugin = &installed.plugins[at];
            let trial = plugin.versions.trial.clone().filter(|trial| trial.over().is_none());
            let (Some(trial), Some(source)) = (trial, plugin.versions.trial_source.clone()) else {
                continue;
            };
            let (was, current) = (&trial.candidate, Arc::clone(&plugin.generation));
            let refused = |reason: &str| {
                let help = "compare it again with `jackfield plugin shadow ID --from PATH`";
                Diagnostic::new(source.to_string(), reason, help).of(&was.reference.plugin)
            };
            let fresh = match self.build_contained(installed, &source, Some(&current)) {
                Ok(built) if built.generation().reference.digest == was.reference.digest => {
                    continue;
                }
                Ok(Built::Same(_)) => Err(refused("it is what serves already")),
                // What nobody has compared is not to decide calls because of a setting.
                Ok(Built::New(fresh)) if fresh.origin.code != was.origin.code => {
                    Err(refused("its code was changed since, and nobody has compared it"))
                }
                Ok(Built::New(fresh)) => {
                    let why = installed.plugins[at].versions.condemned(fresh.reference.digest);
                    match why {
                        Some(why) => Err(refused(&format!("this version was rolled back: {why}"))),
                        None => Ok(fresh),
                    }
                }
                Err(diagnostic) => Err(diagnostic),
            };
            let plugin = &mut installed.plugins[at];
            match fresh {
                Ok(fresh) => {
                    tracing::info!(plugin = %fresh.reference, "plugin on trial with new settings");
                    plugin.take_in(fresh, Some(trial.per_mille));
                    plugin.versions.trial_source = Some(source);
                }
                Err(why) => plugin.stop_trying(&trial.candidate, why),
            }
        }
    }

    /// Begins the comparisons that wait since plugins were installed anew.
    pub(crate) fn begin_waiting(&self, installed: &mut Installed) {
        for at in 0..installed.plugins.len() {
            let plugin = &mut installed.plugins[at];
            let Some(waiting) = plugin.versions.waiting.take() else { continue };
            let patience = plugin.patience(&waiting.0, &waiting.1);
            if let Err(diagnostic) = self.begin_shadow(installed, at, waiting, patience) {
                tracing::warn!(%diagnostic, "plugin not compared");
                installed.plugins[at].last.outcome = Err(diagnostic);
            }
        }
    }
}

impl Plugin {
    /// The same plugin, installed anew: what is on trial stays so, and what was rolled back does not come back.
    pub(crate) fn succeeded_by(mut self, fresh: Self) -> Self {
        let Self { source, generation, versions, last } = fresh;
        let before = std::mem::replace(&mut self.source, source);
        self.versions.configured = versions.configured;
        // What was not read again has been given nothing new.
        let is_given = versions.terms.is_some() && versions.terms != self.versions.terms;
        self.versions.terms = versions.terms.or_else(|| self.versions.terms.take());
        let reference = generation.reference.clone();
        if !self.knows(&generation) {
            let outcome = if Rollout::AsItSays.is_compared(&generation, &self) {
                self.versions.waiting = Some((generation, self.source.clone()));
                Reloaded::Shadowed(reference.clone())
            } else if let per_mille @ Some(share) = Rollout::AsItSays.per_mille(&generation, &self)
            {
                self.bring_in(generation, Rollout::AsItSays, per_mille);
                Reloaded::OnTrial(reference.clone(), share)
            } else {
                self.bring_in(generation, Rollout::AsItSays, None);
                self.versions.previous_source = Some(before);
                Reloaded::Activated(reference.clone())
            };
            let still_serving = Some(self.generation.reference.clone());
            self.last = crate::ReloadReport { outcome: Ok(outcome), still_serving, ..last };
        }
        let serving = &self.generation.reference;
        if is_given && serving.digest != reference.digest {
            tracing::warn!(
                plugin = %reference, %serving,
                "new settings and grants do not reach the version that serves, whose file is another one now: promote what is tried or compared, or put the file back"
            );
        }
        self
    }

    /// Whether this serves, is tried or compared, or was rolled back.
    fn knows(&self, generation: &Generation) -> bool {
        let digest = generation.reference.digest;
        let trial = self.versions.trial.as_ref().map(|trial| &trial.candidate);
        let compared = self.versions.shadow.as_ref().map(|shadow| &shadow.book.candidate);
        let others = [Some(&self.generation), trial, compared].into_iter().flatten();
        others.into_iter().any(|other| other.reference.digest == digest)
            || self.versions.condemned(digest).is_some()
    }

    /// Whether this is the code that serves, with other settings, while something from elsewhere is on trial beside it.
    pub(crate) fn is_renewed_by(&self, generation: &Generation) -> bool {
        self.versions.trial.is_some()
            && self.versions.trial_source.is_some()
            && generation.origin.code == self.generation.origin.code
    }

    /// A version that passed every test comes into service, or on trial, as it was loaded: what serves and has got other settings does not
    /// end the trial of what came from elsewhere.
    pub(crate) fn bring_in(
        &mut self,
        generation: Arc<Generation>,
        rollout: Rollout,
        per_mille: Option<u16>,
    ) {
        let is_beside = rollout == Rollout::AsItSays && self.is_renewed_by(&generation);
        let trial = self.versions.trial.take_if(|_| is_beside);
        let source = self.versions.trial_source.take_if(|_| is_beside);
        self.take_in(generation, per_mille);
        if let Some(trial) = trial {
            // What it is measured by is another version now.
            self.versions.trial = Some(Arc::new(trial.with_share(trial.per_mille, Instant::now())));
            self.versions.trial_source = source;
        }
    }

    /// Nothing is on trial any more, and nothing is held against what was.
    fn stop_trying(&mut self, candidate: &Generation, why: Diagnostic) {
        let Some(trial) = self.versions.trial.take() else { return };
        self.versions.trial_source = None;
        trial.end(why.reason.clone());
        let reason = format!("{} is not on trial any more: {}", candidate.reference, why.reason);
        let diagnostic = Diagnostic { reason, ..why };
        tracing::warn!(%diagnostic, "plugin not on trial any more");
        self.last.outcome = Err(diagnostic);
        self.last.still_serving = Some(self.generation.reference.clone());
    }

    /// How much a version is compared that was read from there: as its manifest says, unless an operator said otherwise of the one that is
    /// compared now and was read from there too.
    pub(crate) fn patience(&self, generation: &Generation, source: &Source) -> Patience {
        let book = self.versions.shadow.as_ref().map(|shadow| &shadow.book);
        let said = book.filter(|book| {
            book.source == *source && book.patience != book.candidate.shadow.unwrap_or_default()
        });
        said.map(|book| book.patience).or(generation.shadow).unwrap_or_default()
    }
}
