//! Which listener and transport a URI is reached by.

use model::{Binding, Flow, ListenerId, Transport};
use sip::{Scheme, Uri};

use super::attempt::Hop;
use crate::{Config, Listener};

/// What a Via and the fields of a body add to an INVITE.
const VIA_AND_BODY_FIELDS: usize = 180;

/// The transport a URI asks for, if it does (RFC 3261 sections 19.1.1 and 26.2.2).
fn transport_of(uri: &Uri<'_>) -> Option<Transport> {
    let named = uri.param("transport").flatten().unwrap_or_default();
    let is = |transport: &str| named.eq_ignore_ascii_case(transport);
    match uri.scheme {
        Scheme::Sips => Some(Transport::Tls),
        _ if is("tls") => Some(Transport::Tls),
        _ if is("tcp") => Some(Transport::Tcp),
        _ if is("udp") => Some(Transport::Udp),
        _ => None,
    }
}

/// The flow to a URI whose host is an address: over the listener `preferred` where it fits, else over the first that does. A URI
/// that names no transport goes over UDP, or over what there is. `None` when no listener fits or the host is a name.
fn flow_to(listeners: &[Listener], preferred: ListenerId, uri: &Uri<'_>) -> Option<Flow> {
    let peer = uri.socket_addr()?;
    let wanted = transport_of(uri);
    let fits = |id: ListenerId, transport: Option<Transport>| {
        let listener = listeners.get(usize::from(id.0))?;
        let family = listener.advertised.is_ipv4() == peer.is_ipv4();
        let same = transport.is_none_or(|transport| transport == listener.transport);
        (family && same).then_some(Flow { transport: listener.transport, listener: id, peer })
    };
    let ids = || (0..listeners.len()).filter_map(|n| u16::try_from(n).ok().map(ListenerId));
    let best =
        |transport| fits(preferred, transport).or_else(|| ids().find_map(|id| fits(id, transport)));
    best(wanted.or(Some(Transport::Udp))).or_else(|| wanted.is_none().then(|| best(None))?)
}

/// The flow to a registered contact: the one it registered over, unless the contact itself names another transport and an
/// address, and we have a listener for it.
fn flow_of(listeners: &[Listener], registered: Flow, contact: &Uri<'_>) -> Flow {
    match transport_of(contact) {
        Some(transport) if transport != registered.transport => {
            flow_to(listeners, registered.listener, contact).unwrap_or(registered)
        }
        Some(_) | None => registered,
    }
}

/// The Request-URI and the flow of a request to a registered contact.
pub(crate) fn way_to(listeners: &[Listener], binding: &Binding) -> (String, Flow) {
    let Binding { contact, path, flow, .. } = binding;
    let parsed = Uri::parse(contact);
    let uri = parsed.as_ref().map_or(&**contact, |uri| uri.for_request(contact)).to_owned();
    let flow = match &parsed {
        Ok(uri) if path.is_empty() && !binding.is_a_flow() => flow_of(listeners, *flow, uri),
        // A proxy is reached by the way it came, and so is a phone that is bound to it.
        Ok(_) | Err(_) => *flow,
    };
    (uri, flow)
}

/// The flow that an INVITE of so many bytes takes instead of UDP, if it is too large for a datagram (RFC 3261 section 18.1.1): TCP
/// to the same place. `None` when it fits, when its URI or an earlier try says UDP, when we have no TCP listener, and for a phone
/// behind NAT, which is reached by the way it opened and no other.
pub(super) fn way_for_size(config: &Config, hop: &Hop, size: usize) -> Option<Flow> {
    if hop.is_large { None } else { connection_for_size(config, hop.flow, &hop.uri, size) }
}

/// The same for any request to `uri` that would take `flow`.
pub(crate) fn connection_for_size(
    config: &Config,
    flow: Flow,
    uri: &str,
    size: usize,
) -> Option<Flow> {
    let is_too_large = size + VIA_AND_BODY_FIELDS > config.udp_request_max;
    if flow.transport != Transport::Udp || !is_too_large {
        return None;
    }
    let uri = Uri::parse(uri).ok()?;
    let is_elsewhere = uri.socket_addr().is_some_and(|address| address != flow.peer);
    if transport_of(&uri).is_some() || is_elsewhere {
        return None;
    }
    let listener = listener_of(&config.listeners, flow.listener, flow)?;
    Some(Flow { transport: Transport::Tcp, listener, ..flow })
}

/// A TCP listener of the family of `flow`; best one of the address that its own listener has.
fn listener_of(listeners: &[Listener], own: ListenerId, flow: Flow) -> Option<ListenerId> {
    let ip = listeners.get(usize::from(own.0)).map(|listener| listener.advertised.ip());
    let all = (0..).map(ListenerId).zip(listeners);
    let tcp = all.filter(|(_, listener)| {
        listener.transport == Transport::Tcp && listener.advertised.is_ipv4() == flow.peer.is_ipv4()
    });
    tcp.min_by_key(|(_, listener)| Some(listener.advertised.ip()) != ip).map(|(id, _)| id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listeners(of: &[(Transport, &str)]) -> Vec<Listener> {
        let listener = |(transport, at): &(Transport, &str)| Listener {
            name: transport.to_string(),
            transport: *transport,
            advertised: at.parse().unwrap(),
        };
        of.iter().map(listener).collect()
    }

    fn all() -> Vec<Listener> {
        listeners(&[
            (Transport::Udp, "192.0.2.1:5060"),
            (Transport::Tcp, "192.0.2.1:5060"),
            (Transport::Tls, "192.0.2.1:5061"),
            (Transport::Tcp, "[2001:db8::1]:5060"),
        ])
    }

    fn to(listeners: &[Listener], preferred: u16, uri: &str) -> String {
        let uri = Uri::parse(uri).unwrap();
        flow_to(listeners, ListenerId(preferred), &uri).map_or_else(String::new, |flow| {
            format!("{} {} {}", flow.transport, flow.listener.0, flow.peer)
        })
    }

    #[test]
    fn a_uri_is_reached_over_the_transport_it_names() {
        assert_eq!(to(&all(), 0, "sip:a@192.0.2.9"), "UDP 0 192.0.2.9:5060");
        assert_eq!(to(&all(), 1, "sip:a@192.0.2.9"), "UDP 0 192.0.2.9:5060");
        assert_eq!(to(&all(), 0, "sip:a@192.0.2.9;transport=TCP"), "TCP 1 192.0.2.9:5060");
        assert_eq!(to(&all(), 0, "sip:a@192.0.2.9;transport=tls"), "TLS 2 192.0.2.9:5061");
        assert_eq!(to(&all(), 0, "sips:a@192.0.2.9:7"), "TLS 2 192.0.2.9:7");
        assert_eq!(to(&all(), 1, "sip:a@[2001:db8::9];transport=tcp"), "TCP 3 [2001:db8::9]:5060");
    }

    #[test]
    fn a_uri_without_a_transport_takes_what_there_is_and_never_what_it_did_not_ask_for() {
        assert_eq!(to(&all(), 0, "sip:a@[2001:db8::9]"), "TCP 3 [2001:db8::9]:5060");
        assert_eq!(to(&all(), 0, "sip:a@[2001:db8::9];transport=udp"), "");
        assert_eq!(to(&all(), 0, "sips:a@[2001:db8::9]"), "");
        assert_eq!(to(&all(), 0, "sip:a@phone.example"), "");
    }

    #[test]
    fn the_listener_of_the_caller_is_preferred() {
        let two = listeners(&[(Transport::Udp, "192.0.2.1:1"), (Transport::Udp, "192.0.2.1:2")]);
        assert_eq!(to(&two, 1, "sip:a@192.0.2.9"), "UDP 1 192.0.2.9:5060");
    }

    #[test]
    fn a_contact_is_reached_as_it_registered_unless_it_says_otherwise() {
        let peer = "192.0.2.9:40000".parse().unwrap();
        let tcp = Flow { transport: Transport::Tcp, listener: ListenerId(1), peer };
        let of = |contact: &str| flow_of(&all(), tcp, &Uri::parse(contact).unwrap());
        assert_eq!(of("sip:a@192.0.2.9"), tcp);
        assert_eq!(of("sip:a@192.0.2.9;transport=tcp"), tcp);
        assert_eq!(of("sip:a@phone.example;transport=udp"), tcp);
        assert_eq!(of("sip:a@192.0.2.9:7;transport=udp").transport, Transport::Udp);
    }
}

#[cfg(test)]
#[path = "size_test.rs"]
#[allow(clippy::unwrap_used)]
mod size;
