use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use model::Instant;

use super::TrunkConfig;

/// What is known of a trunk at one moment: the shard that keeps it publishes it, every shard and every operator may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Whether it is registered.
    pub registration: Registration,
    /// Whether it answers.
    pub reach: Reach,
    /// Since when `reach` is what it is.
    pub since: Instant,
    /// The last failure of a registration or a probe, and when it was.
    pub failure: Option<(Instant, String)>,
    /// Where the registrar was found when it last took a registration.
    pub places: Vec<IpAddr>,
    /// The proxies that its registrar wants calls to be sent through (RFC 3608), as the value of a Route field.
    pub service_route: Option<Arc<str>>,
}

/// Whether a trunk is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It does not register.
    None,
    /// The first answer is awaited.
    Registering,
    /// It is, until then; it is renewed before.
    Registered {
        /// When it lapses.
        until: Instant,
    },
    /// It is not, and is tried again then.
    Failed {
        /// When.
        retry_at: Instant,
    },
    /// It was taken back, because the switch drains.
    Unregistered,
}

impl Registration {
    /// In one word, for people and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Registering => "registering",
            Self::Registered { .. } => "registered",
            Self::Failed { .. } => "failed",
            Self::Unregistered => "unregistered",
        }
    }
}

/// Whether a trunk answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is not probed, or not yet: it counts as up.
    Unknown,
    /// The last probe was answered.
    Up,
    /// So many probes in a row were not answered that it gets no calls.
    Down,
}

impl Reach {
    /// In one word, for people and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl TrunkStatus {
    /// What is known of a trunk before anything was sent to it.
    pub fn of(trunk: &TrunkConfig) -> Self {
        let registration = match trunk.register {
            Some(_) => Registration::Registering,
            None => Registration::None,
        };
        Self { registration, ..Self::default() }
    }
}

impl Default for TrunkStatus {
    fn default() -> Self {
        Self {
            registration: Registration::None,
            reach: Reach::Unknown,
            since: Instant::ZERO,
            failure: None,
            places: Vec::new(),
            service_route: None,
        }
    }
}

/// What became of a trunk, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrunkChange {
    /// It is registered now.
    Registered {
        /// For how long, unless it is renewed.
        granted: Duration,
    },
    /// A registration was not taken.
    NotRegistered {
        /// Why.
        why: String,
        /// After which time it is tried again.
        retry_after: Duration,
    },
    /// The registration was taken back.
    Unregistered,
    /// It answers.
    Up,
    /// It does not answer any more.
    Down {
        /// What came of the last probe.
        why: String,
    },
}

impl fmt::Display for TrunkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { granted } => write!(f, "registered for {} s", granted.as_secs()),
            Self::NotRegistered { why, retry_after } => {
                write!(f, "not registered: {why}; tried again after {} s", retry_after.as_secs())
            }
            Self::Unregistered => f.write_str("not registered any more"),
            Self::Up => f.write_str("up"),
            Self::Down { why } => write!(f, "down: {why}"),
        }
    }
}
