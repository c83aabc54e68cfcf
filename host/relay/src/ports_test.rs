#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, net::Ipv6Addr, time::Duration};

use socket2::SockRef;

use super::*;

/// Away from the ports of the tests in `tests/`, and below the system's own choices.
fn pool(port_min: u16, port_max: u16, change: impl FnOnce(&mut RelayConfig)) -> Arc<PortPool> {
    let mut config = RelayConfig { port_min, port_max, ..RelayConfig::default() };
    change(&mut config);
    PortPool::new(&config)
}

fn is_exhausted(pool: &Arc<PortPool>) -> bool {
    pool.take().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[test]
fn every_pair_of_the_range_is_handed_out_once_and_none_beyond_it() {
    let pool = pool(11_001, 11_010, |_| {});
    let pairs: Vec<_> = (0..4).map(|_| pool.take().unwrap()).collect();
    let ports: BTreeSet<_> = pairs.iter().map(Pair::port).collect();
    assert_eq!(ports, BTreeSet::from([11_002, 11_004, 11_006, 11_008]));
    assert!(is_exhausted(&pool));
    for pair in &pairs {
        assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port());
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port() + 1);
    }
}

#[test]
fn a_released_port_rests_before_it_is_used_again() {
    let resting = pool(11_020, 11_021, |config| config.port_rest = Duration::from_secs(3_600));
    drop(resting.take().unwrap());
    assert!(is_exhausted(&resting));
    let eager = pool(11_020, 11_021, |config| config.port_rest = Duration::ZERO);
    drop(eager.take().unwrap());
    assert!(eager.take().is_ok());
}

#[test]
fn a_pair_of_which_another_program_has_a_port_is_passed_over() {
    let pool = pool(11_030, 11_033, |_| {});
    let other = UdpSocket::bind("127.0.0.1:11031").unwrap();
    assert_eq!(pool.take().unwrap().port(), 11_032);
    drop(other);
    assert_eq!(pool.take().unwrap().port(), 11_030);
}

#[test]
fn the_end_of_the_port_numbers_does_no_harm() {
    let last = pool(65_534, 65_535, |_| {});
    assert_eq!(last.take().unwrap().port(), 65_534);
    let none = pool(65_535, 65_535, |_| {});
    assert!(is_exhausted(&none));
}

#[test]
fn packets_are_sent_with_the_traffic_class_that_was_asked_for() {
    let pair = pool(11_040, 11_041, |_| {}).take().unwrap();
    for socket in [&pair.rtp, &pair.rtcp] {
        assert_eq!(SockRef::from(socket).tos_v4().unwrap(), 184);
    }
    let six = pool(11_042, 11_043, |config| config.bind = Ipv6Addr::LOCALHOST.into());
    let pair = six.take().unwrap();
    assert_eq!(SockRef::from(&pair.rtp).tclass_v6().unwrap(), 184);
    assert!(SockRef::from(&pair.rtp).only_v6().unwrap());
}

#[test]
fn the_order_of_the_ports_cannot_be_foretold() {
    let order = |_| pool(10_000, 20_000, |_| {}).lock().free.clone();
    let orders: BTreeSet<_> = (0..4).map(order).collect();
    assert_eq!(orders.len(), 4);
}
