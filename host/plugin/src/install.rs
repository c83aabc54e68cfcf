//! Plugins as a configuration names them: all of them come into service together, or none.

use std::{sync::Arc, time::Instant};

use crate::{
    Diagnostic, PluginHost, ReloadError, ReloadReport, Report, Source,
    host::{Installed, Plugin},
    rollout::Versions,
    update::Built,
};

impl PluginHost {
    /// Replaces the installed plugins by these, all or nothing. They are asked in this order where their priorities are equal.
    /// Plugins that do not differ from what is installed keep their generations.
    ///
    /// # Errors
    ///
    /// What is wrong with each source that was refused; then what was installed before still serves.
    pub fn install(&self, sources: Vec<Source>) -> Result<Report, ReloadError> {
        self.install_by(sources, false)
    }

    /// As [`Self::install`], but what is installed from the same source already is not read again: whoever changes one plugin is not
    /// held up by the half-written file of another.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn install_beside(&self, sources: Vec<Source>) -> Result<Report, ReloadError> {
        self.install_by(sources, true)
    }

    fn install_by(&self, sources: Vec<Source>, beside: bool) -> Result<Report, ReloadError> {
        let started = Instant::now();
        let mut installed = self.lock();
        if sources.len() > self.config.plugins_max {
            let (have, max) = (sources.len(), self.config.plugins_max);
            let reason = format!("{have} plugins; at most {max} are loaded");
            let help = "load fewer, or raise plugins_max";
            let diagnostics = vec![Diagnostic::new("plugins", reason, help)];
            return Err(ReloadError { diagnostics });
        }
        let plugins = self.build_all(&mut installed, sources, beside)?;
        let mut before = std::mem::take(&mut installed.plugins);
        for plugin in plugins {
            let id = &plugin.generation.reference.plugin;
            let at = before.iter().position(|old| old.generation.reference.plugin == *id);
            let old = at.map(|at| before.swap_remove(at));
            installed.plugins.push(match old {
                Some(old) => old.succeeded_by(plugin),
                None => plugin,
            });
        }
        self.begin_waiting(&mut installed);
        if !beside {
            self.renew_shadows(&mut installed);
            self.renew_trials(&mut installed);
        }
        let Installed { plugins, records, .. } = &mut *installed;
        records.retain(|id, _| {
            plugins.iter().any(|plugin| *plugin.generation.reference.plugin == **id)
        });
        installed.activated += installed.plugins.len() as u64;
        let loaded = installed.plugins.iter().map(|plugin| plugin.generation.reference.clone());
        let loaded = loaded.collect();
        self.activate(&mut installed);
        Ok(Report { loaded, took: started.elapsed() })
    }

    /// Builds what is to be installed, all or nothing.
    fn build_all(
        &self,
        installed: &mut Installed,
        sources: Vec<Source>,
        beside: bool,
    ) -> Result<Vec<Plugin>, ReloadError> {
        let mut plugins: Vec<Plugin> = Vec::with_capacity(sources.len());
        let mut diagnostics = Vec::new();
        for source in sources {
            let began = Instant::now();
            // What was promoted from elsewhere has taken the place of what the configuration names.
            let named =
                |it: &&Plugin| *it.versions.configured.as_ref().unwrap_or(&it.source) == source;
            let known = installed.plugins.iter().find(named);
            let known = known.map(|it| (it.source.clone(), Arc::clone(&it.generation)));
            let (source, configured, known) = match known {
                Some((from, known)) if from != source => (from, Some(source), Some(known)),
                Some((_, known)) => (source, None, Some(known).filter(|_| beside)),
                None => (source, None, None),
            };
            let is_read = !beside || known.is_none();
            let built = match known {
                Some(known) if beside => Ok(Built::Same(known)),
                known => {
                    let from = (&source, configured.as_ref());
                    self.build_moved(installed, from, known.as_ref())
                }
            };
            let built = match built {
                Ok(built) => built,
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    continue;
                }
            };
            let generation = built.generation();
            let plugin = &generation.reference.plugin;
            let id = plugin.to_string();
            if plugins.iter().any(|it| it.generation.reference.plugin == *plugin) {
                let reason = format!("a second plugin called `{id}`");
                let help = "give each plugin an id of its own in its plugin.toml";
                diagnostics.push(Diagnostic::new(source.to_string(), reason, help).of(&id));
                continue;
            }
            let last = ReloadReport {
                plugin: id,
                outcome: Ok(built.outcome()),
                still_serving: Some(generation.reference.clone()),
                took: began.elapsed(),
            };
            let mut versions = Versions::default();
            versions.configured = configured;
            versions.terms = is_read.then(|| installed.terms(&source, plugin));
            plugins.push(Plugin { source, generation, versions, last });
        }
        if diagnostics.is_empty() {
            return Ok(plugins);
        }
        installed.refused += diagnostics.len() as u64;
        for diagnostic in &diagnostics {
            tracing::warn!(plugin = diagnostic.plugin, %diagnostic, "plugin refused");
        }
        Err(ReloadError { diagnostics })
    }
}
