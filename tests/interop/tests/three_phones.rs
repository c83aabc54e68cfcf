//! Phones of three makers at once: they ring together, send each other on, and hear whom they should.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use jackfield_interop::{Baresip, Handset, Line, Linphone, Phone, Switch, certificates};

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
