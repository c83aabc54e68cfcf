//! What an endpoint is told when it is made.

use std::time::Duration;

use model::{Shard, Transport};

use crate::{ParseLimits, Timers};

/// The configuration of an [`Endpoint`](crate::Endpoint).
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// T1, T2, T4 and what follows from them.
    pub timers: Timers,
    /// The limits of a message that is read.
    pub limits: ParseLimits,
    /// How many transactions may live at once. A new call or registration beyond it is answered 503 (Service Unavailable)
    /// with a Retry-After; requests within dialogs, CANCELs and our own requests may use an eighth more, so that what stands
    /// can be ended.
    pub transactions_max: usize,
    /// How many bytes of messages they may keep together, to send them again. Beyond it holds what holds beyond `transactions_max`.
    pub transaction_bytes_max: usize,
    /// The listeners, indexed by [`ListenerId`](model::ListenerId).
    pub listeners: Vec<ListenerConfig>,
    /// The shard that Call-IDs minted here name.
    pub shard: Shard,
    /// Where all randomness comes from; each shard draws its own numbers from the same seed.
    pub seed: [u8; 32],
    /// The Server header field of the responses the endpoint makes by itself, if any.
    pub server_header: Option<String>,
    /// Seconds in the Retry-After of a 503 that the endpoint answers by itself.
    pub retry_after_s: u32,
    /// How long the user may take to respond to an INVITE before 100 (Trying) is sent for it: 200 ms (RFC 3261 section
    /// 17.2.1).
    pub trying_after: Duration,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            limits: ParseLimits::default(),
            transactions_max: 1_000_000,
            transaction_bytes_max: 512 << 20,
            listeners: Vec::new(),
            shard: Shard::default(),
            seed: [0; 32],
            server_header: None,
            retry_after_s: 5,
            trying_after: Duration::from_millis(200),
        }
    }
}

/// One listener as its peers see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerConfig {
    /// The transport.
    pub transport: Transport,
    /// `host:port` as written into Via (RFC 3261 section 18.1.1); an IPv6 address stands in brackets.
    pub sent_by: String,
}
