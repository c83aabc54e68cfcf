//! Phones of three makers at once: they ring together, send each other on, and hear whom they should.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use jackfield_interop::{
    Baresip, Handset, Line, Linphone, Phone, Switch, Switchboard, certificates,
};

const CALLER_HZ: u32 = 440;

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
    const USERS: [&str; 3] = ["1000", "2000", "3000"];
    const TONES: [u32; 3] = [440, 1000, 1430];
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
