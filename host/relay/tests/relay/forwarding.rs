//! What goes through.

use std::net::{Ipv6Addr, UdpSocket};

use media::{RelayCommand, Side, StreamNo};
use model::{ConnId, RelayId};

use crate::lab::{AUDIO, CALL, Call, Lab, Phone, rtp};

#[test]
fn rtp_crosses_both_ways_from_the_ports_that_were_told() {
    let call = Call::new();
    assert_eq!((call.ports.a.port() % 2, call.ports.b.port() % 2), (0, 0));
    call.a_is_heard("to b");
    assert_eq!(call.lab.learned(), call.a.at());
    call.b_is_heard("to a");
    assert_eq!(call.lab.learned(), call.b.at());
    let stats = call.close();
    assert_eq!((stats.from_a, stats.from_b, stats.bytes), (1, 1, 32));
    assert_eq!((stats.strangers, stats.homeless, stats.excess, stats.unsent), (0, 0, 0, 0));
}

#[test]
fn a_party_is_sent_media_where_it_said_before_it_has_sent_any() {
    let call = Call::new();
    for n in 0..3 {
        call.b_is_heard(&n.to_string());
    }
}

#[test]
fn media_for_a_party_that_is_not_known_yet_is_dropped_and_counted() {
    let lab = Lab::new();
    let ports = lab.open(CALL);
    let (a, b) = (Phone::new(), Phone::new());
    lab.remote(Side::A, &a);
    a.send(&rtp("too early"), ports.a);
    assert_eq!(lab.learned(), a.at());
    lab.remote(Side::B, &b);
    a.send(&rtp("in time"), ports.a);
    assert_eq!(b.receive().0, rtp("in time"));
    assert_eq!(lab.close(CALL).homeless, 1);
}

#[test]
fn what_is_not_rtp_passes_between_the_addresses_that_were_signalled() {
    let call = Call::new();
    for t38 in [&b"\x00\x01 fax"[..], b""] {
        call.a.send(t38, call.ports.a);
        assert_eq!(call.b.receive().0, t38);
    }
}

#[test]
fn the_streams_of_a_call_keep_apart() {
    let lab = Lab::new();
    let streams = lab.open_streams(CALL, 2);
    let phones: Vec<_> = streams.iter().map(|_| (Phone::new(), Phone::new())).collect();
    for (number, (a, b)) in phones.iter().enumerate() {
        let stream = StreamNo(u8::try_from(number).unwrap());
        for (side, phone) in [(Side::A, a), (Side::B, b)] {
            let (rtp, rtcp, mux) = (Some(phone.at()), None, false);
            lab.tell(RelayCommand::Remote { relay: CALL, stream, side, rtp, rtcp, mux });
        }
    }
    for ((ports, (a, b)), text) in streams.iter().zip(&phones).zip(["audio", "video"]) {
        a.send(&rtp(text), ports.a);
        assert_eq!(b.receive().0, rtp(text));
    }
}

#[test]
fn calls_on_several_threads_keep_apart() {
    let lab = Lab::with(16, |config| config.threads = 3);
    let calls: Vec<_> = (0..6)
        .map(|number| {
            let relay = RelayId(ConnId(number));
            let (ports, a, b) = (lab.open(relay), Phone::new(), Phone::new());
            for (side, phone) in [(Side::A, &a), (Side::B, &b)] {
                let (stream, rtp, rtcp, mux) = (AUDIO, Some(phone.at()), None, false);
                lab.tell(RelayCommand::Remote { relay, stream, side, rtp, rtcp, mux });
            }
            (ports, a, b)
        })
        .collect();
    for (number, (ports, a, b)) in calls.iter().enumerate() {
        a.send(&rtp(&number.to_string()), ports.a);
        assert_eq!(b.receive(), (rtp(&number.to_string()), ports.b));
        lab.learned();
    }
    for number in 0..6 {
        assert_eq!(lab.close(RelayId(ConnId(number))).from_a, 1);
    }
}

#[test]
fn a_far_end_that_is_gone_and_comes_back_is_sent_to_all_the_while() {
    let call = Call::new();
    call.b_is_heard("first");
    let Call { lab, ports, a, b } = call;
    let place = a.at();
    drop(a);
    for _ in 0..5 {
        b.send(&rtp("into the void"), ports.b);
    }
    let back = UdpSocket::bind(place).unwrap();
    back.set_read_timeout(Some(crate::lab::WAIT)).unwrap();
    b.send(&rtp("again"), ports.b);
    while crate::lab::receive(&back).0 != rtp("again") {}
    assert_eq!(lab.close(CALL).from_b, 7);
}

#[test]
fn ipv6_is_relayed_as_ipv4_is() {
    let host = Ipv6Addr::LOCALHOST.into();
    let lab = Lab::with(16, |config| (config.bind, config.advertise) = (host, host));
    let (ports, a, b) = (lab.open(CALL), Phone::on(host), Phone::on(host));
    lab.remote(Side::A, &a);
    lab.remote(Side::B, &b);
    a.send(&rtp("six"), ports.a);
    assert_eq!(b.receive(), (rtp("six"), ports.b));
    assert_eq!(lab.learned(), a.at());
}

#[test]
fn parties_of_both_families_are_relayed_to_each_other() {
    let lab = Lab::with(16, |config| config.both_families = true);
    let (ports, a, b) = (lab.open(CALL), Phone::new(), Phone::on(Ipv6Addr::LOCALHOST.into()));
    lab.remote(Side::A, &a);
    lab.remote(Side::B, &b);
    let b_port: std::net::SocketAddr = (Ipv6Addr::LOCALHOST, ports.b.port()).into();
    a.send(&rtp("four"), ports.a);
    assert_eq!(b.receive(), (rtp("four"), b_port));
    assert_eq!(lab.learned(), a.at());
    b.send(&rtp("six"), b_port);
    assert_eq!(a.receive(), (rtp("six"), ports.a));
    assert_eq!(lab.learned(), b.at());
}

#[test]
fn a_far_end_that_cannot_be_sent_to_is_counted() {
    let call = Call::new();
    call.a_is_heard("by udp over ipv4");
    call.lab.remote_at(Side::B, Some((Ipv6Addr::LOCALHOST, 9).into()), None, false);
    call.a.send(&rtp("by ipv6"), call.ports.a);
    call.lab.remote(Side::B, &call.b);
    // Commands overtake packets: the first packet may come after them.
    call.a_is_heard_at_last("by ipv4 again");
    let stats = call.close();
    assert!(stats.unsent <= 1 && stats.unsent + stats.from_a >= 3, "{stats:?}");
}
