//! The configuration, read again and taken as far as it can be while calls stand.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use cti::Module;
use plugin::{Diagnostic, PluginHost, ReloadReport};
use tracing::{error, info, warn};

use super::{shards, warnings::warn_of};
use crate::{
    clock::Calendar,
    config::{
        AuthMode, Change, Config, Problem, RecordsConfig, SubscriberConfig, changes, in_force, load,
    },
    directory::{Everyone, Listed, Members, NodeDirectory, SubscriberStore},
    journal::Journal,
    mailbox::{Postbox, Untaken, post_to_all},
    modules::{ModuleControl, ModuleSettings},
    plugins,
    records::{RecordControl, RecordFile},
    sip_log::LogPlan,
    stored::Stored,
    telemetry,
    worker::{Configured, Mail},
};

/// How long the workers may take to take their settings, all together, and then the modules.
const PATIENCE: Duration = Duration::from_secs(5);

/// What of a configuration is taken while the node runs, beside what plugins are told.
#[derive(Clone, PartialEq, Debug)]
struct Live {
    settings: switch::Settings,
    domains: Vec<String>,
    subscribers: Vec<SubscriberConfig>,
    zone: Option<String>,
    watch_config: bool,
    records: RecordsConfig,
    filter: String,
    modules: Arc<ModuleSettings>,
    plugins: Plugins,
}

#[derive(Clone, PartialEq, Debug)]
struct Plugins {
    paths: Vec<PathBuf>,
    stock: bool,
    watch: bool,
    config: BTreeMap<String, toml::Table>,
    grants: BTreeMap<String, BTreeSet<String>>,
}

impl Live {
    fn of(config: &Config, own_hosts: &[String]) -> Self {
        Self {
            settings: shards::settings(config),
            domains: config.node.domains.clone(),
            subscribers: config.subscriber.clone(),
            zone: config.node.zone.clone(),
            watch_config: config.node.watch_config,
            // The length of the queue is that of the start.
            records: RecordsConfig { queue_max: 0, ..config.records.clone() },
            filter: config.log.filter.clone(),
            modules: Arc::new(ModuleSettings::of(config, domains(config, own_hosts))),
            plugins: Plugins {
                paths: config.plugin_paths(),
                stock: config.plugins.stock,
                watch: config.plugins.watch,
                config: config.plugins.config.clone(),
                grants: config.plugins.grants.clone(),
            },
        }
    }
}

/// Reads the configuration again and has everyone take it.
pub struct Reconfigurer {
    /// As of the start, for what takes a restart.
    pub(super) started: Config,
    /// As it was taken last.
    pub(super) current: Config,
    /// Hosts that are ours when the configuration names none.
    pub(super) own_hosts: Vec<String>,
    pub(super) directory: Arc<NodeDirectory>,
    pub(super) plugins: Arc<PluginHost>,
    pub(super) stored: Stored,
    pub(super) workers: Vec<Postbox<Mail>>,
    pub(super) records: RecordControl,
    pub(super) journal: Arc<Journal>,
    /// The T-Library modules, if there are any.
    pub(super) modules: Option<ModuleControl>,
    /// What logs are written.
    pub(super) log_plan: LogPlan,
    /// Who had no room for the configuration as it was taken last.
    pub(super) late: Late,
}

/// Who is to be told of the configuration again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Late {
    /// Workers, by shard.
    workers: Vec<usize>,
    modules: Vec<Module>,
}

/// What came of reading the configuration again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconfigured {
    /// What differs from what was in force; empty when nothing does, and when it was refused.
    pub changes: Vec<Change>,
    /// Why it was refused as a whole; empty when it was taken.
    pub problems: Vec<Problem>,
}

impl Reconfigurer {
    /// The configuration as it was taken last.
    pub const fn current(&self) -> &Config {
        &self.current
    }

    /// Loads what the store of plugins says now.
    pub(crate) fn follow_store(&mut self) -> Vec<ReloadReport> {
        let (host, config) = (&self.plugins, &self.current);
        let install =
            |stored: &Stored| host.install_beside(plugins::sources(config, stored)).map(drop);
        self.stored.follow(host, config, install)
    }

    /// What of the store of plugins is loaded.
    pub(crate) const fn stored(&mut self) -> &mut Stored {
        &mut self.stored
    }

    /// The first of our domains: that of a number without one.
    pub fn domain(&self) -> &str {
        let named = self.current.node.domains.first().or_else(|| self.own_hosts.first());
        named.map_or("localhost", String::as_str)
    }

    /// Reads the configuration again, for a `cause`. Nothing of it is taken when anything is wrong with it.
    pub fn reload(&mut self, cause: &'static str) -> Reconfigured {
        match self.try_reload(cause) {
            Ok(changes) => Reconfigured { changes, problems: Vec::new() },
            Err(problems) => {
                for problem in &problems {
                    error!(cause, %problem, "the configuration is refused; the former one serves on");
                }
                Reconfigured { changes: Vec::new(), problems }
            }
        }
    }

    fn try_reload(&mut self, cause: &'static str) -> Result<Vec<Change>, Vec<Problem>> {
        let origin = self.current.origin.clone();
        let new = load(origin.file.as_deref(), &origin.overrides).map_err(|e| e.problems)?;
        if self.current.asks_for_credentials()
            && !new.asks_for_credentials()
            && new.auth.mode == AuthMode::Auto
        {
            return Err(vec![unguarded()]);
        }
        let mut changes = changes(&self.started, &self.current, &new);
        changes.extend(self.missing_ports(&new));
        if changes.iter().any(|change| change.live) {
            let in_force = in_force(&self.started, &new);
            self.take(&in_force)?;
            warn_of(&in_force);
        }
        self.current = new;
        if changes.is_empty() {
            info!(cause, "configuration read again: nothing has changed");
        }
        for Change { key, from, to, live } in &changes {
            let (from, to) =
                (from.as_deref().unwrap_or("absent"), to.as_deref().unwrap_or("absent"));
            if *live {
                info!(cause, key, from, to, "configuration changed");
            } else {
                warn!(cause, key, from, to, "this change of the configuration needs a restart");
            }
        }
        Ok(changes)
    }

    /// Where the first DNs came after the start there is no port that clients could connect to: modules begin with the switch.
    fn missing_ports(&self, new: &Config) -> Option<Change> {
        let wanted = new.tlib.ports(!new.dn.is_empty());
        let is_missing = self.modules.is_none() && new.tlib.listen.is_empty() && !wanted.is_empty();
        let names: Vec<String> =
            wanted.iter().map(|port| format!("{} at {}", port.name, port.bind)).collect();
        let to = Some(names.join(", "));
        is_missing.then(|| Change { key: "tlib.listen".to_owned(), from: None, to, live: false })
    }

    /// What can fail comes first, so that all is taken or nothing.
    fn take(&mut self, new: &Config) -> Result<(), Vec<Problem>> {
        let of = |config| Live::of(config, &self.own_hosts);
        let (was, is) = (of(&self.current), of(new));
        ModuleSettings::check(&is.modules).map_err(|error| vec![problem(error)])?;
        let records_moved = was.records.path != is.records.path;
        let file = match &new.records.path {
            Some(path) if records_moved => {
                let opened = RecordFile::open(&new.folder.join(path), &new.records);
                Some(opened.map_err(|error| vec![problem(error.to_string())])?)
            }
            Some(_) | None => None,
        };
        if was.plugins != is.plugins {
            self.plugins.set_overrides(new.plugins.config.clone());
            self.plugins.set_grants(new.plugins.grants.clone());
            if let Err(refused) = self.plugins.install(plugins::sources(new, &self.stored)) {
                self.plugins.set_overrides(self.current.plugins.config.clone());
                self.plugins.set_grants(self.current.plugins.grants.clone());
                return Err(refused.diagnostics.iter().map(problem_of).collect());
            }
        }
        self.directory.set_members(members(new, &self.own_hosts));
        self.directory.set_dns(is.modules.dns.clone());
        self.directory.set_emergency(new.emergency.to_switch().unwrap_or_default());
        self.journal.set_calls_max(new.calls_max());
        self.late.workers = self.tell_workers(&is, (0..self.workers.len()).collect(), PATIENCE);
        self.log_plan.set(is.modules.clone());
        if was.modules != is.modules
            && let Some(modules) = &self.modules
        {
            self.late.modules = modules.configure(&is.modules, &modules.all(), PATIENCE);
        }
        if self.late != Late::default() {
            let Late { workers, modules } = &self.late;
            warn!(
                ?workers,
                ?modules,
                "these are so far behind that they had no room for the configuration: they are told again each second"
            );
        }
        if was.filter != is.filter {
            telemetry::set_filter(&is.filter);
        }
        if records_moved {
            self.records.write_to(file, new.records.clone());
        } else if was.records != is.records {
            self.records.adjust(new.records.clone());
        }
        Ok(())
    }

    /// Tells those again who had no room for the configuration, without waiting for room.
    pub(crate) fn tell_late(&mut self) {
        if self.late == Late::default() {
            return;
        }
        let live = Live::of(&in_force(&self.started, &self.current), &self.own_hosts);
        let Late { workers, modules } = std::mem::take(&mut self.late);
        self.late.workers = self.tell_workers(&live, workers, Duration::ZERO);
        if let Some(control) = &self.modules {
            self.late.modules = control.configure(&live.modules, &modules, Duration::ZERO);
        }
    }

    /// Each worker takes all of it between two messages. Gives which of these had no room for it.
    fn tell_workers(&self, live: &Live, whom: Vec<usize>, patience: Duration) -> Vec<usize> {
        let told: Vec<_> =
            whom.into_iter().filter_map(|shard| Some((shard, self.workers.get(shard)?))).collect();
        let postboxes: Vec<_> = told.iter().map(|(_, postbox)| *postbox).collect();
        let Untaken { unposted, unsaid } = post_to_all(&postboxes, patience, |done| {
            Mail::Configure(Box::new(Configured {
                settings: live.settings.clone(),
                calendar: Calendar::new(live.zone.as_deref()),
                events_max: live.records.events_max,
                records: live.records.path.is_some(),
                done,
            }))
        });
        if unsaid > 0 && !patience.is_zero() {
            error!(unsaid, "workers have got the configuration and not taken it yet");
        }
        unposted.into_iter().filter_map(|at| Some(told.get(at)?.0)).collect()
    }
}

/// Whose users are ours, and which.
/// The hosts that are ours: those of the configuration, or the node's own.
pub(super) fn domains(config: &Config, own_hosts: &[String]) -> Vec<String> {
    let named = &config.node.domains;
    if named.is_empty() { own_hosts.to_vec() } else { named.clone() }
}

pub(super) fn members(config: &Config, own_hosts: &[String]) -> Members {
    let domains = domains(config, own_hosts);
    let subscribers: Box<dyn SubscriberStore> = if config.subscriber.is_empty() {
        Box::new(Everyone)
    } else {
        let realm = &config.auth.realm;
        Box::new(config.subscriber.iter().fold(Listed::default(), |listed, subscriber| {
            let secret = subscriber.secret(realm);
            listed.with(&subscriber.user, subscriber.host.as_deref(), secret)
        }))
    };
    Members::new(domains.iter().cloned(), subscribers)
}

/// A file that is empty, or was cut short as it was written, must not open the door.
fn unguarded() -> Problem {
    Problem {
        place: None,
        what: "no [[subscriber]] has a password any more, so that nobody would be asked for one"
            .to_owned(),
        help: Some(
            "a file that was cut short looks like this; if it is meant, say auth.mode = \"off\""
                .to_owned(),
        ),
    }
}

const fn problem(what: String) -> Problem {
    Problem { place: None, what, help: None }
}

fn problem_of(diagnostic: &Diagnostic) -> Problem {
    problem(format!("a plugin is refused: {diagnostic}"))
}

#[cfg(test)]
#[path = "live_test.rs"]
mod tests;
