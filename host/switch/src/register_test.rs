#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use bytes::Bytes;
use model::{Flow, ListenerId, Membership, Shard, Shards, Transport, hook::MediaMode};

use super::*;
use crate::{Config, Input, Limits, Listener, RegistrarConfig, StoreConfig};

struct Anyone;

impl Directory for Anyone {
    fn bindings(&self, _: &Aor) -> Option<std::sync::Arc<[Binding]>> {
        None
    }

    fn membership(&self, _: &Aor) -> Membership {
        Membership::Subscriber
    }

    fn secret(&self, _: &Aor) -> Option<std::sync::Arc<model::Secret>> {
        None
    }
}

const START: Instant = Instant::from_nanos(1_000_000_000);

fn switch(writes_max: usize) -> Switch {
    let store = StoreConfig { writes_max, timeout: Duration::from_secs(5) };
    Switch::new(Config {
        shard: Shard(0),
        shards: Shards::ONE,
        seed: [1; 32],
        timers: sip::Timers::default(),
        sip_limits: sip::ParseLimits::default(),
        listeners: vec![Listener {
            name: "udp".to_owned(),
            transport: Transport::Udp,
            advertised: ([192, 0, 2, 9], 5060).into(),
        }],
        limits: Limits::default(),
        ring_timeout: Duration::from_secs(60),
        routing_timeout: Duration::from_secs(60),
        question_timeout: Duration::from_secs(1),
        relay_timeout: Duration::from_secs(1),
        failover_after: Duration::from_secs(4),
        udp_request_max: 1300,
        locate_timeout: Duration::from_secs(4),
        media: MediaMode::Bypass,
        media_address6: None,
        emergency: crate::Emergency::default(),
        transfers: crate::TransferConfig::default(),
        call_events: crate::CallEventConfig::default(),
        proxy_key: None,
        service_route: "".into(),
        trusted: Vec::new(),
        diversion: crate::DiversionStyle::default(),
        sessions: crate::SessionConfig::default(),
        auth: None,
        events: crate::EventsConfig::default(),
        registrar: RegistrarConfig { store: Some(store), ..RegistrarConfig::default() },
        devices: Vec::new(),
        trunks: Vec::new(),
        server_header: String::new(),
    })
}

/// One line for each output: what is told of a registration.
fn told(switch: &mut Switch) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(output) = switch.poll_output() {
        told.push(match output {
            Output::Transmit { bytes, .. } => summary(&bytes),
            Output::Store { ticket, publish } => {
                format!("store {} {} {}", ticket.0, publish.aor, publish.bindings.len())
            }
            Output::Publish(publish) => {
                format!("publish {} {}", publish.aor, publish.bindings.len())
            }
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
        });
    }
    told
}

fn summary(response: &[u8]) -> String {
    let text = String::from_utf8_lossy(response);
    let status = text.split(' ').nth(1).unwrap_or_default();
    let of = |name: &str| {
        text.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>().join(",")
    };
    let retry = if text.contains("\r\nRetry-After: ") { " later" } else { "" };
    format!("{status} {}{retry} [{}]", of("Call-ID: "), of("Contact: "))
}

fn register_at(
    switch: &mut Switch,
    now: Instant,
    user: &str,
    call: &str,
    contact: &str,
) -> Vec<String> {
    switch.handle_input(now, &Anyone, request_of(user, call, contact));
    told(switch)
}

/// A REGISTER that asks for the contacts.
fn register_of(call: &str) -> Input {
    request_of("1", call, "")
}

fn request_of(user: &str, call: &str, contact: &str) -> Input {
    let text = format!(
        "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call}\r\n\
         From: <sip:{user}@example.org>;tag=a\r\nTo: <sip:{user}@example.org>\r\nCall-ID: {call}\r\n\
         CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{contact}Content-Length: 0\r\n\r\n"
    );
    let peer = ([192, 0, 2, 1], 5060).into();
    let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer };
    Input::Datagram { flow, bytes: Bytes::from(text) }
}

fn register(switch: &mut Switch, user: &str, call: &str, contact: &str) -> Vec<String> {
    register_at(switch, START, user, call, contact)
}

fn stored(switch: &mut Switch, ticket: u64, outcome: StoreOutcome) -> Vec<String> {
    let ticket = StoreTicket(ticket);
    switch.handle_input(START, &Anyone, Input::Stored { ticket, outcome });
    told(switch)
}

const A: &str = "Contact: <sip:a@192.0.2.1>\r\n";
const B: &str = "Contact: <sip:b@192.0.2.1>\r\n";

#[test]
fn a_registration_is_acknowledged_once_it_is_stored_and_not_before() {
    let mut switch = switch(10);
    assert_eq!(register(&mut switch, "1", "c1", A), ["store 0 1@example.org 1"]);
    assert_eq!(switch.stats().writes_now, 1);
    assert_eq!(
        stored(&mut switch, 0, StoreOutcome::Stored),
        ["publish 1@example.org 1", "Emit(Registered", "200 c1 [<sip:a@192.0.2.1>;expires=3600]"]
    );
    assert_eq!(switch.stats().writes_now, 0);
}

#[test]
fn a_retransmission_while_it_is_stored_is_absorbed() {
    let mut switch = switch(10);
    register(&mut switch, "1", "c1", A);
    assert_eq!(register(&mut switch, "1", "c1", A), Vec::<String>::new());
    assert_eq!(switch.stats().writes_now, 1);
}

#[test]
fn what_cannot_be_stored_is_refused_for_a_while_and_changes_nothing() {
    for (outcome, want) in [(StoreOutcome::Failed, "500"), (StoreOutcome::Busy, "503")] {
        let mut switch = switch(10);
        register(&mut switch, "1", "c1", A);
        assert_eq!(stored(&mut switch, 0, outcome), [format!("{want} c1 later []")]);
        assert_eq!(register(&mut switch, "1", "c2", ""), ["200 c2 []"]);
        assert_eq!((switch.stats().aors_now, switch.stats().writes_refused), (0, 1));
    }
}

#[test]
fn later_registers_of_the_same_address_wait_their_turn_and_others_do_not() {
    let mut switch = switch(10);
    register(&mut switch, "1", "c1", A);
    assert_eq!(register(&mut switch, "1", "c2", ""), Vec::<String>::new());
    assert_eq!(register(&mut switch, "1", "c3", B), Vec::<String>::new());
    assert_eq!(register(&mut switch, "1", "c4", ""), Vec::<String>::new());
    assert_eq!(register(&mut switch, "2", "d1", A), ["store 1 2@example.org 1"]);
    assert_eq!(
        stored(&mut switch, 0, StoreOutcome::Stored),
        [
            "publish 1@example.org 1",
            "Emit(Registered",
            "store 2 1@example.org 2",
            "200 c1 [<sip:a@192.0.2.1>;expires=3600]",
            "200 c2 [<sip:a@192.0.2.1>;expires=3600]",
        ]
    );
    // The second contact fails, and the question behind it sees the first alone.
    assert_eq!(
        stored(&mut switch, 2, StoreOutcome::Failed),
        ["500 c3 later []", "200 c4 [<sip:a@192.0.2.1>;expires=3600]"]
    );
}

#[test]
fn one_register_too_many_is_refused_for_a_while() {
    let mut switch = switch(2);
    register(&mut switch, "1", "c1", A);
    register(&mut switch, "1", "c2", B);
    assert_eq!(register(&mut switch, "2", "c3", A), ["503 c3 later []"]);
    stored(&mut switch, 0, StoreOutcome::Stored);
    assert_eq!(register(&mut switch, "2", "c4", A), ["store 2 2@example.org 1"]);
}

#[test]
fn a_store_that_does_not_answer_is_given_up_and_its_late_answer_means_nothing() {
    let mut switch = switch(10);
    register(&mut switch, "1", "c1", A);
    let at = START + Duration::from_secs(5);
    assert_eq!(switch.poll_timeout(), Some((at, crate::Reason::Store)));
    switch.handle_timeout(at, &Anyone);
    assert_eq!(told(&mut switch), ["503 c1 later []"]);
    assert_eq!(stored(&mut switch, 0, StoreOutcome::Stored), Vec::<String>::new());
    assert_eq!((switch.stats().aors_now, switch.stats().writes_lost), (0, 1));
}

#[test]
fn bindings_from_before_a_restart_are_published_told_and_lapse() {
    let mut before = switch(10);
    let bindings = {
        register(&mut before, "1", "c1", A);
        let write = before.writes.as_mut().unwrap().end(StoreTicket(0)).unwrap();
        write.bindings
    };
    let mut switch = switch(10);
    let aor = Aor::new("1", "example.org");
    switch.handle_input(START, &Anyone, Input::Restore { aor, bindings });
    assert_eq!(told(&mut switch), ["publish 1@example.org 1", "Emit(Registered"]);
    let half = START + Duration::from_secs(1800);
    assert_eq!(
        register_at(&mut switch, half, "1", "c2", ""),
        ["200 c2 [<sip:a@192.0.2.1>;expires=1800]"]
    );
    switch.handle_timeout(START + Duration::from_secs(3600), &Anyone);
    assert_eq!(told(&mut switch).first().map(String::as_str), Some("publish 1@example.org 0"));
}

#[test]
fn phones_are_told_what_to_send_their_requests_through() {
    let mut switch = switch(10);
    let field = |switch: &mut Switch, call: &str| {
        switch.handle_input(START, &Anyone, register_of(call));
        let mut found = Vec::new();
        while let Some(output) = switch.poll_output() {
            if let Output::Transmit { bytes, .. } = output {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let lines = text.lines().filter_map(|line| line.strip_prefix("Service-Route: "));
                found.extend(lines.map(str::to_owned));
            }
        }
        found
    };
    assert_eq!(field(&mut switch, "c1"), [""; 0]);
    let mut settings = switch.tables.config.settings();
    settings.service_route = "<sip:sbc.example.org;lr>, <sip:10.0.0.1;lr>".into();
    switch.handle_input(START, &Anyone, Input::Configure(Box::new(settings)));
    assert_eq!(field(&mut switch, "c2"), ["<sip:sbc.example.org;lr>, <sip:10.0.0.1;lr>"]);
}

#[test]
fn the_switch_itself_is_nobodys_contact() {
    let mut switch = switch(10);
    let own = "Contact: <sip:1@192.0.2.9;user=phone>\r\n";
    assert_eq!(register(&mut switch, "1", "c1", own), ["403 c1 []"]);
    let behind = "Contact: <sip:1@192.0.2.9:5062>\r\n";
    assert_eq!(register(&mut switch, "1", "c2", behind), ["store 0 1@example.org 1"]);
}
