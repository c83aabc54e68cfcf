//! What modules take of the configuration, at the start and while they run.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use cti::{CallsConfig, Dns, RegistryLimits};
use jiff::tz::TimeZone;

use super::{ClientLimits, LogSettings};
use crate::config::{Config, DnSection, TlibSection};

/// What every module goes by.
#[derive(Clone, PartialEq, Debug)]
pub struct ModuleSettings {
    /// The devices that clients know.
    pub dns: Arc<Dns>,
    /// What clients may have.
    pub clients: ClientLimits,
    /// Registrations on DNs.
    pub registry: RegistryLimits,
    /// Calls.
    pub calls: CallsConfig,
    /// How long the Session Controller gathers what else happens when it was told something.
    pub gather: Duration,
    /// The folder of the logs, where they are written.
    pub log_folder: Option<PathBuf>,
    /// Whether there are logs of SIP beside them.
    pub log_sip: bool,
    /// How logs are written.
    pub log: LogSettings,
}

impl ModuleSettings {
    /// Those of a configuration, for DNs at these hosts.
    pub fn of(config: &Config, hosts: Vec<String>) -> Self {
        let tlib = &config.tlib;
        Self {
            dns: dns_of(config, hosts),
            clients: client_limits(tlib),
            registry: RegistryLimits {
                dns_per_client_max: tlib.dns_per_client_max,
                clients_per_dn_max: tlib.clients_per_dn_max,
                ..RegistryLimits::default()
            },
            calls: CallsConfig {
                calls_max: tlib.calls_max,
                requests_max: tlib.requests_max,
                request_timeout: Duration::from_millis(tlib.request_timeout_ms),
                user_data_max: tlib.user_data_bytes_max,
                router_timeout: Duration::from_secs(tlib.router_timeout_s),
            },
            gather: Duration::from_micros(tlib.gather_us),
            log_folder: tlib.log_path.as_ref().map(|path| config.folder.join(path)),
            log_sip: tlib.log_sip,
            log: log_settings(config),
        }
    }

    /// Whether the logs are those of the others.
    pub fn has_logs_of(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.log_folder.clone(), it.log_sip, it.log.clone());
        of(self) == of(other)
    }

    /// Whether modules can take this.
    ///
    /// # Errors
    ///
    /// When the folder of the logs cannot be made; which, and why.
    pub fn check(&self) -> Result<(), String> {
        let Some(folder) = &self.log_folder else { return Ok(()) };
        fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            format!("the folder {folder} of tlib.log_path cannot be made: {error}; give another")
        })
    }
}

/// The DNs of a configuration, at these hosts.
pub fn dns_of(config: &Config, hosts: Vec<String>) -> Arc<Dns> {
    Arc::new(Dns::new(config.dn.iter().flat_map(DnSection::to_dns), hosts))
}

fn log_settings(config: &Config) -> LogSettings {
    let tlib = &config.tlib;
    let zone = config.node.zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    LogSettings {
        bytes_max: tlib.log_mib_max << 20,
        files_max: tlib.log_files_max,
        deliveries: tlib.log_deliveries,
        // The check of the configuration lets no other by.
        filter: tlib.filter().unwrap_or_default(),
        zone: zone.unwrap_or_else(TimeZone::system),
    }
}

fn client_limits(tlib: &TlibSection) -> ClientLimits {
    let keep_alive = Duration::from_secs(tlib.keep_alive_s);
    let mut session = tlib::SessionConfig {
        register_timeout: Duration::from_millis(tlib.hello_timeout_ms),
        requests_per_second: tlib.requests_per_second_max,
        requests_burst: tlib.requests_burst_max,
        queue_bytes_max: tlib.write_queue_kib << 10,
        keep_alive_timeout: keep_alive,
        keep_alive_remote_timeout: keep_alive,
        trace: tlib.log_path.is_some(),
        ..tlib::SessionConfig::DEFAULT
    };
    session.limits.message_bytes_max = tlib.message_kib_max << 10;
    ClientLimits {
        clients_max: tlib.clients_max,
        handshake_timeout: Duration::from_millis(tlib.handshake_timeout_ms),
        handshakes_max: tlib.handshakes_max,
        password: tlib.password.as_deref().map(Arc::from),
        session,
    }
}
