#![allow(clippy::unwrap_used)]
//! Keep-alives for phones behind NAT, datagram by datagram.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use model::{Directory, ListenerId, Membership, Secret};

use super::*;
use crate::{Config, Input, RegistrarConfig, StoreConfig, StoreOutcome, trunk::bench::Bench};

struct Anyone;

impl Directory for Anyone {
    fn bindings(&self, _: &Aor) -> Option<Arc<[Binding]>> {
        None
    }

    fn membership(&self, _: &Aor) -> Membership {
        Membership::Subscriber
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }
}

const NAT: ([u8; 4], u16) = ([203, 0, 113, 7], 40_000);
const INSIDE: ([u8; 4], u16) = ([10, 0, 0, 5], 5060);
const INTERVAL: Duration = Duration::from_secs(25);

fn flow(peer: ([u8; 4], u16)) -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: peer.into() }
}

struct Lab {
    switch: Switch,
    now: Instant,
    /// Registrations told of, as `aor contacts`.
    published: Vec<String>,
    stored: Vec<crate::StoreTicket>,
    number: u32,
}

impl Lab {
    fn new(method: KeepaliveMethod, failures_max: u32) -> Self {
        Self::with(Some(KeepaliveConfig { interval: INTERVAL, method, failures_max }), None)
    }

    fn with(keepalive: Option<KeepaliveConfig>, store: Option<StoreConfig>) -> Self {
        let registrar = RegistrarConfig { keepalive, store, ..RegistrarConfig::default() };
        let config = Config { registrar, ..Bench::config(Vec::new(), None) };
        let now = Instant::from_nanos(1_000_000_000_000);
        let switch = Switch::new(config);
        Self { switch, now, published: Vec::new(), stored: Vec::new(), number: 0 }
    }

    fn drain(&mut self) -> Vec<(SocketAddr, String)> {
        let mut sent = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    sent.push((flow.peer, String::from_utf8(bytes.to_vec()).unwrap()));
                }
                Output::Publish(publish) => {
                    self.published.push(format!("{} {}", publish.aor, publish.bindings.len()));
                }
                Output::Store { ticket, .. } => self.stored.push(ticket),
                _ => {}
            }
        }
        sent
    }

    fn receive(&mut self, from: ([u8; 4], u16), text: String) -> Vec<(SocketAddr, String)> {
        let input = Input::Datagram { flow: flow(from), bytes: text.into() };
        self.switch.handle_input(self.now, &Anyone, input);
        self.drain()
    }

    /// `user` registers from `source` and says that it is at `own`.
    fn register(&mut self, user: &str, source: ([u8; 4], u16), own: ([u8; 4], u16), expires: u32) {
        self.number += 1;
        let (own, n) = (SocketAddr::from(own), self.number);
        let text = format!(
            "REGISTER sip:office.test SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{n};rport\r\n\
             From: <sip:{user}@office.test>;tag=a\r\nTo: <sip:{user}@office.test>\r\nCall-ID: {user}\r\n\
             CSeq: {n} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{own}>;expires={expires}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let sent = self.receive(source, text);
        if self.stored.is_empty() {
            assert!(sent.last().unwrap().1.starts_with("SIP/2.0 200"), "{sent:?}");
        }
    }

    /// Whatever is sent in this time, but for transactions that end.
    fn pass(&mut self, time: Duration) -> Vec<(SocketAddr, String)> {
        let end = self.now + time;
        let mut sent = Vec::new();
        while let Some((at, _)) = self.switch.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.switch.handle_timeout(at, &Anyone);
            sent.extend(self.drain());
        }
        self.now = end;
        sent
    }

    /// The phone's answer to an OPTIONS.
    fn answer(&mut self, from: ([u8; 4], u16), options: &str) {
        let field = |name: &str| options.lines().find(|line| line.starts_with(name)).unwrap();
        let fields = ["Via", "From", "To", "Call-ID", "CSeq"].map(field).join("\r\n");
        let text = format!("SIP/2.0 404 Not Found\r\n{fields};x=1\r\nContent-Length: 0\r\n\r\n");
        let text = text.replace("OPTIONS;x=1", "OPTIONS");
        assert_eq!(self.receive(from, text), []);
    }
}

#[test]
fn a_phone_behind_nat_gets_an_options_in_each_interval_by_the_way_it_opened() {
    let mut lab = Lab::new(KeepaliveMethod::Options, 0);
    lab.register("2%20000", NAT, INSIDE, 3600);
    lab.register("2001", INSIDE, INSIDE, 3600);
    let first = lab.pass(INTERVAL);
    let [(to, options)] = &first[..] else { panic!("{first:?}") };
    assert_eq!(*to, SocketAddr::from(NAT));
    let lines: Vec<&str> = options.lines().collect();
    assert_eq!(lines[0], "OPTIONS sip:2%20000@10.0.0.5:5060 SIP/2.0");
    for line in ["Max-Forwards: 70", "To: <sip:2%20000@office.test>", "CSeq: 1 OPTIONS"] {
        assert!(lines.contains(&line), "{options}");
    }
    assert!(lines[1].starts_with("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK"), "{options}");
    assert!(lines.iter().any(|line| line.starts_with("From: <sip:192.0.2.9:5060>;tag=")));
    // No answer is needed where nobody counts, and none is asked for twice.
    assert_eq!(lab.pass(INTERVAL * 10).len(), 10);
    assert!(lab.published.len() == 2 && lab.switch.is_idle());
}

#[test]
fn who_says_where_it_is_and_means_another_contact_is_left_alone() {
    let mut lab = Lab::new(KeepaliveMethod::Options, 0);
    let text = "REGISTER sip:office.test SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7:40000;branch=z9hG4bK1\r\n\
        From: <sip:door@office.test>;tag=a\r\nTo: <sip:door@office.test>\r\nCall-ID: door\r\nCSeq: 1 REGISTER\r\n\
        Contact: <sip:door@203.0.113.7:6000>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n";
    let sent = lab.receive(NAT, text.to_owned());
    assert!(sent[0].1.starts_with("SIP/2.0 200 "), "{sent:?}");
    assert_eq!(lab.pass(3 * INTERVAL), []);
}

#[test]
fn a_keep_alive_may_be_two_empty_lines() {
    let mut lab = Lab::new(KeepaliveMethod::Crlf, 0);
    lab.register("2000", NAT, INSIDE, 3600);
    assert_eq!(lab.pass(INTERVAL), [(SocketAddr::from(NAT), "\r\n\r\n".to_owned())]);
}

#[test]
fn keep_alives_end_with_the_registration_and_are_not_doubled_by_its_renewal() {
    let mut lab = Lab::new(KeepaliveMethod::Crlf, 0);
    for _ in 0..5 {
        lab.register("2000", NAT, INSIDE, 100);
    }
    assert_eq!(lab.pass(Duration::from_secs(500)).len(), 4, "until it lapses");
    lab.register("2000", NAT, INSIDE, 100);
    lab.register("2000", NAT, INSIDE, 0);
    assert_eq!(lab.pass(Duration::from_secs(500)), []);
    assert_eq!(lab.switch.poll_timeout(), None);
}

#[test]
fn keep_alives_of_many_phones_are_spread_over_the_interval() {
    let mut lab = Lab::new(KeepaliveMethod::Crlf, 0);
    for user in 0..1000 {
        lab.register(&format!("{user}"), (NAT.0, 10_000 + user), INSIDE, 3600);
    }
    let counts: Vec<usize> = (0..25).map(|_| lab.pass(Duration::from_secs(1)).len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1000);
    assert!(counts.iter().all(|count| (15..=70).contains(count)), "{counts:?}");
}

#[test]
fn a_phone_that_leaves_too_many_unanswered_is_bound_no_more() {
    let mut lab = Lab::new(KeepaliveMethod::Options, 3);
    lab.register("2000", NAT, INSIDE, 3600);
    for _ in 0..2 {
        assert_eq!(lab.pass(INTERVAL).len(), 1);
    }
    let third = lab.pass(INTERVAL).remove(0).1;
    lab.answer((NAT.0, 40_001), &third);
    assert_eq!(lab.pass(INTERVAL).len(), 0, "an answer from elsewhere is none");
    assert_eq!(lab.published, ["2000@office.test 1", "2000@office.test 0"]);
    assert_eq!(lab.pass(INTERVAL * 3), []);
    assert!(lab.switch.keepalive.unanswered.is_empty());
}

#[test]
fn any_answer_and_any_registration_shows_that_a_phone_is_there() {
    let mut lab = Lab::new(KeepaliveMethod::Options, 2);
    lab.register("2000", NAT, INSIDE, 3600);
    for _ in 0..5 {
        let options = lab.pass(INTERVAL).remove(0).1;
        lab.answer(NAT, &options);
    }
    for _ in 0..5 {
        assert_eq!(lab.pass(INTERVAL).len(), 1);
        lab.register("2000", NAT, INSIDE, 3600);
    }
    assert!(lab.published.iter().all(|told| told == "2000@office.test 1"), "{:?}", lab.published);
}

#[test]
fn what_is_lost_leaves_the_store_before_the_directory() {
    let keepalive =
        KeepaliveConfig { interval: INTERVAL, method: KeepaliveMethod::Options, failures_max: 1 };
    let store = StoreConfig { writes_max: 10, timeout: Duration::from_secs(60) };
    let mut lab = Lab::with(Some(keepalive), Some(store));
    let aor = Aor::new("2000", "office.test");
    let binding = Binding {
        contact: "sip:2000@10.0.0.5".into(),
        flow: flow(NAT),
        path: "".into(),
        is_behind_nat: true,
        q_milli: 1000,
        expires_at: lab.now + Duration::from_secs(3600),
        call_id: "r".into(),
        cseq: 1,
        user_agent: "".into(),
        instance: "".into(),
        reg_id: 0,
    };
    let near = Binding { is_behind_nat: false, flow: flow(INSIDE), ..binding.clone() };
    let restore = Input::Restore { aor, bindings: vec![binding, near] };
    lab.switch.handle_input(lab.now, &Anyone, restore);
    assert_eq!(lab.drain(), []);
    assert_eq!(lab.pass(INTERVAL).len(), 1, "a contact of before a restart");
    assert_eq!(lab.pass(INTERVAL).len(), 0);
    assert_eq!(lab.published, ["2000@office.test 2"]);
    let ticket = lab.stored.pop().unwrap();
    let stored = Input::Stored { ticket, outcome: StoreOutcome::Stored };
    lab.switch.handle_input(lab.now, &Anyone, stored);
    lab.drain();
    assert_eq!(lab.published, ["2000@office.test 2", "2000@office.test 1"]);
}

#[test]
fn a_write_that_failed_is_tried_with_the_next_keep_alive() {
    let keepalive =
        KeepaliveConfig { interval: INTERVAL, method: KeepaliveMethod::Options, failures_max: 1 };
    let store = StoreConfig { writes_max: 10, timeout: Duration::from_secs(60) };
    let mut lab = Lab::with(Some(keepalive), Some(store));
    lab.stored.push(crate::StoreTicket(99));
    lab.register("2000", NAT, INSIDE, 3600);
    let ticket = lab.stored.pop().unwrap();
    lab.switch.handle_input(
        lab.now,
        &Anyone,
        Input::Stored { ticket, outcome: StoreOutcome::Stored },
    );
    lab.drain();
    lab.pass(INTERVAL * 2);
    let ticket = lab.stored.pop().unwrap();
    let failed = Input::Stored { ticket, outcome: StoreOutcome::Failed };
    lab.switch.handle_input(lab.now, &Anyone, failed);
    assert_eq!(lab.drain(), []);
    lab.pass(INTERVAL);
    assert_eq!(lab.published, ["2000@office.test 1"]);
    assert!(lab.stored.pop().is_some_and(|again| again != ticket));
}

#[test]
fn another_setting_is_for_the_phones_that_are_there_as_well() {
    let mut lab = Lab::with(None, None);
    lab.register("2000", NAT, INSIDE, 3600);
    assert_eq!(lab.pass(INTERVAL * 2), []);
    let with = |seconds: Option<u64>| {
        let settings = Config {
            registrar: RegistrarConfig {
                keepalive: seconds.map(|seconds| KeepaliveConfig {
                    interval: Duration::from_secs(seconds),
                    ..KeepaliveConfig::default()
                }),
                ..RegistrarConfig::default()
            },
            ..Bench::config(Vec::new(), None)
        };
        Input::Configure(Box::new(settings.settings()))
    };
    lab.switch.handle_input(lab.now, &Anyone, with(Some(10)));
    assert_eq!(lab.pass(Duration::from_secs(100)).len(), 10);
    lab.switch.handle_input(lab.now, &Anyone, with(Some(50)));
    assert_eq!(lab.pass(Duration::from_secs(100)).len(), 2);
    lab.switch.handle_input(lab.now, &Anyone, with(None));
    assert_eq!(lab.pass(Duration::from_secs(100)), []);
}
