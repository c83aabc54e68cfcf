//! UDP sockets for SIP.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, UdpSocket},
};

use bytes::Bytes;
use model::ListenerId;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    marking::mark,
    poller::{EventFlags, Poller, Token},
};

/// Binds one socket for each of `workers` threads to the same address, so that the kernel spreads peers over them.
///
/// Port 0 takes a free port, the same for all. What is sent is marked with `dscp`. The receive buffer asked for is `receive_buffer` bytes; the kernel may grant
/// less.
///
/// # Errors
///
/// When the address cannot be bound.
pub fn bind(
    address: SocketAddr,
    workers: u16,
    receive_buffer: usize,
    dscp: u8,
) -> io::Result<Vec<UdpSocket>> {
    let mut sockets: Vec<UdpSocket> = Vec::new();
    for _ in 0..workers.max(1) {
        let to = sockets.first().map_or(Ok(address), UdpSocket::local_addr)?;
        sockets.push(bind_one(to, workers > 1, receive_buffer, dscp)?);
    }
    Ok(sockets)
}

fn bind_one(
    address: SocketAddr,
    shared: bool,
    receive_buffer: usize,
    dscp: u8,
) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    mark(&socket, address.is_ipv6(), dscp);
    // A hint: the kernel cuts it to its own limit.
    let _ = socket.set_recv_buffer_size(receive_buffer);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// One worker's socket of one listener, with what could not be sent yet.
pub struct UdpPort {
    socket: UdpSocket,
    pending: VecDeque<(SocketAddr, Bytes)>,
    pending_max: usize,
    /// Whether the poller is told to say when it can be written.
    armed: bool,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or waits for the socket's buffer.
    Yes,
    /// Both the socket's buffer and the queue are full.
    Dropped,
    /// The kernel says the peer cannot be reached.
    Unreachable,
}

impl UdpPort {
    /// Takes the socket and the length of the queue behind its send buffer.
    pub fn new(socket: UdpSocket, pending_max: usize) -> Self {
        Self { socket, pending: VecDeque::new(), pending_max, armed: false }
    }

    /// Has the worker woken for this socket from now on.
    ///
    /// # Errors
    ///
    /// When the kernel has no room.
    pub fn register(&self, poller: &Poller, listener: ListenerId) -> io::Result<()> {
        poller.add(&self.socket, Token::Listener(listener.0), EventFlags::IN)
    }

    /// Has the worker woken when the socket can be written, if and as long as something waits.
    pub fn arm(&mut self, poller: &Poller, listener: ListenerId) {
        let wants = !self.pending.is_empty();
        if wants == self.armed {
            return;
        }
        let flags = if wants { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        // It fails for a socket that was not registered only.
        if poller.change(&self.socket, Token::Listener(listener.0), flags).is_ok() {
            self.armed = wants;
        }
    }

    /// Receives one datagram into `buffer`; `None` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok(received) => return Some(received),
                // An ICMP error of an earlier datagram is reported here once; the next call goes on.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends, or queues when the socket's buffer is full.
    pub fn send(&mut self, peer: SocketAddr, bytes: &Bytes) -> Sent {
        if self.pending.is_empty() {
            match self.socket.send_to(bytes, peer) {
                Ok(_) => return Sent::Yes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Sent::Unreachable,
            }
        }
        if self.pending.len() >= self.pending_max {
            return Sent::Dropped;
        }
        self.pending.push_back((peer, bytes.clone()));
        Sent::Yes
    }

    /// Sends what waits, until the buffer is full again.
    pub fn flush(&mut self) {
        while let Some((peer, bytes)) = self.pending.front() {
            match self.socket.send_to(bytes, *peer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // A peer that cannot be reached is noticed by the transaction's timer.
                Ok(_) | Err(_) => self.pending.pop_front(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn workers_share_one_free_port() {
        let sockets = bind("127.0.0.1:0".parse().unwrap(), 3, 65_536, 24).unwrap();
        let addresses: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
        assert_eq!(addresses.len(), 3);
        assert!(addresses[0].port() != 0 && addresses.iter().all(|a| *a == addresses[0]));
    }

    #[test]
    fn a_port_that_is_taken_is_refused() {
        let taken = bind("127.0.0.1:0".parse().unwrap(), 1, 65_536, 24).unwrap();
        let address = taken[0].local_addr().unwrap();
        assert_eq!(bind(address, 1, 65_536, 24).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_peer_that_cannot_be_reached_is_told_apart() {
        let mut sockets = bind("127.0.0.1:0".parse().unwrap(), 1, 65_536, 24).unwrap();
        let mut port = UdpPort::new(sockets.remove(0), 4);
        // A socket on loopback cannot send to another network.
        let sent = port.send("192.0.2.1:9".parse().unwrap(), &Bytes::from_static(b"x"));
        assert_eq!(sent, Sent::Unreachable);
    }
}
