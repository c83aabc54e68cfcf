//! Port pairs: RTP on an even port, RTCP on the odd one above it.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use socket2::SockRef;

use crate::RelayConfig;

/// Receive buffer asked of the system, in bytes: a quarter of a second of one stream is far less, a burst after a pause is not.
const RECEIVE_BUFFER: usize = 256 << 10;

/// Two bound sockets on neighbouring ports.
pub(crate) struct Pair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// The RTP port.
    pub(crate) port: u16,
}

/// The ports that are free, those that rest longest since first.
pub(crate) struct Ports {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    rest: Duration,
    config: RelayConfig,
}

impl Ports {
    pub(crate) fn new(config: &RelayConfig) -> Self {
        let first = config.port_min.saturating_add(config.port_min % 2);
        let free = (first..config.port_max).step_by(2).collect();
        Self { free, resting: VecDeque::new(), rest: config.port_rest, config: config.clone() }
    }

    /// Binds the next free pair. A port that another program has is put to the end of the line. `None` when none can be had.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Pair> {
        while self.resting.front().is_some_and(|(at, _)| now.duration_since(*at) >= self.rest) {
            self.free.extend(self.resting.pop_front().map(|(_, port)| port));
        }
        for _ in 0..self.free.len() {
            let port = self.free.pop_front()?;
            match self.bind(port) {
                Ok(pair) => return Some(pair),
                Err(error) => {
                    tracing::debug!(port, %error, "media port cannot be bound");
                    self.free.push_back(port);
                    if is_exhausted(&error) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Takes a port back; it rests before it is used again.
    pub(crate) fn give_back(&mut self, now: Instant, port: u16) {
        self.resting.push_back((now, port));
    }

    fn bind(&self, port: u16) -> io::Result<Pair> {
        let rtp = self.socket(port)?;
        let rtcp = self.socket(port + 1)?;
        Ok(Pair { rtp, rtcp, port })
    }

    fn socket(&self, port: u16) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(SocketAddr::new(self.config.bind, port))?;
        socket.set_nonblocking(true)?;
        let reference = SockRef::from(&socket);
        // Without the right to a larger buffer, or to a TOS, media still flows.
        let _ = reference.set_recv_buffer_size(RECEIVE_BUFFER);
        let tos = u32::from(self.config.tos);
        let _ = match self.config.bind.is_ipv4() {
            true => reference.set_tos_v4(tos),
            false => reference.set_tclass_v6(tos),
        };
        Ok(socket)
    }
}

/// Out of file handles or buffers: other ports will not do better.
fn is_exhausted(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}
