//! Datagrams on their way, and what befalls them.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use model::Instant;

use crate::Random;

/// How bad the network is. All zero: every datagram arrives once, in order, after `delay`.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Datagrams lost, in a thousand.
    pub loss_per_mille: u32,
    /// Datagrams that arrive twice, in a thousand.
    pub duplicate_per_mille: u32,
    /// The least time on the way.
    pub delay: Duration,
    /// Up to this much more, by chance: more than the spacing of two datagrams, and they arrive in another order.
    pub jitter: Duration,
}

impl Faults {
    /// A good network: one millisecond, nothing lost.
    pub const NONE: Self = Self {
        loss_per_mille: 0,
        duplicate_per_mille: 0,
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
    };

    /// A bad one: one datagram in twenty lost, some twice, some overtaken.
    pub const BAD: Self = Self {
        loss_per_mille: 50,
        duplicate_per_mille: 20,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(40),
    };
}

/// The network's rules and its memory of who is unplugged.
#[derive(Debug)]
pub struct Network {
    /// What befalls datagrams.
    pub faults: Faults,
    unplugged: Vec<SocketAddr>,
    nats: Vec<Nat>,
}

/// A NAT before one phone. What comes from the inside opens the way back, for anybody, and nothing else does.
#[derive(Debug)]
struct Nat {
    inside: SocketAddr,
    outside: SocketAddr,
    forgets_after: Duration,
    open_until: Instant,
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
}

impl Network {
    pub(crate) const fn new(faults: Faults) -> Self {
        Self { faults, unplugged: Vec::new(), nats: Vec::new() }
    }

    /// From now on nothing reaches `addr` and nothing leaves it.
    pub fn unplug(&mut self, addr: SocketAddr) {
        self.unplugged.push(addr);
    }

    /// Undoes [`Self::unplug`].
    pub fn plug(&mut self, addr: SocketAddr) {
        self.unplugged.retain(|a| *a != addr);
    }

    /// Puts a NAT before the phone at `inside`, which shows it at `outside` and forgets it when it is silent for so long.
    pub fn add_nat(&mut self, inside: SocketAddr, outside: SocketAddr, forgets_after: Duration) {
        self.nats.push(Nat { inside, outside, forgets_after, open_until: Instant::ZERO });
    }

    /// A datagram that leaves, as the world outside sees it.
    pub(crate) fn leaves(&mut self, now: Instant, datagram: Datagram) -> Datagram {
        let Some(nat) = self.nats.iter_mut().find(|nat| nat.inside == datagram.from) else {
            return datagram;
        };
        nat.open_until = now + nat.forgets_after;
        Datagram { from: nat.outside, ..datagram }
    }

    /// A datagram that arrives, as the phone sees it; `None` when the way to it is shut.
    pub(crate) fn arrives(&self, now: Instant, datagram: Datagram) -> Option<Datagram> {
        if self.nats.iter().any(|nat| nat.inside == datagram.to) {
            return None;
        }
        match self.nats.iter().find(|nat| nat.outside == datagram.to) {
            Some(nat) => (nat.open_until > now).then(|| Datagram { to: nat.inside, ..datagram }),
            None => Some(datagram),
        }
    }

    /// When the copies of a datagram arrive: none when it is lost, two when it is doubled.
    pub(crate) fn arrivals(&self, random: &mut Random, datagram: &Datagram) -> Vec<Duration> {
        let cut = self.unplugged.iter().any(|a| *a == datagram.from || *a == datagram.to);
        // Chance is drawn in every case, so that one cut cable does not change the rest of the world.
        let lost = random.chance(self.faults.loss_per_mille);
        let twice = random.chance(self.faults.duplicate_per_mille);
        let mut arrivals = Vec::new();
        for _ in 0..if twice { 2 } else { 1 } {
            arrivals.push(self.faults.delay + random.between(Duration::ZERO, self.faults.jitter));
        }
        if cut || lost {
            arrivals.clear();
        }
        arrivals
    }
}
