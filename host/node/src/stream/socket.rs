//! Listening and connecting sockets.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::marking::mark;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Binds one listening socket for each of `workers` threads to the same address, so that the kernel spreads connections over
/// them. Port 0 takes a free port, the same for all.
///
/// # Errors
///
/// When the address cannot be bound.
pub fn listen(address: SocketAddr, workers: u16, dscp: u8) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    for _ in 0..workers.max(1) {
        let to = sockets.first().map_or(Ok(address), TcpListener::local_addr)?;
        sockets.push(listen_one(to, workers > 1, dscp)?);
    }
    Ok(sockets)
}

fn listen_one(address: SocketAddr, shared: bool, dscp: u8) -> io::Result<TcpListener> {
    let socket = stream_socket(address, dscp)?;
    // Connections of a former process that still linger do not keep this one from starting.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Begins to connect from address `from` to `to`; the socket becomes writable when it is decided.
///
/// # Errors
///
/// What the kernel says at once.
pub(super) fn connect(from: IpAddr, to: SocketAddr, dscp: u8) -> io::Result<TcpStream> {
    let socket = stream_socket(to, dscp)?;
    socket.set_tcp_nodelay(true)?;
    if !from.is_unspecified() && from.is_ipv4() == to.is_ipv4() {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => Ok(socket.into()),
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => Ok(socket.into()),
        Err(error) => Err(error),
    }
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

fn stream_socket(address: SocketAddr, dscp: u8) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    mark(&socket, address.is_ipv6(), dscp);
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn workers_share_one_free_port_and_a_taken_one_is_refused() {
        let sockets = listen("127.0.0.1:0".parse().unwrap(), 3, 24).unwrap();
        let addresses: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
        assert!(addresses[0].port() != 0 && addresses.iter().all(|a| *a == addresses[0]));
        let error = listen(addresses[0], 1, 24).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
