//! What holds when something runs out or somebody floods.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jackfield_relay::{RelayConfig, RelayError, RelayHandle};
use media::{Refusal, RelayCommand, RelayEvent, Side};
use model::{ConnId, RelayId};

use crate::lab::{CALL, Call, Lab, Phone, WAIT, rtp, rtp_of};

const OTHER: RelayId = RelayId(ConnId(2));

fn refused(lab: &Lab, command: RelayCommand) -> Refusal {
    lab.tell(command);
    match lab.event() {
        RelayEvent::Refused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_calls_than_ports_are_refused_and_served_again_when_one_ends() {
    let lab = Lab::with(4, |config| config.port_rest = Duration::ZERO);
    let third = RelayCommand::Open { relay: RelayId(ConnId(3)), streams: 1 };
    lab.open(CALL);
    lab.open(OTHER);
    assert_eq!(refused(&lab, third), Refusal::NoPorts);
    lab.close(CALL);
    lab.open(RelayId(ConnId(3)));
}

#[test]
fn the_ports_of_a_call_that_ended_rest() {
    let lab = Lab::with(2, |config| config.port_rest = Duration::from_secs(3_600));
    lab.open(CALL);
    lab.close(CALL);
    assert_eq!(refused(&lab, RelayCommand::Open { relay: OTHER, streams: 1 }), Refusal::NoPorts);
}

#[test]
fn a_call_is_extended_whole_or_not_at_all() {
    let lab = Lab::with(6, |config| config.port_rest = Duration::ZERO);
    let before = lab.open(CALL);
    assert_eq!(refused(&lab, RelayCommand::Extend { relay: CALL, streams: 4 }), Refusal::NoPorts);
    lab.tell(RelayCommand::Extend { relay: CALL, streams: 3 });
    let RelayEvent::Opened { streams, .. } = lab.event() else { panic!("it fits now") };
    assert_eq!((streams.len(), streams.first()), (3, Some(&before)));
}

#[test]
fn limits_have_names_and_hold() {
    let lab = Lab::with(16, |config| (config.relays_max, config.streams_max) = (1, 2));
    let three = RelayCommand::Open { relay: CALL, streams: 3 };
    assert_eq!(refused(&lab, three), Refusal::TooManyStreams);
    lab.open(CALL);
    let other = RelayCommand::Open { relay: OTHER, streams: 1 };
    assert_eq!(refused(&lab, other), Refusal::TooManyRelays);
    lab.close(CALL);
    lab.open(OTHER);
}

#[test]
fn a_relay_that_is_behind_refuses_new_calls() {
    let lab = Lab::with(4, |config| config.commands_max = 0);
    let open = RelayCommand::Open { relay: CALL, streams: 1 };
    assert_eq!(refused(&lab, open), Refusal::TooManyCommands);
}

#[test]
fn commands_for_a_call_that_is_not_open_do_nothing() {
    let lab = Lab::new();
    lab.tell(RelayCommand::Extend { relay: OTHER, streams: 1 });
    lab.tell(RelayCommand::Forget { relay: OTHER, side: Side::A });
    lab.tell(RelayCommand::Close { relay: OTHER });
    lab.remote_at(Side::A, None, None, false);
    lab.open(CALL);
}

#[test]
fn too_few_ports_are_an_error_at_the_start() {
    for (port_min, port_max) in
        [(20_000, 20_002), (20_001, 20_004), (20_000, 10_000), (65_535, 65_535)]
    {
        let config = RelayConfig { port_min, port_max, ..RelayConfig::default() };
        let error = RelayHandle::start(config, Arc::new(|_, _| {})).err().unwrap();
        assert!(
            matches!(error, RelayError::Ports { min, max } if (min, max) == (port_min, port_max))
        );
    }
}

#[test]
fn a_call_is_told_to_be_silent_once_and_again_after_it_spoke() {
    let limit = Duration::from_millis(50);
    let lab = Lab::with(4, |config| config.media_timeout = limit);
    let (ports, a) = (lab.open(CALL), Phone::new());
    let silent = || match lab.event() {
        RelayEvent::Silent { relay: CALL, since } => assert!(since >= limit, "{since:?}"),
        other => panic!("{other:?}"),
    };
    silent();
    lab.remote(Side::A, &a);
    a.send(&rtp("here I am"), ports.a);
    assert_eq!(lab.learned(), a.at());
    silent();
    lab.tell(RelayCommand::Close { relay: CALL });
    assert!(matches!(lab.event(), RelayEvent::Closed { .. }), "it was told once each");
}

#[test]
fn a_stream_has_no_more_packets_a_second_than_it_may() {
    let call = Call::on(Lab::with(4, |config| config.packets_per_s_max = 1));
    let began = Instant::now();
    call.a_is_heard("the first");
    call.b.rtp.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut buffer = [0; 100];
    loop {
        call.a.send(&rtp("once a second"), call.ports.a);
        if call.b.rtp.recv(&mut buffer).is_ok() {
            break;
        }
        assert!(began.elapsed() < WAIT, "the second second never came");
    }
    let stats = call.close();
    assert!(stats.from_a <= began.elapsed().as_secs() + 2, "{stats:?}");
    assert!(stats.excess > 0, "{stats:?}");
}

#[test]
fn a_flood_on_one_call_does_not_keep_another_waiting() {
    let call = Call::new();
    call.a_is_heard("first");
    let flooded = call.lab.open_besides(OTHER);
    let done = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..2).map(|_| flood(flooded, done.clone())).collect();
    for n in 0..500 {
        call.a_is_heard(&n.to_string());
        call.b_is_heard(&n.to_string());
    }
    done.store(true, Ordering::Relaxed);
    let sent: u64 = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
    let stats = call.lab.close(OTHER);
    assert!(stats.strangers > 0 && stats.strangers <= sent, "{stats:?} of {sent}");
}

/// Sends as fast as can be, and gives how much.
fn flood(to: SocketAddr, done: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let phone = Phone::new();
        let mut sent = 0;
        while !done.load(Ordering::Relaxed) {
            phone.send(&rtp_of(9, "flood"), to);
            sent += 1;
        }
        sent
    })
}

#[test]
fn when_the_last_handle_goes_every_port_is_free_again() {
    let lab = Lab::with(2, |_| {});
    lab.open(CALL);
    let port = lab.port_min;
    let handle = lab.relay.clone();
    drop(lab);
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_err(), "a clone of the handle is left");
    drop(handle);
    let began = Instant::now();
    while UdpSocket::bind(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < WAIT, "the port is still bound");
        std::thread::yield_now();
    }
}
