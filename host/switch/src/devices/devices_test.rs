#![allow(clippy::unwrap_used)]
//! Checks of devices, message by message.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use model::{ListenerId, Membership, Secret, Transport};

use super::*;
use crate::{Command, Config, Input, Limits, trunk::bench::Bench};

const CHECK: DeviceCheck = DeviceCheck {
    interval: Duration::from_secs(30),
    patience: Duration::from_secs(8),
    recovery: Duration::from_secs(60),
};

const PHONE: &str = "198.51.100.1:5060";
const SECOND: &str = "198.51.100.2:5060";

/// Everybody is a subscriber, and checked so.
#[derive(Default)]
struct Town {
    check: Option<DeviceCheck>,
    out: BTreeSet<Aor>,
}

impl Directory for Town {
    fn bindings(&self, _: &Aor) -> Option<Arc<[Binding]>> {
        None
    }

    fn membership(&self, _: &Aor) -> Membership {
        Membership::Subscriber
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }

    fn device_check(&self, _: &Aor) -> Option<DeviceCheck> {
        self.check
    }
}

struct Lab {
    switch: Switch,
    town: Town,
    now: Instant,
    /// What happened, with its time in seconds since the beginning.
    seen: Vec<String>,
    /// The OPTIONS that were sent, as text; each once.
    sent: Vec<(SocketAddr, String)>,
    lookups: Vec<LocateId>,
}

const BEGIN: u64 = 1_000;

fn aor(user: &str) -> Aor {
    Aor::new(user, "office.test")
}

impl Lab {
    fn new() -> Self {
        Self::of(Bench::config(Vec::new(), None))
    }

    fn of(config: Config) -> Self {
        let town = Town { check: Some(CHECK), ..Town::default() };
        let now = Instant::ZERO + Duration::from_secs(BEGIN);
        let switch = Switch::new(config);
        let (seen, sent, lookups) = (Vec::new(), Vec::new(), Vec::new());
        Self { switch, town, now, seen, sent, lookups }
    }

    /// A user has these contacts from now on.
    fn bind(&mut self, user: &str, contacts: &[&str]) {
        let binding = |peer: &&str| Binding {
            contact: format!("sip:{user}@{peer}").into(),
            path: "".into(),
            flow: Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                peer: peer.parse().unwrap(),
            },
            is_behind_nat: false,
            q_milli: 1000,
            expires_at: self.now + Duration::from_secs(3600),
            call_id: "r".into(),
            cseq: 1,
            user_agent: "".into(),
            instance: "".into(),
            reg_id: 0,
        };
        let bindings = contacts.iter().map(binding).collect();
        self.input(Input::Restore { aor: aor(user), bindings });
    }

    fn input(&mut self, input: Input) {
        self.switch.handle_input(self.now, &self.town, input);
        self.drain();
    }

    fn drain(&mut self) {
        let at = self.now.saturating_since(Instant::ZERO).as_secs_f64() - BEGIN as f64;
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    if !self.sent.iter().any(|(_, have)| *have == text) {
                        let line = text.lines().next().unwrap().replace(" SIP/2.0", "");
                        self.seen.push(format!("{at:.1} {line} > {}", flow.peer));
                        self.sent.push((flow.peer, text));
                    }
                }
                Output::Device { aor, in_service } => {
                    match in_service {
                        true => self.town.out.remove(&aor),
                        false => self.town.out.insert(aor),
                    };
                }
                Output::Emit(Fact::Device { aor, change }) => {
                    self.seen.push(format!("{at:.1} {} {change}", aor.user()));
                }
                Output::Locate { id, uri } => {
                    self.seen.push(format!("{at:.1} locate {uri}"));
                    self.lookups.push(id);
                }
                _ => {}
            }
        }
    }

    /// Lets time go by, with everything that is due on the way.
    fn pass(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_secs(seconds);
        while let Some((at, _)) = self.switch.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at.max(self.now);
            self.switch.handle_timeout(self.now, &self.town);
            self.drain();
        }
        self.now = end;
        std::mem::take(&mut self.seen)
    }

    /// The device at `peer` answers the OPTIONS that it got last.
    fn answer(&mut self, peer: &str, status: &str) -> Vec<String> {
        let peer: SocketAddr = peer.parse().unwrap();
        let (_, text) = self.sent.iter().rev().find(|(to, _)| *to == peer).unwrap().clone();
        self.reply(peer, &text, status)
    }

    fn reply(&mut self, peer: SocketAddr, text: &str, status: &str) -> Vec<String> {
        let field = |name: &str| {
            let start = format!("{name}: ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
            format!("{name}: {line}\r\n")
        };
        let fields = ["Via", "From", "To", "Call-ID", "CSeq"].map(field).concat();
        let text = format!("SIP/2.0 {status}\r\n{fields}Content-Length: 0\r\n\r\n");
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer };
        self.input(Input::Datagram { flow, bytes: text.into() });
        std::mem::take(&mut self.seen)
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_phone_that_answers_is_asked_at_its_turn_and_nothing_is_told() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    assert_eq!(lab.pass(15), ["11.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060"]);
    let text = &lab.sent[0].1;
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !["Via", "Call-ID"].iter().any(|name| line.starts_with(name)))
        .collect();
    let tag = text.split("tag=").nth(1).unwrap().lines().next().unwrap();
    let from = format!("From: <sip:192.0.2.9:5060>;tag={tag}");
    assert_eq!(
        lines,
        [
            "OPTIONS sip:2001@198.51.100.1:5060 SIP/2.0",
            "Max-Forwards: 70",
            &from,
            "To: <sip:2001@office.test>",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
            ""
        ]
    );
    // Whatever the phone thinks of OPTIONS, it is there.
    for status in ["200 OK", "405 Method Not Allowed", "486 Busy Here", "603 Decline"] {
        assert_eq!(lab.answer(PHONE, status), NOTHING);
        assert_eq!(lab.pass(30).len(), 1, "{status}");
    }
    let stats = lab.switch.stats();
    assert_eq!((stats.devices_checked, stats.devices_out), (1, 0));
    assert_eq!((stats.device_checks, stats.device_checks_failed), (5, 0));
}

#[test]
fn a_phone_that_is_silent_for_oos_force_is_out_and_comes_back_with_its_first_answer() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    assert_eq!(
        lab.pass(100),
        [
            "11.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060",
            "19.4 2001 out of service: no answer",
            "79.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060"
        ]
    );
    assert_eq!(lab.town.out, BTreeSet::from([aor("2001")]));
    assert_eq!(lab.switch.stats().devices_out, 1);
    assert_eq!(lab.pass(50).len(), 1);
    assert_eq!(lab.answer(PHONE, "200 OK"), ["150.0 2001 back in service"]);
    assert_eq!(lab.town.out, BTreeSet::new());
    // From then on at its turns again.
    assert_eq!(lab.pass(15), ["161.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060"]);
}

#[test]
fn an_answer_that_comes_late_says_all_the_same_that_it_is_there() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    lab.pass(30);
    assert_eq!(lab.town.out.len(), 1);
    assert_eq!(lab.answer(PHONE, "200 OK"), ["30.0 2001 back in service"]);
    assert_eq!(lab.pass(12), ["41.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060"]);
    // And a late refusal says nothing of the OPTIONS that is out now.
    lab.pass(8);
    assert_eq!(lab.town.out.len(), 1);
    assert_eq!(lab.answer(PHONE, "503 Service Unavailable"), NOTHING);
    assert_eq!(lab.switch.stats().device_checks_failed, 2);
}

#[test]
fn what_refuses_to_answer_is_asked_again_until_patience_is_over() {
    for status in ["503 Service Unavailable", "408 Request Timeout"] {
        let mut lab = Lab::new();
        lab.bind("2001", &[PHONE]);
        let mut seen = lab.pass(15);
        for _ in 0..6 {
            seen.extend(lab.answer(PHONE, status));
            seen.extend(lab.pass(2));
        }
        assert_eq!(
            seen,
            [
                "11.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060".to_owned(),
                "17.0 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060".to_owned(),
                "19.0 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060".to_owned(),
                format!("19.4 2001 out of service: {status}"),
            ],
            "{status}"
        );
        assert_eq!(lab.town.out.len(), 1);
    }
}

#[test]
fn one_good_answer_in_time_is_enough() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    lab.pass(15);
    lab.answer(PHONE, "503 Service Unavailable");
    assert_eq!(lab.pass(2).len(), 1);
    assert_eq!(lab.answer(PHONE, "200 OK"), NOTHING);
    // And patience begins anew with the next silence.
    assert_eq!(
        lab.pass(40),
        [
            "41.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060",
            "49.4 2001 out of service: no answer"
        ]
    );
}

#[test]
fn every_contact_is_asked_and_one_that_answers_is_enough() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE, SECOND]);
    assert_eq!(
        lab.pass(15),
        [
            "11.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060",
            "11.4 OPTIONS sip:2001@198.51.100.2:5060 > 198.51.100.2:5060"
        ]
    );
    assert_eq!(lab.answer(SECOND, "200 OK"), NOTHING);
    // The other may say now what it likes.
    assert_eq!(lab.answer(PHONE, "503 Service Unavailable"), NOTHING);
    assert_eq!(lab.pass(20).len(), 0);
    assert_eq!(lab.town.out.len(), 0);
    // Neither answers.
    assert_eq!(
        lab.pass(60),
        [
            "41.4 OPTIONS sip:2001@198.51.100.1:5060 > 198.51.100.1:5060",
            "41.4 OPTIONS sip:2001@198.51.100.2:5060 > 198.51.100.2:5060",
            "49.4 2001 out of service: no answer"
        ]
    );
}

#[test]
fn who_registers_while_out_of_service_is_asked_at_once() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    lab.pass(30);
    assert_eq!(lab.town.out.len(), 1);
    // It is somewhere else now.
    lab.bind("2001", &[SECOND]);
    assert_eq!(lab.pass(0), ["30.0 OPTIONS sip:2001@198.51.100.2:5060 > 198.51.100.2:5060"]);
    assert_eq!(lab.answer(SECOND, "200 OK"), ["30.0 2001 back in service"]);
}

#[test]
fn who_has_no_contact_any_more_is_not_checked() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    lab.pass(30);
    lab.bind("2001", &[]);
    assert_eq!(lab.pass(300), ["30.0 2001 not checked any more"]);
    assert_eq!(lab.town.out.len(), 0);
    assert_eq!(lab.switch.stats().devices_checked, 0);
    // In the middle of a check, and nothing is told of one that was in service.
    lab.bind("2001", &[PHONE]);
    while lab.pass(1).is_empty() {}
    lab.bind("2001", &[]);
    assert_eq!(lab.pass(300), NOTHING);
    assert_eq!(lab.answer(PHONE, "200 OK"), NOTHING);
    // Nobody wants to know of it.
    lab.town.check = None;
    lab.bind("2001", &[PHONE]);
    assert_eq!(lab.pass(300), NOTHING);
}

#[test]
fn so_many_are_asked_at_once_and_all_get_their_turn() {
    let config = Bench::config(Vec::new(), None);
    let limits = Limits { device_checks_max: 3, ..config.limits };
    let mut lab = Lab::of(Config { limits, ..config });
    for n in 0..20 {
        lab.bind(&format!("30{n:02}"), &[&format!("198.51.100.{}:5060", n + 10)]);
    }
    // All are silent, each for 8 s: of so many at once seven rounds are needed.
    let seen = lab.pass(120);
    let mut out = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for line in &seen {
        let user = line.split([' ', ':', '@']).find(|word| word.starts_with("30")).unwrap();
        if line.contains("OPTIONS") {
            asked.insert(user);
        } else {
            out.insert(user);
        }
        assert!(asked.len() - out.len() <= 3, "{seen:?}");
    }
    assert_eq!((asked.len(), out.len()), (20, 20), "{seen:?}");
}

#[test]
fn ten_thousand_are_spread_over_their_interval() {
    let mut lab = Lab::new();
    for n in 0..10_000 {
        lab.bind(&format!("{n:05}"), &[PHONE]);
    }
    let mut a_second = Vec::new();
    for _ in 0..30 {
        a_second.push(lab.pass(1).iter().filter(|line| line.contains("OPTIONS")).count());
        for (peer, text) in std::mem::take(&mut lab.sent) {
            assert_eq!(lab.reply(peer, &text, "200 OK"), NOTHING);
        }
    }
    assert_eq!(a_second.iter().sum::<usize>(), 10_000);
    assert!(a_second.iter().all(|count| (250..420).contains(count)), "{a_second:?}");
}

fn configured(uri: &str) -> Lab {
    let device = DeviceConfig { aor: aor("media"), uri: uri.to_owned(), check: CHECK };
    Lab::of(Config { devices: vec![device], ..Bench::config(Vec::new(), None) })
}

#[test]
fn a_device_whose_contact_is_configured_is_asked_there() {
    let mut lab = configured("sip:203.0.113.9:5070");
    assert_eq!(lab.pass(5), ["0.0 OPTIONS sip:203.0.113.9:5070 > 203.0.113.9:5070"]);
    assert_eq!(lab.answer("203.0.113.9:5070", "200 OK"), NOTHING);
    // A phone that registers under its name changes nothing.
    lab.bind("media", &[PHONE]);
    assert_eq!(
        lab.pass(40),
        [
            "20.6 OPTIONS sip:203.0.113.9:5070 > 203.0.113.9:5070",
            "28.6 media out of service: no answer"
        ]
    );
}

#[test]
fn a_name_is_looked_up_each_time_and_what_is_not_found_is_out() {
    let mut lab = configured("sip:media.test");
    assert_eq!(lab.pass(1), ["0.0 locate sip:media.test"]);
    let id = lab.lookups.pop().unwrap();
    let place = Place { transport: Transport::Udp, address: "203.0.113.9:5070".parse().unwrap() };
    lab.input(Input::Located { id, places: Ok(vec![place]) });
    assert_eq!(lab.pass(0), ["1.0 OPTIONS sip:media.test > 203.0.113.9:5070"]);
    assert_eq!(lab.answer("203.0.113.9:5070", "200 OK"), NOTHING);
    assert_eq!(
        lab.pass(45),
        [
            "20.6 locate sip:media.test",
            "26.6 locate sip:media.test",
            "28.6 media out of service: the DNS gave no answer"
        ]
    );
}

#[test]
fn a_place_that_no_listener_reaches_is_out_of_service() {
    let mut lab = configured("sip:203.0.113.9;transport=tcp");
    assert_eq!(
        lab.pass(40),
        [
            "8.0 media out of service: `sip:203.0.113.9;transport=tcp` asks for tcp, and no listener has it"
        ]
    );
}

#[test]
fn nobody_is_asked_while_the_switch_drains() {
    let mut lab = Lab::new();
    lab.bind("2001", &[PHONE]);
    lab.input(Input::Command(Command::Drain));
    assert_eq!(lab.pass(300), NOTHING);
    lab.bind("2002", &[SECOND]);
    assert_eq!(lab.pass(300), NOTHING);
}
