//! One thread, one shard of the calls: its sockets, its [`Switch`], its plugins.
//!
//! The loop waits in `epoll`, hands what came to the switch, and does what the switch says, draining it to the end before the
//! next input. No lock is taken on the way of a packet.

mod figures;
mod io;
mod mail;
mod pressure;
mod words;

use std::{
    collections::VecDeque,
    net::{TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use media::RelayCommand;
use model::{
    Flow, Instant, Moment, Transport,
    hook::{Answer, Question},
};
use rustix::{event::Timespec, time::ClockId};
use sip::Shedding;
use switch::{Command, Input, LocateId, Output, Publish, StoreOutcome, StoreTicket, Switch};
use tracing::{debug, warn};

use crate::{
    clock::{Calendar, Clock, cpu_us},
    directory::NodeDirectory,
    journal::FactSender,
    mailbox::{Mailbox, Postbox},
    modules::FactPort,
    poller::{EventFlags, Poller, Ready, Token},
    records::Collector,
    store::{StoreSender, Write},
    stream::{Owners, StreamLimits, Streams, Tls},
    trace::Tap,
    udp::UdpPort,
};

pub use figures::{Figures, MediaFigures};
pub use mail::{Configured, Mail};
use pressure::Pressure;
pub use words::Said;

/// Timers are rounded up to this, so that a thousand ending transactions are one wake-up and not a thousand. RFC 3261's
/// shortest timer is fifty times as long.
const TIMER_GRAIN: Duration = Duration::from_millis(10);
/// An overload that goes on is told in the log so often.
const TELL_EACH: Duration = Duration::from_secs(10);
/// How long messages are worked off before timers and sockets get their turn.
const TURN: Duration = Duration::from_millis(2);
/// Mail taken before the sockets get their turn.
const MAIL_BUDGET: usize = 64;
/// How often a draining worker looks whether its calls have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// Of messages that wait so many bytes are reckoned with for each; of larger ones fewer wait.
const USUAL_BYTES: usize = 2048;
/// The largest UDP payload.
const DATAGRAM_MAX: usize = 65_535;

/// Answers the switch's questions, on the worker's thread.
pub trait Decide {
    /// Answers at once: it must neither block nor panic.
    fn answer(&mut self, question: &Question, moment: Moment) -> Answer;

    /// Gives back what replaced plugins held on this thread.
    fn sweep(&mut self);
}

/// What a worker is made of.
pub struct Parts {
    /// The shard's configuration.
    pub switch: switch::Config,
    /// One socket a listener, in the order of the configuration.
    pub sockets: Vec<ListenSocket>,
    /// What connections may use.
    pub streams: StreamLimits,
    /// Which worker has which connection.
    pub owners: Owners,
    /// Words to another shard that wait for room in its mailbox.
    pub words_max: usize,
    /// Datagrams kept behind each socket's send buffer.
    pub send_queue_max: usize,
    /// Datagrams taken from one socket at a time.
    pub receive_batch_max: usize,
    /// Messages taken from the sockets that wait here; beyond it they wait in the kernel.
    pub receive_queue_max: usize,
    /// A message that waits longer is a sign of overload; zero is none.
    pub overload_wait: Duration,
    /// What others send to this worker.
    pub mailbox: Mailbox<Mail>,
    /// The mailboxes of all workers by shard, this one's own included.
    pub postboxes: Vec<Postbox<Mail>>,
    /// Registrations and subscribers.
    pub directory: Arc<NodeDirectory>,
    /// Has a URI looked up; what comes of it arrives as [`Mail::Located`].
    pub locate: Box<dyn Fn(LocateId, String) + Send>,
    /// Takes the switch's commands to the media relay.
    pub relay: Box<dyn Fn(RelayCommand) + Send>,
    /// Takes what happened to the journal.
    pub facts: FactSender,
    /// Takes what happened to those who tell T-Library clients, where there are any.
    pub cti: Option<FactPort>,
    /// Keeps what happened to each call together for its record.
    pub records: Collector,
    /// Takes contacts to the store; `None` when they are kept in memory alone, as `switch` says.
    pub store: Option<StoreSender>,
    /// Bindings of this shard from before a restart.
    pub restored: Vec<Publish>,
    /// The process's clock.
    pub clock: Clock,
    /// The zone plugins see local time in.
    pub calendar: Calendar,
}

/// The socket of a listener.
pub enum ListenSocket {
    /// Datagrams.
    Udp(UdpSocket),
    /// Connections, encrypted where there is TLS.
    Stream(TcpListener, Option<Tls>),
}

/// One worker's part of a listener.
enum Port {
    Udp(UdpPort),
    Stream,
}

/// What waits for the worker.
struct Waiting {
    since: Instant,
    flow: Flow,
    /// The message; empty at the end of a connection.
    bytes: Bytes,
    kind: Kind,
}

/// What waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A message that came in here.
    Received,
    /// One that another worker has found to be for this one.
    HandedOver,
    /// The end of a connection, behind what came over it.
    Closed,
}

/// A running shard.
pub struct Worker<D> {
    switch: Switch,
    shard: usize,
    parts: Parts,
    decide: D,
    poller: Arc<Poller>,
    ports: Vec<Port>,
    transports: Vec<Transport>,
    streams: Streams,
    /// Answers and transport errors that wait for the switch to be drained.
    followups: VecDeque<Input>,
    /// Datagrams that were received or handed over and wait, with the time they were.
    inbox: VecDeque<Waiting>,
    /// Bytes of them.
    inbox_bytes: usize,
    pressure: Pressure,
    shedding: Shedding,
    /// When the log was told of an overload last.
    overload_told_at: Option<Instant>,
    /// Datagrams for other shards, by shard.
    handovers: Vec<Vec<(Flow, Bytes)>>,
    /// What this shard says to others, by shard.
    words: Vec<VecDeque<Said>>,
    figures: Figures,
    /// Who watches the messages.
    taps: Vec<Tap>,
    /// When to look whether the last call has ended, while draining.
    drain_look_at: Option<Instant>,
    stopped: bool,
}

impl<D: Decide> Worker<D> {
    /// Puts a worker together on the thread that will run it.
    ///
    /// # Errors
    ///
    /// When the kernel does not wait for its sockets.
    pub fn new(mut parts: Parts, decide: D) -> std::io::Result<Self> {
        let poller = Arc::new(Poller::new()?);
        poller.add(&*parts.mailbox.bell(), Token::Bell, EventFlags::IN)?;
        let shard = usize::from(parts.switch.shard.0);
        let mut streams = Streams::new(
            poller.clone(),
            shard,
            parts.owners.clone(),
            parts.streams,
            parts.switch.sip_limits.clone(),
        );
        let ports = io::register(&poller, &mut streams, &mut parts)?;
        Ok(Self {
            poller,
            streams,
            ports,
            shard,
            transports: parts.switch.listeners.iter().map(|l| l.transport).collect(),
            switch: Switch::new(parts.switch.clone()),
            followups: VecDeque::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            pressure: Pressure::new(parts.overload_wait),
            shedding: Shedding::Nothing,
            overload_told_at: None,
            handovers: parts.postboxes.iter().map(|_| Vec::new()).collect(),
            words: parts.postboxes.iter().map(|_| VecDeque::new()).collect(),
            figures: Figures::default(),
            taps: Vec::new(),
            drain_look_at: None,
            stopped: false,
            parts,
            decide,
        })
    }

    /// Runs until it is told to stop, or until it drained and its last call has ended.
    pub fn run(mut self) {
        self.restore();
        let mut buffer = vec![0; DATAGRAM_MAX];
        let mut ready = Ready::new();
        while !self.stopped {
            self.arm();
            let timeout = self.wait();
            self.poller.wait(&mut ready, timeout.as_ref());
            self.figures.wakes += 1;
            self.on_time();
            // Mail first: what an operator said before a datagram was sent holds for the datagram.
            if (0..ready.len()).any(|at| matches!(ready.at(at), Some((Token::Bell, _)))) {
                self.on_mail();
            }
            for (token, flags) in (0..ready.len()).filter_map(|at| ready.at(at)) {
                self.on_ready(token, flags, &mut buffer);
            }
            self.work_off();
            self.hand_over();
            self.pass_words();
            self.make_good();
        }
        self.parts.records.finish(self.parts.clock.now());
    }

    /// Takes what the store kept, before the first datagram.
    fn restore(&mut self) {
        for Publish { aor, bindings } in std::mem::take(&mut self.parts.restored) {
            self.input(Input::Restore { aor, bindings: bindings.to_vec() });
        }
    }

    /// How long to wait at most; `None` for as long as it takes.
    fn wait(&self) -> Option<Timespec> {
        if !self.inbox.is_empty() {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        let timer = self.switch.poll_timeout().map(|(at, _)| round_up(at));
        let again = self.words_again().or_else(|| self.facts_again());
        let at = [timer, self.drain_look_at, self.streams.next_sweep(), again]
            .into_iter()
            .flatten()
            .min()?;
        // A wait that does not fit is longer than any timer.
        Timespec::try_from(at.saturating_since(self.parts.clock.now())).ok()
    }

    fn on_time(&mut self) {
        let now = self.parts.clock.now();
        if self.switch.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.switch.handle_timeout(now, &*self.parts.directory);
            self.drain(now);
        }
        self.sweep(now);
        if self.drain_look_at.is_some_and(|at| at <= now) {
            self.drain_look_at = Some(now + DRAIN_LOOK);
            let stats = self.switch.stats();
            // The messages of calls that have gone to other workers come here.
            let stands = stats.calls_now + stats.moved_now;
            self.stopped = stands == 0 && stats.trunks_leaving == 0;
        }
    }

    /// Takes what waits, for as long as timers and sockets can do without their turn.
    fn work_off(&mut self) {
        let mut now = self.parts.clock.now();
        let until = now + TURN;
        while now < until
            && let Some(waiting) = self.inbox.pop_front()
        {
            let Waiting { since, flow, bytes, kind } = waiting;
            self.inbox_bytes -= bytes.len();
            if kind == Kind::Closed {
                self.on_closed(flow);
                continue;
            }
            let waited = now.saturating_since(since);
            self.figures.waited_most = self.figures.waited_most.max(waited);
            let shedding = self.pressure.judge(now, waited);
            if shedding != self.shedding {
                self.note_pressure(now, shedding, waited);
                self.input(Input::Shed(shedding));
            }
            if kind == Kind::HandedOver {
                self.input(Input::Datagram { flow, bytes });
            } else {
                self.on_message(flow, bytes);
            }
            now = self.parts.clock.now();
        }
    }

    fn note_pressure(&mut self, now: Instant, shedding: Shedding, waited: Duration) {
        self.shedding = shedding;
        let is_told = self.overload_told_at.is_some_and(|at| now.saturating_since(at) < TELL_EACH);
        if shedding != Shedding::Nothing && !is_told {
            self.overload_told_at = Some(now);
            warn!(
                shard = self.shard,
                waited_ms = waited.as_millis(),
                refused = self.switch.sip_stats().shed,
                "overload: messages wait longer than sip.overload_wait_ms, so new calls are refused with 503; there is more \
                 traffic than this worker can do, or a plugin takes too long (`jackfield plugins` shows their times)"
            );
        }
    }

    /// A message came in: it is this shard's, or another's.
    fn on_message(&mut self, flow: Flow, bytes: Bytes) {
        self.show(true, flow, &bytes);
        if self.handovers.len() > 1 {
            let shard = switch::shard_of(&bytes, self.parts.switch.shards)
                .map_or(self.shard, |shard| usize::from(shard.0));
            if shard != self.shard
                && let Some(batch) = self.handovers.get_mut(shard)
            {
                batch.push((flow, bytes));
                return;
            }
        }
        self.input(Input::Datagram { flow, bytes });
    }

    /// Shows a message to those who watch, if anybody does.
    fn show(&mut self, incoming: bool, flow: Flow, bytes: &Bytes) {
        if !self.taps.is_empty() {
            let now = self.parts.clock.now();
            self.taps.retain_mut(|tap| tap.pass(now, incoming, flow, bytes));
        }
    }

    /// Gives the other workers what is theirs, a batch each.
    fn hand_over(&mut self) {
        if self.handovers.iter().all(Vec::is_empty) {
            return;
        }
        let now = self.parts.clock.now();
        for (shard, batch) in self.handovers.iter_mut().enumerate() {
            if batch.is_empty() {
                continue;
            }
            let count = batch.len() as u64;
            match self.parts.postboxes[shard].post(Mail::Datagrams(now, std::mem::take(batch))) {
                Ok(()) => self.figures.handed_over += count,
                Err(_) => self.figures.handovers_dropped += count,
            }
        }
    }

    /// Keeps what another worker hands over until its turn comes. Half of the room is for what the own sockets receive.
    fn take_over(&mut self, since: Instant, batch: Vec<(Flow, Bytes)>) {
        let most = (self.parts.receive_queue_max / 2).max(1);
        for (flow, bytes) in batch {
            if self.has_room(most) {
                self.keep(Waiting { since, flow, bytes, kind: Kind::HandedOver });
            } else {
                self.figures.handovers_dropped += 1;
            }
        }
    }

    /// Whether there is room for another message beside so many.
    fn has_room(&self, most: usize) -> bool {
        self.inbox.len() < most && self.inbox_bytes < most.saturating_mul(USUAL_BYTES)
    }

    fn keep(&mut self, waiting: Waiting) {
        self.inbox_bytes += waiting.bytes.len();
        self.inbox.push_back(waiting);
    }

    fn on_mail(&mut self) {
        let mail: Vec<Mail> = self.parts.mailbox.take(MAIL_BUDGET).collect();
        for mail in mail {
            match mail {
                Mail::Datagrams(since, batch) => self.take_over(since, batch),
                Mail::Told(words) => {
                    for said in words {
                        self.hear(said);
                    }
                }
                Mail::Located { id, places } => {
                    if let Err(error) = &places {
                        let call_id = self.switch.call_id(id.conn).unwrap_or_default();
                        debug!(conn_id = %id.conn, call_id, %error, "a target was not found");
                    }
                    self.input(Input::Located { id, places });
                }
                Mail::Send { flow, bytes } => self.send_for_another(flow, &bytes),
                Mail::Closed(flow) => self.input(Input::TransportError { flow }),
                Mail::Relay(event) => {
                    self.figures.media.count(&event, &self.switch);
                    self.input(Input::Relay(event));
                }
                Mail::Stored { tickets, outcome } => {
                    for ticket in tickets {
                        self.input(Input::Stored { ticket, outcome });
                    }
                }
                Mail::Sweep => self.decide.sweep(),
                Mail::Drain => {
                    self.drain_look_at = Some(self.parts.clock.now());
                    self.input(Input::Command(Command::Drain));
                }
                Mail::Stop => self.stopped = true,
                Mail::Control(control) => self.input(Input::Control(*control)),
                Mail::Hangup { conn, reply } => {
                    if let Some(to) = self.moved_to(conn) {
                        // Who asked hears of it when it found no room.
                        let _ = to.post(Mail::Hangup { conn, reply });
                        continue;
                    }
                    let now = self.parts.clock.now();
                    let known = self.switch.calls(now).any(|call| call.conn == conn);
                    if known {
                        self.input(Input::Command(Command::Hangup { conn }));
                    }
                    // Who asked may have gone.
                    let _ = reply.send(known);
                }
                Mail::Calls { limit, reply } => {
                    let now = self.parts.clock.now();
                    let _ = reply.send(self.switch.calls(now).take(limit).collect());
                }
                Mail::Watch(tap) => self.taps.push(tap),
                Mail::Configure(configured) => self.configure(*configured),
                Mail::Figures { reply } => {
                    self.figures.switch = self.switch.stats();
                    self.figures.cpu_us = cpu_us(ClockId::ThreadCPUTime);
                    self.figures.streams = self.streams.figures();
                    self.figures.sip = self.switch.sip_stats().clone();
                    let _ = reply.send(Box::new(self.figures.clone()));
                    self.figures.waited_most = Duration::ZERO;
                }
            }
        }
    }

    /// The mailbox of the worker that has a call which was this one's.
    fn moved_to(&self, conn: model::ConnId) -> Option<&Postbox<Mail>> {
        let to = self.switch.moved_to(conn)?;
        self.parts.postboxes.get(usize::from(to.0))
    }

    fn configure(&mut self, configured: Configured) {
        let Configured { settings, calendar, events_max, records, done } = configured;
        self.parts.calendar = calendar;
        self.parts.records.configure(events_max, records);
        self.input(Input::Configure(Box::new(settings)));
        // Who waited has given up, or there is room for every worker.
        let _ = done.try_send(());
    }

    fn input(&mut self, input: Input) {
        let now = self.parts.clock.now();
        self.switch.handle_input(now, &*self.parts.directory, input);
        self.drain(now);
    }

    /// Does what the switch says until it says nothing more.
    fn drain(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.switch.poll_output() {
                self.on_output(now, output);
            }
            let Some(input) = self.followups.pop_front() else { return };
            self.switch.handle_input(now, &*self.parts.directory, input);
        }
    }

    fn on_output(&mut self, now: Instant, output: Output) {
        match output {
            Output::Transmit { flow, bytes } => {
                self.show(false, flow, &bytes);
                self.transmit(now, flow, &bytes);
            }
            Output::Ask(question) => {
                self.figures.questions += 1;
                let moment = self.parts.calendar.moment();
                let answer = self.decide.answer(&question, moment);
                self.followups.push_back(Input::Answer(answer));
            }
            Output::Locate { id, uri } => (self.parts.locate)(id, uri),
            Output::Relay(command) => (self.parts.relay)(command),
            Output::Watch { aor, wanted } => {
                let shard = self.parts.switch.shard;
                self.parts.directory.watched().publish(aor, shard, wanted);
            }
            Output::Tell { to, word } => self.keep_word(to, word),
            Output::Publish(publish) => {
                self.parts.directory.publish(publish.aor, publish.bindings);
            }
            Output::Trunk { id, status } => self.parts.directory.trunks().publish(id, status),
            Output::Device { aor, in_service } => {
                self.parts.directory.publish_device(aor, in_service);
            }
            Output::Store { ticket, publish } => self.store(ticket, publish),
            Output::Emit(fact) => {
                self.parts.records.take(now, &fact);
                if let Some(cti) = &mut self.parts.cti
                    && !cti.tell(&fact)
                {
                    self.figures.facts_dropped += 1;
                }
                if !self.parts.facts.send(now, fact) {
                    self.figures.facts_dropped += 1;
                }
            }
        }
    }

    fn store(&mut self, ticket: StoreTicket, publish: Publish) {
        let write = Write { shard: self.parts.switch.shard, ticket, publish };
        if !self.parts.store.as_ref().is_some_and(|store| store.send(write)) {
            self.followups.push_back(Input::Stored { ticket, outcome: StoreOutcome::Busy });
        }
    }
}

/// The end of the grain `at` lies in.
fn round_up(at: Instant) -> Instant {
    // A constant of ten million.
    let grain = TIMER_GRAIN.as_nanos() as u64;
    Instant::from_nanos(at.as_nanos().div_ceil(grain).saturating_mul(grain))
}

#[cfg(test)]
#[path = "worker_test.rs"]
mod tests;
