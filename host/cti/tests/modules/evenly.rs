//! Random comings and goings: every event of a call is for one client of the group, always the same one while that is there, and no client has more
//! to do than its share.

use std::collections::BTreeMap;

use jackfield_cti::interaction_proxy::{Input, InteractionProxySettings};
use proptest::prelude::*;
use tlib::MessageType;

use crate::interaction_proxy::{Bench, recorder};

#[derive(Clone, Debug)]
enum Op {
    Join,
    Leave { which: usize },
    Begin,
    Event { which: usize },
    End { which: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Join),
        1 => (0..8_usize).prop_map(|which| Op::Leave { which }),
        6 => Just(Op::Begin),
        6 => (0..64_usize).prop_map(|which| Op::Event { which }),
        4 => (0..64_usize).prop_map(|which| Op::End { which }),
    ]
}

/// Who was told of which call, by what was shown.
fn read(shown: &[String], owners: &mut BTreeMap<String, u64>, expected: Option<&str>) {
    for line in shown.iter().filter(|line| line.starts_with('#')) {
        let mut words = line.split(' ');
        let client = words.nth(1).unwrap().trim_start_matches("IPR").trim_end_matches(':');
        let client: u64 = client.parse().unwrap();
        let named = words.find_map(|word| word.strip_prefix("CallUUID="));
        let uuid = named.or(expected).unwrap();
        match owners.get(uuid) {
            Some(owner) => assert_eq!(*owner, client, "{line}"),
            None => {
                assert!(line.contains("EventCallCreated"), "told of first by {line}");
                owners.insert(uuid.to_owned(), client);
            }
        }
    }
}

fn run(ops: &[Op]) {
    let mut bench = Bench::new(InteractionProxySettings::default());
    let (mut clients, mut next_client, mut next_call) = (Vec::new(), 1, 1);
    let mut calls: Vec<String> = Vec::new();
    let mut owners: BTreeMap<String, u64> = BTreeMap::new();
    for op in ops {
        match op {
            Op::Join => {
                bench.connect(next_client);
                let shown = bench.start(next_client);
                read(&shown, &mut owners, None);
                clients.push(next_client);
                next_client += 1;
            }
            Op::Leave { which } if *which < clients.len() => {
                let client = clients.remove(*which);
                owners.retain(|_, owner| *owner != client);
                let shown = bench.put(Input::Gone { client: recorder(client) });
                read(&shown, &mut owners, None);
            }
            Op::Begin => {
                let before = loads(&clients, &owners);
                let uuid = format!("U{next_call}");
                next_call += 1;
                let shown = bench.monitor(MessageType::EventCallCreated, &uuid, &[]);
                read(&shown, &mut owners, None);
                if let Some(owner) = owners.get(&uuid) {
                    let fewest = before.values().min();
                    assert_eq!(before.get(owner), fewest, "{before:?}");
                }
                calls.push(uuid);
            }
            Op::Event { which } if *which < calls.len() => {
                let uuid = calls[*which].clone();
                let shown = bench.ringing(&uuid);
                assert_eq!(shown.len(), usize::from(!clients.is_empty()));
                read(&shown, &mut owners, Some(&uuid));
            }
            Op::End { which } if *which < calls.len() => {
                let uuid = calls.remove(*which);
                let shown = bench.monitor(MessageType::EventCallDeleted, &uuid, &[]);
                assert_eq!(shown.len(), usize::from(!clients.is_empty()));
                read(&shown, &mut owners, None);
                owners.remove(&uuid);
            }
            Op::Leave { .. } | Op::Event { .. } | Op::End { .. } => {}
        }
        assert_eq!(bench.0.calls(), calls.len());
        let told = if clients.is_empty() { 0 } else { calls.len() };
        assert_eq!(owners.len(), told, "every call is somebody's");
    }
}

fn loads(clients: &[u64], owners: &BTreeMap<String, u64>) -> BTreeMap<u64, usize> {
    let count = |client: &u64| owners.values().filter(|owner| *owner == client).count();
    clients.iter().map(|client| (*client, count(client))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_are_shared_evenly_whoever_comes_and_goes(ops in prop::collection::vec(op(), 1..120)) {
        run(&ops);
    }
}
