#![allow(clippy::unwrap_used)]
//! Registrations and probes, message by message.

use std::time::Duration;

use model::TrunkId;
use sip::locate::{LocateError, Place};

use super::super::bench::{Bench, FIRST, OURS, SECOND, Sent, trunk, what};
use crate::{Command, Fact, Input, Login, Probing, Reach, Registering, Registration, TrunkConfig};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn registering(uri: &str) -> TrunkConfig {
    TrunkConfig {
        login: Some(Login { user: "4312345".to_owned(), password: "secret".to_owned() }),
        register: Some(Registering {
            user: "4312345".to_owned(),
            contact_user: "line1".to_owned(),
            expires: secs(600),
            retry: secs(30),
        }),
        from_domain: Some("carrier.test".to_owned()),
        ..trunk("carrier", uri, 1)
    }
}

fn probed(uri: &str) -> TrunkConfig {
    let probe = Probing { interval: secs(30), timeout: secs(5), failures: 2 };
    TrunkConfig { probe: Some(probe), ..trunk("carrier", uri, 1) }
}

impl Bench {
    fn told(&mut self) -> Vec<String> {
        let told = self.facts.drain(..).filter_map(|fact| match fact {
            Fact::Trunk { change, .. } => Some(change.to_string()),
            _ => None,
        });
        told.collect()
    }

    fn registration(&self) -> Registration {
        self.statuses[&TrunkId(0)].registration
    }
}

const ASKS: &str =
    "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";

/// A REGISTER is out and asked for a password; what was sent again.
fn asked() -> (Bench, Sent, Sent) {
    let mut bench = Bench::new(vec![registering("sip:203.0.113.1:5062")]);
    let first = bench.pass(0).remove(0);
    let second = bench.receive(FIRST, first.response("401 Asked", ASKS)).remove(0);
    (bench, first, second)
}

#[test]
fn a_trunk_registers_with_its_password_and_renews_in_time() {
    let (mut bench, first, second) = asked();
    assert_eq!(first.what(), "REGISTER sip:203.0.113.1:5062 > trunk 1");
    assert_eq!(first.line("To"), "<sip:4312345@carrier.test>");
    assert!(first.line("From").starts_with("<sip:4312345@carrier.test>;tag="));
    assert_eq!(first.line("Contact"), format!("<sip:line1@{OURS}>"));
    assert_eq!(
        (first.line("Expires").as_str(), first.line("CSeq").as_str()),
        ("600", "1 REGISTER")
    );
    assert_eq!(first.line("Authorization"), "");
    assert_eq!(second.line("CSeq"), "2 REGISTER");
    assert_eq!(second.line("Call-ID"), first.line("Call-ID"));
    assert!(
        second.line("Authorization").starts_with("Digest username=\"4312345\", realm=\"carrier\"")
    );

    let contacts = format!(
        "Contact: <sip:old@192.0.2.77>;expires=3000, <sip:line1@{OURS}>;expires=100\r\nExpires: 3000\r\n"
    );
    assert_eq!(what(&bench.receive(FIRST, second.response("200 OK", &contacts))), [""; 0]);
    assert_eq!(bench.told(), ["registered for 100 s"]);
    assert_eq!(bench.registration(), Registration::Registered { until: bench.now + secs(100) });
    assert_eq!(bench.statuses[&TrunkId(0)].places, [std::net::IpAddr::from(FIRST)]);

    assert_eq!(what(&bench.pass(79)), [""; 0]);
    let renewed = bench.pass(1).remove(0);
    assert_eq!(renewed.line("CSeq"), "3 REGISTER");
    assert_eq!(renewed.line("Call-ID"), first.line("Call-ID"));
    bench.receive(FIRST, renewed.response("200 OK", "Expires: 600\r\n"));
    // That it was renewed is not worth a line.
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_wrong_password_is_told_and_tried_again_later_and_later() {
    let (mut bench, _, second) = asked();
    let again = ASKS.replace("n1", "n2");
    assert_eq!(what(&bench.receive(FIRST, second.response("401 Asked", &again))), [""; 0]);
    let told = bench.told().remove(0);
    let why =
        "not registered: 401 Asked: the user name or the password is wrong; tried again after ";
    assert!(told.starts_with(why), "{told}");
    let mut waits = Vec::new();
    for _ in 0..8 {
        let Registration::Failed { retry_at } = bench.registration() else { panic!("not failed") };
        let wait = retry_at.saturating_since(bench.now);
        waits.push(wait.as_secs());
        bench.now = retry_at;
        let sent = bench.pass(0).remove(0);
        bench.receive(FIRST, sent.response("403 No", ""));
    }
    for (wait, (least, most)) in waits.iter().zip([(15, 30), (30, 60), (60, 120), (120, 240)]) {
        assert!((least..=most).contains(wait), "{waits:?}");
    }
    assert!(waits[7] >= 900 && waits[7] <= 1800, "{waits:?}");
}

#[test]
fn longer_registrations_are_asked_for_where_the_registrar_wants_them() {
    let mut bench = Bench::new(vec![registering("sip:203.0.113.1")]);
    let first = bench.pass(0).remove(0);
    let sent = bench.receive(FIRST, first.response("423 Brief", "Min-Expires: 1800\r\n"));
    assert_eq!(
        (sent[0].line("Expires").as_str(), sent[0].line("CSeq").as_str()),
        ("1800", "2 REGISTER")
    );
    // And no shorter ones for ever.
    bench.receive(FIRST, sent[0].response("423 Brief", "Min-Expires: 60\r\n"));
    assert!(bench.told()[0].starts_with("not registered: 423"));
}

#[test]
fn a_registrar_that_always_wants_longer_registrations_is_not_followed() {
    let mut bench = Bench::new(vec![registering("sip:203.0.113.1")]);
    let first = bench.pass(0).remove(0);
    let sent = bench.receive(FIRST, first.response("423 Brief", "Min-Expires: 601\r\n"));
    let more = bench.receive(FIRST, sent[0].response("423 Brief", "Min-Expires: 602\r\n"));
    assert_eq!(what(&more), [""; 0]);
    assert!(bench.told()[0].starts_with("not registered: 423"));
}

#[test]
fn a_registration_for_no_time_is_none() {
    for nothing in ["Expires: 0\r\n", "Contact: <sip:4312345@192.0.2.9:5060>;expires=0\r\n"] {
        let (mut bench, _, second) = asked();
        bench.receive(FIRST, second.response("200 OK", nothing));
        let told = bench.told().remove(0);
        assert!(told.starts_with("not registered: it was granted for no time at all"), "{told}");
        assert!(matches!(bench.registration(), Registration::Failed { .. }));
    }
}

#[test]
fn numbers_beyond_reason_are_not_believed() {
    for most in ["604801", "4294967295", "18446744073709551615", "-1", "x"] {
        let mut bench = Bench::new(vec![registering("sip:203.0.113.1")]);
        let first = bench.pass(0).remove(0);
        bench.receive(FIRST, first.response("423 Brief", &format!("Min-Expires: {most}\r\n")));
        assert!(
            bench.told()[0].contains("423 without a Min-Expires that can be asked for"),
            "{most}"
        );
        let (mut bench, _, second) = asked();
        let granted = format!("Expires: {most}\r\n");
        bench.receive(FIRST, second.response("200 OK", &granted));
        let told = bench.told().remove(0);
        assert!(
            ["registered for 604800 s", "registered for 600 s"].contains(&&*told),
            "{most}: {told}"
        );
    }
}

#[test]
fn the_next_place_of_a_name_takes_over() {
    let mut bench = Bench::new(vec![registering("sip:carrier.test")]);
    assert_eq!(what(&bench.pass(0)), [""; 0]);
    let (id, uri) = bench.lookups.remove(0);
    assert_eq!(uri, "sip:carrier.test");
    let place =
        |ip: [u8; 4]| Place { transport: model::Transport::Udp, address: (ip, 5060).into() };
    let places = Ok(vec![place(FIRST), place(SECOND)]);
    bench.switch.handle_input(bench.now, &bench.town, Input::Located { id, places });
    let first = bench.drain().remove(0);
    let sent = bench.receive(FIRST, first.response("503 Down", ""));
    assert_eq!(what(&sent), ["REGISTER sip:carrier.test > trunk 2"]);
    bench.receive(SECOND, sent[0].response("200 OK", "Expires: 600\r\n"));
    assert_eq!(bench.told(), ["registered for 600 s"]);
    assert_eq!(bench.statuses[&TrunkId(0)].places, [FIRST, SECOND].map(std::net::IpAddr::from));
}

#[test]
fn a_name_that_is_not_found_is_looked_for_again() {
    let mut bench = Bench::new(vec![registering("sip:carrier.test")]);
    bench.pass(0);
    let (id, uri) = bench.lookups.remove(0);
    let places = Err(LocateError::NotFound(uri));
    bench.switch.handle_input(bench.now, &bench.town, Input::Located { id, places });
    bench.drain();
    assert!(bench.told()[0].contains("no address for `sip:carrier.test`"));
    bench.pass(30);
    assert_eq!(bench.lookups.len(), 1);
    // The DNS that says nothing is not waited for for ever.
    bench.pass(4);
    assert!(bench.told()[0].contains("the DNS gave no answer"));
}

#[test]
fn a_drain_takes_the_registration_back_and_answers_the_challenge() {
    let (mut bench, _, second) = asked();
    bench.receive(FIRST, second.response("200 OK", "Expires: 600\r\n"));
    bench.told();
    bench.switch.handle_input(bench.now, &bench.town, Input::Command(Command::Drain));
    let sent = bench.drain();
    assert_eq!(sent[0].line("Expires"), "0");
    assert_eq!(bench.switch.stats().trunks_leaving, 1);
    let asked = ASKS.replace("n1", "n3");
    let sent = bench.receive(FIRST, sent[0].response("401 Asked", &asked));
    assert_eq!(sent[0].line("Expires"), "0");
    bench.receive(FIRST, sent[0].response("200 OK", ""));
    assert_eq!(
        (bench.told(), bench.switch.stats().trunks_leaving),
        (vec!["not registered any more".to_owned()], 0)
    );
    assert_eq!(bench.registration(), Registration::Unregistered);
    assert_eq!(what(&bench.pass(2000)), [""; 0]);
}

#[test]
fn a_drain_does_not_wait_for_a_registrar_that_says_nothing() {
    let (mut bench, _, second) = asked();
    bench.receive(FIRST, second.response("200 OK", "Expires: 600\r\n"));
    bench.switch.handle_input(bench.now, &bench.town, Input::Command(Command::Drain));
    bench.drain();
    bench.pass(2);
    assert_eq!(bench.switch.stats().trunks_leaving, 0);
}

#[test]
fn a_trunk_that_answers_anything_is_up() {
    for (answer, up) in [
        ("200 OK", true),
        ("404 Who", true),
        ("401 Asked", true),
        ("500 Error", true),
        ("503 Down", false),
        ("408 Late", false),
    ] {
        let mut bench = Bench::new(vec![probed("sip:203.0.113.1")]);
        let probe = bench.pass(0).remove(0);
        assert_eq!(probe.what(), "OPTIONS sip:203.0.113.1 > trunk 1");
        bench.receive(FIRST, probe.response(answer, ""));
        assert_eq!(bench.told() == ["up"], up, "{answer}");
    }
}

#[test]
fn a_trunk_goes_down_after_its_failures_and_comes_back_with_the_first_answer() {
    let mut bench = Bench::new(vec![probed("sip:203.0.113.1")]);
    let probe = bench.pass(0).remove(0);
    bench.receive(FIRST, probe.response("200 OK", ""));
    assert_eq!(bench.told(), ["up"]);
    // The first that is not answered changes nothing yet.
    bench.pass(30);
    bench.pass(5);
    assert_eq!((bench.told(), bench.statuses[&TrunkId(0)].reach), (vec![], Reach::Up));
    bench.pass(30);
    bench.pass(5);
    assert_eq!(
        (bench.told(), bench.statuses[&TrunkId(0)].reach),
        (vec!["down: no answer".to_owned()], Reach::Down)
    );
    assert_eq!(bench.statuses[&TrunkId(0)].since, bench.now);
    let sent = bench.pass(30);
    let probe = sent.iter().find(|sent| sent.line("CSeq") == "4 OPTIONS").unwrap();
    bench.receive(FIRST, probe.response("200 OK", ""));
    assert_eq!(
        (bench.told(), bench.statuses[&TrunkId(0)].reach),
        (vec!["up".to_owned()], Reach::Up)
    );
}

#[test]
fn what_comes_back_is_registered_with_again_at_once() {
    let both = TrunkConfig { probe: probed("").probe, ..registering("sip:203.0.113.1") };
    let mut bench = Bench::new(vec![both]);
    let of = |sent: &[Sent], method: &str| {
        sent.iter()
            .filter(|sent| sent.text.starts_with(method))
            .map(|sent| sent.response("200 OK", "Expires: 6000\r\n"))
            .collect::<Vec<_>>()
    };
    let sent = bench.pass(0);
    for answer in of(&sent, "REGISTER").into_iter().chain(of(&sent, "OPTIONS")) {
        bench.receive(FIRST, answer);
    }
    for _ in 0..2 {
        bench.pass(30);
        bench.pass(5);
    }
    assert_eq!(bench.told(), ["registered for 6000 s", "up", "down: no answer"]);
    let sent = bench.pass(30);
    let answer = of(&sent, "OPTIONS").pop().unwrap();
    bench.receive(FIRST, answer);
    assert_eq!(of(&bench.pass(0), "REGISTER").len(), 1);
}

#[test]
fn a_trunk_is_kept_by_one_shard() {
    use model::{Shard, Shards};
    let shards = Shards(std::num::NonZeroU16::new(4).unwrap());
    let keepers = (0..4).filter(|shard| {
        let mut config = Bench::config(vec![registering("sip:203.0.113.1")], None);
        (config.shard, config.shards) = (Shard(*shard), shards);
        super::Keeper::new(&config).next_timer().is_some()
    });
    assert_eq!(keepers.count(), 1);
}
