//! What goes into a shard and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use media::{RelayCommand, RelayEvent};
use model::{Aor, Binding, ConnId, Flow, Shard, TrunkId, hook};
use sip::locate::{LocateError, Place};

use crate::{Fact, Settings, TrunkStatus, Word};

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
    /// What came of an [`Output::Locate`]. Late and unknown ones are dropped.
    Located {
        /// Of the request.
        id: LocateId,
        /// Where the URI leads, in the order to try (RFC 3263).
        places: Result<Vec<Place>, LocateError>,
    },
    /// From the media relay.
    Relay(RelayEvent),
    /// From the operator.
    Command(Command),
    /// From a third party that controls calls; [`Fact::Controlled`] tells what came of it.
    Control(crate::Control),
    /// The driver cannot keep up, or can again: what is to be refused. Calls to emergency numbers never are.
    Shed(sip::Shedding),
    /// Go by these settings from now on.
    Configure(Box<Settings>),
    /// What became of an [`Output::Store`]. Late and unknown tickets are dropped.
    Stored {
        /// Of which.
        ticket: StoreTicket,
        /// Whether it is stored.
        outcome: StoreOutcome,
    },
    /// Another shard said this to this one by [`Output::Tell`].
    Told(Word),
    /// Bindings from before a restart, of an address-of-record of this shard; before its first datagram.
    Restore {
        /// Whose.
        aor: Aor,
        /// All of them, best first.
        bindings: Vec<Binding>,
    },
}

/// Names a write under way; unique within a shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StoreTicket(pub u64);

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreOutcome {
    /// It outlives the process: its REGISTER is acknowledged now.
    Stored,
    /// The store could not write it; the REGISTER is answered 500 with Retry-After and changes nothing.
    Failed,
    /// The store has too much to do; the REGISTER is answered 503 with Retry-After and changes nothing.
    Busy,
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
    /// Find where this URI leads with a [`sip::locate::Locate`] and bring what comes of it as [`Input::Located`].
    Locate {
        /// Comes back with the places.
        id: LocateId,
        /// A SIP URI with a host name.
        uri: String,
    },
    /// Tell the media relay.
    Relay(RelayCommand),
    /// Make this the state of an address-of-record in the [`model::Directory`], before the next input.
    Publish(Publish),
    /// Store this state of an address-of-record in place of the former one and bring [`Input::Stored`]. Only where
    /// [`crate::RegistrarConfig::store`] says so; at most one an address-of-record is under way.
    Store {
        /// Comes back.
        ticket: StoreTicket,
        /// What to store; empty bindings remove the address-of-record.
        publish: Publish,
    },
    /// Make this what is known of a trunk in the [`model::Directory`], before the next input.
    Trunk {
        /// Which.
        id: TrunkId,
        /// All that is known.
        status: Arc<TrunkStatus>,
    },
    /// Make it known in the [`model::Directory`], before the next input, whether a device can be reached.
    Device {
        /// Whose.
        aor: Aor,
        /// Whether it can.
        in_service: bool,
    },
    /// Make it known in the [`model::Directory`], before the next input, whether this shard wants to be told of the calls of a user.
    Watch {
        /// The user.
        aor: Aor,
        /// Whether it does.
        wanted: bool,
    },
    /// Bring this to another shard as [`Input::Told`], after what was said to it before.
    Tell {
        /// To which.
        to: Shard,
        /// What.
        word: Word,
    },
    /// Something worth telling: logs, metrics, the journal, later T-Library events.
    Emit(Fact),
}

/// Names a look-up in flight: one of the look-ups of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocateId {
    /// The call it is for, or an id that no call has.
    pub conn: ConnId,
    /// Counts the look-ups of a call, from 1.
    pub number: u16,
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
    /// The caller's session is to be refreshed, or was not (RFC 4028).
    SessionOfCaller,
    /// The called party's session is to be refreshed, or was not.
    SessionOfCallee,
    /// A call has lasted as long as it may.
    CallLength,
    /// The parties of a call are to be asked whether they are there.
    Probe,
    /// A reliable provisional response is to be sent again, or was never acknowledged.
    Reliable,
    /// A call that waits at a routing point is to be told so again, or has waited long enough.
    Routing,
    /// The plugins have not answered.
    Question,
    /// The DNS has not answered.
    Locate,
    /// The place being tried has not said anything yet, and there is another.
    Failover,
    /// The relay has not answered.
    Relay,
    /// A re-INVITE of ours met one of the party, and is to be sent anew.
    OwnOffer,
    /// A registration lapses.
    Registration,
    /// The store has not answered.
    Store,
    /// A trunk is to be registered or probed.
    Trunk,
    /// A device is to be asked whether it is there, or was silent for too long.
    Device,
    /// A keep-alive is due.
    Keepalive,
    /// A call that is to go to another shard has not come to rest, or what has moved is over long enough.
    Move,
    /// A subscriber is to be told something, or a subscription lapses.
    Subscription,
    /// A call that was sent on has been listed long enough.
    Proxied,
    /// A request that was sent on has waited long enough.
    Passage,
    /// A timer of a plugin is over, or plugins have not answered.
    CallEvent,
}
