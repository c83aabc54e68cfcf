#![allow(clippy::unwrap_used)]
//! The routes that registrars name (RFC 3608), message by message.

use std::time::Duration;

use model::TrunkId;

use super::super::bench::{Bench, FIRST, SECOND, Sent, trunk, what};
use crate::{Login, Registering, TrunkConfig};

const ROUTE: &str = "Service-Route: <sip:edge@203.0.113.2;lr>\r\nService-Route: <sip:core@10.0.0.1;lr;x=\"a,b\">\r\n";

fn carrier() -> TrunkConfig {
    TrunkConfig {
        login: Some(Login { user: "1".to_owned(), password: "secret".to_owned() }),
        register: Some(Registering {
            user: "1".to_owned(),
            contact_user: "1".to_owned(),
            expires: Duration::from_secs(600),
            retry: Duration::from_secs(30),
        }),
        ..trunk("carrier", "sip:203.0.113.1", 1)
    }
}

/// A switch whose registration was answered with these fields.
fn registered(trunk: TrunkConfig, fields: &str) -> Bench {
    let mut bench = Bench::new(vec![trunk]);
    let register = bench.pass(0).remove(0);
    assert_eq!(register.line("Route"), "", "a registration goes to the registrar");
    bench.receive(FIRST, register.response("200 OK", &format!("Expires: 600\r\n{fields}")));
    bench
}

/// Where a call goes and by which route.
fn way(sent: &[Sent]) -> (Vec<String>, String) {
    (what(sent), sent.first().map(|sent| sent.line("Route")).unwrap_or_default())
}

#[test]
fn a_call_goes_through_the_proxies_that_the_registrar_names() {
    let mut bench = registered(carrier(), ROUTE);
    let sent = bench.call("carrier");
    let (what, route) = way(&sent);
    assert_eq!(what, ["INVITE sip:+43123@203.0.113.1 > trunk 2"]);
    assert_eq!(route, "<sip:edge@203.0.113.2;lr>, <sip:core@10.0.0.1;lr;x=\"a,b\">");
    // The same when it asks for the password.
    let asks =
        "Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n";
    let again = bench.receive(SECOND, sent[0].response("407 Asked", asks));
    assert_eq!(again[1].line("Route"), route);
    assert!(again[1].line("Proxy-Authorization").starts_with("Digest username=\"1\""));
}

#[test]
fn the_last_answer_counts_and_a_registration_that_ends_takes_it_along() {
    let direct = (vec!["INVITE sip:+43123@203.0.113.1 > trunk 1".to_owned()], String::new());
    let mut bench = registered(carrier(), ROUTE);
    let renewed = bench.pass(480).remove(0);
    bench.receive(FIRST, renewed.response("200 OK", "Expires: 600\r\n"));
    assert_eq!(way(&bench.call("carrier")), direct);

    let mut bench = registered(carrier(), ROUTE);
    let mut renewed = bench.pass(480);
    // One refusal leaves what holds still.
    bench.receive(FIRST, renewed.remove(0).response("403 No", ""));
    assert!(bench.statuses[&TrunkId(0)].service_route.is_some());
    renewed = bench.pass(130);
    bench.receive(FIRST, renewed.remove(0).response("403 No", ""));
    assert_eq!(way(&bench.call("carrier")), direct);
}

#[test]
fn a_route_that_cannot_be_taken_is_none() {
    let direct = (vec!["INVITE sip:+43123@203.0.113.1 > trunk 1".to_owned()], String::new());
    let long = "Service-Route: <sip:203.0.113.2;lr>\r\n".repeat(9);
    for fields in [
        "Service-Route: <sip:203.0.113.2>\r\n",
        "Service-Route: <sip:203.0.113.2;lr>, <tel:1>\r\n",
        "Service-Route: <sip:203.0.113.2;lr>, nonsense\r\n",
        "Service-Route: sip:203.0.113.2;lr\r\n",
        &long,
    ] {
        assert_eq!(way(&registered(carrier(), fields).call("carrier")), direct, "{fields}");
    }
    let deaf = TrunkConfig { service_route: false, ..carrier() };
    assert_eq!(way(&registered(deaf, ROUTE).call("carrier")), direct, "the setting is off");
}

#[test]
fn a_proxy_with_a_name_is_looked_up() {
    let mut bench = registered(carrier(), "Service-Route: <sip:edge.carrier.test;lr>\r\n");
    assert_eq!(what(&bench.call("carrier")), [""; 0]);
    assert_eq!(bench.lookups.pop().unwrap().1, "sip:edge.carrier.test;lr");
}
