#![allow(clippy::unwrap_used)]
//! Routes and Record-Routes.

use bytes::Bytes;
use model::{ListenerId, hook::MediaMode};
use sip::ParseLimits;

use super::*;
use crate::{Listener, Switch, trunk::bench::Bench};

fn config() -> Config {
    let mut config = Bench::config(Vec::new(), None);
    config.media = MediaMode::Default;
    config.listeners.push(Listener {
        name: "tcp".to_owned(),
        transport: Transport::Tcp,
        advertised: "192.0.2.9:5070".parse().unwrap(),
    });
    config
}

fn request(uri: &str, more: &str) -> Message {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=a\r\n\
         To: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &ParseLimits::default()).unwrap()
}

/// The Request-URI, the routes that are left, and the flow.
fn way(uri: &str, routes: &str) -> Option<(String, Vec<String>, Option<String>)> {
    let way = way_of(&config(), &request(uri, &format!("Route: {routes}\r\n")))?;
    let flow = way.flow.map(|flow| format!("{} {} {}", flow.transport, flow.listener.0, flow.peer));
    Some((way.uri, way.routes, flow))
}

#[test]
fn our_own_routes_are_taken_off_and_the_last_names_the_flow() {
    let plain = |uri: &str, routes: &[&str]| {
        Some((uri.to_owned(), routes.iter().map(|r| (*r).to_owned()).collect(), None))
    };
    let bob = "sip:bob@203.0.113.1";
    assert_eq!(way(bob, "<sip:192.0.2.9;lr>"), plain(bob, &[]));
    assert_eq!(
        way(bob, "<sip:192.0.2.9;lr>, <sip:192.0.2.9:5070;transport=tcp;lr>"),
        plain(bob, &[])
    );
    let next = "<sip:203.0.113.2;lr>";
    assert_eq!(way(bob, &format!("<sip:192.0.2.9;lr>,{next}")), plain(bob, &[next]));
    assert_eq!(way(bob, next), None, "not by us");
    assert_eq!(way("sip:x@192.0.2.9", "<sip:192.0.2.9;lr>"), None, "to us");
    let flow = |token: &str| {
        way(bob, &format!("<sip:192.0.2.9;lr>,<sip:{token}@192.0.2.9:5070;lr>")).unwrap().2
    };
    assert_eq!(flow("u00009c40cb007107").unwrap(), "UDP 0 203.0.113.7:40000");
    assert_eq!(flow("t00019c40cb007107").unwrap(), "TCP 1 203.0.113.7:40000");
    assert_eq!(flow("x"), None);
}

#[test]
fn what_a_strict_router_did_is_undone() {
    let undone = way("sip:192.0.2.9;lr", "<sip:203.0.113.2;lr>, <sip:bob@203.0.113.1>");
    let (uri, routes) = ("sip:bob@203.0.113.1".to_owned(), vec!["<sip:203.0.113.2;lr>".to_owned()]);
    assert_eq!(undone, Some((uri, routes, None)));
}

#[test]
fn the_next_hop_that_is_a_strict_router_gets_its_own_address_as_request_uri() {
    let switch = Switch::new(config());
    let request = request("sip:x@192.0.2.9", "");
    let flow = |peer: &str| Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        peer: peer.parse().unwrap(),
    };
    let letter = super::super::Letter {
        request: &request,
        from: flow("198.51.100.1:5060"),
        uri: "sip:bob@203.0.113.1",
        routes: vec!["<sip:strict@203.0.113.2>", "<sip:203.0.113.3;lr>"],
        to: flow("198.51.100.2:5060"),
        record: Vec::new(),
    };
    let text = letter.draft(&switch.tables).finish("v");
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.starts_with("INVITE sip:strict@203.0.113.2 SIP/2.0\r\n"), "{text}");
    let routes: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(routes, ["<sip:203.0.113.3;lr>", "<sip:bob@203.0.113.1>"]);
}

#[test]
fn a_record_route_names_each_side_and_the_flows_that_addresses_do_not() {
    let switch = Switch::new(config());
    let flow = |transport, listener, peer: &str| Flow {
        transport,
        listener: ListenerId(listener),
        peer: peer.parse().unwrap(),
    };
    let routes = |contact: &str, from, uri: &str, to| {
        let invite = request("sip:x@192.0.2.9", &format!("Contact: <{contact}>\r\n"));
        record_routes(&switch.tables, &invite, from, uri, to)
    };
    let phone = flow(Transport::Udp, 0, "198.51.100.1:5060");
    let bob = flow(Transport::Udp, 0, "203.0.113.1:5060");
    assert_eq!(
        routes("sip:a@198.51.100.1", phone, "sip:b@203.0.113.1", bob),
        ["<sip:192.0.2.9:5060;lr>"]
    );
    let tcp = flow(Transport::Tcp, 1, "203.0.113.1:5060");
    assert_eq!(
        routes("sip:a@198.51.100.1", phone, "sip:b@203.0.113.1;transport=tcp", tcp),
        ["<sip:t000113c4cb007101@192.0.2.9:5070;transport=tcp;lr>", "<sip:192.0.2.9:5060;lr>"]
    );
    // Both behind NAT.
    assert_eq!(
        routes("sip:a@10.0.0.1", phone, "sip:b@10.0.0.2", bob),
        ["<sip:u000013c4cb007101@192.0.2.9:5060;lr>", "<sip:u000013c4c6336401@192.0.2.9:5060;lr>"]
    );
}
