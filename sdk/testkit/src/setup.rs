//! The host a case wants: its settings, and what it withholds.

use std::{collections::BTreeMap, sync::Arc};

use plugin::{HostConfig, PluginHost, ReloadError, Source};

use crate::scenario::Entry;

/// What tells the hosts of cases apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Setup {
    /// The operator's settings.
    config: toml::Table,
    /// Keys of the configuration that are not there; `*` is all of them.
    withheld: Vec<String>,
    /// Whether every line for the log is dropped.
    is_mute: bool,
    /// Header fields that are not there. They are no matter of the host, so hosts are shared over them.
    headers: Headers,
}

/// Names of header fields. Any two are equal.
#[derive(Clone, Debug, Default)]
struct Headers(Vec<String>);

impl PartialEq for Headers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Setup {
    /// The host that an entry wants.
    ///
    /// # Errors
    ///
    /// A fault that is not known.
    pub(crate) fn of(entry: &Entry) -> Result<Self, String> {
        let mut setup = Self { config: entry.config.clone(), ..Self::default() };
        for fault in entry.faults.iter().flatten() {
            match fault.split_once(' ').map_or((fault.as_str(), ""), |(kind, of)| (kind, of.trim()))
            {
                ("config", "") => setup.withheld.push("*".to_owned()),
                ("config", key) => setup.withheld.push(key.to_owned()),
                ("header", name) if !name.is_empty() => setup.headers.0.push(name.to_owned()),
                ("log", "") => setup.is_mute = true,
                _ => {
                    let known = "`config`, `config KEY`, `header NAME` and `log`";
                    return Err(format!("the fault `{fault}` is not known; there are {known}"));
                }
            }
        }
        Ok(setup)
    }

    /// Whether a header field is withheld.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.headers.0.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }

    /// A host with this plugin, whose id is `id`, alone. An instance lives for `instance_calls` questions.
    ///
    /// # Errors
    ///
    /// Why the plugin does not load.
    pub(crate) fn host(
        &self,
        source: &Source,
        id: &str,
        instance_calls: Option<(u32, u32)>,
    ) -> Result<Arc<PluginHost>, HostProblem> {
        let mut config = HostConfig {
            instance_calls,
            overrides: BTreeMap::from([(id.to_owned(), self.config.clone())]),
            withheld: self.withheld.clone(),
            ..HostConfig::default()
        };
        // A case that fails must not keep the next ones from being asked.
        config.quarantine.strikes = 0;
        if self.is_mute {
            config.log.lines_per_second = 0;
        }
        let host = PluginHost::new(config).map_err(|error| HostProblem::Host(error.to_string()))?;
        host.install(vec![source.clone()]).map_err(HostProblem::Plugin)?;
        Ok(host)
    }
}

/// Why there is no host.
#[derive(Clone, Debug)]
pub(crate) enum HostProblem {
    /// It does not start on this machine.
    Host(String),
    /// It refuses the plugin.
    Plugin(ReloadError),
}

impl std::fmt::Display for HostProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(what) => f.write_str(what),
            Self::Plugin(error) => std::fmt::Display::fmt(error, f),
        }
    }
}
