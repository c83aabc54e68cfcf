//! How what we send is marked for the network (RFC 2474).

use socket2::Socket;

/// Marks everything a socket sends, and everything the connections it accepts do, with this DSCP (0 to 63). Without the right to do
/// so SIP still flows.
pub(crate) fn mark(socket: &Socket, is_ipv6: bool, dscp: u8) {
    let tos = u32::from(dscp) << 2;
    let _ = if is_ipv6 { socket.set_tclass_v6(tos) } else { socket.set_tos_v4(tos) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use socket2::SockRef;

    use crate::{stream, udp};

    #[test]
    fn sockets_of_both_families_and_transports_are_marked() {
        for dscp in [24_u8, 46, 0] {
            let tos = u32::from(dscp) << 2;
            let (v4, v6) = ("127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap());
            for socket in udp::bind(v4, 2, 65_536, dscp).unwrap() {
                assert_eq!(SockRef::from(&socket).tos_v4().unwrap(), tos);
            }
            let socket = &udp::bind(v6, 1, 65_536, dscp).unwrap()[0];
            assert_eq!(SockRef::from(socket).tclass_v6().unwrap(), tos);
            let listener = &stream::listen(v4, 1, dscp).unwrap()[0];
            assert_eq!(SockRef::from(listener).tos_v4().unwrap(), tos);
            let _made = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.set_nonblocking(false).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert_eq!(SockRef::from(&accepted).tos_v4().unwrap(), tos);
        }
    }
}
