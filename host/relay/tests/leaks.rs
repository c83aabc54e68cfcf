//! Open files are counted, so this test has a process of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, mpsc::channel},
    time::Duration,
};

use jackfield_relay::{RelayConfig, RelayHandle};
use media::{RelayCommand, RelayEvent};
use model::{ConnId, RelayId, Shard};

#[test]
fn a_thousand_calls_leave_no_socket_behind() {
    let (sender, events) = channel();
    let config = RelayConfig {
        port_min: 11_200,
        port_max: 11_300,
        port_rest: Duration::ZERO,
        streams_max: 200,
        ..RelayConfig::default()
    };
    let sink = Arc::new(move |_: Shard, event| {
        let _ = sender.send(event);
    });
    let relay = RelayHandle::start(config, sink).unwrap();
    let event = || events.recv_timeout(Duration::from_secs(10)).unwrap();
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = files();
    for number in 0..1_000 {
        let id = RelayId(ConnId(number));
        relay.command(Shard(0), RelayCommand::Open { relay: id, streams: 2 });
        assert!(matches!(event(), RelayEvent::Opened { .. }));
        assert_eq!(files(), before + 8);
        // More than there are ports for: those that were bound must go too.
        relay.command(Shard(0), RelayCommand::Extend { relay: id, streams: 200 });
        assert!(matches!(event(), RelayEvent::Refused { .. }));
        relay.command(Shard(0), RelayCommand::Close { relay: id });
        assert!(matches!(event(), RelayEvent::Closed { .. }));
    }
    assert_eq!(files(), before);
}
