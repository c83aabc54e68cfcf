//! Two endpoints over a network that loses, repeats and reorders: every call is set up and ended as both sides see it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Transport};
use proptest::prelude::*;
use sip::{
    Dialog, DialogSeed, Endpoint, EndpointConfig, Event, Input, ListenerConfig, Method, Name,
    Output, Writer, response_to,
};

use crate::support::MS;

const ADDRESSES: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

/// What the network does to one datagram.
#[derive(Clone, Copy, Debug)]
struct Fate {
    lost: bool,
    repeated: bool,
    delay_ms: u16,
}

fn fate() -> impl Strategy<Value = Fate> {
    let lost = prop_oneof![3 => Just(false), 1 => Just(true)];
    let repeated = prop_oneof![5 => Just(false), 1 => Just(true)];
    (lost, repeated, 1_u16..700).prop_map(|(lost, repeated, delay_ms)| Fate {
        lost,
        repeated,
        delay_ms,
    })
}

struct Net {
    now: Instant,
    endpoints: [Endpoint; 2],
    /// Datagrams under way by arrival, then by number: the side they go to.
    flying: BTreeMap<(Instant, u64), (usize, Bytes)>,
    sent: u64,
    fates: Vec<Fate>,
    dialog: Option<Dialog>,
    acked: bool,
    log: Vec<&'static str>,
}

impl Net {
    fn new(fates: Vec<Fate>) -> Self {
        let endpoint = |side: usize| {
            let sent_by = ADDRESSES[side].to_owned();
            Endpoint::new(EndpointConfig {
                listeners: vec![ListenerConfig { transport: Transport::Udp, sent_by }],
                seed: [u8::try_from(side).unwrap(); 32],
                ..EndpointConfig::default()
            })
        };
        Self {
            now: Instant::ZERO,
            endpoints: [endpoint(0), endpoint(1)],
            flying: BTreeMap::new(),
            sent: 0,
            fates,
            dialog: None,
            acked: false,
            log: Vec::new(),
        }
    }

    fn flow_to(side: usize) -> Flow {
        let peer = ADDRESSES[side].parse().unwrap();
        Flow { transport: Transport::Udp, listener: ListenerId(0), peer }
    }

    fn transmit(&mut self, to: usize, bytes: Bytes) {
        let number = usize::try_from(self.sent).unwrap();
        // When the fates are used up the network heals.
        let healed = Fate { lost: false, repeated: false, delay_ms: 1 };
        let fate = self.fates.get(number).copied().unwrap_or(healed);
        for copy in 0..=u16::from(fate.repeated) {
            let at = self.now + MS * u32::from(fate.delay_ms + copy * 10);
            self.sent += u64::from(copy == 0);
            if !fate.lost {
                self.flying.insert((at, self.sent * 2 + u64::from(copy)), (to, bytes.clone()));
            }
        }
    }

    fn call(&mut self) {
        let mut invite = Writer::request(Method::Invite, "sip:b@192.0.2.2");
        invite.header(Name::MaxForwards, 70);
        invite.header(Name::From, "<sip:a@192.0.2.1>;tag=a");
        invite.header(Name::To, "<sip:b@192.0.2.2>");
        invite.header(Name::CallId, "call");
        invite.header(Name::CSeq, "1 INVITE");
        invite.header(Name::Contact, "<sip:a@192.0.2.1:5060>");
        let draft = invite.draft(None);
        self.endpoints[0].send_request(self.now, Self::flow_to(1), draft).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        for side in [0, 1] {
            while let Some(output) = self.endpoints[side].poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => self.transmit(1 - side, bytes),
                    Output::Event(event) if side == 0 => self.on_caller(event),
                    Output::Event(event) => self.on_callee(event),
                }
            }
        }
    }

    fn on_caller(&mut self, event: Event) {
        match event {
            Event::Response { tx, message } if message.method() == Method::Invite => {
                if message.status() == 200 {
                    let seed = DialogSeed {
                        call_id: "call".to_owned(),
                        local_tag: "a".to_owned(),
                        local_uri: "<sip:a@192.0.2.1>".to_owned(),
                        remote_uri: "<sip:b@192.0.2.2>".to_owned(),
                        cseq: 1,
                        flow: Self::flow_to(1),
                    };
                    let dialog = Dialog::from_response(&seed, &message).unwrap();
                    let ack = dialog.ack(1, "");
                    self.endpoints[0].send_ack(self.now, tx, Self::flow_to(1), ack);
                    assert!(self.dialog.is_none(), "one 2xx comes up, its repetitions do not");
                    self.dialog = Some(dialog);
                    self.log.push("answered");
                }
            }
            Event::Response { message, .. } => {
                assert_eq!(message.status(), 200);
                self.log.push("bye answered");
            }
            Event::TimedOut { .. } => self.log.push("timed out"),
            Event::Request { .. }
            | Event::Cancelled { .. }
            | Event::Ack { .. }
            | Event::Unreachable { .. }
            | Event::Stray { .. }
            | Event::Elsewhere { .. }
            | Event::StrayAck { .. }
            | Event::AckMissing { .. } => panic!("{event:?}"),
        }
    }

    fn on_callee(&mut self, event: Event) {
        match event {
            Event::Request { tx, message, .. } if message.method() == Method::Invite => {
                self.log.push("called");
                for status in [180, 200] {
                    let mut response = response_to(&message, status, "", Some("b"));
                    response.header(Name::Contact, "<sip:b@192.0.2.2:5060>");
                    self.endpoints[1].respond(self.now, tx, response.finish(None));
                }
            }
            Event::Request { tx, message, .. } => {
                assert_eq!(message.method(), Method::Bye);
                self.log.push("bye");
                let response = response_to(&message, 200, "", None).finish(None);
                self.endpoints[1].respond(self.now, tx, response);
            }
            Event::Ack { .. } => {
                assert!(!self.acked, "one ACK comes up");
                self.acked = true;
                self.log.push("acknowledged");
            }
            Event::AckMissing { .. } => self.log.push("ack missing"),
            Event::Response { .. }
            | Event::Cancelled { .. }
            | Event::TimedOut { .. }
            | Event::Stray { .. }
            | Event::Elsewhere { .. }
            | Event::StrayAck { .. }
            | Event::Unreachable { .. } => panic!("{event:?}"),
        }
    }

    /// Runs until nothing flies and no timer is left, or `until`.
    fn run(&mut self, until: Option<Instant>) {
        loop {
            let arrival = self.flying.keys().next().map(|(at, _)| *at);
            let timers = self.endpoints.iter().filter_map(|e| e.poll_timeout()).map(|(at, _)| at);
            let Some(next) = arrival.into_iter().chain(timers).min() else { return };
            if until.is_some_and(|until| next > until) {
                return;
            }
            self.now = next;
            while let Some(first) = self.flying.first_entry().filter(|f| f.key().0 <= next) {
                let (to, bytes) = first.remove();
                let flow = Self::flow_to(1 - to);
                self.endpoints[to].handle_input(self.now, Input::Datagram { flow, bytes });
                self.drain();
            }
            for side in [0, 1] {
                self.endpoints[side].handle_timeout(self.now);
            }
            self.drain();
        }
    }
}

fn seconds(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

proptest! {
    #[test]
    fn a_call_survives_a_bad_network(fates in proptest::collection::vec(fate(), 0..40)) {
        let mut net = Net::new(fates);
        net.call();
        net.run(Some(seconds(40)));
        if let Some(dialog) = &mut net.dialog {
            let bye = dialog.request(Method::Bye, "");
            // A BYE goes out eleven times. The network heals before that many of them and of their answers can be lost, so
            // the BYE of a call that was set up always comes through.
            net.fates.truncate(usize::try_from(net.sent).unwrap() + 5);
            net.endpoints[0].send_request(net.now, Net::flow_to(1), bye).unwrap();
            net.drain();
        }
        net.run(None);
        prop_assert!(net.endpoints.iter().all(Endpoint::is_idle));
        let count = |what| net.log.iter().filter(|entry| **entry == what).count();
        prop_assert!(count("called") <= 1, "{:?}", net.log);
        prop_assert_eq!(count("answered") + count("timed out").min(1), 1, "{:?}", net.log);
        prop_assert_eq!(count("acknowledged") + count("ack missing"), count("called"), "{:?}", net.log);
        prop_assert_eq!(count("bye answered"), count("answered"), "{:?}", net.log);
    }
}

#[test]
fn a_good_network_needs_six_messages() {
    let mut net = Net::new(Vec::new());
    net.call();
    net.run(Some(seconds(1)));
    let mut dialog = net.dialog.clone().unwrap();
    let bye = dialog.request(Method::Bye, "");
    net.endpoints[0].send_request(net.now, Net::flow_to(1), bye).unwrap();
    net.drain();
    net.run(None);
    assert_eq!(net.log, ["called", "answered", "acknowledged", "bye", "bye answered"]);
    assert_eq!(net.sent, 6);
}
