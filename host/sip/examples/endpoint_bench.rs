//! What the endpoint costs: whole calls, INVITE-180-200-ACK-BYE-200, between two endpoints in memory.
//!
//! `cargo run --release -p jackfield-sip --example endpoint_bench -- [calls] [calls a second, simulated]`
//!
//! The clock is simulated: the rate decides how many finished transactions linger (32 s each) while others are made, which
//! is what the tables and the caches of the machine feel. Each call costs two endpoints' work: 6 messages written, 6 read.

use std::{collections::VecDeque, time::Duration};

use jackfield_sip::{
    Dialog, DialogSeed, Endpoint, EndpointConfig, Event, Input, ListenerConfig, Method, Name,
    Output, Writer, response_to,
};
use model::{Flow, Instant, ListenerId, Transport};

const CALLER: &str = "192.0.2.1:5060";
const CALLEE: &str = "192.0.2.2:5060";
const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let calls = numbers.next().unwrap_or(200_000);
    let rate = numbers.next().unwrap_or(1_000).max(1);
    let mut bench = Bench::new();
    let step = Duration::from_nanos(1_000_000_000 / rate);
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    let began = std::time::Instant::now();
    for number in 0..calls {
        bench.call(number);
        bench.pass(step);
    }
    let took = began.elapsed();
    let live = [&bench.caller, &bench.callee].map(|endpoint| {
        let stats = endpoint.stats();
        stats.invite_clients_now
            + stats.non_invite_clients_now
            + stats.invite_servers_now
            + stats.non_invite_servers_now
    });
    assert_eq!(bench.ended, calls, "every call must end");
    let per_call = took.as_nanos() / u128::from(calls.max(1));
    println!("{calls} calls at {rate}/s simulated: {per_call} ns a call for both endpoints");
    println!("transactions alive at the end: caller {}, callee {}", live[0], live[1]);
}

struct Bench {
    caller: Endpoint,
    callee: Endpoint,
    /// Datagrams on their way, to the caller or to the callee.
    network: VecDeque<(Side, bytes::Bytes)>,
    dialog: Option<Dialog>,
    seed: DialogSeed,
    now: Instant,
    ended: u64,
}

#[derive(Clone, Copy)]
enum Side {
    Caller,
    Callee,
}

impl Bench {
    fn new() -> Self {
        Self {
            caller: endpoint(CALLER, 1),
            callee: endpoint(CALLEE, 2),
            network: VecDeque::new(),
            dialog: None,
            seed: DialogSeed {
                call_id: String::new(),
                local_tag: String::new(),
                local_uri: "<sip:1001@192.0.2.1>".to_owned(),
                remote_uri: "<sip:2002@192.0.2.2>".to_owned(),
                cseq: 1,
                flow: flow(CALLEE),
            },
            now: Instant::ZERO,
            ended: 0,
        }
    }

    fn call(&mut self, number: u64) {
        self.seed.call_id = self.caller.mint_call_id();
        self.seed.local_tag = self.caller.mint_tag();
        let mut invite = Writer::request(Method::Invite, "sip:2002@192.0.2.2:5060");
        invite.header(Name::MaxForwards, 70);
        invite.header(
            Name::From,
            format_args!("<sip:{number}@192.0.2.1>;tag={}", self.seed.local_tag),
        );
        invite.header(Name::To, &self.seed.remote_uri);
        invite.header(Name::CallId, &self.seed.call_id);
        invite.header(Name::CSeq, "1 INVITE");
        invite.header(Name::Contact, "<sip:1001@192.0.2.1:5060>");
        invite.header(Name::Allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO");
        let invite = invite.draft(Some(("application/sdp", SDP)));
        self.caller.send_request(self.now, flow(CALLEE), invite).ok();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.caller.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => self.network.push_back((Side::Callee, bytes)),
                    Output::Event(event) => self.on_caller_event(event),
                }
            }
            while let Some(output) = self.callee.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => self.network.push_back((Side::Caller, bytes)),
                    Output::Event(event) => self.on_callee_event(event),
                }
            }
            match self.network.pop_front() {
                Some((Side::Caller, bytes)) => {
                    let input = Input::Datagram { flow: flow(CALLEE), bytes };
                    self.caller.handle_input(self.now, input);
                }
                Some((Side::Callee, bytes)) => {
                    let input = Input::Datagram { flow: flow(CALLER), bytes };
                    self.callee.handle_input(self.now, input);
                }
                None => return,
            }
        }
    }

    fn on_caller_event(&mut self, event: Event) {
        match event {
            Event::Response { tx, message } if message.status() == 200 => {
                if message.method() == Method::Bye {
                    self.ended += 1;
                    return;
                }
                let Ok(dialog) = Dialog::from_response(&self.seed, &message) else { return };
                let ack = dialog.ack(1, "<sip:1001@192.0.2.1:5060>");
                self.caller.send_ack(self.now, tx, flow(CALLEE), ack);
                self.dialog = Some(dialog);
            }
            Event::Response { .. }
            | Event::Request { .. }
            | Event::Cancelled { .. }
            | Event::Ack { .. }
            | Event::TimedOut { .. }
            | Event::Unreachable { .. }
            | Event::Stray { .. }
            | Event::Elsewhere { .. }
            | Event::StrayAck { .. }
            | Event::AckMissing { .. } => {}
        }
    }

    fn on_callee_event(&mut self, event: Event) {
        match event {
            Event::Request { tx, message, .. } if message.method() == Method::Invite => {
                let tag = self.callee.mint_tag();
                let mut ringing = response_to(&message, 180, "", Some(&tag));
                ringing.header(Name::Contact, "<sip:2002@192.0.2.2:5060>");
                self.callee.respond(self.now, tx, ringing.finish(None));
                let mut accept = response_to(&message, 200, "", Some(&tag));
                accept.header(Name::Contact, "<sip:2002@192.0.2.2:5060>");
                let accept = accept.finish(Some(("application/sdp", SDP)));
                self.callee.respond(self.now, tx, accept);
            }
            Event::Request { tx, message, .. } => {
                let response = response_to(&message, 200, "", None).finish(None);
                self.callee.respond(self.now, tx, response);
            }
            Event::Ack { .. } => {
                let Some(mut dialog) = self.dialog.take() else { return };
                let bye = dialog.request(Method::Bye, "");
                self.caller.send_request(self.now, flow(CALLEE), bye).ok();
            }
            Event::Response { .. }
            | Event::Cancelled { .. }
            | Event::TimedOut { .. }
            | Event::Unreachable { .. }
            | Event::Stray { .. }
            | Event::Elsewhere { .. }
            | Event::StrayAck { .. }
            | Event::AckMissing { .. } => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.caller.handle_timeout(self.now);
        self.callee.handle_timeout(self.now);
        self.drain();
    }
}

fn endpoint(sent_by: &str, seed: u8) -> Endpoint {
    Endpoint::new(EndpointConfig {
        listeners: vec![ListenerConfig { transport: Transport::Udp, sent_by: sent_by.to_owned() }],
        seed: [seed; 32],
        transactions_max: 10_000_000,
        ..EndpointConfig::default()
    })
}

fn flow(peer: &str) -> Flow {
    let peer = peer.parse().unwrap_or_else(|_| std::net::SocketAddr::from(([192, 0, 2, 1], 5060)));
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer }
}
