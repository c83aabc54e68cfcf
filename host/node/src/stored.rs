//! What of the store of bundles is loaded, and what the store is told of how it fared.

use std::collections::{BTreeMap, BTreeSet};

use bundle::{BundleDigest, BundleError, BundleLimits, Index, Installed, Store, StoreLimits};
use plugin::{Diagnostic, PluginHost, ReloadError, ReloadReport, RolledBack, Rollout, Source};
use tracing::{error, info, warn};

use crate::config::Config;

/// What a configuration allows a store.
pub(crate) fn limits(config: &Config) -> StoreLimits {
    let plugins = &config.plugins;
    StoreLimits {
        bundle: bundle_limits(config),
        versions_max: plugins.store_versions_max,
        ..StoreLimits::default()
    }
}

/// What a configuration allows a bundle.
pub(crate) const fn bundle_limits(config: &Config) -> BundleLimits {
    let plugins = &config.plugins;
    BundleLimits { bytes_max: plugins.bundle_mib_max << 20, files_max: plugins.bundle_files_max }
}

/// The plugins of the store that are loaded.
#[derive(Default)]
pub(crate) struct Stored {
    store: Option<Store>,
    /// By id what is loaded.
    loaded: BTreeMap<String, Source>,
    /// By id what was tried last, whether it was loaded or refused: it is not tried again until the store says something else.
    tried: BTreeMap<String, Source>,
}

impl Stored {
    /// Opens the store of a configuration, if it has one.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or others can write to it.
    pub(crate) fn open(config: &Config) -> Result<Self, BundleError> {
        let folder = config.store_folder();
        let store = folder.map(|folder| Store::open(&folder, limits(config))).transpose()?;
        Ok(Self { store, ..Self::default() })
    }

    /// The file that changes with everything in the store.
    pub(crate) fn index_file(&self) -> Option<std::path::PathBuf> {
        self.store.as_ref().map(Store::index_file)
    }

    /// What is loaded, by id.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> {
        self.loaded.values().cloned()
    }

    /// Chooses what to begin with: of each plugin what served last, and an older version where that does not load and the configuration
    /// allows it. A plugin that was never granted what it wants waits.
    ///
    /// # Errors
    ///
    /// What is wrong with the store, or with every version of a plugin.
    pub(crate) fn begin(&mut self, host: &PluginHost, config: &Config) -> Result<(), ReloadError> {
        let Some(store) = &self.store else { return Ok(()) };
        let index = store.index().map_err(|error| ReloadError {
            diagnostics: vec![diagnostic(
                "plugins",
                &store.index_file().display().to_string(),
                &error,
            )],
        })?;
        let mut diagnostics = Vec::new();
        for (id, plugin) in &index.plugin {
            let mut refused = Vec::new();
            match self.first(host, config, (id, plugin), &mut refused) {
                Some(source) => {
                    self.tried.insert(id.clone(), source.clone());
                    self.loaded.insert(id.clone(), source);
                }
                None if refused.is_empty() => warn!(
                    plugin = id,
                    "waits for what it wants to be granted; `jackfield plugin grants` shows it"
                ),
                None => diagnostics.append(&mut refused),
            }
        }
        if diagnostics.is_empty() { Ok(()) } else { Err(ReloadError { diagnostics }) }
    }

    /// The first version that loads.
    fn first(
        &self,
        host: &PluginHost,
        config: &Config,
        (id, plugin): (&str, &Installed),
        refused: &mut Vec<Diagnostic>,
    ) -> Option<Source> {
        for digest in plugin.at_boot() {
            if !may(config, id, plugin, digest) {
                continue;
            }
            let source = self.source(id, plugin, digest)?;
            match host.would_load(&source) {
                Ok(()) => return Some(source),
                Err(diagnostic) => {
                    error!(plugin = id, %diagnostic, "an installed version does not load");
                    refused.push(diagnostic);
                }
            }
            if !config.plugins.store_fallback {
                return None;
            }
        }
        None
    }

    fn source(&self, id: &str, plugin: &Installed, digest: BundleDigest) -> Option<Source> {
        Some(Source::Stored {
            id: id.to_owned(),
            file: self.store.as_ref()?.bundle_file(digest),
            digest,
            grants: plugin.grants.clone(),
        })
    }

    /// Loads what the store says now. `install` replaces what the host has by all that is to be loaded, where plugins came or went.
    pub(crate) fn follow(
        &mut self,
        host: &PluginHost,
        install: impl FnOnce(&Self) -> Result<(), ReloadError>,
    ) -> Vec<ReloadReport> {
        let Some(index) = self.read() else { return Vec::new() };
        let before = self.loaded.clone();
        let mut reports = Vec::new();
        for (id, plugin) in &index.plugin {
            let wanted = plugin.wanted.and_then(|digest| self.source(id, plugin, digest));
            let Some(source) = wanted.filter(|source| self.tried.get(id) != Some(source)) else {
                continue;
            };
            self.tried.insert(id.clone(), source.clone());
            if self.loaded.contains_key(id) {
                // What the index does not hold against a version is not held against it here.
                host.pardon(id);
                let report = host.renew(id, source.clone(), Rollout::AsItSays);
                if report.outcome.is_ok() {
                    self.loaded.insert(id.clone(), source);
                }
                reports.push(report);
            } else {
                match host.would_load(&source) {
                    Ok(()) => drop(self.loaded.insert(id.clone(), source)),
                    Err(diagnostic) => warn!(plugin = id, %diagnostic, "plugin refused"),
                }
            }
        }
        self.loaded.retain(|id, _| index.plugin.contains_key(id));
        self.tried.retain(|id, _| index.plugin.contains_key(id));
        if !self.loaded.keys().eq(before.keys()) {
            match install(self) {
                Ok(()) => tell(&before, &self.loaded),
                Err(refused) => {
                    error!(%refused, "the store's plugins are not taken; what served serves on");
                    self.tried.retain(|id, _| before.contains_key(id));
                    self.loaded = before;
                }
            }
        }
        self.note_serving(host);
        reports
    }

    fn read(&self) -> Option<Index> {
        let store = self.store.as_ref()?;
        let failed = |error: &BundleError| error!(%error, "the store of plugins cannot be read");
        store.index().inspect_err(failed).ok()
    }

    /// Has the store know which wanted versions serve now, so that they are what a restart begins with.
    pub(crate) fn note_serving(&self, host: &PluginHost) {
        let Some(index) = self.read() else { return };
        for status in host.list() {
            let waits = index.plugin.get(&status.id).and_then(|plugin| plugin.served);
            if let (Some(digest), Some(_)) = (status.stored, waits) {
                self.change(&status.id, |plugin| {
                    plugin.serves(digest);
                });
            }
        }
    }

    /// Has the store know what was taken out of service, so that it does not come back with a restart.
    pub(crate) fn note_rolled_back(&mut self, back: &RolledBack) {
        if let (Some(bad), Some(instead)) = (back.stored, back.stored_instead) {
            let id = &back.generation.plugin;
            self.change(id, |plugin| plugin.roll_back(bad, &back.why, instead));
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Installed)) {
        let Some(store) = &self.store else { return };
        if let Err(error) = store.change(|index| index.found(id).map(change)) {
            error!(plugin = id, %error, "the store of plugins does not remember this");
        }
    }
}

/// Whether a version may have all that it wants.
fn may(config: &Config, id: &str, plugin: &Installed, digest: BundleDigest) -> bool {
    let configured = config.plugins.grants.get(id);
    let granted: BTreeSet<&String> =
        plugin.grants.iter().chain(configured.into_iter().flatten()).collect();
    let version = plugin.version(digest);
    version.is_some_and(|version| version.wants.iter().all(|want| granted.contains(want)))
}

fn tell(before: &BTreeMap<String, Source>, after: &BTreeMap<String, Source>) {
    for (id, source) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        info!(plugin = id, %source, "plugin installed");
    }
    for (id, source) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        info!(plugin = id, %source, "plugin uninstalled");
    }
}

fn diagnostic(plugin: &str, file: &str, error: &BundleError) -> Diagnostic {
    Diagnostic {
        plugin: plugin.to_owned(),
        file: file.to_owned(),
        line: None,
        column: None,
        reason: error.what.clone(),
        help: error.help.clone(),
    }
}
