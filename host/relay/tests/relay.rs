//! The relay on real sockets of the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use jackfield_relay::{RelayConfig, RelayHandle};
use media::{Refusal, RelayCommand, RelayEvent, Side, StreamNo, StreamPorts};
use model::{ConnId, RelayId, Shard};

const WAIT: Duration = Duration::from_secs(10);
const RELAY: RelayId = RelayId(ConnId(1));

/// Each test has ports of its own, below the ephemeral range.
static NEXT_PORT: AtomicU16 = AtomicU16::new(21_000);

struct Lab {
    relay: RelayHandle,
    events: Receiver<RelayEvent>,
}

impl Lab {
    fn new(pairs: u16, change: impl FnOnce(&mut RelayConfig)) -> Self {
        let port_min = NEXT_PORT.fetch_add(64, Ordering::Relaxed);
        let mut config =
            RelayConfig { port_min, port_max: port_min + 2 * pairs, ..RelayConfig::default() };
        change(&mut config);
        let (sender, events) = channel();
        let sink = Arc::new(move |_: Shard, event| {
            let _ = sender.send(event);
        });
        Self { relay: RelayHandle::start(config, sink).unwrap(), events }
    }

    fn tell(&self, command: RelayCommand) {
        self.relay.command(Shard(0), command);
    }

    fn event(&self) -> RelayEvent {
        self.events.recv_timeout(WAIT).unwrap()
    }

    fn open(&self, relay: RelayId) -> StreamPorts {
        self.tell(RelayCommand::Open { relay, streams: 1 });
        match self.event() {
            RelayEvent::Opened { streams, .. } => *streams.first().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn remote(&self, side: Side, phone: &Phone, mux: bool) {
        let (rtp, rtcp) = (Some(phone.rtp()), Some(phone.rtcp.local_addr().unwrap()));
        self.tell(RelayCommand::Remote { relay: RELAY, stream: StreamNo(0), side, rtp, rtcp, mux });
    }

    fn learned(&self) -> SocketAddr {
        match self.event() {
            RelayEvent::Learned { from, .. } => from,
            other => panic!("{other:?}"),
        }
    }
}

struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Phone {
    fn new() -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(WAIT)).unwrap();
            socket
        };
        Self { rtp: socket(), rtcp: socket() }
    }

    fn rtp(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }
}

fn rtp(text: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
    packet.extend_from_slice(text.as_bytes());
    packet
}

fn rtcp(text: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 1, 0, 0, 0, 7];
    packet.extend_from_slice(text.as_bytes());
    packet
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer.get(..length).unwrap().to_vec(), from)
}

fn next_port(address: SocketAddr) -> SocketAddr {
    (address.ip(), address.port() + 1).into()
}

#[test]
fn rtp_and_rtcp_cross_both_ways_from_the_ports_that_were_told() {
    let lab = Lab::new(8, |_| {});
    let ports = lab.open(RELAY);
    assert_eq!((ports.a.port() % 2, ports.b.port() % 2), (0, 0));
    let (a, b) = (Phone::new(), Phone::new());
    lab.remote(Side::A, &a, false);
    lab.remote(Side::B, &b, false);
    a.rtp.send_to(&rtp("to b"), ports.a).unwrap();
    assert_eq!(receive(&b.rtp), (rtp("to b"), ports.b));
    assert_eq!(lab.learned(), a.rtp());
    b.rtp.send_to(&rtp("to a"), ports.b).unwrap();
    assert_eq!(receive(&a.rtp), (rtp("to a"), ports.a));
    assert_eq!(lab.learned(), b.rtp());
    a.rtcp.send_to(&rtcp("report"), next_port(ports.a)).unwrap();
    assert_eq!(receive(&b.rtcp), (rtcp("report"), next_port(ports.b)));
    lab.tell(RelayCommand::Close { relay: RELAY });
    let RelayEvent::Closed { stats, .. } = lab.event() else { panic!() };
    let stats = stats.first().unwrap();
    assert_eq!((stats.from_a, stats.from_b, stats.strangers), (2, 1, 0));
}

#[test]
fn a_muxed_party_gets_its_rtcp_on_its_rtp_port() {
    let lab = Lab::new(8, |_| {});
    let ports = lab.open(RELAY);
    let (a, b) = (Phone::new(), Phone::new());
    lab.remote(Side::A, &a, true);
    lab.remote(Side::B, &b, false);
    a.rtp.send_to(&rtcp("muxed"), ports.a).unwrap();
    assert_eq!(receive(&b.rtcp), (rtcp("muxed"), next_port(ports.b)));
    b.rtcp.send_to(&rtcp("plain"), next_port(ports.b)).unwrap();
    assert_eq!(receive(&a.rtp), (rtcp("plain"), ports.a));
}

#[test]
fn a_phone_behind_nat_is_answered_where_it_is_and_a_stranger_is_not_heard() {
    let lab = Lab::new(8, |_| {});
    let ports = lab.open(RELAY);
    let (a, b, elsewhere) = (Phone::new(), Phone::new(), Phone::new());
    lab.remote(Side::A, &elsewhere, false);
    lab.remote(Side::B, &b, false);
    for n in 0..4 {
        a.rtp.send_to(&rtp(&format!("{n}")), ports.a).unwrap();
    }
    assert_eq!(receive(&b.rtp).0, rtp("2"), "the third packet locks");
    assert_eq!(receive(&b.rtp).0, rtp("3"));
    assert_eq!(lab.learned(), a.rtp());
    b.rtp.send_to(&rtp("back"), ports.b).unwrap();
    assert_eq!(receive(&a.rtp).0, rtp("back"));
    elsewhere.rtp.send_to(&rtp("bleed"), ports.a).unwrap();
    a.rtp.send_to(&rtp("mine"), ports.a).unwrap();
    assert_eq!(receive(&b.rtp).0, rtp("mine"));
    lab.learned();
    lab.tell(RelayCommand::Close { relay: RELAY });
    let RelayEvent::Closed { stats, .. } = lab.event() else { panic!() };
    assert_eq!(stats.first().unwrap().strangers, 3);
}

#[test]
fn an_address_that_changes_is_followed_and_a_new_target_takes_the_side() {
    let lab = Lab::new(8, |_| {});
    let ports = lab.open(RELAY);
    let (a, b, c) = (Phone::new(), Phone::new(), Phone::new());
    lab.remote(Side::A, &a, false);
    lab.remote(Side::B, &b, false);
    a.rtp.send_to(&rtp("1"), ports.a).unwrap();
    assert_eq!(receive(&b.rtp).0, rtp("1"));
    lab.tell(RelayCommand::Forget { relay: RELAY, side: Side::B });
    lab.remote(Side::B, &c, false);
    a.rtp.send_to(&rtp("2"), ports.a).unwrap();
    assert_eq!(receive(&c.rtp).0, rtp("2"));
}

#[test]
fn more_calls_than_ports_are_refused_and_served_again_when_one_ends() {
    let lab = Lab::new(4, |config| config.port_rest = Duration::ZERO);
    let (first, second, third) = (RELAY, RelayId(ConnId(2)), RelayId(ConnId(3)));
    lab.open(first);
    lab.open(second);
    lab.tell(RelayCommand::Open { relay: third, streams: 1 });
    assert_eq!(lab.event(), RelayEvent::Refused { relay: third, why: Refusal::NoPorts });
    lab.tell(RelayCommand::Close { relay: first });
    assert!(matches!(lab.event(), RelayEvent::Closed { .. }));
    lab.open(third);
}

#[test]
fn limits_have_names_and_hold() {
    let lab = Lab::new(16, |config| (config.relays_max, config.streams_max) = (1, 2));
    lab.tell(RelayCommand::Open { relay: RELAY, streams: 3 });
    assert_eq!(lab.event(), RelayEvent::Refused { relay: RELAY, why: Refusal::TooManyStreams });
    lab.open(RELAY);
    let other = RelayId(ConnId(2));
    lab.tell(RelayCommand::Open { relay: other, streams: 1 });
    assert_eq!(lab.event(), RelayEvent::Refused { relay: other, why: Refusal::TooManyRelays });
    lab.tell(RelayCommand::Extend { relay: RELAY, streams: 2 });
    assert!(matches!(lab.event(), RelayEvent::Opened { streams, .. } if streams.len() == 2));
}

#[test]
fn a_thousand_calls_leave_no_socket_behind() {
    let handles = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let lab = Lab::new(8, |config| config.port_rest = Duration::ZERO);
    let cycle = || {
        lab.open(RELAY);
        lab.tell(RelayCommand::Close { relay: RELAY });
        assert!(matches!(lab.event(), RelayEvent::Closed { .. }));
    };
    cycle();
    let before = handles();
    for _ in 0..1000 {
        cycle();
    }
    // Other tests of this process open sockets of their own meanwhile; a leak here would be four thousand.
    assert!(handles() < before + 500, "{before} handles before, {} after", handles());
}
