use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::hook::MediaMode;
use serde::{Deserialize, Serialize};

/// `[media]`: the RTP relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// The address RTP is received on.
    pub bind: IpAddr,
    /// The address that peers send RTP to; the SDP carries it. Absent takes `bind`; required when `bind` is unspecified.
    pub advertise: Option<IpAddr>,
    /// The IPv6 address that peers with IPv6 send RTP to, where `bind` is of IPv4. With it, parties of both families are
    /// relayed, also to each other, and media ports are opened on every address of the machine. Absent relays the family of
    /// `bind` alone.
    pub advertise6: Option<Ipv6Addr>,
    /// The first port of the relay's range. RTP takes even ports, RTCP the odd ones above them.
    pub port_min: u16,
    /// The last port of the relay's range.
    pub port_max: u16,
    /// Where media goes when the plan of a call does not say: `"anchor"` through this node's relay, `"bypass"` directly between
    /// the parties.
    pub mode: MediaModeConfig,
    /// Threads that move RTP.
    pub threads: usize,
    /// Silence from both sides of a stream that is reported, in seconds.
    pub timeout_s: u64,
    /// The DSCP of what the relay sends; 46 is expedited forwarding.
    pub dscp: u8,
    /// Calls whose media goes through the relay at once.
    pub relays_max: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertise: None,
            advertise6: None,
            port_min: 30_000,
            port_max: 40_000,
            mode: MediaModeConfig::Anchor,
            threads: 1,
            timeout_s: 60,
            dscp: 46,
            relays_max: 2_000,
        }
    }
}

/// Where media goes when the plan of a call does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaModeConfig {
    /// Through this node's relay.
    Anchor,
    /// Directly between the parties.
    Bypass,
}

impl From<MediaModeConfig> for MediaMode {
    fn from(mode: MediaModeConfig) -> Self {
        match mode {
            MediaModeConfig::Anchor => Self::Anchor,
            MediaModeConfig::Bypass => Self::Bypass,
        }
    }
}
