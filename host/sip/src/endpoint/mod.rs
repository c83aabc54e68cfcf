//! The endpoint: transactions, the rules of the transport layer, and what every user agent core must do.
//!
//! Values go in ([`Endpoint::handle_input`], [`Endpoint::send_request`], [`Endpoint::respond`]…) and values come out
//! ([`Endpoint::poll_output`]). **Drain after every mutation**: after each call that takes `&mut self`, call `poll_output`
//! until it gives `None`, then arm one timer for [`Endpoint::poll_timeout`]. Time must not go back from one call to the next.

mod ack;
mod admit;
mod build;
mod cancel;
mod client;
mod config;
mod elsewhere;
mod forward;
mod io;
mod load;
mod mint;
mod server;
mod stats;
pub(crate) mod wire;

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use model::{Flow, Instant, Shard};

pub use self::{
    config::{EndpointConfig, ListenerConfig},
    elsewhere::request_key,
    forward::fingerprint_of,
    io::{ClientTx, Event, Input, LimitError, Output, ServerTx, Shedding},
    load::Neighbours,
    mint::shard_of_call_id,
    stats::Stats,
};
use self::{load::Load, mint::Mint};
use crate::{
    Message, stun,
    timers::Timer,
    transaction::{
        client::{self as client_tx, Client},
        key::{ByKey, KeyMaker},
        server::{self as server_tx, Server},
        slab::Slab,
        timer_queue::TimerQueue,
    },
};

/// Requests within dialogs, CANCELs and our own requests may go beyond `transactions_max` by this part of it.
const RESERVE_DIVISOR: usize = 8;

/// Room that an index may keep whatever is in it.
const INDEX_IDLE: usize = 8192;

/// The largest `transactions_max` that is honoured; places of transactions are numbered in 32 bits.
const TRANSACTIONS_CEILING: usize = 1 << 30;

/// The SIP endpoint of one shard.
pub struct Endpoint {
    config: EndpointConfig,
    clients: Slab<Client>,
    servers: Slab<Server>,
    /// Client transactions by branch and method.
    clients_by_key: ByKey<u64>,
    /// Server transactions by branch, sent-by and method.
    servers_by_key: ByKey<u64>,
    /// Server transactions of requests outside dialogs by From tag, Call-ID and CSeq.
    servers_by_merged: ByKey<u64>,
    /// INVITE server transactions with a 2xx by Call-ID, our tag and CSeq number.
    servers_by_ack: ByKey<u64>,
    /// Client transactions without a final response, by the flow they went out on.
    pending_by_flow: BTreeSet<(Flow, u64)>,
    /// Where the messages of these Call-IDs go.
    elsewhere: HashMap<Box<str>, Shard>,
    /// What is at hand is for here.
    keeps_all: bool,
    timers: TimerQueue<Owner>,
    outputs: VecDeque<Output>,
    keys: KeyMaker,
    mint: Mint,
    stats: Stats,
    shedding: Shedding,
    load: Load,
    /// Requests that are never shed.
    exempt: Option<Exempt>,
    /// The latest time seen.
    now: Instant,
}

/// Says of a request whether it may never be shed.
pub type Exempt = Box<dyn Fn(&Message) -> bool + Send>;

/// Whose timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    Client(u64),
    Server(u64),
}

impl Endpoint {
    /// Makes an endpoint without transactions.
    pub fn new(mut config: EndpointConfig) -> Self {
        config.transactions_max = config.transactions_max.min(TRANSACTIONS_CEILING);
        config.transaction_bytes_max = config.transaction_bytes_max.min(usize::MAX / 2);
        config.timers = config.timers.at_least_a_millisecond();
        let mut mint = Mint::new(config.seed, config.shard);
        let keys = KeyMaker::new(mint.number(), mint.number());
        Self {
            config,
            clients: Slab::new(),
            servers: Slab::new(),
            clients_by_key: ByKey::default(),
            servers_by_key: ByKey::default(),
            servers_by_merged: ByKey::default(),
            servers_by_ack: ByKey::default(),
            pending_by_flow: BTreeSet::new(),
            elsewhere: HashMap::new(),
            keeps_all: false,
            timers: TimerQueue::new(),
            outputs: VecDeque::new(),
            keys,
            mint,
            stats: Stats::default(),
            shedding: Shedding::Nothing,
            load: Load::default(),
            exempt: None,
            now: Instant::ZERO,
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            Input::Datagram { flow, bytes } => self.handle_datagram(flow, bytes),
            Input::TransportError { flow } => self.handle_transport_error(flow),
        }
    }

    /// Refuses new requests by itself from now on, with 503 and Retry-After and without a transaction, or no more.
    pub const fn shed(&mut self, shedding: Shedding) {
        self.shedding = shedding;
    }

    /// Says this many seconds in the Retry-After of a 503 from now on.
    pub const fn retry_after(&mut self, seconds: u32) {
        self.config.retry_after_s = seconds;
    }

    /// Has requests of which `exempt` says so pass whatever is shed.
    pub fn exempt(&mut self, exempt: Exempt) {
        self.exempt = Some(exempt);
    }

    /// Takes the next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called next, and for which timer.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// Fires every timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        while let Some((timer, owner)) = self.timers.take_due(self.now) {
            match owner {
                Owner::Client(id) => {
                    if let Some(client) = self.clients.get_mut(id) {
                        *client.timers.slot(timer) = None;
                    }
                    self.drive_client(id, client_tx::Event::Timer(timer), None);
                }
                Owner::Server(id) => {
                    if let Some(server) = self.servers.get_mut(id) {
                        *server.timers.slot(timer) = None;
                    }
                    self.drive_server(id, server_tx::Event::Timer(timer), None, None);
                }
            }
        }
        self.shrink();
    }

    /// Gives back what a flood has left of the indexes.
    fn shrink(&mut self) {
        let Self { clients_by_key, servers_by_key, servers_by_merged, servers_by_ack, .. } = self;
        for index in [clients_by_key, servers_by_key, servers_by_merged, servers_by_ack] {
            if index.capacity() > INDEX_IDLE && index.len() < index.capacity() / 8 {
                index.shrink_to(index.len() * 2);
            }
        }
    }

    /// Whether no transaction is left and nothing waits to be taken by [`Self::poll_output`].
    pub fn is_idle(&self) -> bool {
        self.clients.len() == 0 && self.servers.len() == 0 && self.outputs.is_empty()
    }

    /// Mints a tag: 64 random bits, 16 hexadecimal digits (RFC 3261 section 19.3).
    pub fn mint_tag(&mut self) -> String {
        self.mint.tag()
    }

    /// 64 random bits, for a nonce.
    pub fn mint_number(&mut self) -> u64 {
        self.mint.number()
    }

    /// Mints a Call-ID that names this shard; [`shard_of_call_id`] reads it back.
    pub fn mint_call_id(&mut self) -> String {
        let host = self.config.listeners.first().map_or("", |listener| &listener.sent_by);
        self.mint.call_id(self.config.shard, host)
    }

    /// What this endpoint has done and holds.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Time does not go back here, whatever the caller says: the timers rely on it.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn handle_datagram(&mut self, flow: Flow, bytes: Bytes) {
        if !flow.transport.is_reliable() && stun::is_stun(&bytes) {
            match stun::answer(&bytes, flow.peer) {
                Some(answer) => {
                    self.stats.keep_alives += 1;
                    self.transmit(flow, answer.into());
                }
                None => self.stats.unreadable += 1,
            }
            return;
        }
        match Message::parse(bytes, &self.config.limits) {
            Ok(message) => {
                self.stats.messages += 1;
                if message.is_request() {
                    self.handle_request(flow, message);
                } else {
                    self.handle_response(flow, message);
                }
            }
            Err(error) => self.handle_unreadable(flow, error),
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output::Transmit { flow, bytes });
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    const fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    const fn is_full(&self) -> bool {
        self.transactions() >= self.config.transactions_max
            || self.stats.kept_bytes_now >= self.config.transaction_bytes_max
    }

    /// Whether even the reserve is used up.
    const fn is_overfull(&self) -> bool {
        let (max, bytes_max) = (self.config.transactions_max, self.config.transaction_bytes_max);
        self.transactions() >= max + max / RESERVE_DIVISOR
            || self.stats.kept_bytes_now >= bytes_max + bytes_max / RESERVE_DIVISOR
    }
}
