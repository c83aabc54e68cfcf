#![allow(clippy::unwrap_used, clippy::expect_used)]
//! A whole node on loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::Node;
use crate::{
    config::{Config, MediaModeConfig, SubscriberConfig},
    demo::{
        exchange::run_until,
        phone::{Phone, State},
    },
    journal::Query,
    ladder::Column,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    let mut config = Config::default();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.sip.listen[0].bind = free;
    config.http.bind = free;
    (config.media.port_min, config.media.port_max) = (44_000, 44_100);
    config
}

fn phones(node: &Node) -> [Phone; 2] {
    let at = node.sip_addresses()[0];
    [Phone::new(Column::Left, at, 440.0).unwrap(), Phone::new(Column::Right, at, 620.0).unwrap()]
}

fn register(phones: &mut [Phone; 2]) {
    for (phone, user) in [(0, "1000"), (1, "2000")] {
        phones[phone].register(user);
        run_until(phones, PATIENCE, |phones| phones[phone].registered() == Some(200)).unwrap();
    }
}

fn both(phones: &[Phone; 2], state: State) -> bool {
    phones.iter().all(|phone| phone.state() == Some(state))
}

#[test]
fn calls_run_on_every_worker_whichever_socket_their_messages_reach() {
    let mut config = config();
    config.node.workers = 3;
    config.media.mode = MediaModeConfig::Bypass;
    let node = Node::start(&config).unwrap();
    let mut phones = phones(&node);
    register(&mut phones);
    // Call-IDs are random: the chance that as many miss one of three shards is one in a million.
    const CALLS: usize = 37;
    for _ in 0..CALLS {
        phones[0].call("1000", "2000");
        run_until(&mut phones, PATIENCE, |phones| both(phones, State::Established)).unwrap();
        phones[0].hang_up();
        run_until(&mut phones, PATIENCE, |phones| both(phones, State::Ended(200))).unwrap();
    }
    let entries = node.journal().entries(&Query { limit: 100, ..Query::default() });
    assert_eq!(entries.len(), CALLS);
    let mut shards: Vec<u16> = entries.iter().map(|entry| entry.conn.shard().0).collect();
    shards.sort_unstable();
    shards.dedup();
    assert_eq!(shards, [0, 1, 2], "the Call-IDs fell on these shards only");
}

#[test]
fn a_draining_node_refuses_new_calls_and_ends_with_its_last_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut node = Node::start(&config()).unwrap();
    let mut phones = phones(&node);
    register(&mut phones);
    phones[0].call("1000", "2000");
    run_until(&mut phones, PATIENCE, |[a, b]| a.hears(620.0) && b.hears(440.0)).unwrap();
    node.drain();
    let mut third = [Phone::new(Column::Left, node.sip_addresses()[0], 500.0).unwrap()];
    third[0].call("3000", "2000");
    run_until(&mut third, PATIENCE, |[phone]| phone.state() == Some(State::Ended(503))).unwrap();
    assert!(both(&phones, State::Established), "the standing call goes on");
    phones[1].hang_up();
    run_until(&mut phones, PATIENCE, |phones| both(phones, State::Ended(200))).unwrap();
    runtime.block_on(node.ended()).unwrap();
}

#[test]
fn only_listed_subscribers_register() {
    let mut config = config();
    config.subscriber = vec![SubscriberConfig { user: "2000".to_owned(), ..Default::default() }];
    let node = Node::start(&config).unwrap();
    let mut phones = phones(&node);
    phones[0].register("1000");
    phones[1].register("2000");
    run_until(&mut phones, PATIENCE, |phones| phones.iter().all(|p| p.registered().is_some()))
        .unwrap();
    assert_eq!(phones[1].registered(), Some(200));
    assert!(phones[0].registered().unwrap() >= 400, "{:?}", phones[0].registered());
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut config = config();
    config.sip.listen[0].bind = taken.local_addr().unwrap();
    let Err(error) = Node::start(&config) else { panic!("the node started") };
    let text = error.to_string();
    let expected = format!("cannot listen on {} for SIP: ", taken.local_addr().unwrap());
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.ends_with("; stop what listens there, or configure another port"), "{text}");
}

#[test]
fn a_switch_whose_plugins_keep_nothing_starts_without_the_file_of_what_they_keep() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plugin-state.sqlite"), "no database").unwrap();
    let mut config = config();
    config.node.data_path = Some(folder.path().to_owned());
    drop(Node::start(&config).unwrap());
    let plugin = folder.path().join("counts");
    std::fs::create_dir(&plugin).unwrap();
    let manifest =
        "id = \"counts\"\ncode = \"counts.rhai\"\nkind = \"rhai\"\n[need]\nstate = true\n";
    std::fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    std::fs::write(plugin.join("counts.rhai"), "fn route(call) { pass() }").unwrap();
    config.plugins.load = vec![plugin];
    let refused = Node::start(&config).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("plugin-state.sqlite"), "{refused}");
}
