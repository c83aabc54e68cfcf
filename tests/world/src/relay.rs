//! A media relay that moves no packets: it hands out ports and remembers who holds them.

use std::{collections::BTreeMap, net::SocketAddr};

use media::{Refusal, RelayCommand, RelayEvent, Side, StreamNo, StreamPorts};
use model::RelayId;

/// The relay of a world.
#[derive(Debug)]
pub(crate) struct SimRelay {
    open: BTreeMap<RelayId, Vec<StreamPorts>>,
    /// Which relay a port belongs to, and towards which party.
    ports: BTreeMap<SocketAddr, (RelayId, Side)>,
    /// Where the parties receive their first stream.
    remotes: BTreeMap<(RelayId, bool), SocketAddr>,
    next_port: u16,
    relays_max: usize,
    pub(crate) opened: u64,
    pub(crate) closed: u64,
}

impl SimRelay {
    pub(crate) const fn new(relays_max: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            ports: BTreeMap::new(),
            remotes: BTreeMap::new(),
            next_port: 30_000,
            relays_max,
            opened: 0,
            closed: 0,
        }
    }

    /// How many may be open.
    pub(crate) const fn relays_max(&self) -> usize {
        self.relays_max
    }

    /// How many relays are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn command(&mut self, command: &RelayCommand) -> Option<RelayEvent> {
        match *command {
            RelayCommand::Open { relay, streams } => {
                if self.open.len() >= self.relays_max {
                    return Some(RelayEvent::Refused { relay, why: Refusal::NoPorts });
                }
                self.opened += 1;
                self.open.insert(relay, Vec::new());
                Some(self.grow(relay, streams))
            }
            RelayCommand::Extend { relay, streams } => {
                self.open.contains_key(&relay).then(|| self.grow(relay, streams))
            }
            RelayCommand::Close { relay } => {
                if self.open.remove(&relay).is_some() {
                    self.closed += 1;
                    self.ports.retain(|_, (of, _)| *of != relay);
                    self.remotes.retain(|(of, _), _| *of != relay);
                }
                None
            }
            RelayCommand::Remote { relay, stream, side, rtp, .. } => {
                match rtp.filter(|_| stream == StreamNo(0)) {
                    Some(rtp) => self.remotes.insert((relay, side == Side::A), rtp),
                    None => self.remotes.remove(&(relay, side == Side::A)),
                };
                None
            }
            RelayCommand::Forget { relay, side } => {
                self.remotes.remove(&(relay, side == Side::A));
                None
            }
        }
    }

    /// Where what comes in at a port goes out to.
    pub(crate) fn passes(&self, port: SocketAddr) -> Option<SocketAddr> {
        let (relay, side) = self.ports.get(&port)?;
        self.remotes.get(&(*relay, side.other() == Side::A)).copied()
    }

    fn grow(&mut self, relay: RelayId, streams: u8) -> RelayEvent {
        let mut ports = self.open.remove(&relay).unwrap_or_default();
        while ports.len() < usize::from(streams) {
            let (a, b) = (self.port(), self.port());
            self.ports.extend([(a, (relay, Side::A)), (b, (relay, Side::B))]);
            ports.push(StreamPorts { a, b });
        }
        self.open.insert(relay, ports.clone());
        RelayEvent::Opened { relay, streams: ports }
    }

    fn port(&mut self) -> SocketAddr {
        self.next_port = if self.next_port >= 39_998 { 30_000 } else { self.next_port + 2 };
        ([10, 0, 0, 1], self.next_port).into()
    }
}
