//! Phones of three makers at once: they ring together, send each other on, and hear whom they should.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use jackfield_interop::{
    Baresip, Handset, Line, Linphone, Phone, Switch, Switchboard, certificates, sipp::Scenario,
    wait,
};

const CALLER_HZ: u32 = 440;
/// A user for each of the three, and what it plays.
const USERS: [&str; 3] = ["1000", "2000", "3000"];
const TONES: [u32; 3] = [440, 1000, 1430];
/// What the user 4000 plays, and others like it.
const FOURTH_HZ: u32 = 700;

struct Office {
    switch: Switch,
    authority: PathBuf,
}

impl Office {
    fn open(settings: &[&str]) -> Self {
        let switch = Switch::start(settings, &[]);
        // What baresip wants to trust, though there is no TLS here.
        certificates::authority(switch.folder());
        let authority = switch.folder().join("ca.pem");
        Self { switch, authority }
    }

    const fn line<'a>(&self, user: &'a str, tone_hz: u32) -> Line<'a> {
        Line {
            user,
            password: "",
            transport: "udp",
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: self.switch.sip_port,
            expires_s: 300,
            tone_hz,
        }
    }

    /// A registered phone of each kind, which does not answer by itself.
    #[track_caller]
    fn phones(&self, users: [&str; 3], tones: [u32; 3]) -> [Box<dyn Handset>; 3] {
        let line = |n: usize| self.line(users[n], tones[n]);
        let mut phones: [Box<dyn Handset>; 3] = [
            Box::new(Phone::on_line(&line(0), self.switch.folder(), &self.authority)),
            Box::new(Baresip::waiting(&line(1), &self.authority)),
            Box::new(Linphone::waiting(&line(2), &self.authority)),
        ];
        for phone in &mut phones {
            phone.registered();
        }
        phones
    }
}

#[test]
fn phones_of_three_makers_ring_together_and_each_answers_in_turn() {
    const TONES: [u32; 3] = [1000, 1430, 700];
    let office = Office::open(&[]);
    let mut caller = Phone::register_by(&office.switch, "1000", CALLER_HZ, "udp");
    let mut phones = office.phones(["2000"; 3], TONES);
    for answers in 0..3 {
        Handset::call(&mut caller, "2000");
        for phone in &mut phones {
            phone.ringing();
        }
        phones[answers].answer();
        phones[answers].connected();
        caller.connected();
        for other in (0..3).filter(|other| *other != answers) {
            phones[other].ended();
            phones[other].sees("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
        }
        Handset::hears(&mut caller, TONES[answers], CALLER_HZ);
        phones[answers].hears(CALLER_HZ, TONES[answers]);
        caller.hang_up();
        caller.ended();
        phones[answers].ended();
    }
}

#[track_caller]
fn hears_a_new_party(phone: &mut dyn Handset, tone_hz: u32, not_hz: u32) {
    if phone.follows_sources() {
        phone.hears(tone_hz, not_hz);
    }
}

/// Each kind in each part: who is talked to sends the caller on to the third.
#[test]
fn each_of_three_makers_sends_is_sent_and_is_sent_to() {
    let office = Office::open(&[]);
    let mut phones = office.phones(USERS, TONES);
    for [sends, sent, target] in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]]
    {
        println!("{} sends {} on to {}", USERS[sends], USERS[sent], USERS[target]);
        phones[sent].call(USERS[sends]);
        phones[sends].ringing();
        phones[sends].answer();
        phones[sends].connected();
        phones[sent].connected();
        phones[sends].transfer(USERS[target]);
        phones[target].ringing();
        phones[target].answer();
        phones[target].connected();
        phones[sends].ended();
        hears_a_new_party(&mut *phones[sent], TONES[target], TONES[sends]);
        phones[target].hears(TONES[sent], TONES[target]);
        phones[sent].hang_up();
        phones[sent].ended();
        phones[target].ended();
    }
}

/// `joins` is called by one, asks the other, and joins them: both hear each other then.
#[track_caller]
fn join(
    joins: &mut dyn Switchboard,
    caller: &mut dyn Handset,
    asked: &mut dyn Handset,
    users: [&str; 2],
    tones: [u32; 2],
) {
    caller.call(users[0]);
    joins.ringing();
    joins.answer();
    joins.connected();
    caller.connected();
    joins.consult(users[1]);
    asked.ringing();
    asked.answer();
    asked.connected();
    joins.attend();
    hears_a_new_party(caller, tones[1], tones[0]);
    hears_a_new_party(asked, tones[0], tones[1]);
    caller.hang_up();
    caller.ended();
    asked.ended();
}

/// baresip of this version has no attended transfer of its own.
#[test]
fn those_that_can_join_the_two_they_talk_to() {
    let office = Office::open(&[]);
    let line = |user, tone| office.line(user, tone);
    let folder = office.switch.folder();
    let mut ann = Phone::on_line(&line("1000", 440), folder, &office.authority);
    let mut ben = Baresip::waiting(&line("2000", 1000), &office.authority);
    let mut lin = Linphone::waiting(&line("3000", 1430), &office.authority);
    for phone in [&mut ann as &mut dyn Handset, &mut ben, &mut lin] {
        phone.registered();
    }
    join(&mut ann, &mut ben, &mut lin, ["1000", "3000"], [1000, 1430]);
    ann.ended();
    ann.ended();
    join(&mut lin, &mut ann, &mut ben, ["3000", "2000"], [440, 1000]);
    lin.ended();
    lin.ended();
    join(&mut lin, &mut ben, &mut ann, ["3000", "1000"], [1000, 440]);
}

impl Office {
    /// A registered pjsua2 phone, the user 4000.
    #[track_caller]
    fn fourth(&self, settings: &[(&str, &str)]) -> Phone {
        let line = self.line("4000", FOURTH_HZ);
        let mut phone = Phone::on_line_with(&line, self.switch.folder(), &self.authority, settings);
        phone.registered();
        phone
    }
}

#[test]
fn each_hears_who_is_called_before_the_call_is_answered() {
    let office = Office::open(&[]);
    let mut phones = office.phones(USERS, TONES);
    let mut called = office.fourth(&[]);
    for (caller, own_hz) in phones.iter_mut().zip(TONES) {
        caller.call("4000");
        called.expect(&serde_json::json!({ "event": "incoming" }));
        called.tell("progress");
        caller.hears(FOURTH_HZ, own_hz);
        called.answer();
        called.connected();
        caller.connected();
        caller.hang_up();
        caller.ended();
        called.ended();
    }
}

/// Of the three pjsua2 alone knows them: to the others the switch sends plain ones, and takes theirs for the fourth.
#[test]
fn each_calls_and_is_called_by_one_that_wants_reliable_responses() {
    let office = Office::open(&[]);
    let mut phones = office.phones(USERS, TONES);
    let mut fourth = office.fourth(&[("PHONE_100REL", "PJSUA_100REL_MANDATORY")]);
    for ((phone, user), own_hz) in phones.iter_mut().zip(USERS).zip(TONES) {
        Handset::call(&mut fourth, user);
        phone.ringing();
        fourth.expect_call("EARLY");
        phone.answer();
        phone.connected();
        fourth.connected();
        phone.hears(FOURTH_HZ, own_hz);
        phone.hang_up();
        phone.ended();
        fourth.ended();
        phone.call("4000");
        fourth.ringing();
        fourth.answer();
        fourth.connected();
        phone.connected();
        Handset::hears(&mut fourth, own_hz, FOURTH_HZ);
        fourth.tell("hangup");
        fourth.ended();
        phone.ended();
    }
}

#[test]
fn each_is_called_without_an_offer_and_makes_one() {
    let office = Office::open(&[]);
    let mut phones = office.phones(USERS, TONES);
    for (phone, user) in phones.iter_mut().zip(USERS) {
        let caller = Scenario::new("caller_offers_late", office.switch.folder())
            .value("DOMAIN", "localhost")
            .call(office.switch.sip_port, user);
        phone.ringing();
        phone.answer();
        phone.connected();
        caller.succeed();
        phone.ended();
    }
}

/// As pjsua2 does in `sessions.rs`. The least that may be agreed on is 90 seconds, and half of it goes by first.
#[test]
fn baresip_and_linphone_are_refreshed_or_refresh_as_they_have_agreed() {
    let office = Office::open(&["session.timer=ask", "session.expires_s=90"]);
    let mut all = office.phones(USERS, TONES);
    let (phones, users, tones) = (&mut all[1..], &USERS[1..], &TONES[1..]);
    let mut callers = Vec::new();
    for ((phone, user), caller) in phones.iter_mut().zip(users).zip(["4000", "4001"]) {
        let line = office.line(caller, FOURTH_HZ);
        let mut caller = Phone::on_line(&line, office.switch.folder(), &office.authority);
        caller.registered();
        Handset::call(&mut caller, user);
        phone.ringing();
        phone.answer();
        phone.connected();
        caller.connected();
        callers.push(caller);
    }
    // What is said when a call begins is in the logs once there is something to hear.
    for (phone, own_hz) in phones.iter_mut().zip(tones) {
        phone.hears(FOURTH_HZ, *own_hz);
    }
    let said = |phone: &dyn Handset| phone.logged().matches("Session-Expires: 90").count();
    let before: Vec<usize> = phones.iter().map(|phone| said(&**phone)).collect();
    for ((phone, before), user) in phones.iter().zip(before).zip(users) {
        assert!(before > 0, "{user} was asked for a session");
        wait::until_within(Duration::from_secs(60), &format!("a refresh of {user}"), || {
            (said(&**phone) > before).then_some(())
        });
    }
    // All of them are still in their calls.
    for ((phone, caller), own_hz) in phones.iter_mut().zip(&mut callers).zip(tones) {
        phone.hears(FOURTH_HZ, *own_hz);
        caller.tell("hangup");
        phone.ended();
    }
}
