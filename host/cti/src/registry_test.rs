//! Modes, limits, and who gets what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tlib::MessageType;

use super::*;
use crate::Module;

fn client(number: u64) -> ClientId {
    ClientId { module: Module::TController, number }
}

fn refused(result: Result<(), Refusal>) -> ErrorCode {
    result.unwrap_err().code
}

#[test]
fn share_admits_several_and_private_only_one() {
    let mut registry = Registry::new(RegistryLimits::default());
    let (shared, private): (Arc<str>, Arc<str>) = ("1001".into(), "1002".into());
    registry.register(client(2), &shared, (RegisterMode::Share, Filter::ALL)).unwrap();
    registry.register(client(1), &shared, (RegisterMode::Monitor, Filter::ALL)).unwrap();
    assert_eq!(*registry.clients("1001").unwrap().clients, [client(1), client(2)]);
    assert_eq!(
        refused(registry.register(client(2), &shared, (RegisterMode::Private, Filter::ALL))),
        ErrorCode::ResourceSeized
    );
    assert_eq!(
        refused(registry.register(client(2), &shared, (RegisterMode::Share, Filter::ALL))),
        ErrorCode::AlreadyRegistered
    );
    registry.register(client(1), &private, (RegisterMode::Private, Filter::ALL)).unwrap();
    for mode in [RegisterMode::Share, RegisterMode::Private, RegisterMode::Monitor] {
        assert_eq!(
            refused(registry.register(client(2), &private, (mode, Filter::ALL))),
            ErrorCode::ResourceSeized
        );
    }
    // The one that holds it may open it again.
    registry.register(client(1), &private, (RegisterMode::Share, Filter::ALL)).unwrap();
    registry.register(client(2), &private, (RegisterMode::Share, Filter::ALL)).unwrap();
    assert_eq!(registry.len(), 4);
}

#[test]
fn a_list_is_shared_until_it_changes() {
    let mut registry = Registry::new(RegistryLimits::default());
    let dn: Arc<str> = "1001".into();
    registry.register(client(1), &dn, (RegisterMode::Share, Filter::ALL)).unwrap();
    let first = registry.clients(&dn).unwrap().clients;
    assert!(Arc::ptr_eq(&first, &registry.clients(&dn).unwrap().clients));
    registry.register(client(2), &dn, (RegisterMode::Share, Filter::ALL)).unwrap();
    assert_eq!(*first, [client(1)]);
    assert_eq!(*registry.clients(&dn).unwrap().clients, [client(1), client(2)]);
    assert!(registry.unregister(client(1), &dn));
    assert!(!registry.unregister(client(1), &dn));
    assert_eq!(*registry.clients(&dn).unwrap().clients, [client(2)]);
    assert_eq!(registry.leave(client(2)), std::slice::from_ref(&dn));
    assert_eq!(registry.clients(&dn), None);
    assert!(registry.is_empty());
}

#[test]
fn bulk_clients_get_what_is_covered_once() {
    let mut registry = Registry::new(RegistryLimits::default());
    let (owned, other): (Arc<str>, Arc<str>) = ("1001".into(), "1002".into());
    registry.register(client(1), &owned, (RegisterMode::Monitor, Filter::ALL)).unwrap();
    assert!(registry.join_bulk(client(1), Filter::ALL));
    assert!(registry.join_bulk(client(2), Filter::ALL));
    assert_eq!(*registry.clients(&owned).unwrap().clients, [client(1)]);
    registry.cover(&owned, true);
    assert_eq!(*registry.clients(&owned).unwrap().clients, [client(1), client(2)]);
    assert_eq!(registry.mode(client(2), &owned), Some(RegisterMode::Share));
    assert_eq!(registry.mode(client(1), &owned), Some(RegisterMode::Monitor));
    assert_eq!(registry.mode(client(2), &other), None);
    assert!(registry.leave_bulk(client(2)));
    assert_eq!(*registry.clients(&owned).unwrap().clients, [client(1)]);
    registry.cover(&owned, false);
    assert_eq!(*registry.forget(&owned).unwrap().clients, [client(1)]);
    assert_eq!(registry.mode(client(1), &owned), None);
    assert!(registry.is_empty());
}

/// It was refused, and had another filter all the same.
#[test]
fn a_bulk_client_that_registers_again_keeps_what_it_had() {
    let mut registry = Registry::new(RegistryLimits::default());
    let dn: Arc<str> = "1001".into();
    registry.cover(&dn, true);
    let few = Filter::only([MessageType::EventRinging]);
    assert!(registry.join_bulk(client(1), few));
    assert!(!registry.join_bulk(client(1), Filter::ALL));
    assert_eq!(*registry.clients(&dn).unwrap().filters.unwrap(), [few]);
    assert_eq!(registry.bulk_filter(client(1)), Some(few));
    assert!(registry.leave_bulk(client(1)));
    assert!(registry.join_bulk(client(1), Filter::ALL));
    assert_eq!(registry.clients(&dn).unwrap().filters, None);
}

/// It used to be told that it was registered already.
#[test]
fn a_bulk_client_may_register_by_name_as_well() {
    let mut registry = Registry::new(RegistryLimits::default());
    let dn: Arc<str> = "1001".into();
    registry.cover(&dn, true);
    registry.join_bulk(client(1), Filter::ALL);
    registry.register(client(1), &dn, (RegisterMode::Share, Filter::ALL)).unwrap();
    registry.leave_bulk(client(1));
    assert_eq!(*registry.clients(&dn).unwrap().clients, [client(1)]);
    assert_eq!(registry.len(), 1);
}

#[test]
fn each_limit_is_named_when_it_is_reached() {
    let limits =
        RegistryLimits { dns_per_client_max: 2, clients_per_dn_max: 2, registrations_max: 4 };
    let mut registry = Registry::new(limits);
    let dns: [Arc<str>; 4] = ["1".into(), "2".into(), "3".into(), "4".into()];
    let mut register = |number, dn: usize| {
        registry
            .register(client(number), &dns[dn], (RegisterMode::Share, Filter::ALL))
            .map_err(|refusal| refusal.text.into_owned())
    };
    register(1, 0).unwrap();
    register(1, 1).unwrap();
    assert_eq!(
        register(1, 2).unwrap_err(),
        "the DN cannot be registered: dns_per_client_max is 2; unregister another"
    );
    register(2, 0).unwrap();
    assert_eq!(
        register(3, 0).unwrap_err(),
        "the DN cannot be registered: clients_per_dn_max is 2; unregister another"
    );
    register(3, 2).unwrap();
    assert_eq!(
        register(4, 3).unwrap_err(),
        "the DN cannot be registered: registrations_max is 4; unregister another"
    );
}

/// What a registry is to do, done the plain way.
#[derive(Default)]
struct Plain {
    held: Vec<(u64, usize, RegisterMode)>,
    bulk: Vec<u64>,
    covered: [bool; 3],
}

impl Plain {
    fn register(&mut self, client: u64, dn: usize, mode: RegisterMode) -> Option<ErrorCode> {
        let on_dn = || self.held.iter().filter(move |(_, on, _)| *on == dn);
        if on_dn().any(|(who, _, have)| (*who, *have) == (client, mode)) {
            return Some(ErrorCode::AlreadyRegistered);
        }
        let mut others = on_dn().filter(|(who, ..)| *who != client);
        let seized = match mode {
            RegisterMode::Private => others.next().is_some(),
            _ => others.any(|(_, _, have)| *have == RegisterMode::Private),
        };
        if seized {
            return Some(ErrorCode::ResourceSeized);
        }
        self.held.retain(|(who, on, _)| (*who, *on) != (client, dn));
        self.held.push((client, dn, mode));
        None
    }

    fn clients(&self, dn: usize) -> Vec<u64> {
        let by_name = self.held.iter().filter(|(_, on, _)| *on == dn).map(|(who, ..)| *who);
        let mut all: Vec<u64> = by_name.collect();
        if self.covered[dn] {
            all.extend(&self.bulk);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        failure_persistence: None, ..proptest::test_runner::Config::default()
    })]

    #[test]
    fn it_does_what_the_plain_way_does(
        ops in proptest::collection::vec((0..8_u8, 1..5_u64, 0..3_usize, 0..3_i64), 1..100)
    ) {
        let dns: [Arc<str>; 3] = ["1".into(), "2".into(), "3".into()];
        let mut registry = Registry::new(RegistryLimits::default());
        let mut plain = Plain::default();
        for (what, who, dn, mode) in ops {
            let mode = RegisterMode::of(mode).unwrap();
            match what {
                0..=2 => {
                    let code = registry.register(client(who), &dns[dn], (mode, Filter::ALL)).err();
                    assert_eq!(code.map(|refusal| refusal.code), plain.register(who, dn, mode));
                }
                3 => {
                    let before = plain.held.len();
                    plain.held.retain(|(one, on, _)| (*one, *on) != (who, dn));
                    let was = registry.unregister(client(who), &dns[dn]);
                    assert_eq!(was, plain.held.len() < before);
                }
                4 => {
                    registry.leave(client(who));
                    plain.held.retain(|(one, ..)| *one != who);
                    plain.bulk.retain(|one| *one != who);
                }
                5 => {
                    registry.cover(&dns[dn], mode == RegisterMode::Share);
                    plain.covered[dn] = mode == RegisterMode::Share;
                }
                6 => {
                    assert_eq!(registry.join_bulk(client(who), Filter::ALL), !plain.bulk.contains(&who));
                    plain.bulk.retain(|one| *one != who);
                    plain.bulk.push(who);
                }
                _ => {
                    registry.forget(&dns[dn]);
                    plain.held.retain(|(_, on, _)| *on != dn);
                    plain.covered[dn] = false;
                }
            }
            assert_eq!(registry.len(), plain.held.len());
            for (dn, number) in dns.iter().enumerate() {
                let clients = registry.clients(number);
                let clients = clients.map_or_else(Vec::new, |all| all.clients.iter().map(|one| one.number).collect());
                assert_eq!(clients, plain.clients(dn), "of DN {number}");
                assert_eq!(registry.is_held(number), plain.held.iter().any(|(_, on, _)| *on == dn));
            }
        }
    }
}
