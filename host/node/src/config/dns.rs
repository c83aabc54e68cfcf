use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[dns]`: how host names in routes are looked up (RFC 3263).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsConfig {
    /// The name servers, such as `"192.0.2.53"` or with a port `"127.0.0.1:5353"`. Empty takes the system's (`/etc/resolv.conf`).
    pub servers: Vec<NameServer>,
    /// How long one query is waited for before it is repeated, in milliseconds.
    pub query_timeout_ms: u64,
    /// How often a query without an answer is repeated.
    pub retries: usize,
    /// How long a target may take to be found, all its queries together, before it counts as unreachable, in milliseconds.
    pub timeout_ms: u64,
    /// Targets being looked up at once; more count as unreachable.
    pub lookups_max: usize,
    /// Answers kept for as long as their records say.
    pub cache_entries: u64,
    /// The longest an answer is kept, whatever its records say, in seconds.
    pub ttl_max_s: u64,
    /// The longest it is kept that a name does not exist, in seconds.
    pub negative_ttl_max_s: u64,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            query_timeout_ms: 2000,
            retries: 1,
            timeout_ms: 5000,
            lookups_max: 1000,
            cache_entries: 4096,
            ttl_max_s: 86_400,
            negative_ttl_max_s: 60,
        }
    }
}

/// A name server: an address, with port 53 unless another is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self((ip, 53).into()));
        }
        text.parse()
            .map(Self)
            .map_err(|_| format!("`{text}` is neither an IP address nor an address with a port"))
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for NameServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NameServer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
