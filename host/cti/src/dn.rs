//! The devices that have numbers here, as they are configured.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::DeviceCheck;
use tlib::AddressType;

use crate::{OptionPlaces, option_names};

/// What kind of device a DN is (section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DnType {
    /// A phone, with or without an agent.
    Extension,
    /// Where calls wait for a routing client.
    RoutingPoint,
    /// A queue that routing clients report; no call of the switch is ever in it.
    VirtualQueue,
    /// A queue of the switch. Not in a cluster (section 5.3).
    AcdQueue,
    /// Another network.
    Trunk,
    /// A service of the switch; its options hold for a whole cluster, or for a device.
    VoipService,
}

impl DnType {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Extension,
        Self::RoutingPoint,
        Self::VirtualQueue,
        Self::AcdQueue,
        Self::Trunk,
        Self::VoipService,
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::RoutingPoint => "routing-point",
            Self::VirtualQueue => "virtual-queue",
            Self::AcdQueue => "acd-queue",
            Self::Trunk => "trunk",
            Self::VoipService => "voip-service",
        }
    }

    /// Its type as an address (section 3.3).
    pub const fn address_type(self) -> AddressType {
        match self {
            Self::Extension => AddressType::DN,
            Self::RoutingPoint => AddressType::RouteDN,
            Self::VirtualQueue | Self::AcdQueue => AddressType::Queue,
            Self::Trunk => AddressType::Trunk,
            Self::VoipService => AddressType::Other,
        }
    }
}

/// A device is given at least this long (section 6.3: an `oos-force` below 5 counts as 5).
const PATIENCE_MIN: Duration = Duration::from_secs(5);

/// One DN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dn {
    /// Its number; the user of its address-of-record.
    pub number: Arc<str>,
    /// What it is.
    pub kind: DnType,
    /// Whether its contact is `*`: a phone that registers owns it (SIP-based ownership, section 5.4). Else the first application does
    /// that may.
    pub sip_owned: bool,
    /// Its options, by name, as they are configured; what is not there has the default of the module that reads it.
    pub options: BTreeMap<Arc<str>, Arc<str>>,
}

impl Dn {
    /// An option that is a whole number.
    pub fn number_of(&self, option: &str) -> Option<u64> {
        self.options.get(option)?.parse().ok()
    }

    /// How it is checked whether its device can be reached (`oos-check`, `oos-force`, `recovery-timeout`); `None` for what is no device,
    /// and where `oos-check` is 0.
    pub fn device_check(&self) -> Option<DeviceCheck> {
        if !matches!(self.kind, DnType::Extension | DnType::Trunk | DnType::VoipService) {
            return None;
        }
        let places = OptionPlaces { login: None, dn: Some(self), application: &BTreeMap::new() };
        let seconds = |option| Duration::from_secs(places.number(option));
        let interval = seconds(option_names::oos_check);
        let recovery = seconds(option_names::recovery_timeout);
        let check = DeviceCheck {
            interval,
            patience: seconds(option_names::oos_force).max(PATIENCE_MIN),
            recovery: if recovery.is_zero() { interval } else { recovery },
        };
        Some(check).filter(|check| !check.interval.is_zero())
    }

    /// An option that is `true` or `false`.
    pub fn flag(&self, option: &str) -> Option<bool> {
        self.options.get(option)?.parse().ok()
    }
}

/// All DNs of a node, by number, and the hosts that addresses of ours have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dns {
    by_number: BTreeMap<Arc<str>, Arc<Dn>>,
    hosts: Vec<String>,
}

impl Dns {
    /// These DNs. Where `hosts` is empty every host is taken for ours; of two with one number the last counts.
    pub fn new(dns: impl IntoIterator<Item = Dn>, hosts: Vec<String>) -> Self {
        let by_number = dns.into_iter().map(|dn| (Arc::clone(&dn.number), Arc::new(dn))).collect();
        Self { by_number, hosts }
    }

    /// The DN of a number.
    pub fn get(&self, number: &str) -> Option<&Arc<Dn>> {
        self.by_number.get(number)
    }

    /// The DN of a user of a host, if the host is ours.
    pub fn of(&self, user: &str, host: &str) -> Option<&Arc<Dn>> {
        let is_ours = self.hosts.is_empty() || self.hosts.iter().any(|have| have == host);
        self.get(user).filter(|_| is_ours)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Dn>> {
        self.by_number.values()
    }

    /// The host of addresses that are made of a number; empty when none is known.
    pub fn host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }
}
