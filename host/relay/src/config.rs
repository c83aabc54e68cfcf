//! What the relay is told when it starts.

use std::{net::IpAddr, time::Duration};

use media::LearnerConfig;
use thiserror::Error;

/// The relay's settings and limits.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// The address its sockets are bound to.
    pub bind: IpAddr,
    /// The address that is written into session descriptions.
    pub advertise: IpAddr,
    /// Parties of both families are relayed: ports are opened on every address of the machine, and `bind` does not count. The
    /// call engine writes the other family's address itself.
    pub both_families: bool,
    /// The lowest port; the next even one is the first that is used.
    pub port_min: u16,
    /// The highest port. A stream takes four.
    pub port_max: u16,
    /// Threads, from 1.
    pub threads: usize,
    /// Calls relayed at once, on all threads.
    pub relays_max: usize,
    /// Streams of one call.
    pub streams_max: u8,
    /// The TOS byte of what is sent; 184 is expedited forwarding (RFC 3246).
    pub tos: u8,
    /// A released port rests this long, so that late packets of one call do not reach the next.
    pub port_rest: Duration,
    /// Silence of both parties after which the call engine is told, to a quarter of this time or a second.
    pub media_timeout: Duration,
    /// Packets read from one socket before the next socket has its turn.
    pub burst_max: usize,
    /// Packets a second of one stream, both ways, RTP and RTCP; the rest is dropped. It also ends what two calls that were made
    /// to send to each other's ports would send in circles.
    pub packets_per_s_max: u32,
    /// Calls that may wait to be opened or extended, on each thread; more are refused.
    pub commands_max: usize,
    /// How addresses are learned.
    pub learner: LearnerConfig,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            advertise: IpAddr::from([127, 0, 0, 1]),
            both_families: false,
            port_min: 30_000,
            port_max: 40_000,
            threads: 1,
            relays_max: 2_000,
            streams_max: 8,
            tos: 184,
            port_rest: Duration::from_secs(2),
            media_timeout: Duration::from_secs(60),
            burst_max: 16,
            packets_per_s_max: 5_000,
            commands_max: 1_024,
            learner: LearnerConfig::default(),
        }
    }
}

/// Why the relay could not start.
#[derive(Debug, Error)]
pub enum RelayError {
    /// Fewer ports than one stream needs.
    #[error("media ports {min} to {max} are too few: a stream needs four, the first of them even")]
    Ports {
        /// The lowest.
        min: u16,
        /// The highest.
        max: u16,
    },
    /// The system refused.
    #[error("the media relay cannot start: {0}")]
    System(#[from] std::io::Error),
}
