//! Port pairs: RTP on an even port, RTCP on the odd one above it.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::RelayConfig;

/// Receive buffer asked of the system, in bytes: a quarter of a second of one stream is far less, a burst after a pause is not.
const RECEIVE_BUFFER: usize = 256 << 10;
/// Ports that other programs have, and that are passed over for one pair, before the relay gives up.
const PASSED_OVER_MAX: usize = 256;

/// Two bound sockets on neighbouring ports.
pub(crate) struct Pair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    both_families: bool,
    // Below the sockets, so that they are closed before the port goes back.
    lease: Lease,
}

impl Pair {
    /// How the sockets call an address: those of both families have IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
    pub(crate) fn reach(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(ip) if self.both_families => (ip.to_ipv6_mapped(), to.port()).into(),
            _ => to,
        }
    }

    /// The RTP port.
    pub(crate) const fn port(&self) -> u16 {
        self.lease.port
    }
}

/// A port in use; goes back to the pool when it is dropped.
struct Lease {
    port: u16,
    pool: Arc<PortPool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.lock().resting.push_back((Instant::now(), self.port));
    }
}

/// The ports of every relay thread. It is locked when a call's media opens or closes, never for a packet.
pub(crate) struct PortPool {
    config: RelayConfig,
    ports: Mutex<Ports>,
}

struct Ports {
    /// Taken from the front.
    free: VecDeque<u16>,
    /// Released, the longest ago first.
    resting: VecDeque<(Instant, u16)>,
}

impl PortPool {
    /// Free ports are in random order, so that nobody can tell the next call's from the last one's.
    pub(crate) fn new(config: &RelayConfig) -> Arc<Self> {
        let first = config.port_min.saturating_add(config.port_min % 2);
        let mut free: Vec<u16> = (first..config.port_max).step_by(2).collect();
        let random = RandomState::new();
        free.sort_by_cached_key(|port| random.hash_one(port));
        let ports = Ports { free: free.into(), resting: VecDeque::new() };
        Arc::new(Self { config: config.clone(), ports: Mutex::new(ports) })
    }

    /// Binds the next free pair. A port that another program has is put to the end of the line.
    ///
    /// # Errors
    /// `AddrInUse` when every port is taken or rests; what the system says when it has no sockets left.
    pub(crate) fn take(self: &Arc<Self>) -> io::Result<Pair> {
        let mut ports = self.lock();
        let now = Instant::now();
        let rest = self.config.port_rest;
        while ports.resting.front().is_some_and(|(at, _)| now.duration_since(*at) >= rest) {
            let rested = ports.resting.pop_front();
            ports.free.extend(rested.map(|(_, port)| port));
        }
        for _ in 0..ports.free.len().min(PASSED_OVER_MAX) {
            let Some(port) = ports.free.pop_front() else { break };
            match self.bind(port) {
                Ok((rtp, rtcp)) => {
                    let lease = Lease { port, pool: self.clone() };
                    let both_families = self.config.both_families;
                    return Ok(Pair { rtp, rtcp, both_families, lease });
                }
                Err(error) => {
                    ports.free.push_back(port);
                    if !belongs_to_another(&error) {
                        return Err(error);
                    }
                    tracing::debug!(port, %error, "media port cannot be bound");
                }
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn bind(&self, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
        Ok((self.socket(port)?, self.socket(port.saturating_add(1))?))
    }

    fn socket(&self, port: u16) -> io::Result<UdpSocket> {
        let both = self.config.both_families;
        let ip = if both { IpAddr::from(Ipv6Addr::UNSPECIFIED) } else { self.config.bind };
        let address = SocketAddr::new(ip, port);
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Without the right to a larger buffer, or to a TOS, media still flows.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        let tos = u32::from(self.config.tos);
        if address.is_ipv4() || both {
            let _ = socket.set_tos_v4(tos);
        }
        if address.is_ipv6() {
            socket.set_only_v6(!both)?;
            let _ = socket.set_tclass_v6(tos);
        }
        socket.bind(&address.into())?;
        Ok(socket.into())
    }

    fn lock(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another port may do better; not so when the system is out of file handles or buffers.
fn belongs_to_another(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
#[path = "ports_test.rs"]
mod tests;
