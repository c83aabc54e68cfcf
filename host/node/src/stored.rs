//! What of the store of bundles is loaded, and what the store is told of how it fared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
    /// What was rolled back and the store could not be told yet, the oldest first.
    untold: VecDeque<(String, Untold)>,
    /// Plugins have come or gone in the store and could not be taken so far.
    is_unsettled: bool,
}

/// A version that was rolled back.
struct Untold {
    bad: BundleDigest,
    instead: BundleDigest,
    why: String,
}

/// Rolled back versions that the store can be told of later.
const UNTOLD_MAX: usize = 64;

impl Stored {
    /// Opens the store of a configuration, if it has one, and makes it where it `may_make` it.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or others can write to it.
    pub(crate) fn open(config: &Config, may_make: bool) -> Result<Self, BundleError> {
        let folder = config.store_folder().filter(|folder| may_make || folder.exists());
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
    /// allows it. A plugin that is not granted what it wants waits. `others` are the ids of the plugins
    /// that the switch has from elsewhere: what is installed under one of them is left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the store, or with every version of a plugin.
    pub(crate) fn begin(
        &mut self,
        host: &PluginHost,
        config: &Config,
        others: &BTreeSet<String>,
    ) -> Result<(), ReloadError> {
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
            if others.contains(id) {
                error!(
                    plugin = id,
                    "installed, and left out: the switch has another plugin of this id"
                );
                continue;
            }
            let mut refused = Vec::new();
            match self.first(host, config, (id, plugin), &mut refused) {
                Some(_) if others.len() + self.loaded.len() >= host.plugins_max() => {
                    error!(
                        plugin = id,
                        "installed, and left out: there are as many plugins as can be loaded"
                    );
                }
                Some(source) => {
                    self.tried.insert(id.clone(), source.clone());
                    self.loaded.insert(id.clone(), source);
                }
                None if refused.is_empty() => {}
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
            if !may(plugin, digest) {
                // An older one that wants less is not what the operator chose.
                let version = digest.0.short();
                warn!(plugin = id, %version, "does not serve: what it wants is not granted; `jackfield plugin grants` shows it");
                return None;
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
            grants: plugin.granted(digest),
        })
    }

    /// Has what was refused tried again, since something else than the store has changed that it may depend on.
    pub(crate) fn try_again(&mut self) {
        let loaded = &self.loaded;
        self.tried.retain(|id, source| loaded.get(id) == Some(source));
    }

    /// Whether plugins have come or gone in the store and could not be taken so far.
    pub(crate) const fn is_unsettled(&self) -> bool {
        self.is_unsettled
    }

    /// Loads what the store says now. `install` replaces what the host has by all that is to be loaded, where plugins came or went.
    pub(crate) fn follow(
        &mut self,
        host: &PluginHost,
        config: &Config,
        install: impl FnOnce(&Self) -> Result<(), ReloadError>,
    ) -> Vec<ReloadReport> {
        let Some(index) = self.read() else { return Vec::new() };
        let before = self.loaded.clone();
        let mut reports = Vec::new();
        for (id, plugin) in &index.plugin {
            if self.loaded.get(id).is_some_and(|source| !still_may(plugin, source)) {
                self.take_back(host, config, (id, plugin));
            }
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
        let mut is_unsettled = false;
        if !self.loaded.keys().eq(before.keys()) {
            match install(self) {
                Ok(()) => tell(&before, &self.loaded),
                Err(refused) => {
                    is_unsettled = true;
                    error!(%refused, "the store's plugins are not taken; what served serves on");
                    self.tried.retain(|id, _| before.contains_key(id));
                    self.loaded.retain(|id, _| before.contains_key(id));
                    for (id, source) in before {
                        self.loaded.entry(id).or_insert(source);
                    }
                }
            }
        }
        self.is_unsettled = is_unsettled;
        self.note_serving(host);
        reports
    }

    /// Takes what serves, or is on trial, out of service, since it may not have any more what it wants. Of a trial what served serves on.
    fn take_back(&mut self, host: &PluginHost, config: &Config, (id, plugin): (&str, &Installed)) {
        match self.first(host, config, (id, plugin), &mut Vec::new()) {
            Some(source) => {
                let report = host.renew(id, source.clone(), Rollout::AtOnce);
                if report.outcome.is_ok() {
                    self.loaded.insert(id.to_owned(), source);
                    return;
                }
            }
            None => warn!(plugin = id, "taken out of service"),
        }
        self.loaded.remove(id);
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
            if let (Some(digest), Some(served)) = (status.stored, waits)
                && digest != served
            {
                let told = self.change(&status.id, |plugin| {
                    plugin.serves(digest);
                });
                told.unwrap_or_else(|error| {
                    error!(plugin = status.id, %error, "the store of plugins does not know what serves");
                });
            }
        }
    }

    /// Has the store know what was taken out of service, so that it does not come back with a restart.
    pub(crate) fn note_rolled_back(&mut self, back: &RolledBack) {
        if let (Some(bad), Some(instead)) = (back.stored, back.stored_instead) {
            if self.untold.len() >= UNTOLD_MAX {
                self.untold.pop_front();
            }
            let untold = Untold { bad, instead, why: back.why.clone() };
            self.untold.push_back((back.generation.plugin.to_string(), untold));
            self.tell_untold();
        }
    }

    /// Has the store know what it could not be told before.
    pub(crate) fn tell_untold(&mut self) {
        while let Some((id, back)) = self.untold.front() {
            let (id, Untold { bad, instead, why }) = (id.clone(), back);
            let told = self.change(&id, |plugin| plugin.roll_back(*bad, why, *instead));
            if let Err(error) = told
                && self.is_installed(&id)
            {
                error!(plugin = id, %error, "the store of plugins does not know what was rolled back; it is told again");
                return;
            }
            self.untold.pop_front();
        }
    }

    /// False only when the store can be read and has no such plugin.
    fn is_installed(&self, id: &str) -> bool {
        self.read().is_none_or(|index| index.plugin.contains_key(id))
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Installed)) -> Result<(), BundleError> {
        let Some(store) = &self.store else { return Ok(()) };
        store.change(|index| index.found(id).map(change))
    }
}

/// Whether a version may have all that it wants.
fn may(plugin: &Installed, digest: BundleDigest) -> bool {
    let granted = plugin.granted(digest);
    plugin.version(digest).is_some_and(|version| version.wants.is_subset(&granted))
}

/// Whether what is loaded may have what it wants, by what the store says now.
fn still_may(plugin: &Installed, source: &Source) -> bool {
    match source {
        // A version that was removed from the store serves on as it did.
        Source::Stored { digest, .. } => plugin.version(*digest).is_none() || may(plugin, *digest),
        Source::Path(_) | Source::Embedded { .. } => true,
    }
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
