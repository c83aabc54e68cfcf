//! Ports nobody uses.
//!
//! A port that was free a moment ago may be another's by the time a peer binds it: the kernel gives the ports of its own range
//! to any socket that asks for none. So these lie below that range, and are reserved for this process until it ends.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket},
    ops::RangeInclusive,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::Mutex,
};

/// Ports given out to tests: below those of the media windows, above those of well-known servers.
const FIRST: u16 = 6200;
const LAST: u16 = 11_999;

/// Where each SIPp takes a port for being told what to do, the first that is free, at any time.
const SIPP_CONTROL: RangeInclusive<u16> = 8888..=8999;

/// The first port of the windows given out for media, below the range the kernel gives out by itself.
const MEDIA_FIRST: u16 = 12_000;
/// Ports of one window: 100 calls a second take four each and leave them to rest for 2 s.
const MEDIA_WINDOW: u16 = 1200;
const MEDIA_WINDOWS: u16 = 16;

/// The reservations of this process: the kernel drops them with it, however it ends.
static RESERVED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port of the loopback addresses, free for datagrams and for connections, that no other test is given while this
/// process lives.
///
/// # Panics
///
/// When the machine has none.
pub fn free() -> u16 {
    // Each process begins somewhere else, so that one that has just ended does not hand its ports to the next.
    let count = u32::from(LAST - FIRST) + 1;
    let begin = std::process::id().wrapping_mul(61) % count;
    (0..count)
        .map(|step| FIRST + ((begin + step) % count) as u16)
        .find(|&port| !SIPP_CONTROL.contains(&port) && reserve(port))
        .expect("a port nobody uses")
}

/// Takes `port` for this process, if nobody has it.
fn reserve(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("jackfield-test-port-{port}"));
    let Ok(reservation) = UnixListener::bind_addr(&name.expect("a short name")) else {
        return false;
    };
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_err()
        || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_err()
        || taken_by_ipv6(port);
    if !taken {
        RESERVED.lock().expect("no reservation panics").push(reservation);
    }
    !taken
}

/// Whether someone has it on IPv6; a machine without IPv6 has nobody there.
fn taken_by_ipv6(port: u16) -> bool {
    let in_use = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    UdpSocket::bind((Ipv6Addr::LOCALHOST, port)).err().is_some_and(in_use)
        || TcpListener::bind((Ipv6Addr::LOCALHOST, port)).err().is_some_and(in_use)
}

/// Whether a socket of the kernel's table, `udp` or `tcp`, has this port for its own. Not by binding it: that would take it away from who is about to.
pub fn is_bound(table: &str, port: u16) -> bool {
    let lines = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    // The second column is the address and the port in hexadecimal digits, the fourth of a TCP socket that listens 0A.
    lines.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1).and_then(|local| local.rsplit_once(':'));
        let state = columns.nth(1);
        local.is_some_and(|(_, own)| u16::from_str_radix(own, 16) == Ok(port))
            && (table.starts_with('u') || state == Some("0A"))
    })
}

/// A range of ports for media; switches with different SIP ports rarely share one, and may.
pub fn media_window(sip_port: u16) -> (u16, u16) {
    let first = MEDIA_FIRST + (sip_port % MEDIA_WINDOWS) * MEDIA_WINDOW;
    (first, first + MEDIA_WINDOW - 1)
}
