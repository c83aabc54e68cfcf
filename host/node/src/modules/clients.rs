//! The clients of one module: their connections and their sessions. Nothing here waits for a client.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use cti::{ClientId, Deliver, Module};
use model::Instant;
use tlib::{
    Attribute, ErrorCode, Form, Message, MessageType, Session,
    session::{
        CloseReason, Input as SessionInput, Outgoing, Output as SessionOutput, Registration,
    },
};
use tracing::{debug, info, warn};
use websocket::Code;

use super::{ClientView, Port, connection::Fault, log::ModuleLog};
use crate::poller::{EventFlags, GENERATION_MASK, Poller, Token};

mod client;
mod figures;
mod happened;
mod limits;
mod reading;

use client::Client;
pub use figures::ClientFigures;
pub(super) use happened::Happened;
pub use limits::ClientLimits;

/// Connections accepted at one port before the others get their turn.
const ACCEPT_MAX: usize = 64;
/// How often sessions are looked at for their time being over.
const SWEEP: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Slot {
    generation: u32,
    client: Option<Box<Client>>,
}

/// The clients of a module.
pub(super) struct Clients {
    module: Module,
    poller: Arc<Poller>,
    limits: ClientLimits,
    ports: Vec<Port>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots of connections whose handshake is under way, the oldest first; some of them are open or gone by now.
    handshakes: VecDeque<(usize, u32)>,
    slot_by_number: HashMap<u64, usize>,
    dirty: Vec<usize>,
    /// Slots of those who have sent more than one turn takes.
    behind: Vec<usize>,
    next: u64,
    /// The time since 1970 at the origin of the clock.
    unix_at_zero: Duration,
    sweep_at: Option<Instant>,
    /// Nobody is accepted before the next sweep.
    is_paused: bool,
    /// It was told that there are too many clients, since one of them went.
    is_full_told: bool,
    happened: Vec<Happened>,
    buffer: Vec<u8>,
    /// What EventLinkConnected says of the server.
    hello: Message,
    /// The module's log, if it has one.
    pub(super) log: Option<ModuleLog>,
    /// What was counted.
    pub(super) figures: ClientFigures,
}

impl Clients {
    /// Listens at these ports.
    ///
    /// # Errors
    ///
    /// When the kernel does not wait for them.
    pub(super) fn new(
        module: Module,
        poller: Arc<Poller>,
        ports: Vec<Port>,
        limits: ClientLimits,
        (unix_at_zero, hello): (Duration, Message),
    ) -> io::Result<Self> {
        for (number, port) in ports.iter().enumerate() {
            port.listener.set_nonblocking(true)?;
            let token = Token::Listener(u16::try_from(number).unwrap_or(u16::MAX));
            poller.add(&port.listener, token, EventFlags::IN)?;
        }
        Ok(Self {
            module,
            poller,
            limits,
            ports,
            slots: Vec::new(),
            free: Vec::new(),
            handshakes: VecDeque::new(),
            slot_by_number: HashMap::new(),
            dirty: Vec::new(),
            behind: Vec::new(),
            next: 0,
            unix_at_zero,
            sweep_at: None,
            is_paused: false,
            is_full_told: false,
            happened: Vec::new(),
            buffer: vec![0; 64 << 10],
            hello,
            log: None,
            figures: ClientFigures::default(),
        })
    }

    /// Goes by these limits from now on. Whoever is connected stays, with the limits of its session as they were when it connected.
    pub(super) fn set_limits(&mut self, limits: ClientLimits) {
        if self.limits.session.trace != limits.session.trace {
            let clients = self.slots.iter_mut().filter_map(|slot| slot.client.as_mut());
            clients.for_each(|client| client.session.set_trace(limits.session.trace));
        }
        self.limits = limits;
        self.is_full_told = false;
    }

    /// What clients did since, in order.
    pub(super) fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// When [`Self::sweep`] wants to be called.
    pub(super) const fn next_sweep(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// A port is ready: takes those who connect.
    pub(super) fn on_listener(&mut self, now: Instant, number: u16) {
        for _ in 0..ACCEPT_MAX {
            let Some(port) = self.ports.get(usize::from(number)) else { return };
            match port.listener.accept() {
                Ok((socket, peer)) => self.accept(now, usize::from(number), socket, peer),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    warn!(
                        module = self.module.tag(), %error,
                        "clients cannot be accepted, and those who connect wait; for want of file handles raise the limit of open files"
                    );
                    return self.pause(now);
                }
            }
        }
    }

    /// Leaves the ports alone until the next sweep: what cannot be accepted stays ready.
    fn pause(&mut self, now: Instant) {
        self.is_paused = true;
        self.listen_for(EventFlags::empty());
        self.sweep_at.get_or_insert(now + SWEEP);
    }

    fn listen_for(&self, flags: EventFlags) {
        for (number, port) in self.ports.iter().enumerate() {
            let token = Token::Listener(u16::try_from(number).unwrap_or(u16::MAX));
            // It was added when the module began.
            let _ = self.poller.change(&port.listener, token, flags);
        }
    }

    fn accept(&mut self, now: Instant, port: usize, socket: TcpStream, peer: SocketAddr) {
        if self.figures.now >= self.limits.clients_max {
            self.figures.turned_away += 1;
            if !self.is_full_told {
                self.is_full_told = true;
                warn!(module = self.module.tag(), %peer, "more clients than tlib.clients_max: connections are closed as they come");
            }
            return;
        }
        let Some(port) = self.ports.get(port) else { return };
        let made = socket
            .set_nonblocking(true)
            .and_then(|()| socket.set_nodelay(true))
            .and_then(|()| port.connection(socket, now).map_err(io::Error::other));
        let form = if port.transport.is_web() { Form::Json } else { Form::Wire };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let token = token(slot, self.slots[slot].generation);
        let added = made.and_then(|connection| {
            self.poller.add(connection.socket(), token, EventFlags::IN)?;
            Ok(connection)
        });
        let connection = match added {
            Ok(connection) => connection,
            Err(error) => {
                warn!(module = self.module.tag(), %peer, %error, "a client could not be accepted");
                self.free.push(slot);
                return;
            }
        };
        self.next += 1;
        let id = ClientId { module: self.module, number: self.next };
        let is_open = connection.is_open();
        let session = self.limits.of_session(form);
        self.slot_by_number.insert(id.number, slot);
        self.slots[slot].client = Some(Box::new(Client {
            id,
            application: "".into(),
            peer,
            address: peer.to_string().into(),
            connection,
            is_open,
            session: Session::new(session, now, self.unix_at_zero),
            is_known: false,
            waits_to_write: false,
            is_dirty: false,
            is_behind: false,
            end: None,
        }));
        self.figures.accepted += 1;
        self.figures.now += 1;
        self.sweep_at.get_or_insert(now + SWEEP);
        if !is_open {
            self.begin_handshake(slot);
        }
    }

    /// Remembers a connection whose handshake begins, and closes the oldest where there are too many: who is stuck makes room for who is not.
    fn begin_handshake(&mut self, slot: usize) {
        if self.handshakes.len() >= self.limits.handshakes_max {
            let slots = &self.slots;
            self.handshakes.retain(|(slot, generation)| {
                let have = &slots[*slot];
                have.generation == *generation
                    && have.client.as_ref().is_some_and(|client| !client.is_open)
            });
        }
        if self.handshakes.len() >= self.limits.handshakes_max
            && let Some((oldest, _)) = self.handshakes.pop_front()
        {
            self.fail(oldest, &Fault::HandshakesMax);
        }
        self.handshakes.push_back((slot, self.slots[slot].generation));
    }

    /// A handshake has failed.
    fn fail(&mut self, slot: usize, fault: &Fault) {
        let Some(client) = self.slots[slot].client.as_mut() else { return };
        client.connection.finish(Code::Policy, "");
        let (module, peer) = (self.module.tag(), client.peer);
        if matches!(fault, Fault::Closed | Fault::Broken(_)) {
            debug!(module, %peer, reason = %fault, "a connection ended in its handshake");
        } else {
            info!(module, %peer, reason = %fault, "a connection was closed in its handshake");
        }
        self.figures.handshakes_failed += 1;
        self.remove(slot);
    }

    /// A connection is ready.
    pub(super) fn on_connection(&mut self, now: Instant, place: (u32, u32), flags: EventFlags) {
        let slot = place.0 as usize;
        let is_it = self.slots.get(slot).is_some_and(|have| {
            have.generation & GENERATION_MASK == place.1 && have.client.is_some()
        });
        if !is_it {
            return;
        }
        if flags.contains(EventFlags::OUT) {
            self.mark(slot);
        }
        let is_behind = self.slots[slot].client.as_ref().is_some_and(|client| client.is_behind);
        // Who is behind has another turn anyway.
        if !is_behind && flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.read(now, slot);
        }
    }

    /// Takes what a session gives; `false` when it is over.
    fn take_outputs(&mut self, now: Instant, slot: usize) -> bool {
        loop {
            let Some(client) = self.slots[slot].client.as_mut() else { return false };
            let Some(output) = client.session.poll_output() else { return true };
            match output {
                SessionOutput::Register(registration) => self.register(now, slot, &registration),
                SessionOutput::Request(message) => {
                    self.figures.requests += 1;
                    if let Some(log) = &mut self.log {
                        log.received(unix(self.unix_at_zero, now), &message, client.named());
                    }
                    self.happened.push(Happened::Request(client.caller(), message));
                }
                SessionOutput::Took(message) => {
                    if let Some(log) = &mut self.log {
                        log.received(unix(self.unix_at_zero, now), &message, client.named());
                    }
                }
                SessionOutput::Gave(message) => {
                    if let Some(log) = &mut self.log {
                        log.answered(unix(self.unix_at_zero, now), &message, client.named());
                    }
                }
                SessionOutput::Closed(reason) => {
                    if matches!(reason, CloseReason::Slow { .. }) {
                        self.figures.not_reading += 1;
                    }
                    info!(
                        module = self.module.tag(), client = client.id.number, application = &*client.application,
                        peer = %client.peer, %reason, "T-Library client disconnected"
                    );
                    let code = match reason {
                        CloseReason::Gone | CloseReason::Ended(_) => Code::Normal,
                        _ => Code::Policy,
                    };
                    client.connection.finish(code, &reason.to_string());
                    self.remove(slot);
                    return false;
                }
            }
        }
    }

    fn register(&mut self, now: Instant, slot: usize, registration: &Registration) {
        let Some(client) = self.slots[slot].client.as_mut() else { return };
        let wanted = self.limits.password.as_ref();
        if wanted.is_some_and(|wanted| !is_same(wanted, &registration.password)) {
            let text = "the ApplicationPassword is not that of tlib.password".to_owned();
            let refusal = SessionInput::Refuse(ErrorCode::BadPassword, text);
            client.session.handle_input(now, refusal);
            return;
        }
        client.application = Arc::clone(&registration.name);
        client.is_known = true;
        client.session.handle_input(now, SessionInput::Accept(self.hello.clone()));
        info!(
            module = self.module.tag(), client = client.id.number, application = &*client.application, peer = %client.peer,
            "T-Library client connected"
        );
        self.happened.push(Happened::Connected(client.id, Arc::clone(&registration.name)));
    }

    /// Puts an event into the queues of all who get it. The log has it as it is distributed, with whom it went to; the copy of who asked
    /// for it is an event of its own there, since it alone carries the ReferenceID.
    pub(super) fn deliver(&mut self, now: Instant, deliver: &Deliver) {
        let at = unix(self.unix_at_zero, now);
        let asker = deliver.asked_by.map(|token| token.client);
        if let Some(log) = &mut self.log
            && deliver.recipients().any(|client| Some(client) != asker)
        {
            log.distributed(at, deliver.event.message(), deliver.event.sequence());
        }
        let mut response = None;
        for client in deliver.recipients() {
            let Some(slot) = self.slot_by_number.get(&client.number).copied() else { continue };
            let Some(have) = self.slots[slot].client.as_ref() else { continue };
            let form = have.session.form();
            let reference = deliver.reference_for(client);
            let outgoing = deliver.event.outgoing(form, reference);
            if !self.put(slot, &outgoing) {
                // It may be one too many for this client.
                self.mark(slot);
                continue;
            }
            self.figures.deliveries += 1;
            let Some(have) = self.slots[slot].client.as_ref() else { continue };
            match (&mut self.log, reference) {
                (Some(_), Some(reference)) => response = Some((slot, reference)),
                (Some(log), None) => log.sent(at, deliver.event.kind(), have.named()),
                (None, _) => {}
            }
            self.queued(slot);
        }
        if let Some((slot, reference)) = response
            && let Some(have) = self.slots[slot].client.as_ref()
            && let Some(log) = &mut self.log
        {
            log.responded(at, &deliver.event, reference, have.named());
        }
    }

    /// Whether a request that came is still to be done: not for who is gone or owes for what it has asked for, which is then told.
    pub(super) fn admits(&mut self, now: Instant, client: ClientId, request: &Message) -> bool {
        let Some(slot) = self.slot_by_number.get(&client.number).copied() else { return false };
        let Some(have) = self.slots[slot].client.as_mut() else { return false };
        let admits = have.session.admits(now, request);
        if !admits {
            self.mark(slot);
        }
        admits
    }

    /// What a client has asked for was the work of so many requests more.
    pub(super) fn charge(&mut self, now: Instant, client: ClientId, requests: u32) {
        let Some(slot) = self.slot_by_number.get(&client.number).copied() else { return };
        if let Some(have) = self.slots[slot].client.as_mut() {
            have.session.charge(now, requests);
        }
    }

    /// Sends one client a message of its own.
    pub(super) fn answer(&mut self, now: Instant, client: ClientId, message: &Message) {
        let Some(slot) = self.slot_by_number.get(&client.number).copied() else { return };
        let Some(have) = self.slots[slot].client.as_ref() else { return };
        if !have.session.is_registered() {
            return;
        }
        let bytes = have.session.form().write(message);
        let is_taken = self.put(slot, &Outgoing { kind: message.kind(), answers: true, bytes });
        if is_taken
            && let Some(log) = &mut self.log
            && let Some(have) = self.slots[slot].client.as_ref()
        {
            log.answered(unix(self.unix_at_zero, now), message, have.named());
        }
        self.queued(slot);
    }

    /// Who is connected, in no order.
    pub(super) fn views(&self) -> Vec<ClientView> {
        self.slots.iter().filter_map(|slot| slot.client.as_deref()).map(Client::view).collect()
    }

    /// Sends a client away.
    pub(super) fn close(&mut self, now: Instant, client: ClientId, reason: &str) {
        let Some(slot) = self.slot_by_number.get(&client.number).copied() else { return };
        if let Some(have) = self.slots[slot].client.as_mut() {
            have.session.handle_input(now, SessionInput::End(reason.to_owned()));
            self.mark(slot);
        }
    }

    /// Puts a message into a client's queue. Who reads has taken something since it was last written to: that is seen before a full queue is
    /// the end of it.
    fn put(&mut self, slot: usize, outgoing: &Outgoing) -> bool {
        let fits = |client: &Client| client.session.fits(outgoing.bytes.len());
        if !self.slots[slot].client.as_deref().is_some_and(fits) {
            // A connection that is broken is found so once more, by `flush`.
            let _ = self.write_out(slot);
        }
        self.slots[slot].client.as_mut().is_some_and(|client| client.session.send(outgoing))
    }

    /// Whether little waits to be written to a client.
    pub(super) fn has_room(&self, client: ClientId) -> bool {
        let slot = self.slot_by_number.get(&client.number);
        let have = slot.and_then(|slot| self.slots[*slot].client.as_ref());
        have.is_some_and(|client| client.session.is_registered() && client.session.has_room())
    }

    /// Something waits for a client. It is written when all have had their turn, or at once when much waits: what one turn makes may be more
    /// than may wait for a client that reads.
    fn queued(&mut self, slot: usize) {
        self.mark(slot);
        let Some(client) = self.slots[slot].client.as_ref() else { return };
        if !client.waits_to_write && !client.session.has_room() {
            // A connection that is broken is found so once more, by `flush`.
            let _ = self.write_out(slot);
        }
    }

    fn mark(&mut self, slot: usize) {
        if let Some(client) = self.slots[slot].client.as_mut()
            && !client.is_dirty
        {
            client.is_dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Writes what waits, as far as the connections take it.
    pub(super) fn flush(&mut self, now: Instant) {
        while let Some(slot) = self.dirty.pop() {
            let Some(client) = self.slots[slot].client.as_mut() else { continue };
            client.is_dirty = false;
            if let Err(fault) = self.write_out(slot)
                && let Some(client) = self.slots[slot].client.as_mut()
            {
                if !client.is_open {
                    self.fail(slot, &fault);
                    continue;
                }
                debug!(client = ?client.id, peer = %client.peer, reason = %fault, "a client cannot be written to");
                client.session.handle_input(now, SessionInput::Closed);
            }
            self.take_outputs(now, slot);
        }
    }

    /// Writes what waits for one client, as far as its connection takes it.
    fn write_out(&mut self, slot: usize) -> Result<(), Fault> {
        let token = token(slot, self.slots[slot].generation);
        let Some(client) = self.slots[slot].client.as_mut() else { return Ok(()) };
        let is_full = client.connection.write(&mut client.session)?;
        if is_full != client.waits_to_write {
            client.waits_to_write = is_full;
            let flags = if is_full { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            // It was added when it was accepted.
            let _ = self.poller.change(client.connection.socket(), token, flags);
        }
        Ok(())
    }

    /// Looks whose time is over.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.sweep_at = (self.figures.now > 0).then_some(now + SWEEP);
        if std::mem::take(&mut self.is_paused) {
            self.listen_for(EventFlags::IN);
        }
        for slot in 0..self.slots.len() {
            let Some(client) = self.slots[slot].client.as_mut() else { continue };
            if !client.is_open {
                if client.connection.is_overdue(now, self.limits.handshake_timeout) {
                    self.fail(slot, &Fault::HandshakeTimeout);
                }
                continue;
            }
            if client.session.poll_timeout().is_some_and(|at| at <= now) {
                client.session.handle_timeout(now);
                self.mark(slot);
                self.take_outputs(now, slot);
            }
        }
    }

    fn remove(&mut self, slot: usize) {
        let Some(client) = self.slots[slot].client.take() else { return };
        self.slots[slot].generation = self.slots[slot].generation.wrapping_add(1);
        self.slot_by_number.remove(&client.id.number);
        self.free.push(slot);
        self.figures.now -= 1;
        self.is_full_told = false;
        if client.is_known {
            self.happened.push(Happened::Gone(client.id));
        }
    }
}

/// The time since 1970.
fn unix(at_zero: Duration, now: Instant) -> Duration {
    at_zero + now.saturating_since(Instant::ZERO)
}

fn token(slot: usize, generation: u32) -> Token {
    let slot = u32::try_from(slot).unwrap_or(u32::MAX);
    Token::Connection { slot, generation: generation & GENERATION_MASK }
}

/// Compares in a time that does not tell where the two differ.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// What a client is told when it is connected: who it talks to.
pub(super) fn hello(application: &str) -> Message {
    Message::new(MessageType::EventLinkConnected).with(Attribute::ApplicationName, application)
}

#[cfg(test)]
#[path = "clients_test.rs"]
mod tests;
