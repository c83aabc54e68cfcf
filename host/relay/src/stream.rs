//! One media stream of a call: two parties, two port pairs.

use std::{io, net::SocketAddr, time::Duration};

use media::{LearnerConfig, Side, StreamStats};
use model::Instant;

use crate::{
    RelayConfig,
    party::{Heard, Party},
    ports::Pair,
    token::Port,
};

/// A stream.
pub(crate) struct Stream {
    a: Party,
    b: Party,
    pub(crate) stats: StreamStats,
    meter: Meter,
    /// The last round in which each port had something, in the order of [`Port::ALL`].
    rounds: [u32; 4],
}

/// What every socket of one round is read with.
pub(crate) struct Round {
    pub(crate) now: Instant,
    /// Counts the rounds; may wrap.
    pub(crate) number: u32,
    pub(crate) burst_max: usize,
    pub(crate) packets_per_s_max: u32,
    pub(crate) learner: LearnerConfig,
}

impl Round {
    pub(crate) const fn new(now: Instant, number: u32, config: &RelayConfig) -> Self {
        let RelayConfig { burst_max, packets_per_s_max, learner, .. } = *config;
        Self { now, number, burst_max, packets_per_s_max, learner }
    }
}

/// What came of reading a socket.
#[derive(Default)]
pub(crate) struct Pumped {
    /// The address that was learned.
    pub(crate) learned: Option<SocketAddr>,
    /// Whether the party was heard at all.
    pub(crate) heard: bool,
}

impl Stream {
    pub(crate) fn new(a: Pair, b: Pair) -> Self {
        Self {
            a: Party::new(a),
            b: Party::new(b),
            stats: StreamStats::default(),
            meter: Meter::default(),
            rounds: [0; 4],
        }
    }

    pub(crate) const fn party_mut(&mut self, side: Side) -> &mut Party {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    pub(crate) const fn party(&self, side: Side) -> &Party {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// Receives from one socket and sends on.
    ///
    /// One packet, as a rule: a stream has one each 20 ms, and asking for another is a system call for nothing. A socket that had
    /// something in the last round too is behind, and is read up to `burst_max`. What is left keeps it ready.
    pub(crate) fn pump(&mut self, round: &Round, port: Port, buffer: &mut [u8]) -> Pumped {
        let mut pumped = Pumped::default();
        for _ in 0..self.burst(round, port) {
            let (length, from) = match self.party(port.side).socket(port.rtcp).recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier packet; the next packet may do better.
                Err(_) => continue,
            };
            let Some(packet) = buffer.get(..length) else { break };
            let from = SocketAddr::new(from.ip().to_canonical(), from.port());
            let party = self.party_mut(port.side);
            match party.hear(round.now, port.rtcp, from, packet, &round.learner) {
                None => self.stats.strangers += 1,
                Some(heard) => {
                    pumped.heard = true;
                    pumped.learned = heard.learned.or(pumped.learned);
                    self.forward(round, port.side, &heard, packet);
                }
            }
        }
        pumped
    }

    fn burst(&mut self, round: &Round, port: Port) -> usize {
        let at = Port::ALL.iter().position(|one| *one == port);
        let Some(last) = at.and_then(|at| self.rounds.get_mut(at)) else { return 1 };
        let previous = std::mem::replace(last, round.number);
        if previous == round.number.wrapping_sub(1) { round.burst_max.max(1) } else { 1 }
    }

    fn forward(&mut self, round: &Round, side: Side, heard: &Heard, packet: &[u8]) {
        if !self.meter.admits(round.now, round.packets_per_s_max) {
            self.stats.excess += 1;
            return;
        }
        let way = self.party(side.other()).way(heard.is_rtcp, self.party(side));
        let Some((socket, to)) = way else {
            self.stats.homeless += 1;
            return;
        };
        // A full socket or a far end that is gone loses this packet, as the network might have.
        if socket.send_to(packet, to).is_err() {
            self.stats.unsent += 1;
            return;
        }
        self.stats.bytes += packet.len() as u64;
        match side {
            Side::A => self.stats.from_a += 1,
            Side::B => self.stats.from_b += 1,
        }
    }
}

/// Counts the packets of a second.
#[derive(Default)]
struct Meter {
    began_at: Instant,
    count: u32,
}

impl Meter {
    fn admits(&mut self, now: Instant, per_s_max: u32) -> bool {
        if now.saturating_since(self.began_at) >= Duration::from_secs(1) {
            *self = Self { began_at: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= per_s_max
    }
}

#[cfg(test)]
#[path = "stream_test.rs"]
mod tests;
