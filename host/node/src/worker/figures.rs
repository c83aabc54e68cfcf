use std::time::Duration;

use media::RelayEvent;
use model::RelayId;
use switch::Switch;
use tracing::{debug, warn};

use crate::stream::StreamFigures;

/// What a worker has counted since it began.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Datagrams received on its sockets.
    pub datagrams_in: u64,
    /// Datagrams sent, or waiting to be.
    pub datagrams_out: u64,
    /// Datagrams dropped because a socket's buffer and its queue were full.
    pub sends_dropped: u64,
    /// Datagrams the kernel refused because the peer cannot be reached.
    pub unreachable: u64,
    /// Datagrams given to other workers.
    pub handed_over: u64,
    /// Datagrams for other workers whose mailbox was full.
    pub handovers_dropped: u64,
    /// Messages for other workers' connections, and ends of connections, that found no room in their mailbox.
    pub passes_dropped: u64,
    /// Words to other shards that found no room.
    pub words_dropped: u64,
    /// Connections.
    pub streams: StreamFigures,
    /// Questions put to the plugins.
    pub questions: u64,
    /// Facts that the journal or the T-Library modules had no room for.
    pub facts_dropped: u64,
    /// What the relay told of the calls' media.
    pub media: MediaFigures,
    /// The longest a datagram has waited in the worker since the figures were read last.
    pub waited_most: Duration,
    /// Wake-ups.
    pub wakes: u64,
    /// CPU time of its thread, in microseconds.
    pub cpu_us: u64,
    /// The switch's own counters.
    pub switch: switch::Stats,
    /// The SIP endpoint's.
    pub sip: sip::Stats,
}

/// What the relay told of the calls of a worker. Packets are counted when a call's relay is closed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct MediaFigures {
    /// Calls whose ports were opened.
    pub opened: u64,
    /// Requests for ports that were refused.
    pub refused: u64,
    /// Calls that were silent for too long.
    pub silent: u64,
    /// RTP and RTCP packets sent on.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Packets of strangers, dropped.
    pub strangers: u64,
}

impl MediaFigures {
    /// Counts what the relay told.
    pub(super) fn count(&mut self, event: &RelayEvent, switch: &Switch) {
        let call_id = |relay: &RelayId| switch.call_id(relay.0).unwrap_or_default().to_owned();
        match event {
            RelayEvent::Opened { .. } => self.opened += 1,
            RelayEvent::Refused { relay, why } => {
                self.refused += 1;
                warn!(conn_id = %relay.0, call_id = call_id(relay), ?why, "the media relay has no room for a call");
            }
            RelayEvent::Learned { relay, stream, side, from } => {
                debug!(conn_id = %relay.0, call_id = call_id(relay), stream = stream.0, ?side, %from, "media address learned");
            }
            RelayEvent::Silent { relay, since } => {
                self.silent += 1;
                let since_s = since.as_secs();
                debug!(conn_id = %relay.0, call_id = call_id(relay), since_s, "no media from either party");
            }
            RelayEvent::Closed { stats, .. } => {
                for stream in stats {
                    self.packets += stream.from_a + stream.from_b;
                    self.bytes += stream.bytes;
                    self.strangers += stream.strangers;
                }
            }
        }
    }
}
