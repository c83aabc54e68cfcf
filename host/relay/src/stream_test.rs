#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::UdpSocket;

use super::*;
use crate::ports::PortPool;

const A_RTP: Port = Port { side: Side::A, rtcp: false };

struct Lab {
    stream: Stream,
    config: RelayConfig,
    peer: UdpSocket,
    number: u32,
}

impl Lab {
    fn new(port_min: u16) -> Self {
        let config = RelayConfig {
            port_min,
            port_max: port_min + 3,
            burst_max: 4,
            packets_per_s_max: 6,
            ..RelayConfig::default()
        };
        let pool = PortPool::new(&config);
        let stream = Stream::new(pool.take().unwrap(), pool.take().unwrap());
        Self { stream, config, peer: UdpSocket::bind("127.0.0.1:0").unwrap(), number: 10 }
    }

    /// Loopback delivers before `send_to` returns.
    fn send(&self, count: usize) {
        let to = self.stream.party(Side::A).socket(false).local_addr().unwrap();
        for _ in 0..count {
            self.peer.send_to(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7], to).unwrap();
        }
    }

    /// How many packets one round reads, `later` rounds after the last one.
    fn pump(&mut self, later: u32) -> u64 {
        let read = |stats: StreamStats| stats.strangers + stats.homeless + stats.excess;
        let before = read(self.stream.stats);
        self.number += later;
        let round = Round::new(Instant::ZERO, self.number, &self.config);
        self.stream.pump(&round, A_RTP, &mut [0; 100]);
        read(self.stream.stats) - before
    }
}

#[test]
fn a_socket_is_read_once_a_round_and_in_bounded_bursts_when_it_is_behind() {
    let mut lab = Lab::new(11_050);
    lab.send(12);
    let reads: Vec<_> = [1, 1, 1, 2, 1].map(|later| lab.pump(later)).into();
    assert_eq!(reads, [1, 4, 4, 1, 2], "and not at all once it is empty");
    assert_eq!(lab.pump(1), 0);
}

#[test]
fn a_stream_has_so_many_packets_in_a_second_and_as_many_in_the_next() {
    let mut meter = Meter::default();
    for second in [5, 6, 60] {
        let now = Instant::ZERO + Duration::from_secs(second);
        let admitted = (0..100).filter(|_| meter.admits(now, 6)).count();
        assert_eq!(admitted, 6, "second {second}");
    }
    let mut lab = Lab::new(11_060);
    lab.stream.party_mut(Side::A).remote(lab.peer.local_addr().ok(), None, false);
    lab.send(8);
    while lab.pump(2) > 0 {}
    let StreamStats { homeless, excess, .. } = lab.stream.stats;
    assert_eq!((homeless, excess), (6, 2));
}
