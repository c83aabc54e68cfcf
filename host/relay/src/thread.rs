//! One relay thread: its sessions, its sockets, its loop.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use media::{Refusal, RelayCommand, RelayEvent, StreamNo};
use model::{Instant, RelayId, Shard};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
};

use crate::{
    EventSink, RelayConfig,
    ports::PortPool,
    sessions::{Seat, Session, Sessions},
    stream::{Round, Stream},
    token::{Port, Token},
};

/// The longest time between two searches for silent sessions.
const TICK_MAX: Duration = Duration::from_secs(1);
/// The shortest.
const TICK_MIN: Duration = Duration::from_millis(10);
/// Readiness events taken at once.
const EVENTS_MAX: usize = 256;
/// Commands obeyed before packets have their turn.
const COMMANDS_PER_ROUND_MAX: usize = 32;
/// The largest UDP payload.
const PACKET_MAX: usize = 65_535;

/// What the relay threads share.
pub(crate) struct Shared {
    pub(crate) config: RelayConfig,
    pub(crate) ports: Arc<PortPool>,
    /// Calls relayed now.
    pub(crate) relays: Arc<AtomicUsize>,
    pub(crate) events: EventSink,
}

/// The receiving end of a thread's commands.
pub(crate) struct Inbox {
    pub(crate) commands: Receiver<(Shard, RelayCommand)>,
    /// How many wait.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// An eventfd.
    pub(crate) wake: Arc<OwnedFd>,
}

pub(crate) struct RelayThread {
    shared: Arc<Shared>,
    inbox: Inbox,
    epoll: OwnedFd,
    sessions: Sessions,
    started: std::time::Instant,
}

impl RelayThread {
    pub(crate) fn new(shared: Arc<Shared>, inbox: Inbox) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &inbox.wake,
            epoll::EventData::new_u64(Token::WAKE),
            epoll::EventFlags::IN,
        )?;
        let started = std::time::Instant::now();
        Ok(Self { shared, inbox, epoll, sessions: Sessions::default(), started })
    }

    /// Runs until every handle is gone.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; PACKET_MAX];
        let tick = (self.shared.config.media_timeout / 4).clamp(TICK_MIN, TICK_MAX);
        let mut ticked = self.now();
        for number in (1..=u32::MAX).cycle() {
            if let Err(error) = self.wait(&mut events, tick) {
                tracing::error!(%error, "the media relay cannot wait for packets; its calls have no media");
                return;
            }
            // Commands come first: a packet that was sent after one shall find it done. One that closes a socket of this round
            // leaves a token that names nothing, or a new call's socket that has nothing yet.
            let woken = events.iter().any(|event| event.data.u64() == Token::WAKE);
            if woken && !self.take_commands() {
                return;
            }
            let now = self.now();
            self.move_packets(&Round::new(now, number, &self.shared.config), &events, &mut buffer);
            if now - ticked >= tick {
                ticked = now;
                self.tell_silence(now);
            }
        }
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, tick: Duration) -> io::Result<()> {
        events.clear();
        let timeout = Timespec {
            tv_sec: i64::try_from(tick.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: tick.subsec_nanos().into(),
        };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn move_packets(&mut self, round: &Round, events: &[epoll::Event], buffer: &mut [u8]) {
        for event in events {
            if let Some(token) = Token::unpack(event.data.u64()) {
                self.pump(round, token, buffer);
            }
        }
    }

    fn pump(&mut self, round: &Round, token: Token, buffer: &mut [u8]) {
        let Some(session) = self.sessions.at(token.slot) else { return };
        let Some(stream) = session.streams.get_mut(usize::from(token.stream)) else { return };
        let pumped = stream.pump(round, token.port, buffer);
        if pumped.heard {
            session.heard(round.now);
        }
        if let Some(from) = pumped.learned {
            let (relay, shard) = (session.relay, session.shard);
            let (stream, side) = (StreamNo(token.stream), token.port.side);
            self.tell(shard, RelayEvent::Learned { relay, stream, side, from });
        }
    }

    fn now(&self) -> Instant {
        let nanos = self.started.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// False when nobody can send commands any more.
    fn take_commands(&mut self) -> bool {
        // Read first: a command sent from here on wakes the next round.
        let _ = rustix::io::read(&self.inbox.wake, &mut [0; 8]);
        for _ in 0..COMMANDS_PER_ROUND_MAX {
            match self.inbox.commands.try_recv() {
                Ok((shard, command)) => {
                    self.inbox.waiting.fetch_sub(1, Relaxed);
                    self.obey(shard, command);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        let _ = rustix::io::write(&self.inbox.wake, &1u64.to_ne_bytes());
        true
    }

    /// Commands for a relay that is not open, which a call that has just ended may give, do nothing.
    fn obey(&mut self, shard: Shard, command: RelayCommand) {
        match command {
            RelayCommand::Open { relay, streams } => self.open(shard, relay, streams),
            RelayCommand::Extend { relay, streams } => {
                if let Some(slot) = self.sessions.slot(relay) {
                    self.grow(slot, streams);
                }
            }
            RelayCommand::Remote { relay, stream: StreamNo(stream), side, rtp, rtcp, mux } => {
                let session = self.sessions.get(relay);
                if let Some(stream) =
                    session.and_then(|session| session.streams.get_mut(usize::from(stream)))
                {
                    stream.party_mut(side).remote(rtp, rtcp, mux);
                }
            }
            RelayCommand::Forget { relay, side } => {
                for stream in
                    self.sessions.get(relay).into_iter().flat_map(|session| &mut session.streams)
                {
                    stream.party_mut(side).forget();
                }
            }
            RelayCommand::Close { relay } => self.close(relay),
        }
    }

    fn open(&mut self, shard: Shard, relay: RelayId, streams: u8) {
        if let Some(slot) = self.sessions.slot(relay) {
            self.grow(slot, streams);
            return;
        }
        let Some(seat) = Seat::take(&self.shared.relays, self.shared.config.relays_max) else {
            return self.tell(shard, RelayEvent::Refused { relay, why: Refusal::TooManyRelays });
        };
        let slot = self.sessions.insert(Session::new(relay, shard, self.now(), seat));
        if !self.grow(slot, streams) {
            self.sessions.remove(relay);
        }
    }

    /// Opens streams up to `wanted` and tells how it went; true when they are all there.
    fn grow(&mut self, slot: u32, wanted: u8) -> bool {
        let added = self.add_streams(slot, wanted);
        let Some(session) = self.sessions.at(slot) else { return false };
        let (relay, shard) = (session.relay, session.shard);
        let event = match added {
            Ok(()) => RelayEvent::Opened { relay, streams: session.ports(&self.shared.config) },
            Err(why) => RelayEvent::Refused { relay, why },
        };
        self.tell(shard, event);
        added.is_ok()
    }

    /// All of them or none.
    fn add_streams(&mut self, slot: u32, wanted: u8) -> Result<(), Refusal> {
        if wanted > self.shared.config.streams_max {
            return Err(Refusal::TooManyStreams);
        }
        let open = self.sessions.at(slot).map_or(0, |session| session.streams.len());
        let mut added = Vec::new();
        for number in open..usize::from(wanted) {
            let Ok(number) = u8::try_from(number) else { break };
            added.push(self.bind_stream(slot, number).map_err(|error| {
                tracing::warn!(%error, "no media ports for a call: widen the port range, or raise the limit of open files");
                Refusal::NoPorts
            })?);
        }
        if let Some(session) = self.sessions.at(slot) {
            session.streams.extend(added);
        }
        Ok(())
    }

    fn bind_stream(&self, slot: u32, number: u8) -> io::Result<Stream> {
        let stream = Stream::new(self.shared.ports.take()?, self.shared.ports.take()?);
        for port in Port::ALL {
            let socket = stream.party(port.side).socket(port.rtcp).as_fd();
            let data = epoll::EventData::new_u64(Token { slot, stream: number, port }.pack());
            // A socket leaves the epoll set by itself when it is closed.
            epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)?;
        }
        Ok(stream)
    }

    fn close(&mut self, relay: RelayId) {
        if let Some(session) = self.sessions.remove(relay) {
            let (shard, stats) = (session.shard, session.stats());
            // The ports are back before anybody hears of it.
            drop(session);
            self.tell(shard, RelayEvent::Closed { relay, stats });
        }
    }

    fn tell_silence(&mut self, now: Instant) {
        let limit = self.shared.config.media_timeout;
        for session in self.sessions.iter_mut() {
            if let Some(since) = session.newly_silent(now, limit) {
                let event = RelayEvent::Silent { relay: session.relay, since };
                (self.shared.events)(session.shard, event);
            }
        }
    }

    fn tell(&self, shard: Shard, event: RelayEvent) {
        (self.shared.events)(shard, event);
    }
}
