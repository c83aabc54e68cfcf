#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::{OwnershipVerdict, testing};

use super::*;

fn verdict(config: &[(&str, &str)], change: &OwnerChange) -> OwnershipVerdict {
    testing::reset();
    for (key, value) in config {
        testing::set_config(key, value);
    }
    testing::plugin::<DnOwner>().unwrap().dn_owner(change).verdict
}

fn change(kind: &str, owner: Owner, by_owner: bool) -> OwnerChange {
    let applications = vec!["desktop".to_owned(), "agents".to_owned()];
    OwnerChange { owner, by_owner, applications, ..OwnerChange::new("2001", kind) }
}

#[test]
fn a_phone_owns_a_dn_of_its_own_kind_from_its_registration_to_its_end() {
    let phone = |kind, owner, sip| OwnerChange { sip, ..change(kind, owner, false) };
    for (kind, owner, sip, expected) in [
        ("phone-registered", Owner::Nobody, true, OwnershipVerdict::Claim),
        ("phone-gone", Owner::Phone, true, OwnershipVerdict::Release),
        ("phone-registered", Owner::Nobody, false, OwnershipVerdict::Keep),
        ("phone-gone", Owner::Nobody, false, OwnershipVerdict::Keep),
        ("phone-moved", Owner::Phone, true, OwnershipVerdict::Pass),
    ] {
        assert_eq!(verdict(&[], &phone(kind, owner, sip)), expected, "{kind} {sip}");
    }
}

#[test]
fn the_first_application_that_may_owns_a_dn_until_it_is_gone() {
    let of = |who: &str| Owner::Application(who.to_owned());
    for (kind, who, owner, by_owner, expected) in [
        ("client-registered", "desktop", Owner::Nobody, false, OwnershipVerdict::Claim),
        ("client-registered", "recorder", Owner::Nobody, false, OwnershipVerdict::Keep),
        ("client-registered", "agents", of("desktop"), false, OwnershipVerdict::Keep),
        ("client-gone", "agents", of("desktop"), false, OwnershipVerdict::Keep),
        ("client-gone", "desktop", of("desktop"), true, OwnershipVerdict::Release),
    ] {
        let change = change(kind, owner, by_owner).of(who);
        assert_eq!(verdict(&[], &change), expected, "{kind} {who}");
    }
    let phones = OwnerChange { sip: true, ..change("client-registered", Owner::Nobody, false) };
    assert_eq!(verdict(&[], &phones.of("desktop")), OwnershipVerdict::Keep);
}

#[test]
fn who_may_takes_over_only_where_the_operator_says_so() {
    let desktop = Owner::Application("desktop".to_owned());
    let second = change("client-registered", desktop, false);
    let take_over = [("take-over", "true")];
    assert_eq!(verdict(&take_over, &second.clone().of("agents")), OwnershipVerdict::Claim);
    assert_eq!(verdict(&take_over, &second.clone().of("recorder")), OwnershipVerdict::Keep);
    let again = OwnerChange { by_owner: true, ..second.of("desktop") };
    assert_eq!(verdict(&take_over, &again), OwnershipVerdict::Keep);
    testing::set_config("take-over", "maybe");
    let refused = testing::plugin::<DnOwner>().unwrap_err();
    assert_eq!(refused, "config key take-over: write true or false");
}
