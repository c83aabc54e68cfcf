//! The floor: what two legs of UDP cost on this machine when nobody reads them.
//!
//! `forward LISTEN_PORT SERVER_PORT` sends what comes from 127.0.0.1:SERVER_PORT to the client heard last, and
//! everything else to the server: one receive and one send for each datagram.

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

fn main() -> io::Result<()> {
    let mut ports = env::args().skip(1).filter_map(|argument| argument.parse::<u16>().ok());
    let (Some(listen), Some(server)) = (ports.next(), ports.next()) else {
        return Err(io::Error::other("usage: forward LISTEN_PORT SERVER_PORT"));
    };
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, listen))?;
    let mut client = server;
    let mut datagram = [0; 65_535];
    loop {
        // A peer that is not there yet answers with ICMP, which comes up here; the next datagram may fare better.
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        let to = if from == server {
            client
        } else {
            client = from;
            server
        };
        let _ = socket.send_to(&datagram[..length], to);
    }
}
