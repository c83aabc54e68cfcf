//! What the Interaction Proxy takes and gives.

use std::sync::Arc;

use tlib::Message;

use crate::{CallEvent, ClientId, Deliver, Grant, MonitorEvent};

/// How much an Interaction Proxy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InteractionProxySettings {
    /// Clients that may be connected; the next one is sent away.
    pub clients_max: usize,
    /// Calls that are followed; of others nothing is told.
    pub calls_max: usize,
}

impl Default for InteractionProxySettings {
    fn default() -> Self {
        Self { clients_max: 100, calls_max: 100_000 }
    }
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client has registered itself.
    Connected {
        /// Which.
        client: ClientId,
    },
    /// A client wants something.
    Request {
        /// Who.
        client: ClientId,
        /// What.
        message: Arc<Message>,
    },
    /// A client wants events, of which somebody has said what it may have.
    Subscribe {
        /// Who.
        client: ClientId,
        /// What: TStartCallMonitoring.
        message: Arc<Message>,
        /// What it may have, and the group that it is of.
        grant: Grant,
    },
    /// A client is gone.
    Gone {
        /// Which.
        client: ClientId,
    },
    /// A client has room for more: it is told of the next call that it was given. See [`super::InteractionProxy::waiting`].
    Room {
        /// Which.
        client: ClientId,
    },
    /// An event of a call on a DN.
    Call(CallEvent),
    /// An event of the call-monitoring stream.
    Monitor(MonitorEvent),
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// An event for the client that has its call.
    Deliver(Deliver),
    /// What one client alone is told.
    Answer {
        /// Whom.
        client: ClientId,
        /// What.
        message: Message,
    },
    /// What a client has asked for was the work of so many requests more.
    Charge {
        /// Who asked.
        client: ClientId,
        /// How many.
        requests: u32,
    },
    /// A client is to be sent away.
    Close {
        /// Which.
        client: ClientId,
        /// Why.
        reason: &'static str,
    },
}
