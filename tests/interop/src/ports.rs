//! Ports nobody uses.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The first port of the windows given out for media, below the range the kernel gives out by itself.
const MEDIA_FIRST: u16 = 12_000;
/// Ports of one window: 100 calls a second take four each and leave them to rest for 2 s.
const MEDIA_WINDOW: u16 = 1200;
const MEDIA_WINDOWS: u16 = 16;

/// A UDP port of 127.0.0.1 that was free a moment ago.
///
/// # Panics
///
/// When the machine has none.
pub fn udp() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free UDP port");
    socket.local_addr().expect("the address of a bound socket").port()
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
///
/// # Panics
///
/// When the machine has none.
pub fn tcp() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
    listener.local_addr().expect("the address of a bound socket").port()
}

/// A port of 127.0.0.1 that was free a moment ago for datagrams and for connections.
///
/// # Panics
///
/// When the machine has none.
pub fn both() -> u16 {
    loop {
        let port = udp();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A range of ports for media; switches with different SIP ports rarely share one, and may.
pub fn media_window(sip_port: u16) -> (u16, u16) {
    let first = MEDIA_FIRST + (sip_port % MEDIA_WINDOWS) * MEDIA_WINDOW;
    (first, first + MEDIA_WINDOW - 1)
}
