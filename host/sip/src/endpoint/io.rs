//! What goes into an endpoint and what comes out of it.

use bytes::Bytes;
use model::{Flow, Shard};

use crate::Message;

/// Names a server transaction: a request that came in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerTx(pub(crate) u64);

impl ServerTx {
    /// Names no transaction: what is answered by it goes nowhere.
    pub const NONE: Self = Self(u64::MAX);
}

/// Names a client transaction: a request that was sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientTx(pub(crate) u64);

/// What an endpoint refuses by itself with 503, because there is too much to do. Requests within dialogs, CANCEL, ACK and responses
/// always pass: what stands shall be able to end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Shedding {
    /// Nothing.
    #[default]
    Nothing,
    /// New calls.
    Calls,
    /// Every request outside a dialog.
    Requests,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message arrived: a datagram, or one whole message of a stream.
    Datagram {
        /// From where, on which listener.
        flow: Flow,
        /// As it came.
        bytes: Bytes,
    },
    /// The transport says that the peer of this flow cannot be reached (an ICMP error, a broken connection).
    TransportError {
        /// The flow that failed.
        flow: Flow,
    },
}

/// Something to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message.
    Transmit {
        /// From which listener, to where.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// For the user of the endpoint.
    Event(Event),
}

/// What the user of an endpoint must know.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new request: never an ACK, and never a CANCEL. The user answers it with
    /// [`Endpoint::respond`](crate::Endpoint::respond); an INVITE must get a final response some time, any other request
    /// within 64*T1.
    Request {
        /// Its transaction.
        tx: ServerTx,
        /// The flow it came by, where its responses go.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// A CANCEL came for this INVITE, which has no final response yet. The endpoint has answered the CANCEL; the user now
    /// responds 487 to the INVITE (RFC 3261 section 9.2). At most once a transaction.
    Cancelled {
        /// The transaction of the INVITE.
        tx: ServerTx,
        /// The CANCEL.
        message: Message,
    },
    /// The ACK of a 2xx came, for the first time; repetition of the 2xx has stopped.
    Ack {
        /// The transaction of the INVITE.
        tx: ServerTx,
        /// The flow the ACK came by.
        flow: Flow,
        /// The ACK.
        message: Message,
    },
    /// A response came: every provisional one, the final one, and of an INVITE each 2xx that no ACK has been sent for yet
    /// (RFC 6026); 300-699 have been acknowledged already.
    Response {
        /// The transaction of the request.
        tx: ClientTx,
        /// The response.
        message: Message,
    },
    /// A response to no transaction that lives: to a request of [`Endpoint::send_untracked`](crate::Endpoint::send_untracked),
    /// one that came too late, or none of ours.
    Stray {
        /// From where.
        flow: Flow,
        /// The response.
        message: Message,
    },
    /// An ACK of no final response of ours: for somebody else perhaps, and to be passed on.
    StrayAck {
        /// From where.
        flow: Flow,
        /// The ACK.
        message: Message,
    },
    /// A message of a call that has gone to another shard ([`Endpoint::send_elsewhere`](crate::Endpoint::send_elsewhere)).
    Elsewhere {
        /// Which.
        to: Shard,
        /// The flow it came by.
        flow: Flow,
        /// The message (with folds replaced by spaces).
        bytes: Bytes,
    },
    /// No final response came in time: Timer B, Timer F, or 64*T1 after the CANCEL. The transaction is over.
    TimedOut {
        /// The transaction of the request.
        tx: ClientTx,
    },
    /// The transport failed before the final response came. The transaction is over.
    Unreachable {
        /// The transaction of the request.
        tx: ClientTx,
    },
    /// 64*T1 passed without an ACK of our 2xx; the user should send BYE (RFC 3261 section 13.3.1.4). The transaction is over.
    AckMissing {
        /// The transaction of the INVITE.
        tx: ServerTx,
    },
}

/// Why a request was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitError {
    /// Too many transactions live.
    #[error(
        "the request was not sent: {live} transactions live and transactions_max is {max}; raise it or shed load earlier"
    )]
    Transactions {
        /// How many live.
        live: usize,
        /// The limit, without its reserve.
        max: usize,
    },
    /// The flow names a listener the endpoint was not told of.
    #[error("the request was not sent: the endpoint has no listener number {listener}")]
    UnknownListener {
        /// The listener's number.
        listener: u16,
    },
}
