#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use Transport::{Tcp, Tls, Udp, Ws};

use super::*;

/// Answers by query; what is not in it does not exist.
#[derive(Default)]
struct Zone {
    answers: BTreeMap<Query, Answer>,
    asked: Vec<String>,
}

impl Zone {
    fn naptr(mut self, name: &str, records: &[(u16, u16, &str, &str)]) -> Self {
        let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            flags: "s".to_owned(),
            service: (*service).to_owned(),
            replacement: (*replacement).to_owned(),
        };
        let records = records.iter().map(record).collect();
        self.answers.insert(Query::Naptr(name.to_owned()), Answer::Naptr(records));
        self
    }

    fn srv(mut self, name: &str, records: &[(u16, u16, &str)]) -> Self {
        let record = |(priority, port, target): &(u16, u16, &str)| Srv {
            priority: *priority,
            weight: 1,
            port: *port,
            target: (*target).to_owned(),
        };
        let records = records.iter().map(record).collect();
        self.answers.insert(Query::Srv(name.to_owned()), Answer::Srv(records));
        self
    }

    fn host(mut self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        self.answers.insert(Query::Address(name.to_owned()), Answer::Address(addresses));
        self
    }

    fn fails(mut self, query: Query) -> Self {
        self.answers.insert(query, Answer::Failed);
        self
    }

    fn places(&mut self, uri: &str, supported: &[Transport]) -> Result<Vec<String>, LocateError> {
        let mut locate = Locate::new(uri, supported, 1)?;
        loop {
            // Every query that can be out is out before the first is answered.
            let out: Vec<Query> = std::iter::from_fn(|| locate.poll_query()).collect();
            if out.is_empty() {
                break;
            }
            for query in out {
                self.asked.push(match &query {
                    Query::Naptr(name) => format!("NAPTR {name}"),
                    Query::Srv(name) => format!("SRV {name}"),
                    Query::Address(name) => format!("A {name}"),
                });
                let nothing = match &query {
                    Query::Naptr(_) => Answer::Naptr(Vec::new()),
                    Query::Srv(_) => Answer::Srv(Vec::new()),
                    Query::Address(_) => Answer::Address(Vec::new()),
                };
                let answer = self.answers.get(&query).cloned().unwrap_or(nothing);
                locate.handle_answer(&query, answer);
            }
        }
        let places = locate.places().unwrap()?;
        Ok(places.iter().map(|p| format!("{} {}", p.transport, p.address)).collect())
    }
}

#[test]
fn an_address_asks_for_nothing() {
    let mut zone = Zone::default();
    let all = [Udp, Tcp, Tls];
    for (uri, place) in [
        ("sip:a@192.0.2.1", "UDP 192.0.2.1:5060"),
        ("sip:a@192.0.2.1:7;transport=tcp", "TCP 192.0.2.1:7"),
        ("sip:a@[2001:db8::1];transport=TLS", "TLS [2001:db8::1]:5061"),
        ("sips:a@192.0.2.1", "TLS 192.0.2.1:5061"),
        ("sips:a@192.0.2.1;transport=tcp", "TLS 192.0.2.1:5061"),
        ("sip:a@example.com;maddr=192.0.2.9", "UDP 192.0.2.9:5060"),
    ] {
        assert_eq!(zone.places(uri, &all).unwrap(), [place], "{uri}");
    }
    assert_eq!(zone.asked, [""; 0]);
    assert_eq!(zone.places("sip:192.0.2.1", &[Tcp]).unwrap(), ["TCP 192.0.2.1:5060"]);
}

#[test]
fn a_port_leaves_only_the_address_to_find() {
    let mut zone = Zone::default().host("example.com", &["192.0.2.1", "2001:db8::1"]);
    let places = zone.places("sip:a@Example.COM.:5080", &[Udp]).unwrap();
    assert_eq!(places, ["UDP 192.0.2.1:5080", "UDP [2001:db8::1]:5080"]);
    assert_eq!(zone.asked, ["A example.com"]);
}

#[test]
fn naptr_chooses_the_transport_and_srv_the_hosts() {
    let mut zone = Zone::default()
        .naptr(
            "example.com",
            &[
                (90, 50, "SIP+D2S", "_sip._sctp.example.com."),
                (50, 60, "SIP+D2U", "_sip._udp.Example.com."),
                (50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
                (60, 1, "SIP+D2T", "_sip._tcp.example.com."),
            ],
        )
        .srv("_sip._udp.example.com", &[(2, 5062, "b.example.com."), (1, 5060, "a.example.com.")])
        .srv("_sip._tcp.example.com", &[(1, 5070, "a.example.com.")])
        .host("a.example.com", &["192.0.2.1"])
        .host("b.example.com", &["192.0.2.2"]);
    let places = zone.places("sip:x@example.com", &[Udp, Tcp]).unwrap();
    assert_eq!(places, ["UDP 192.0.2.1:5060", "UDP 192.0.2.2:5062", "TCP 192.0.2.1:5070"]);
    assert_eq!(
        zone.asked,
        [
            "NAPTR example.com",
            "SRV _sip._udp.example.com",
            "SRV _sip._tcp.example.com",
            "A a.example.com",
            "A b.example.com",
        ]
    );
}

#[test]
fn without_naptr_srv_is_asked_for_each_transport_and_without_srv_the_host_itself() {
    let mut zone = Zone::default().host("example.com", &["192.0.2.1"]);
    assert_eq!(zone.places("sip:example.com", &[Udp, Tcp, Ws]).unwrap(), ["UDP 192.0.2.1:5060"]);
    let services =
        ["SRV _sip._udp.example.com", "SRV _sip._tcp.example.com", "SRV _sip._ws.example.com"];
    assert_eq!(zone.asked[0], "NAPTR example.com");
    assert_eq!(zone.asked[1..4], services);
    assert_eq!(zone.asked[4..], ["A example.com"]);
}

#[test]
fn a_transport_parameter_asks_for_its_own_service_only() {
    let mut zone = Zone::default()
        .srv("_sips._tcp.example.com", &[(1, 5071, "a.example.com")])
        .host("a.example.com", &["192.0.2.1"]);
    let places = zone.places("sip:example.com;transport=tls", &[Udp, Tls]).unwrap();
    assert_eq!(places, ["TLS 192.0.2.1:5071"]);
    assert_eq!(zone.asked, ["SRV _sips._tcp.example.com", "A a.example.com"]);
}

#[test]
fn one_failing_look_up_takes_nothing_else_away() {
    let mut zone = Zone::default()
        .fails(Query::Naptr("example.com".to_owned()))
        .fails(Query::Srv("_sip._udp.example.com".to_owned()))
        .srv("_sip._tcp.example.com", &[(1, 1, "dead.example.com"), (2, 2, "a.example.com")])
        .fails(Query::Address("dead.example.com".to_owned()))
        .host("a.example.com", &["192.0.2.1"]);
    assert_eq!(zone.places("sip:example.com", &[Udp, Tcp]).unwrap(), ["TCP 192.0.2.1:2"]);
}

#[test]
fn a_service_that_is_decidedly_not_offered_is_not_looked_for_elsewhere() {
    let mut zone = Zone::default()
        .srv("_sip._udp.example.com", &[(0, 0, ".")])
        .host("example.com", &["192.0.2.1"]);
    let uri = "sip:example.com;transport=udp".to_owned();
    assert_eq!(zone.places(&uri, &[Udp]), Err(LocateError::NotFound(uri)));
}

#[test]
fn what_leads_nowhere_says_why() {
    let mut zone = Zone::default().fails(Query::Address("slow.example".to_owned()));
    let text = |error: LocateError| error.to_string();
    let mut why =
        |uri: &str, supported: &[Transport]| text(zone.places(uri, supported).unwrap_err());
    assert_eq!(why("tel:+43", &[Udp]), "`tel:+43` is no SIP URI with a host");
    assert_eq!(
        why("sip:a.example;transport=tcp", &[Udp]),
        "`sip:a.example;transport=tcp` asks for tcp, and no listener has it"
    );
    assert_eq!(
        why("sips:a.example", &[Udp, Tcp]),
        "`sips:a.example` asks for TLS, and no listener has it"
    );
    assert_eq!(
        why("sips:a.example;transport=udp", &[Udp, Tls]),
        "`sips:a.example;transport=udp` asks for udp, and no listener has it"
    );
    assert_eq!(why("sip:none.example", &[Udp]), "the DNS has no address for `sip:none.example`");
    assert_eq!(why("sip:slow.example", &[Udp]), "the DNS gave no answer about `sip:slow.example`");
}

#[test]
fn a_hostile_zone_costs_a_bounded_number_of_look_ups_and_places() {
    let hosts: Vec<String> = (0..200).map(|n| format!("h{n}.example")).collect();
    let records: Vec<(u16, u16, &str)> = hosts.iter().map(|host| (1, 1, host.as_str())).collect();
    let services: Vec<String> = (0..200).map(|n| format!("s{n}.example")).collect();
    let naptr: Vec<_> = services.iter().map(|s| (1, 1, "SIP+D2U", s.as_str())).collect();
    let many: Vec<String> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut wide = Zone::default().srv("_sip._udp.example", &records);
    let mut deep = Zone::default().naptr("example", &naptr);
    let mut long = Zone::default().host("example", &many);
    assert!(wide.places("sip:example", &[Udp]).is_err());
    assert_eq!(wide.asked.len(), QUERIES_MAX);
    assert!(deep.places("sip:example", &[Udp]).is_err());
    assert_eq!(deep.asked.len(), QUERIES_MAX);
    assert_eq!(long.places("sip:example:1", &[Udp]).unwrap().len(), PLACES_MAX);
}

#[test]
fn an_answer_to_nothing_asked_is_dropped() {
    let mut locate = Locate::new("sip:example.com:1", &[Udp], 1).unwrap();
    let query = Query::Address("example.com".to_owned());
    locate.handle_answer(&query, Answer::Address(vec!["192.0.2.66".parse().unwrap()]));
    assert_eq!(locate.places(), None);
    assert_eq!(locate.poll_query(), Some(query.clone()));
    locate.handle_answer(&query, Answer::Address(vec!["192.0.2.1".parse().unwrap()]));
    locate.handle_answer(&query, Answer::Address(vec!["192.0.2.66".parse().unwrap()]));
    assert_eq!(locate.places().unwrap().unwrap()[0].address, "192.0.2.1:1".parse().unwrap());
}
