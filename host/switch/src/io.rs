//! What goes into a shard and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use media::{RelayCommand, RelayEvent};
use model::{Aor, Binding, ConnId, Flow, hook};

use crate::Fact;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A SIP message arrived.
    Datagram {
        /// From where, on which listener.
        flow: Flow,
        /// As it came.
        bytes: Bytes,
    },
    /// The transport says the peer of this flow cannot be reached (an ICMP error, a broken connection).
    TransportError {
        /// The flow that failed.
        flow: Flow,
    },
    /// The plugins' answer to an [`Output::Ask`]. Late and unknown answers are dropped.
    Answer(hook::Answer),
    /// From the media relay.
    Relay(RelayEvent),
    /// From the operator.
    Command(Command),
}

/// What an operator can ask of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// End this call.
    Hangup {
        /// The call.
        conn: ConnId,
    },
    /// Refuse new calls with 503; let the standing ones end.
    Drain,
}

/// Something to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// To where, from which listener.
        flow: Flow,
        /// A whole SIP message.
        bytes: Bytes,
    },
    /// Put this question to the plugins and bring the answer as [`Input::Answer`].
    Ask(hook::Question),
    /// Tell the media relay.
    Relay(RelayCommand),
    /// Make this the state of an address-of-record in the [`model::Directory`], before the next input.
    Publish(Publish),
    /// Something worth telling: logs, metrics, the journal, later T-Library events.
    Emit(Fact),
}

/// The bindings of one address-of-record, whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Publish {
    /// Whose.
    pub aor: Aor,
    /// All of them, best first; empty when the last one went.
    pub bindings: Arc<[Binding]>,
}

/// Why a shard wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A SIP transaction's timer.
    Transaction,
    /// A target has rung long enough.
    Ring,
    /// The plugins have not answered.
    Question,
    /// The relay has not answered.
    Relay,
    /// A registration lapses.
    Registration,
}
