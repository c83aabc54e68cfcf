//! The plugin host as the configuration wants it, and where it meets the workers.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bundle::BundleError;
use model::{
    Moment,
    hook::{Answer, Question},
};
use plugin::{
    AnswerLimits, CompiledFiles, Diagnostic, FileLimits, HostConfig, HostError, KeepLimits,
    KeptSource, Kind, LogLimits, PluginHost, QuarantinePolicy, ReloadError, ReproPolicy,
    ShadowPolicy, Source, TrialPolicy,
};
use record::{Gate, LedgerLimits};
use stock::Serves;
use thiserror::Error;

use crate::{
    config::{Config, PluginsConfig},
    stored::{Stored, bundle_limits},
    worker::Decide,
};

/// Why the plugins do not load.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The plugin host cannot run here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The store of plugins cannot be used.
    #[error(transparent)]
    Store(#[from] BundleError),
    /// What is wrong with the plugins; none is loaded.
    #[error(transparent)]
    Plugins(#[from] ReloadError),
}

impl LoadError {
    /// What is wrong with which plugin.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Host(_) | Self::Store(_) => &[],
            Self::Plugins(error) => &error.diagnostics,
        }
    }
}

/// Makes the plugin host and loads what the configuration names, then the stock plugins. Folders are made where it `may_make` them.
///
/// # Errors
///
/// Everything that is wrong with the plugins; none is loaded then.
pub(crate) fn load(
    config: &Config,
    may_make: bool,
    kept: Option<Box<dyn KeptSource>>,
) -> Result<(Arc<PluginHost>, Stored), LoadError> {
    let host = PluginHost::new(host_config(config))?;
    if let Some(kept) = kept {
        host.remember(kept);
    }
    let mut stored = Stored::open(config, may_make)?;
    let others = sources(config, &stored).iter().filter_map(|source| host.id_of(source)).collect();
    stored.begin(&host, config, &others)?;
    host.install(sources(config, &stored))?;
    Ok((host, stored))
}

/// What the plugin host is told.
pub(crate) fn host_config(config: &Config) -> HostConfig {
    let plugins = &config.plugins;
    HostConfig {
        cpu_limit: Duration::from_millis(plugins.cpu_limit_ms),
        memory_limit: plugins.memory_limit_mib << 20,
        generations_max: plugins.generations_max,
        instances_max: plugins.instances_max,
        compiled_files: config.compiled_folder().map(|folder| CompiledFiles {
            bytes_max: plugins.compiled_mib_max << 20,
            files_max: plugins.compiled_files_max,
            ..CompiledFiles::at(folder)
        }),
        files: FileLimits {
            component_bytes_max: plugins.file_mib_max << 20,
            bundle: bundle_limits(config),
            schema_bytes_max: plugins.schema_kib_max << 10,
            ..FileLimits::default()
        },
        keep: KeepLimits {
            bytes_max: plugins.state_kib_max << 10,
            key_bytes_max: plugins.state_key_bytes_max,
            value_bytes_max: plugins.state_value_bytes_max,
            list_max: plugins.state_list_max,
            entries_max: plugins.state_entries_max,
            operations_max: plugins.state_operations_max,
            migration_limit: Duration::from_millis(plugins.state_migration_ms),
        },
        answer: AnswerLimits {
            targets_max: plugins.targets_max,
            commands_max: plugins.commands_max,
            header_edits_max: plugins.header_edits_max,
            header_edits_total_max: plugins.header_edits_total_max,
            header_value_bytes_max: plugins.header_value_bytes_max,
            event_names_max: plugins.event_names_max,
            request_changes_max: plugins.request_changes_max,
            ..AnswerLimits::default()
        },
        log: LogLimits { lines_per_second: plugins.log_lines_per_second, ..LogLimits::default() },
        quarantine: QuarantinePolicy {
            strikes: plugins.quarantine_strikes,
            window: Duration::from_secs(plugins.quarantine_window_s),
            rest: Duration::from_secs(plugins.quarantine_rest_s),
            key_strikes: plugins.quarantine_key_strikes,
            key_rest: Duration::from_secs(plugins.quarantine_key_rest_s),
            keys_max: plugins.quarantine_keys_max,
        },
        trial: TrialPolicy {
            asked_for_rates: plugins.trial_asked_for_rates,
            asked_for_refusals: plugins.trial_asked_for_refusals,
            failed_percent: f64::from(plugins.trial_failed_per_mille) / 10.0,
            refused_points: plugins.trial_refused_points.into(),
            slower_times: plugins.trial_slower_times.into(),
            slow: Duration::from_micros(plugins.trial_slow_us),
            rollback_window: Duration::from_secs(plugins.rollback_window_s),
        },
        shadow: shadow_policy(plugins),
        repro: ReproPolicy {
            folder: plugins.repro_dir.as_ref().map(|folder| config.folder.join(folder)),
            files_max: plugins.repro_files_max,
            bytes_max: plugins.repro_mib_max << 20,
            per_hook: plugins.repro_per_hook,
            ..ReproPolicy::default()
        },
        compile_threads: plugins.compile_threads,
        overrides: plugins.config.clone(),
        grants: plugins.grants.clone(),
        ..HostConfig::default()
    }
}

fn shadow_policy(plugins: &PluginsConfig) -> ShadowPolicy {
    let default = ShadowPolicy::DEFAULT;
    ShadowPolicy {
        shadows_max: plugins.shadows_max,
        queue_max: plugins.shadow_queue_max,
        gate: Gate {
            calls: plugins.shadow_calls,
            time: Duration::from_secs(plugins.shadow_time_s),
            p99_times: f64::from(plugins.shadow_p99_percent) / 100.0,
            p99_floor: Duration::from_micros(plugins.shadow_p99_us),
        },
        ledger: LedgerLimits {
            groups_max: plugins.shadow_groups_max,
            examples_max: plugins.shadow_examples_max,
            prefix_chars: plugins.shadow_prefix_chars,
            ..default.ledger
        },
    }
}

/// The plugins that the configuration names, then those of the store, then the stock ones.
pub(crate) fn sources(config: &Config, stored: &Stored) -> Vec<Source> {
    let paths = config.plugin_paths().into_iter().map(Source::Path);
    let mut sources: Vec<Source> = paths.chain(stored.sources()).collect();
    if config.plugins.stock {
        // A plugin that would change nothing is not asked for it on every call.
        let wanted = stock::plugins().iter().filter(|stock| {
            let has_work = match stock.serves {
                Serves::Always => true,
                Serves::Devices => !config.dn.is_empty(),
                Serves::Configured => false,
            };
            has_work || config.plugins.config.contains_key(stock.id)
        });
        sources.extend(wanted.map(|stock| Source::Embedded {
            id: stock.id.to_owned(),
            manifest: Cow::Borrowed(stock.manifest),
            code: Cow::Borrowed(stock.module),
            kind: Kind::Wasm,
        }));
    }
    sources
}

impl Decide for plugin::Worker {
    fn answer(&mut self, question: &Question, moment: Moment) -> Answer {
        Self::answer(self, question, moment)
    }

    fn sweep(&mut self) {
        Self::sweep(self);
    }
}
