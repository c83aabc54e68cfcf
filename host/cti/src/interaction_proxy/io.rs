//! What the Interaction Proxy takes and gives.

use std::{collections::BTreeMap, sync::Arc};

use tlib::Message;

use crate::{CallEvent, ClientId, Deliver, Filter, MonitorEvent, Refusal};

/// How much an Interaction Proxy holds, and who belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InteractionProxySettings {
    /// Clients that may be connected; the next one is sent away.
    pub clients_max: usize,
    /// Calls that are followed; of others nothing is told.
    pub calls_max: usize,
    /// The group of each application, by its name. All others are one group together.
    pub groups: BTreeMap<Arc<str>, Arc<str>>,
    /// Whether what a subscriber gets is asked for ([`Output::Ask`]) rather than taken from its Extensions.
    pub asks_fan_out: bool,
}

impl Default for InteractionProxySettings {
    fn default() -> Self {
        Self { clients_max: 100, calls_max: 100_000, groups: BTreeMap::new(), asks_fan_out: false }
    }
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client has registered itself with its application's name.
    Connected {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
    },
    /// A client wants something.
    Request {
        /// Who.
        client: ClientId,
        /// What.
        message: Arc<Message>,
    },
    /// A client is gone.
    Gone {
        /// Which.
        client: ClientId,
    },
    /// An event of a call on a DN.
    Call(CallEvent),
    /// An event of the call-monitoring stream.
    Monitor(MonitorEvent),
    /// The answer to [`Output::Ask`].
    FanOut {
        /// Of which client.
        client: ClientId,
        /// What it gets, or why nothing.
        verdict: Result<Filter, Refusal>,
    },
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
    /// A client subscribes: what is it to get? The driver answers in time.
    Ask {
        /// Which.
        client: ClientId,
        /// Its application's name.
        application: Arc<str>,
        /// What it asks for.
        message: Arc<Message>,
    },
    /// A client is to be sent away.
    Close {
        /// Which.
        client: ClientId,
        /// Why.
        reason: &'static str,
    },
}
