//! The configuration: one TOML file, every key with a default, no file needed.
//!
//! The doc comment of each field is its entry in `docs/configuration.md`, which a test of this module writes.

mod auth;
mod call_events;
mod change;
mod check;
mod dn;
mod dns;
mod emergency;
mod events;
mod http;
mod journal;
mod limits;
mod live;
mod load;
mod log;
#[cfg(test)]
mod manual;
mod media;
mod node;
mod plugins;
mod problem;
mod proxy;
mod records;
mod registrar;
mod session;
mod sip;
mod source;
mod store;
mod streams;
mod subscriber;
mod tlib;
mod tlib_listen;
mod transfers;
mod trunk;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use auth::{AlgorithmName, AuthMode, AuthSection};
pub use call_events::CallEventsConfig;
pub use change::{Change, changes};
pub use dn::{DnSection, Numbers};
pub use dns::{DnsConfig, NameServer};
pub use emergency::EmergencyConfig;
pub use events::{EventsSection, WatchersName};
pub use http::HttpConfig;
pub use journal::JournalConfig;
pub use limits::LimitsConfig;
pub use live::in_force;
pub use load::{Origin, Overrides, load};
pub use log::{LogConfig, LogFormat};
pub use media::{MediaConfig, MediaModeConfig};
pub use node::NodeConfig;
pub use plugins::PluginsConfig;
pub use problem::{ConfigError, Place, Problem};
pub use proxy::ProxyConfig;
pub use records::{RecordFormat, RecordsConfig};
pub use registrar::{KeepaliveName, RegistrarSection};
pub use session::{SessionSection, SessionTimer};
pub use sip::{Advertised, DiversionStyle, ListenConfig, SipConfig, SipTransport};
pub use store::StoreConfig;
pub use streams::StreamsConfig;
pub use subscriber::SubscriberConfig;
pub use tlib::TlibSection;
pub use tlib_listen::{TlibListen, TlibTransport};
pub use transfers::{TakeOver, TransferBy, TransfersConfig};
pub use trunk::TrunkSection;

/// Everything `jackfield run` is told. [`Config::default`] is what it does without a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process as a whole.
    pub node: NodeConfig,
    /// SIP: listeners, timers, what a message may measure.
    pub sip: SipConfig,
    /// How host names in routes are looked up (RFC 3263).
    pub dns: DnsConfig,
    /// What connections may use.
    pub streams: StreamsConfig,
    /// Status, metrics and the API for operators.
    pub http: HttpConfig,
    /// The RTP relay.
    pub media: MediaConfig,
    /// The rules of the registrar (RFC 3261 section 10.3).
    pub registrar: RegistrarSection,
    /// Lamps: which state of users phones may subscribe to (RFC 6665).
    pub events: EventsSection,
    /// Who must prove who it is, and how (RFC 7616, RFC 8760).
    pub auth: AuthSection,
    /// The contacts of registered phones, kept over a restart.
    pub store: StoreConfig,
    /// One block `[[subscriber]]` for each user that may register. Without any, every user of our domains may.
    pub subscriber: Vec<SubscriberConfig>,
    /// One block `[[trunk]]` for each other network that calls go to and come from.
    pub trunk: Vec<TrunkSection>,
    /// T-Library clients: where they connect, what they may use.
    pub tlib: TlibSection,
    /// One block `[[dn]]` for each device, or several of a kind, that T-Library clients know.
    pub dn: Vec<DnSection>,
    /// Which plugins are loaded, in order, and what they may use.
    pub plugins: PluginsConfig,
    /// Calls to emergency services: which numbers, and where they go.
    pub emergency: EmergencyConfig,
    /// Who may send the other party of a call on.
    pub transfers: TransfersConfig,
    /// What plugins that follow calls are told, and what they may want.
    pub call_events: CallEventsConfig,
    /// Calls that are forwarded because their route says so.
    pub proxy: ProxyConfig,
    /// When an established call ends without a party's doing.
    pub session: SessionSection,
    /// The size of every table.
    pub limits: LimitsConfig,
    /// The decisions that are kept for questions like "why did this call go there?".
    pub journal: JournalConfig,
    /// One record for every call, written to a file.
    pub records: RecordsConfig,
    /// The log on standard error.
    pub log: LogConfig,
    /// The folder that relative paths start from: the file's, or the working directory.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Where it was read from, and can be again.
    #[serde(skip)]
    pub origin: Origin,
}

impl Config {
    /// Whether registrations and calls are asked for credentials.
    pub fn asks_for_credentials(&self) -> bool {
        match self.auth.mode {
            AuthMode::Digest => true,
            AuthMode::Off => false,
            AuthMode::Auto => self.subscriber.iter().any(SubscriberConfig::has_secret),
        }
    }

    /// Calls at once, of all workers.
    pub fn calls_max(&self) -> usize {
        self.limits.calls_max.saturating_mul(usize::from(self.node.workers))
    }

    /// A folder of the switch's own: `given`, or `name` in `node.data_path`.
    fn own_folder(&self, given: Option<&PathBuf>, name: &str) -> Option<PathBuf> {
        let default = || Some(self.node.data_path.as_ref()?.join(name));
        given.cloned().or_else(default).map(|path| self.folder.join(path))
    }

    /// The folder of compiled components, if they are kept.
    pub fn compiled_folder(&self) -> Option<PathBuf> {
        self.own_folder(self.plugins.compiled_path.as_ref(), "compiled")
    }

    /// The file of what plugins keep, if it is written down.
    pub fn kept_file(&self) -> Option<PathBuf> {
        self.own_folder(None, "plugin-state.sqlite")
    }

    /// The folder of installed plugins, if there is one.
    pub fn store_folder(&self) -> Option<PathBuf> {
        self.own_folder(self.plugins.store_path.as_ref(), "plugins")
    }

    /// The paths of the plugins to load, in order, relative ones resolved against the configuration's folder.
    pub fn plugin_paths(&self) -> Vec<PathBuf> {
        self.plugins.load.iter().map(|path| self.folder.join(path)).collect()
    }
}

#[cfg(test)]
pub(crate) use live::{LIVE, is_live};
#[cfg(test)]
pub(crate) use manual::documented_fields;

#[cfg(test)]
mod load_test;
