//! Where a party's media really comes from, and whose packets are let through.

use std::{net::SocketAddr, time::Duration};

use model::Instant;

/// How addresses are learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnerConfig {
    /// Packets in a row from one address that is not the signalled one before it is believed (a phone behind NAT).
    pub packets_to_lock: u8,
    /// Silence of the locked address after which another one that goes on with the same SSRC is believed (a NAT that gave the
    /// phone another port).
    pub relearn_after: Duration,
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self { packets_to_lock: 3, relearn_after: Duration::from_secs(2) }
    }
}

/// Learns the address of one party for one stream, RTP and RTCP apart.
///
/// Until an address is locked, media goes to the signalled one. A packet from exactly there locks it at once. Packets from
/// elsewhere lock only when several come in a row from one address, look like RTP or RTCP, and none has come from the signalled
/// address; they are not let through before. Once locked, strangers are dropped (no RTP bleed), until the signalled address changes
/// or the locked one has been silent and the same SSRC goes on from another.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    signalled: Option<SocketAddr>,
    locked: Option<Lock>,
    candidate: Option<(SocketAddr, u8)>,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    from: SocketAddr,
    ssrc: Option<u32>,
    last_at: Instant,
}

/// What to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it on.
    Forward,
    /// Its source is the party's address from now on; send it on.
    Learned(SocketAddr),
    /// Drop it: it may come from a stranger.
    Stranger,
}

impl Learner {
    /// The party has said where it receives; `None` when nothing shall be sent to it. The same address again changes nothing, so a
    /// re-INVITE does not open a gap for strangers.
    pub fn signal(&mut self, address: Option<SocketAddr>) {
        if self.signalled != address {
            *self = Self { signalled: address, ..Self::default() };
        }
    }

    /// Forgets everything: another party takes this side.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Where to send to this party; `None` when nothing shall or can be sent.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.signalled.map(|signalled| self.locked.map_or(signalled, |lock| lock.from))
    }

    /// Judges a packet that came from `from`.
    pub fn on_packet(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &[u8],
        config: &LearnerConfig,
    ) -> Verdict {
        match &mut self.locked {
            Some(lock) if lock.from == from => {
                lock.last_at = now;
                lock.ssrc = ssrc(packet).or(lock.ssrc);
                Verdict::Forward
            }
            Some(lock) => {
                let silent = now.saturating_since(lock.last_at) >= config.relearn_after;
                let same = lock.ssrc.is_some() && ssrc(packet) == lock.ssrc;
                if silent && same { self.lock(now, from, packet) } else { Verdict::Stranger }
            }
            None if self.signalled == Some(from) => self.lock(now, from, packet),
            None => self.consider(now, from, packet, config),
        }
    }

    fn consider(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &[u8],
        config: &LearnerConfig,
    ) -> Verdict {
        if ssrc(packet).is_none() {
            return Verdict::Stranger;
        }
        let seen = match self.candidate {
            Some((candidate, seen)) if candidate == from => seen.saturating_add(1),
            Some(_) | None => 1,
        };
        self.candidate = Some((from, seen));
        if seen >= config.packets_to_lock {
            self.lock(now, from, packet)
        } else {
            Verdict::Stranger
        }
    }

    fn lock(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> Verdict {
        self.candidate = None;
        self.locked = Some(Lock { from, ssrc: ssrc(packet), last_at: now });
        Verdict::Learned(from)
    }
}

/// Whether a packet on a shared port is RTCP and not RTP (RFC 5761 section 4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    is_version_2(packet) && packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// The SSRC of an RTP or RTCP packet (RFC 3550 sections 5.1 and 6.4); `None` for what is neither.
fn ssrc(packet: &[u8]) -> Option<u32> {
    if !is_version_2(packet) {
        return None;
    }
    let at = if is_rtcp(packet) { 4 } else { 8 };
    let bytes = packet.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn is_version_2(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 6 == 2)
}

#[cfg(test)]
#[path = "learner_test.rs"]
mod tests;
