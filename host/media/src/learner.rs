//! Where a party's media really comes from, and whose packets are let through.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use model::Instant;

use crate::packet::ssrc;

/// How addresses are learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnerConfig {
    /// Packets in a row from an address that nobody has vouched for before it is believed (a phone behind NAT).
    pub packets_to_lock: u8,
    /// The longest such a row may take: slower, and it is a scanner that knocks now and then.
    pub row_within: Duration,
    /// Silence of the locked address after which another one that goes on with the same SSRC is believed (a NAT that gave the
    /// phone another port).
    pub relearn_after: Duration,
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self {
            packets_to_lock: 3,
            row_within: Duration::from_secs(1),
            relearn_after: Duration::from_secs(2),
        }
    }
}

/// Learns the address of one party for one stream; RTP and RTCP have a learner each.
///
/// Media goes to the signalled address until another one is locked. What locks an address, and whose packets are let through:
///
/// | a packet | nothing signalled | not locked yet | locked |
/// |---|---|---|---|
/// | from the locked address | - | - | let through |
/// | from the signalled address | dropped | **locks** | **locks** as the last of a row |
/// | from a host that is vouched for | dropped | **locks** | as a stranger's |
/// | from a stranger | dropped | **locks** as the last of a row | dropped, **locks** only if the locked address is silent for `relearn_after` and the SSRC is the same |
/// | that is neither RTP nor RTCP | dropped | let through from the signalled address only, teaches nothing | let through from the locked address only |
///
/// A row is `packets_to_lock` packets from one address with one SSRC within `row_within`, with no packet of another candidate
/// between. Its earlier packets are dropped: forty milliseconds of the beginning are cheaper than a stranger's voice in a call. A
/// private or otherwise odd signalled address is treated as any other, because it may be right.
///
/// When a party moves or another takes its place, packets of the old address may still come: they are no part of a row, for
/// `relearn_after` from the first of them when the party moved (it may send from there still), for good when it is gone.
///
/// The signalled address may take a lock that a row gave away, because a gateway may play its announcements from elsewhere first;
/// nobody else may, save the source that was locked, known by its SSRC (a random 32-bit number that a stranger does not see).
#[derive(Clone, Debug, Default)]
pub struct Learner {
    signalled: Option<SocketAddr>,
    vouched: Option<IpAddr>,
    held: bool,
    locked: Option<Lock>,
    candidate: Option<Candidate>,
    former: Option<Former>,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    from: SocketAddr,
    ssrc: u32,
    heard_at: Instant,
}

/// A row of packets.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    began_at: Instant,
    seen: u8,
}

/// Where the side's media came from before.
#[derive(Clone, Copy, Debug)]
struct Former {
    from: SocketAddr,
    stays: Stays,
}

/// How long a former address is not believed.
#[derive(Clone, Copy, Debug)]
enum Stays {
    /// The party is gone.
    ForGood,
    /// The party moved, and has not been heard from its old address since.
    Unheard,
    /// The party moved, and was heard from its old address at this time first.
    Since(Instant),
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
    /// The party has said where it receives; `None` when nothing shall be sent to it for now (hold with 0.0.0.0).
    ///
    /// Another address begins anew. The same one keeps what was learned, so that neither a session refresh nor the end of a hold
    /// opens a gap for strangers.
    pub fn signal(&mut self, address: Option<SocketAddr>) {
        match address {
            Some(_) if self.signalled == address => self.held = false,
            Some(_) => {
                let former = self.former_now(Stays::Unheard);
                *self = Self { signalled: address, former, ..Self::default() };
            }
            None => self.held = true,
        }
    }

    /// Packets from this host are the party's own: it is where its RTP comes from, and this learner is for its RTCP.
    pub fn vouch(&mut self, host: IpAddr) {
        self.vouched = Some(host);
    }

    /// Forgets everything: another party takes this side.
    pub fn forget(&mut self) {
        *self = Self { former: self.former_now(Stays::ForGood), ..Self::default() };
    }

    /// Where to send to this party; `None` when nothing shall or can be sent.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        if self.held { None } else { self.locked().or(self.signalled) }
    }

    /// The address that was learned; `None` until then.
    #[must_use]
    pub fn locked(&self) -> Option<SocketAddr> {
        self.locked.map(|lock| lock.from)
    }

    /// Judges a packet that came from `from`.
    pub fn on_packet(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &[u8],
        config: &LearnerConfig,
    ) -> Verdict {
        let ssrc = ssrc(packet);
        if let Some(lock) = &mut self.locked
            && lock.from == from
        {
            lock.heard_at = now;
            lock.ssrc = ssrc.unwrap_or(lock.ssrc);
            return Verdict::Forward;
        }
        match ssrc {
            Some(ssrc) if self.believes(now, from, ssrc, config) => {
                self.candidate = None;
                self.locked = Some(Lock { from, ssrc, heard_at: now });
                Verdict::Learned(from)
            }
            None if self.locked.is_none() && self.signalled == Some(from) => Verdict::Forward,
            Some(_) | None => Verdict::Stranger,
        }
    }

    /// Whether the party's address is `from`, by this packet and those before it.
    fn believes(
        &mut self,
        now: Instant,
        from: SocketAddr,
        ssrc: u32,
        config: &LearnerConfig,
    ) -> bool {
        let is_signalled = self.signalled == Some(from);
        match self.locked {
            _ if self.signalled.is_none() => false,
            None => {
                is_signalled
                    || self.vouched == Some(from.ip())
                    || (!self.is_former(now, from, config)
                        && self.ends_row(now, from, ssrc, config))
            }
            Some(_) if is_signalled => self.ends_row(now, from, ssrc, config),
            Some(lock) => {
                lock.ssrc == ssrc && now.saturating_since(lock.heard_at) >= config.relearn_after
            }
        }
    }

    /// What is former once the present party has left its address. One that was never heard leaves nothing behind.
    fn former_now(&self, stays: Stays) -> Option<Former> {
        self.locked().map(|from| Former { from, stays }).or(self.former)
    }

    fn is_former(&mut self, now: Instant, from: SocketAddr, config: &LearnerConfig) -> bool {
        let Some(former) = self.former.as_mut().filter(|former| former.from == from) else {
            return false;
        };
        match former.stays {
            Stays::ForGood => true,
            Stays::Unheard => {
                former.stays = Stays::Since(now);
                true
            }
            Stays::Since(heard_at) => now.saturating_since(heard_at) < config.relearn_after,
        }
    }

    fn ends_row(
        &mut self,
        now: Instant,
        from: SocketAddr,
        ssrc: u32,
        config: &LearnerConfig,
    ) -> bool {
        let row = match self.candidate {
            Some(row)
                if row.from == from
                    && row.ssrc == ssrc
                    && now.saturating_since(row.began_at) <= config.row_within =>
            {
                Candidate { seen: row.seen.saturating_add(1), ..row }
            }
            Some(_) | None => Candidate { from, ssrc, began_at: now, seen: 1 },
        };
        self.candidate = Some(row);
        row.seen >= config.packets_to_lock
    }
}

#[cfg(test)]
#[path = "learner_test.rs"]
mod tests;
