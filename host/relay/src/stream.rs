//! One media stream of a call: two parties, two port pairs.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use media::{Learner, LearnerConfig, Side, StreamStats, Verdict, is_rtcp};
use model::Instant;

use crate::ports::Pair;

/// One of the four sockets of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Port {
    /// The party it faces.
    pub(crate) side: Side,
    /// Whether it is the odd one.
    pub(crate) rtcp: bool,
}

impl Port {
    pub(crate) const ALL: [Self; 4] = [
        Self { side: Side::A, rtcp: false },
        Self { side: Side::A, rtcp: true },
        Self { side: Side::B, rtcp: false },
        Self { side: Side::B, rtcp: true },
    ];
}

/// One party of a stream.
pub(crate) struct Party {
    pub(crate) pair: Pair,
    rtp: Learner,
    rtcp: Learner,
    mux: bool,
}

impl Party {
    pub(crate) fn new(pair: Pair) -> Self {
        Self { pair, rtp: Learner::default(), rtcp: Learner::default(), mux: false }
    }

    pub(crate) fn remote(&mut self, rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>, mux: bool) {
        self.rtp.signal(rtp);
        self.rtcp.signal(if mux { None } else { rtcp });
        self.mux = mux;
    }

    pub(crate) fn forget(&mut self) {
        self.rtp.forget();
        self.rtcp.forget();
        self.mux = false;
    }

    pub(crate) fn socket(&self, rtcp: bool) -> &UdpSocket {
        if rtcp { &self.pair.rtcp } else { &self.pair.rtp }
    }

    /// Where RTP, or RTCP, goes to this party, and through which of our sockets.
    fn way(&self, rtcp: bool) -> Option<(&UdpSocket, SocketAddr)> {
        let separate = rtcp && !self.mux;
        let learner = if separate { &self.rtcp } else { &self.rtp };
        learner.destination().map(|to| (self.socket(separate), to))
    }
}

/// A stream.
pub(crate) struct Stream {
    pub(crate) a: Party,
    pub(crate) b: Party,
    pub(crate) stats: StreamStats,
}

impl Stream {
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

    /// Receives up to `burst` packets from one socket and sends them on. Gives the address that was learned, and whether any
    /// packet was let through.
    pub(crate) fn pump(
        &mut self,
        now: Instant,
        port: Port,
        buffer: &mut [u8],
        burst: usize,
        config: &LearnerConfig,
    ) -> (Option<SocketAddr>, bool) {
        let (mut learned, mut heard) = (None, false);
        for _ in 0..burst {
            let (length, from) = match self.party(port.side).socket(port.rtcp).recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier packet; the next packet may do better.
                Err(_) => continue,
            };
            let Some(packet) = buffer.get(..length) else { break };
            let party = self.party_mut(port.side);
            let learner = if port.rtcp { &mut party.rtcp } else { &mut party.rtp };
            match learner.on_packet(now, from, packet, config) {
                Verdict::Stranger => {
                    self.stats.strangers += 1;
                    continue;
                }
                Verdict::Learned(from) if !port.rtcp => learned = Some(from),
                Verdict::Learned(_) | Verdict::Forward => {}
            }
            heard = true;
            self.forward(port, packet);
        }
        (learned, heard)
    }

    fn forward(&mut self, port: Port, packet: &[u8]) {
        let rtcp = port.rtcp || (self.party(port.side).mux && is_rtcp(packet));
        let Some((socket, to)) = self.party(port.side.other()).way(rtcp) else {
            self.stats.homeless += 1;
            return;
        };
        // A full socket or a closed port at the far end loses this packet, as the network might have.
        if socket.send_to(packet, to).is_ok() {
            self.stats.bytes += packet.len() as u64;
            match port.side {
                Side::A => self.stats.from_a += 1,
                Side::B => self.stats.from_b += 1,
            }
        }
    }
}
