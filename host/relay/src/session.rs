//! The relay of one call.

use std::time::Duration;

use media::{Side, StreamPorts};
use model::{Instant, Shard};

use crate::{RelayConfig, stream::Stream};

/// The streams of one call.
pub(crate) struct Session {
    /// The shard its events go to.
    pub(crate) shard: Shard,
    pub(crate) streams: Vec<Stream>,
    /// The readiness tokens of its sockets.
    pub(crate) tokens: Vec<u64>,
    heard_at: Instant,
    told_silent: bool,
}

impl Session {
    pub(crate) const fn new(shard: Shard, now: Instant) -> Self {
        Self { shard, streams: Vec::new(), tokens: Vec::new(), heard_at: now, told_silent: false }
    }

    pub(crate) fn ports(&self, config: &RelayConfig) -> Vec<StreamPorts> {
        let at =
            |stream: &Stream, side: Side| (config.advertise, stream.party(side).pair.port).into();
        let ports = |stream| StreamPorts { a: at(stream, Side::A), b: at(stream, Side::B) };
        self.streams.iter().map(ports).collect()
    }

    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.told_silent = false;
    }

    /// How long nothing was heard, once it is too long; told once.
    pub(crate) fn newly_silent(&mut self, now: Instant, limit: Duration) -> Option<Duration> {
        let silent = now.saturating_since(self.heard_at);
        if self.told_silent || silent < limit {
            return None;
        }
        self.told_silent = true;
        Some(silent)
    }
}
