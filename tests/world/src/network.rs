//! Datagrams on their way, and what befalls them.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;

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
        Self { faults, unplugged: Vec::new() }
    }

    /// From now on nothing reaches `addr` and nothing leaves it.
    pub fn unplug(&mut self, addr: SocketAddr) {
        self.unplugged.push(addr);
    }

    /// Undoes [`Self::unplug`].
    pub fn plug(&mut self, addr: SocketAddr) {
        self.unplugged.retain(|a| *a != addr);
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
