//! One relay thread: its sessions, its sockets, its loop.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use media::{Refusal, RelayCommand, RelayEvent, Side, StreamNo};
use model::{Instant, RelayId, Shard};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
};

use crate::{
    EventSink, RelayConfig,
    ports::Ports,
    session::Session,
    stream::{Party, Port, Stream},
};

/// How often sessions are looked through for silence.
const TICK: Duration = Duration::from_secs(1);
/// Readiness events taken at once.
const EVENTS_MAX: usize = 256;
/// The token of the eventfd.
const WAKE: u64 = u64::MAX;
/// The largest UDP payload.
const PACKET_MAX: usize = 65_535;

/// What the relay threads share. The ports are locked when a call's media opens or closes, never for a packet.
pub(crate) struct Shared {
    pub(crate) config: RelayConfig,
    pub(crate) ports: Mutex<Ports>,
    pub(crate) relays: AtomicUsize,
    pub(crate) events: EventSink,
}

pub(crate) struct RelayThread {
    shared: Arc<Shared>,
    commands: Receiver<(Shard, RelayCommand)>,
    wake: Arc<OwnedFd>,
    epoll: OwnedFd,
    sessions: BTreeMap<RelayId, Session>,
    /// What a readiness token stands for.
    sockets: HashMap<u64, Place>,
    next_token: u64,
    started: std::time::Instant,
}

/// Where a socket is.
#[derive(Clone, Copy)]
struct Place {
    relay: RelayId,
    stream: usize,
    port: Port,
}

impl RelayThread {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: Receiver<(Shard, RelayCommand)>,
        wake: Arc<OwnedFd>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Self {
            shared,
            commands,
            wake,
            epoll,
            sessions: BTreeMap::new(),
            sockets: HashMap::new(),
            next_token: 0,
            started: std::time::Instant::now(),
        })
    }

    /// Runs until every handle is gone.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; PACKET_MAX];
        let mut ticked = self.now();
        loop {
            events.clear();
            let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
            if let Err(error) =
                epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))
                && error != rustix::io::Errno::INTR
            {
                tracing::error!(%error, "the media relay cannot wait for packets");
                return;
            }
            let now = self.now();
            for event in &events {
                match event.data.u64() {
                    WAKE => {
                        if !self.take_commands() {
                            return;
                        }
                    }
                    token => self.pump(now, token, &mut buffer),
                }
            }
            if now - ticked >= TICK {
                ticked = now;
                self.tell_silence(now);
                // The last handle's wake-up may come a moment before its channel closes.
                if !self.take_commands() {
                    return;
                }
            }
        }
    }

    fn now(&self) -> Instant {
        let nanos = self.started.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// False when nobody can send commands any more.
    fn take_commands(&mut self) -> bool {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.wake, &mut count);
        loop {
            match self.commands.try_recv() {
                Ok((shard, command)) => self.obey(shard, command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, shard: Shard, command: RelayCommand) {
        match command {
            RelayCommand::Open { relay, streams } => self.open(shard, relay, streams),
            RelayCommand::Extend { relay, streams } => {
                if self.sessions.contains_key(&relay) {
                    self.grow(shard, relay, streams);
                }
            }
            RelayCommand::Remote { relay, stream: StreamNo(n), side, rtp, rtcp, mux } => {
                if let Some(stream) = self.stream(relay, usize::from(n)) {
                    stream.party_mut(side).remote(rtp, rtcp, mux);
                }
            }
            RelayCommand::Forget { relay, side } => {
                for stream in self.sessions.get_mut(&relay).into_iter().flat_map(|s| &mut s.streams)
                {
                    stream.party_mut(side).forget();
                }
            }
            RelayCommand::Close { relay } => self.close(relay),
        }
    }

    fn open(&mut self, shard: Shard, relay: RelayId, streams: u8) {
        if self.sessions.contains_key(&relay) {
            self.grow(shard, relay, streams);
            return;
        }
        if self.shared.relays.fetch_add(1, Relaxed) >= self.shared.config.relays_max {
            self.shared.relays.fetch_sub(1, Relaxed);
            return self.tell(shard, RelayEvent::Refused { relay, why: Refusal::TooManyRelays });
        }
        let now = self.now();
        self.sessions.insert(relay, Session::new(shard, now));
        if !self.grow(shard, relay, streams) {
            self.forget(relay);
        }
    }

    /// Opens streams up to `wanted`; true when they are all there.
    fn grow(&mut self, shard: Shard, relay: RelayId, wanted: u8) -> bool {
        let refused = if wanted > self.shared.config.streams_max {
            Some(Refusal::TooManyStreams)
        } else {
            self.add_streams(relay, usize::from(wanted)).err()
        };
        if let Some(why) = refused {
            self.tell(shard, RelayEvent::Refused { relay, why });
            return false;
        }
        if let Some(session) = self.sessions.get(&relay) {
            let streams = session.ports(&self.shared.config);
            self.tell(shard, RelayEvent::Opened { relay, streams });
        }
        true
    }

    fn add_streams(&mut self, relay: RelayId, wanted: usize) -> Result<(), Refusal> {
        while self.sessions.get(&relay).is_some_and(|session| session.streams.len() < wanted) {
            let stream = self.bind_stream().ok_or(Refusal::NoPorts)?;
            let at = self.sessions.get(&relay).map_or(0, |session| session.streams.len());
            let mut tokens = Vec::with_capacity(Port::ALL.len());
            for port in Port::ALL {
                self.next_token += 1;
                let token = self.next_token;
                self.sockets.insert(token, Place { relay, stream: at, port });
                tokens.push(token);
                let socket = stream.party(port.side).socket(port.rtcp).as_fd();
                let data = epoll::EventData::new_u64(token);
                if let Err(error) = epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN) {
                    tracing::error!(%error, "a media socket cannot be watched");
                    return Err(Refusal::NoPorts);
                }
            }
            if let Some(session) = self.sessions.get_mut(&relay) {
                session.streams.push(stream);
                session.tokens.extend(tokens);
            }
        }
        Ok(())
    }

    fn bind_stream(&self) -> Option<Stream> {
        let now = std::time::Instant::now();
        let mut ports = self.shared.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let a = ports.take(now)?;
        let Some(b) = ports.take(now) else {
            ports.give_back(now, a.port);
            return None;
        };
        drop(ports);
        Some(Stream { a: Party::new(a), b: Party::new(b), stats: media::StreamStats::default() })
    }

    fn close(&mut self, relay: RelayId) {
        if let Some(session) = self.forget(relay) {
            let stats = session.streams.iter().map(|stream| stream.stats).collect();
            self.tell(session.shard, RelayEvent::Closed { relay, stats });
        }
    }

    /// Takes a session out and gives its ports back; its sockets close with it.
    fn forget(&mut self, relay: RelayId) -> Option<Session> {
        let session = self.sessions.remove(&relay)?;
        self.shared.relays.fetch_sub(1, Relaxed);
        for token in &session.tokens {
            self.sockets.remove(token);
        }
        let now = std::time::Instant::now();
        let mut ports = self.shared.ports.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in &session.streams {
            for side in [Side::A, Side::B] {
                ports.give_back(now, stream.party(side).pair.port);
            }
        }
        drop(ports);
        Some(session)
    }

    fn pump(&mut self, now: Instant, token: u64, buffer: &mut [u8]) {
        // A session closed earlier in this batch of events has taken its tokens along.
        let Some(place) = self.sockets.get(&token).copied() else { return };
        let (burst, learner) = (self.shared.config.burst_max, self.shared.config.learner);
        let Some(session) = self.sessions.get_mut(&place.relay) else { return };
        let Some(stream) = session.streams.get_mut(place.stream) else { return };
        let (learned, heard) = stream.pump(now, place.port, buffer, burst, &learner);
        if heard {
            session.heard(now);
        }
        if let (Some(from), Ok(n)) = (learned, u8::try_from(place.stream)) {
            let shard = session.shard;
            let (relay, stream, side) = (place.relay, StreamNo(n), place.port.side);
            self.tell(shard, RelayEvent::Learned { relay, stream, side, from });
        }
    }

    fn tell_silence(&mut self, now: Instant) {
        let limit = self.shared.config.media_timeout;
        for (relay, session) in &mut self.sessions {
            if let Some(since) = session.newly_silent(now, limit) {
                (self.shared.events)(session.shard, RelayEvent::Silent { relay: *relay, since });
            }
        }
    }

    fn tell(&self, shard: Shard, event: RelayEvent) {
        (self.shared.events)(shard, event);
    }

    fn stream(&mut self, relay: RelayId, at: usize) -> Option<&mut Stream> {
        self.sessions.get_mut(&relay)?.streams.get_mut(at)
    }
}
