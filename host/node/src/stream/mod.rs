//! TCP for SIP: the listeners and connections of one worker, in its own loop.
//!
//! A connection belongs to the worker that accepted or made it. Nothing here waits: a peer that does not read has its messages
//! kept up to a limit and is then closed, and the others go on.

mod connection;
mod limits;
mod socket;
mod tls;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Transport};
use rustls::{ClientConnection, pki_types::ServerName};
use sip::{
    ParseLimits,
    stream::{alias_port, asked_host, connect_address, is_outside_dialogs},
};
use tracing::{debug, info, warn};

use self::connection::Connection;
pub use self::{
    connection::Why,
    limits::StreamLimits,
    socket::listen,
    tls::{Tls, TlsFiles, TlsMaterial, TlsWatch, certificates, trusted},
};
use crate::poller::{EventFlags, GENERATION_MASK, Poller, Token};

/// A peer that leaves no more than this unread is not closed because all of them leave too much.
const UNREAD_FEW: usize = 16 << 10;
/// How often connections are looked at for their time being over.
const SWEEP: Duration = Duration::from_secs(1);

/// Which worker has the connection of a flow: read by all of them without a lock.
pub type Owners = Arc<papaya::HashMap<(ListenerId, SocketAddr), usize>>;

/// What came of the connections.
#[derive(Debug)]
pub enum Happened {
    /// A whole message.
    Message {
        /// Its connection.
        flow: Flow,
        /// As it came.
        bytes: Bytes,
    },
    /// A connection is gone.
    Closed {
        /// Its flow, or one that it served.
        flow: Flow,
    },
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// It is on its way, or waits for its peer.
    Taken,
    /// Another worker has the connection.
    Elsewhere(usize),
    /// It cannot be sent; a [`Happened::Closed`] of a connection may follow.
    Failed,
}

/// What the streams of a worker have counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct StreamFigures {
    /// Connections now.
    pub connections_now: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections of our own.
    pub connected: u64,
    /// Connections closed at once for a limit.
    pub turned_away: u64,
    /// Peers closed because they did not read.
    pub not_reading: u64,
    /// Connections closed because they were too slow with a message, or never sent one.
    pub too_slow: u64,
    /// Connections closed because what came was no SIP.
    pub not_sip: u64,
    /// Whole messages received.
    pub messages_in: u64,
    /// Messages sent, or waiting to be.
    pub messages_out: u64,
}

struct Listening {
    socket: TcpListener,
    transport: Transport,
    /// Where our own connections begin.
    from: IpAddr,
    tls: Option<Tls>,
    /// Not accepting for want of file handles.
    paused: bool,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

/// The listeners and connections of one worker.
pub struct Streams {
    poller: Arc<Poller>,
    worker: usize,
    owners: Owners,
    limits: StreamLimits,
    parse: ParseLimits,
    listeners: HashMap<ListenerId, Listening>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    slots_by_flow: HashMap<(ListenerId, SocketAddr), u32>,
    /// Connections of others that our requests to these addresses may take (RFC 5923 section 8.2).
    reused: HashMap<(ListenerId, SocketAddr), u32>,
    count_by_ip: HashMap<IpAddr, usize>,
    /// Bytes that wait for all peers together.
    unread: usize,
    happened: Vec<Happened>,
    figures: StreamFigures,
    sweep_at: Option<Instant>,
}

impl Streams {
    /// Without listeners and connections. `worker` is this worker's number among those that share `owners`.
    pub fn new(
        poller: Arc<Poller>,
        worker: usize,
        owners: Owners,
        limits: StreamLimits,
        parse: ParseLimits,
    ) -> Self {
        Self {
            poller,
            worker,
            owners,
            limits,
            parse,
            listeners: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            slots_by_flow: HashMap::new(),
            reused: HashMap::new(),
            count_by_ip: HashMap::new(),
            unread: 0,
            happened: Vec::new(),
            figures: StreamFigures::default(),
            sweep_at: None,
        }
    }

    /// Accepts connections at `socket` from now on.
    ///
    /// # Errors
    ///
    /// When the kernel does not wait for it.
    pub fn listen(
        &mut self,
        id: ListenerId,
        transport: Transport,
        socket: TcpListener,
        tls: Option<Tls>,
    ) -> io::Result<()> {
        let from = socket.local_addr()?.ip();
        self.poller.add(&socket, Token::Listener(id.0), EventFlags::IN)?;
        self.listeners.insert(id, Listening { socket, transport, from, tls, paused: false });
        Ok(())
    }

    /// What has been counted.
    pub fn figures(&self) -> StreamFigures {
        StreamFigures { connections_now: self.slots_by_flow.len(), ..self.figures }
    }

    /// Takes what has happened since the last time.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// When [`Self::sweep`] wants to be called.
    pub const fn next_sweep(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// Connections wait to be accepted.
    pub fn on_listener(&mut self, now: Instant, id: ListenerId) {
        for _ in 0..self.limits.accept_batch_max {
            let Some(listening) = self.listeners.get_mut(&id) else { return };
            match listening.socket.accept() {
                Ok((socket, peer)) => {
                    let transport = listening.transport;
                    self.accept(now, Flow { transport, listener: id, peer }, socket);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The peer has gone while it waited.
                Err(error) if is_of_one_peer(&error) => {}
                Err(error) => {
                    warn!(%error, "no connection can be accepted for a moment");
                    listening.paused = true;
                    let token = Token::Listener(id.0);
                    let _ = self.poller.change(&listening.socket, token, EventFlags::empty());
                    self.plan_sweep(now);
                    return;
                }
            }
        }
    }

    fn accept(&mut self, now: Instant, flow: Flow, socket: TcpStream) {
        let of_peer = self.count_by_ip.get(&flow.peer.ip()).copied().unwrap_or(0);
        let full = self.slots_by_flow.len() >= self.limits.connections_max;
        if full || of_peer >= self.limits.connections_per_ip_max {
            self.figures.turned_away += 1;
            let limit = if full { "connections_max" } else { "connections_per_ip_max" };
            debug!(peer = %flow.peer, limit, "a connection was turned away");
            return;
        }
        if socket.set_nonblocking(true).and_then(|()| socket.set_nodelay(true)).is_err() {
            return;
        }
        let mut connection = Connection::accepted(socket, flow, &self.parse, now);
        if let Some(tls) = self.listeners.get(&flow.listener).and_then(|one| one.tls.as_ref()) {
            let server = rustls::ServerConnection::new(tls.load().server.clone());
            let Ok(server) = server else { return };
            connection = connection.secured(server.into());
        }
        *self.count_by_ip.entry(flow.peer.ip()).or_default() += 1;
        self.figures.accepted += 1;
        self.insert(now, connection);
    }

    /// Puts a connection in its place; `None` when the kernel does not wait for it.
    fn insert(&mut self, now: Instant, mut connection: Connection) -> Option<u32> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let place = self.slots.get_mut(slot as usize)?;
        connection.armed = connection.wants_write();
        let token = Token::Connection { slot, generation: place.generation };
        let key = (connection.flow.listener, connection.flow.peer);
        let waits = self.poller.add(&connection.socket, token, flags(connection.armed)).is_ok();
        place.connection = Some(connection);
        self.slots_by_flow.insert(key, slot);
        self.owners.pin().insert(key, self.worker);
        self.plan_sweep(now);
        if waits {
            return Some(slot);
        }
        self.close(slot, Why::Broken);
        None
    }

    fn plan_sweep(&mut self, now: Instant) {
        self.sweep_at = self.sweep_at.or(Some(now + SWEEP));
    }

    /// A connection can be read or written.
    pub fn on_connection(
        &mut self,
        now: Instant,
        slot: u32,
        generation: u32,
        ready: EventFlags,
        buffer: &mut [u8],
    ) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        // An event of a connection that had this place before.
        let Some(connection) = place.connection.as_mut().filter(|_| place.generation == generation)
        else {
            return;
        };
        let before = connection.queued();
        let mut result = Ok(());
        if ready.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP) {
            result = connection.on_writable(now);
        }
        if result.is_ok() && ready.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            let flow = connection.flow;
            let (happened, figures) = (&mut self.happened, &mut self.figures);
            let may_be_reused = self.limits.reuse && connection.may_be_reused();
            let mut alias = None;
            result = connection.on_readable(now, &self.limits, &self.parse, buffer, |bytes| {
                figures.messages_in += 1;
                if may_be_reused && alias.is_none() {
                    alias = alias_port(&bytes);
                }
                happened.push(Happened::Message { flow, bytes });
            });
            // The handshake may have ended only now.
            let address = alias.filter(|_| connection.may_be_reused());
            if let Some(port) = address {
                self.reuse(slot, SocketAddr::new(flow.peer.ip(), port));
            }
        }
        self.note_unread(slot, before);
        self.settle(slot, result);
    }

    /// Counts what waits for a peer, for which so much waited `before`.
    fn note_unread(&mut self, slot: u32, before: usize) {
        let place = self.slots.get(slot as usize);
        let after = place.and_then(|place| Some(place.connection.as_ref()?.queued()));
        self.unread = (self.unread + after.unwrap_or_default()).saturating_sub(before);
    }

    /// Closes a connection that failed; waits for room where something waits to be sent.
    fn settle(&mut self, slot: u32, result: Result<(), Why>) -> bool {
        if let Err(why) = result {
            self.close(slot, why);
            return false;
        }
        let Some(place) = self.slots.get_mut(slot as usize) else { return false };
        let Some(connection) = &mut place.connection else { return false };
        let wants = connection.wants_write();
        if wants != connection.armed {
            connection.armed = wants;
            let token = Token::Connection { slot, generation: place.generation };
            if self.poller.change(&connection.socket, token, flags(wants)).is_err() {
                self.close(slot, Why::Broken);
                return false;
            }
        }
        true
    }

    /// Sends a message over the connection of its flow or, when that is gone, to where the message says (RFC 3261 sections
    /// 18.1.1 and 18.2.2), over a connection that is there or a new one. `may_pass` says whether another worker's connection
    /// will do.
    pub fn send(&mut self, now: Instant, flow: Flow, bytes: &Bytes, may_pass: bool) -> Delivery {
        let slot = match self.way(now, flow, bytes, may_pass) {
            Ok(slot) => slot,
            Err(delivery) => return delivery,
        };
        let place = self.slots.get_mut(slot as usize);
        let Some(connection) = place.and_then(|place| place.connection.as_mut()) else {
            return Delivery::Failed;
        };
        if let Some(host) = asked_name(bytes).filter(|_| is_outside_dialogs(bytes))
            && !connection.may_carry(&host)
        {
            let peer = connection.flow.peer;
            info!(%peer, ?host, "not sent: the peer's certificate is not of the host that was asked for");
            return Delivery::Failed;
        }
        connection.serve(flow);
        let before = connection.queued();
        let is_too_much =
            before > UNREAD_FEW && self.unread.saturating_add(bytes.len()) > self.limits.unread_max;
        let result = match is_too_much {
            true => Err(Why::TooMuchUnread),
            false => connection.send(bytes, &self.limits),
        };
        self.figures.messages_out += 1;
        self.note_unread(slot, before);
        // The end of the connection is told as what happened, for every flow it served.
        self.settle(slot, result);
        Delivery::Taken
    }

    /// The connection that a message takes, made if there is none.
    fn way(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &Bytes,
        may_pass: bool,
    ) -> Result<u32, Delivery> {
        let peer = connect_address(bytes, flow);
        for at in [flow.peer, peer] {
            match self.find(flow.listener, at, may_pass) {
                Found::Here(slot) => return Ok(slot),
                Found::Elsewhere(worker) => return Err(Delivery::Elsewhere(worker)),
                Found::Nowhere => {}
            }
            if let Some(slot) = self.reusable(flow.listener, at, bytes) {
                return Ok(slot);
            }
        }
        self.connect(now, Flow { peer, ..flow }, bytes).ok_or(Delivery::Failed)
    }

    /// Has our requests to `address` take this connection, unless there is one already.
    fn reuse(&mut self, slot: u32, address: SocketAddr) {
        let place = self.slots.get_mut(slot as usize);
        let Some(connection) = place.and_then(|place| place.connection.as_mut()) else { return };
        let key = (connection.flow.listener, address);
        if self.slots_by_flow.contains_key(&key) || self.reused.contains_key(&key) {
            return;
        }
        connection.reused_for = Some(address);
        self.reused.insert(key, slot);
        self.owners.pin().get_or_insert(key, self.worker);
        debug!(%address, peer = %connection.flow.peer, "requests to this address take the connection of their peer");
    }

    /// The connection that `message` to `address` may take although its peer has made it: who has made it has shown a certificate of the host
    /// that the message is for. Within a dialog that was asked when it began.
    //= RFC 5923 section 8.2
    //# The URI used for RFC3263 server resolution matches one of the identities stored in the alias table row corresponding to that
    //# resolved address.
    fn reusable(&self, listener: ListenerId, address: SocketAddr, message: &[u8]) -> Option<u32> {
        let slot = *self.reused.get(&(listener, address))?;
        let connection = self.slots.get(slot as usize)?.connection.as_ref()?;
        let is_allowed = !is_outside_dialogs(message)
            || asked_name(message).is_some_and(|host| connection.is_of(&host));
        is_allowed.then_some(slot)
    }

    fn find(&self, listener: ListenerId, peer: SocketAddr, may_pass: bool) -> Found {
        let key = (listener, peer);
        if let Some(slot) = self.slots_by_flow.get(&key) {
            return Found::Here(*slot);
        }
        let owner = if may_pass { self.owners.pin().get(&key).copied() } else { None };
        match owner {
            Some(worker) if worker != self.worker => Found::Elsewhere(worker),
            Some(_) | None => Found::Nowhere,
        }
    }

    /// Connects for `message`; by TLS, to who has a certificate of the host it is for (RFC 5922 section 7.2).
    fn connect(&mut self, now: Instant, flow: Flow, message: &[u8]) -> Option<u32> {
        let listening = self.listeners.get(&flow.listener)?;
        if self.slots_by_flow.len() >= self.limits.connections_max {
            self.figures.turned_away += 1;
            info!(peer = %flow.peer, limit = "connections_max", "no connection was made");
            return None;
        }
        let asked = asked_name(message).unwrap_or_else(|| flow.peer.ip().into());
        let client = match listening.tls.as_ref().map(|tls| client(tls, &asked)) {
            None => None,
            Some(Ok(client)) => Some(client),
            Some(Err(error)) => {
                warn!(peer = %flow.peer, %error, "no connection can be made by TLS");
                return None;
            }
        };
        match socket::connect(listening.from, flow.peer, self.limits.dscp) {
            Ok(socket) => {
                self.figures.connected += 1;
                let mut connection = Connection::connecting(socket, flow, &self.parse, now);
                if let Some(client) = client {
                    connection = connection.secured_for(client, asked);
                }
                self.insert(now, connection)
            }
            Err(error) => {
                debug!(peer = %flow.peer, %error, "no connection can be made");
                None
            }
        }
    }

    fn close(&mut self, slot: u32, why: Why) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let Some(connection) = place.connection.take() else { return };
        place.generation = (place.generation + 1) & GENERATION_MASK;
        self.free.push(slot);
        self.unread = self.unread.saturating_sub(connection.queued());
        let flow = connection.flow;
        let key = (flow.listener, flow.peer);
        self.slots_by_flow.remove(&key);
        let owners = self.owners.pin();
        if owners.get(&key) == Some(&self.worker) {
            owners.remove(&key);
        }
        if let Some(address) = connection.reused_for {
            let key = (flow.listener, address);
            self.reused.remove(&key);
            if owners.get(&key) == Some(&self.worker) {
                owners.remove(&key);
            }
        }
        drop(owners);
        if connection.accepted
            && let Some(count) = self.count_by_ip.get_mut(&flow.peer.ip())
        {
            *count -= 1;
            if *count == 0 {
                self.count_by_ip.remove(&flow.peer.ip());
            }
        }
        self.count(flow, why);
        for flow in connection.aliases.iter().copied().chain([flow]) {
            self.happened.push(Happened::Closed { flow });
        }
    }

    fn count(&mut self, flow: Flow, why: Why) {
        let Flow { transport, peer, .. } = flow;
        match why {
            Why::NotReading | Why::TooMuchUnread | Why::Stalled => self.figures.not_reading += 1,
            Why::SlowMessage | Why::NoMessage | Why::HandshakeTimeout => self.figures.too_slow += 1,
            Why::Handshake | Why::NotSip(_) => self.figures.not_sip += 1,
            Why::Peer | Why::Idle | Why::Broken | Why::Refused | Why::ConnectTimeout => {
                return debug!(%transport, %peer, why = why.text(), "a connection ended");
            }
        }
        info!(%transport, %peer, why = why.text(), "a connection was closed");
    }

    /// Closes the connections whose time is over, and accepts again where file handles were missing.
    pub fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_none_or(|at| at > now) {
            return;
        }
        self.sweep_at = None;
        for connection in self.slots.iter_mut().filter_map(|place| place.connection.as_mut()) {
            connection.note_stall(now);
        }
        let overdue: Vec<(u32, Why)> = (0..)
            .zip(&self.slots)
            .filter_map(|(slot, place)| {
                Some((slot, place.connection.as_ref()?.overdue(now, &self.limits)?))
            })
            .collect();
        for (slot, why) in overdue {
            self.close(slot, why);
        }
        for (id, listening) in self.listeners.iter_mut().filter(|(_, one)| one.paused) {
            listening.paused = false;
            let token = Token::Listener(id.0);
            let _ = self.poller.change(&listening.socket, token, EventFlags::IN);
        }
        if !self.slots_by_flow.is_empty() {
            self.plan_sweep(now);
        }
    }
}

/// Our side of a TLS connection that we make, to who has a certificate of `asked`.
fn client(tls: &Tls, asked: &ServerName<'static>) -> Result<ClientConnection, rustls::Error> {
    ClientConnection::new(tls.load().client.clone(), asked.clone())
}

/// The host that a request of ours is for, as certificates have it.
fn asked_name(message: &[u8]) -> Option<ServerName<'static>> {
    ServerName::try_from(asked_host(message)?.to_owned()).ok()
}

/// Where a connection is.
enum Found {
    Here(u32),
    Elsewhere(usize),
    Nowhere,
}

fn flags(wants_write: bool) -> EventFlags {
    if wants_write { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}

/// Whether accepting failed for the connection alone, so that the next may be accepted.
fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
