//! Where a message goes whose connection is gone.

use std::net::{IpAddr, SocketAddr};

use model::{Flow, Transport};

use crate::{Uri, Via, endpoint::wire};

/// The port of a transport when none is named (RFC 3261 section 19.1.2).
const fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls | Transport::Wss => 5061,
        Transport::Udp | Transport::Tcp | Transport::Ws => 5060,
    }
}

/// The address to connect to for a message of ours whose connection `flow` is gone or was never made: of a request that of its
/// next hop, the first Route or the Request-URI; of a response that of its top Via, the address it came from with the port of
/// sent-by (RFC 3261 section 18.2.2). The flow's own peer where these name a host and no address.
pub fn connect_address(message: &[u8], flow: Flow) -> SocketAddr {
    let told = match wire::status_of(message) {
        Some(_) => of_response(message, flow.transport),
        None => of_request(message),
    };
    told.filter(|address| address.is_ipv4() == flow.peer.is_ipv4()).unwrap_or(flow.peer)
}

fn of_response(message: &[u8], transport: Transport) -> Option<SocketAddr> {
    let via = Via::parse(wire::top_via(message)?).ok()?;
    let received = via.received().and_then(|text| text.parse::<IpAddr>().ok());
    let ip = received.or_else(|| via.host.parse().ok())?;
    Some(SocketAddr::new(ip, via.port.unwrap_or_else(|| default_port(transport))))
}

/// The host that a request of ours is for: that of its next hop, the first Route or the Request-URI, a name or an address; who is
/// connected to by TLS must show a certificate of it (RFC 5922 section 7.2). `None` for a response and what cannot be read.
pub fn asked_host(message: &[u8]) -> Option<&str> {
    match wire::status_of(message) {
        Some(_) => None,
        None => Some(next_hop(message)?.host),
    }
}

/// Whether a message of ours is a request outside of any dialog. Within one, where it goes was agreed when it was made.
pub fn is_outside_dialogs(message: &[u8]) -> bool {
    let to = wire::field(message, "To", "t");
    wire::status_of(message).is_none() && to.is_some_and(|to| wire::tag_of(to).is_empty())
}

/// The port at which who sends this request takes requests, if it says that its connection may be used for them (RFC 5923 section 8.2); `None` for
/// any other message.
pub fn alias_port(message: &[u8]) -> Option<u16> {
    if wire::status_of(message).is_some() {
        return None;
    }
    let via = Via::parse(wire::top_via(message)?).ok()?;
    via.params.get("alias")?;
    Some(via.port.unwrap_or_else(|| default_port(Transport::Tls)))
}

fn of_request(message: &[u8]) -> Option<SocketAddr> {
    next_hop(message)?.socket_addr()
}

fn next_hop(message: &[u8]) -> Option<Uri<'_>> {
    let route = wire::field(message, "Route", "Route").map(|route| {
        let inner = route.split_once('<').map_or(route, |(_, rest)| rest);
        inner.split_once('>').map_or(inner, |(uri, _)| uri)
    });
    let line = message.split(|byte| *byte == b'\r').next()?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    Uri::parse(route.unwrap_or(target)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::ListenerId;

    use super::*;

    fn flow(peer: &str) -> Flow {
        let transport = Transport::Tcp;
        Flow { transport, listener: ListenerId(0), peer: peer.parse().unwrap() }
    }

    fn reached(head: &str) -> String {
        let message = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
        connect_address(message.as_bytes(), flow("192.0.2.9:40000")).to_string()
    }

    #[test]
    fn a_request_goes_to_its_next_hop() {
        assert_eq!(reached("BYE sip:a@192.0.2.1:5070 SIP/2.0\nVia: x"), "192.0.2.1:5070");
        assert_eq!(reached("BYE sip:a@192.0.2.1;transport=tls SIP/2.0\nVia: x"), "192.0.2.1:5061");
        let routed = "BYE sip:a@192.0.2.1 SIP/2.0\nRoute: <sip:192.0.2.2:5;lr>, <sip:192.0.2.3;lr>";
        assert_eq!(reached(routed), "192.0.2.2:5");
    }

    #[test]
    fn a_response_goes_to_where_its_request_came_from_at_the_port_of_sent_by() {
        let head = |via: &str| format!("SIP/2.0 200 OK\nVia: SIP/2.0/TCP {via}");
        assert_eq!(reached(&head("192.0.2.4:5070;branch=z")), "192.0.2.4:5070");
        assert_eq!(reached(&head("phone;received=192.0.2.5;rport=40000")), "192.0.2.5:5060");
        assert_eq!(
            reached(&head("10.0.0.1:7;received=192.0.2.5, SIP/2.0/TCP 9.9.9.9")),
            "192.0.2.5:7"
        );
    }

    #[test]
    fn a_request_is_for_the_host_of_its_next_hop() {
        let host = |head: &str| {
            let message = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
            asked_host(message.as_bytes()).map(str::to_owned)
        };
        assert_eq!(host("INVITE sip:1@b.test:5;transport=tls SIP/2.0\nVia: x").unwrap(), "b.test");
        let routed = "INVITE sip:1@b.test SIP/2.0\nRoute: <sip:edge.test;lr>, <sip:far.test;lr>";
        assert_eq!(host(routed).unwrap(), "edge.test");
        assert_eq!(host("SIP/2.0 200 OK\nVia: SIP/2.0/TLS b.test"), None);
        assert_eq!(host("nothing"), None);
    }

    #[test]
    fn a_to_without_a_tag_is_outside_of_dialogs() {
        assert!(is_outside_dialogs(b"INVITE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n"));
        assert!(!is_outside_dialogs(b"BYE sip:a@b SIP/2.0\r\nt: <sip:a@b>;tag=1\r\n\r\n"));
        assert!(!is_outside_dialogs(b"SIP/2.0 200 OK\r\nTo: <sip:a@b>\r\n\r\n"));
    }

    #[test]
    fn a_connection_may_be_used_where_the_top_via_of_a_request_says_so() {
        let port =
            |head: &str| alias_port(format!("{}\r\n\r\n", head.replace('\n', "\r\n")).as_bytes());
        let invite = |via: &str| port(&format!("INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/TLS {via}"));
        assert_eq!(invite("p1.example.com;branch=z9hG4bKa7c8dze;alias"), Some(5061));
        assert_eq!(invite("p1.example.com:5070;alias;branch=z"), Some(5070));
        assert_eq!(invite("p1.example.com;branch=alias"), None);
        assert_eq!(invite("p1.example.com;branch=z, SIP/2.0/TLS p2;alias"), None);
        assert_eq!(port("SIP/2.0 200 OK\nVia: SIP/2.0/TLS p1;alias"), None);
    }

    #[test]
    fn names_and_another_family_leave_the_peer() {
        assert_eq!(reached("BYE sip:a@phone.example SIP/2.0\nVia: x"), "192.0.2.9:40000");
        assert_eq!(reached("BYE sip:a@[2001:db8::1] SIP/2.0\nVia: x"), "192.0.2.9:40000");
        assert_eq!(reached("SIP/2.0 200 OK\nVia: SIP/2.0/TCP phone"), "192.0.2.9:40000");
        assert_eq!(reached("nothing"), "192.0.2.9:40000");
    }
}
