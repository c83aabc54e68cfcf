use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use media::RelayEvent;
use model::{ConnId, Flow, Instant};
use sip::locate::{LocateError, Place};
use switch::{CallView, LocateId, StoreOutcome, StoreTicket};
use tokio::sync::oneshot;

use super::{Figures, Said};
use crate::{clock::Calendar, trace::Tap};

/// What others say to a worker.
#[derive(Debug)]
pub enum Mail {
    /// Datagrams of this worker's calls that another worker received, and when it handed them over.
    Datagrams(Instant, Vec<(Flow, Bytes)>),
    /// Where a target leads.
    Located {
        /// Of the request.
        id: LocateId,
        /// In the order to try.
        places: Result<Vec<Place>, LocateError>,
    },
    /// What another worker's shard says to this one's.
    Told(Vec<Said>),
    /// A message for a connection of this worker, from another.
    Send {
        /// The connection.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// A connection of another worker is gone.
    Closed(Flow),
    /// From the media relay.
    Relay(RelayEvent),
    /// What became of writes to the store.
    Stored {
        /// Of which.
        tickets: Vec<StoreTicket>,
        /// Of all of them.
        outcome: StoreOutcome,
    },
    /// Plugins were replaced: give back what is left of the old ones.
    Sweep,
    /// Refuse new calls; stop when the last one has ended.
    Drain,
    /// Stop now.
    Stop,
    /// End a call; the reply tells whether it was there.
    Hangup {
        /// Which.
        conn: ConnId,
        /// Whether it was there.
        reply: oneshot::Sender<bool>,
    },
    /// Carry out what a third party wants of a call.
    Control(Box<switch::Control>),
    /// Describe the calls.
    Calls {
        /// How many at most.
        limit: usize,
        /// In no order.
        reply: oneshot::Sender<Vec<CallView>>,
    },
    /// Show every message from now on to this tap.
    Watch(Tap),
    /// Go by other settings from now on.
    Configure(Box<Configured>),
    /// Tell the counters.
    Figures {
        /// As of now.
        reply: oneshot::Sender<Box<Figures>>,
    },
}

/// Settings that a worker takes while it runs.
#[derive(Debug)]
pub struct Configured {
    /// The switch's.
    pub settings: switch::Settings,
    /// The zone plugins see local time in.
    pub calendar: Calendar,
    /// Events of a call that are kept for its record.
    pub events_max: usize,
    /// Whether calls have records.
    pub records: bool,
    /// Told when they hold.
    pub done: SyncSender<()>,
}
