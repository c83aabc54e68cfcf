//! One party of a stream: our ports towards it, and what was learned of it.

use std::net::{SocketAddr, UdpSocket};

use media::{Learner, LearnerConfig, Verdict, is_rtcp};
use model::Instant;

use crate::ports::Pair;

/// One party of a stream.
pub(crate) struct Party {
    pub(crate) pair: Pair,
    rtp: Learner,
    rtcp: Learner,
    /// It can receive RTCP on its RTP port (RFC 5761).
    offers_mux: bool,
    /// Where its last RTCP came in: on our RTP port or on the other.
    muxes: Option<bool>,
}

/// What a packet of a party is.
pub(crate) struct Heard {
    /// RTCP, on whichever port.
    pub(crate) is_rtcp: bool,
    /// The address of its RTP, when this packet taught it.
    pub(crate) learned: Option<SocketAddr>,
}

impl Party {
    pub(crate) fn new(pair: Pair) -> Self {
        Self {
            pair,
            rtp: Learner::default(),
            rtcp: Learner::default(),
            offers_mux: false,
            muxes: None,
        }
    }

    pub(crate) fn remote(&mut self, rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>, mux: bool) {
        self.rtp.signal(rtp);
        // A party that offers to mux is ready for RTCP on the next port too, in case the other cannot.
        self.rtcp.signal(if rtcp == rtp { rtp.and_then(next_port) } else { rtcp });
        self.vouch();
        if self.offers_mux != mux {
            (self.offers_mux, self.muxes) = (mux, None);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.rtp.forget();
        self.rtcp.forget();
        (self.offers_mux, self.muxes) = (false, None);
    }

    pub(crate) const fn socket(&self, rtcp: bool) -> &UdpSocket {
        if rtcp { &self.pair.rtcp } else { &self.pair.rtp }
    }

    /// Judges a packet that came in on one of our ports; `None` when it is a stranger's.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        rtcp_port: bool,
        from: SocketAddr,
        packet: &[u8],
        config: &LearnerConfig,
    ) -> Option<Heard> {
        let learner = if rtcp_port { &mut self.rtcp } else { &mut self.rtp };
        let learned = match learner.on_packet(now, from, packet, config) {
            Verdict::Stranger => return None,
            Verdict::Learned(from) if !rtcp_port => {
                self.vouch();
                Some(from)
            }
            Verdict::Learned(_) | Verdict::Forward => None,
        };
        let is_rtcp = rtcp_port || (self.offers_mux && is_rtcp(packet));
        if is_rtcp {
            self.muxes = Some(!rtcp_port);
        }
        Some(Heard { is_rtcp, learned })
    }

    /// Where RTP, or RTCP, goes to this party, and through which of our sockets. `None` when nothing can or shall be sent.
    ///
    /// RTCP is muxed where the party muxes its own or, before it has sent any, where both parties offer it: the offer of one
    /// alone is refused by the other.
    pub(crate) fn way(&self, rtcp: bool, other: &Self) -> Option<(&UdpSocket, SocketAddr)> {
        let muxed = self.offers_mux && self.muxes.unwrap_or(other.offers_mux);
        let separate = rtcp && !muxed;
        let learner = if separate { &self.rtcp } else { &self.rtp };
        learner.destination().map(|to| (self.socket(separate), self.pair.reach(to)))
    }

    /// RTCP comes from where RTP comes from.
    fn vouch(&mut self) {
        if let Some(from) = self.rtp.locked() {
            self.rtcp.vouch(from.ip());
        }
    }
}

fn next_port(address: SocketAddr) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.ip(), address.port().checked_add(1)?))
}
