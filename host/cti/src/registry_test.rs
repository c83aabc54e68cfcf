//! Modes, limits, and who gets what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
    registry.register(client(2), &shared, RegisterMode::Share).unwrap();
    registry.register(client(1), &shared, RegisterMode::Monitor).unwrap();
    assert_eq!(*registry.clients("1001").unwrap(), [client(1), client(2)]);
    assert_eq!(
        refused(registry.register(client(2), &shared, RegisterMode::Private)),
        ErrorCode::ResourceSeized
    );
    assert_eq!(
        refused(registry.register(client(2), &shared, RegisterMode::Share)),
        ErrorCode::AlreadyRegistered
    );
    registry.register(client(1), &private, RegisterMode::Private).unwrap();
    for mode in [RegisterMode::Share, RegisterMode::Private, RegisterMode::Monitor] {
        assert_eq!(
            refused(registry.register(client(2), &private, mode)),
            ErrorCode::ResourceSeized
        );
    }
    // The one that holds it may open it again.
    registry.register(client(1), &private, RegisterMode::Share).unwrap();
    registry.register(client(2), &private, RegisterMode::Share).unwrap();
    assert_eq!(registry.len(), 4);
}

#[test]
fn a_list_is_shared_until_it_changes() {
    let mut registry = Registry::new(RegistryLimits::default());
    let dn: Arc<str> = "1001".into();
    registry.register(client(1), &dn, RegisterMode::Share).unwrap();
    let first = registry.clients(&dn).unwrap();
    assert!(Arc::ptr_eq(&first, &registry.clients(&dn).unwrap()));
    registry.register(client(2), &dn, RegisterMode::Share).unwrap();
    assert_eq!(*first, [client(1)]);
    assert_eq!(*registry.clients(&dn).unwrap(), [client(1), client(2)]);
    assert!(registry.unregister(client(1), &dn));
    assert!(!registry.unregister(client(1), &dn));
    assert_eq!(*registry.clients(&dn).unwrap(), [client(2)]);
    assert_eq!(registry.leave(client(2)), std::slice::from_ref(&dn));
    assert_eq!(registry.clients(&dn), None);
    assert!(registry.is_empty());
}

#[test]
fn bulk_clients_get_what_is_covered_once() {
    let mut registry = Registry::new(RegistryLimits::default());
    let (owned, other): (Arc<str>, Arc<str>) = ("1001".into(), "1002".into());
    registry.register(client(1), &owned, RegisterMode::Monitor).unwrap();
    assert!(registry.join_bulk(client(1)));
    assert!(registry.join_bulk(client(2)));
    assert_eq!(*registry.clients(&owned).unwrap(), [client(1)]);
    registry.cover(&owned, true);
    assert_eq!(*registry.clients(&owned).unwrap(), [client(1), client(2)]);
    assert_eq!(registry.mode(client(2), &owned), Some(RegisterMode::Share));
    assert_eq!(registry.mode(client(1), &owned), Some(RegisterMode::Monitor));
    assert_eq!(registry.mode(client(2), &other), None);
    assert!(registry.leave_bulk(client(2)));
    assert_eq!(*registry.clients(&owned).unwrap(), [client(1)]);
    registry.cover(&owned, false);
    assert_eq!(*registry.forget(&owned).unwrap(), [client(1)]);
    assert_eq!(registry.mode(client(1), &owned), None);
    assert!(registry.is_empty());
}

#[test]
fn each_limit_is_named_when_it_is_reached() {
    let limits =
        RegistryLimits { dns_per_client_max: 2, clients_per_dn_max: 2, registrations_max: 4 };
    let mut registry = Registry::new(limits);
    let dns: [Arc<str>; 4] = ["1".into(), "2".into(), "3".into(), "4".into()];
    let mut register = |number, dn: usize| {
        registry
            .register(client(number), &dns[dn], RegisterMode::Share)
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
