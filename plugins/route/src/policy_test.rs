#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn policy(domains: &[&str], routes: &[(&str, &[&str])]) -> Policy {
    try_policy(domains, routes).unwrap()
}

fn try_policy(domains: &[&str], routes: &[(&str, &[&str])]) -> Result<Policy, String> {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let routes = routes.iter().map(|(prefix, uris)| ((*prefix).to_owned(), owned(uris)));
    Policy::new(owned(domains), routes.collect())
}

fn uris(way: Way<'_>) -> Vec<String> {
    match way {
        Way::Uris { uris, .. } => uris,
        Way::Registered(_) | Way::None => Vec::new(),
    }
}

#[test]
fn a_user_is_called_where_it_is_registered() {
    let policy = policy(&[], &[]);
    assert_eq!(policy.way("2000", "example.com"), Way::Registered("2000@example.com".into()));
    assert_eq!(policy.way("", "example.com"), Way::None);
}

#[test]
fn other_domains_are_left_to_others() {
    let policy = policy(&["Example.com"], &[("49", &["sip:192.0.2.1"])]);
    assert_eq!(policy.way("alice", "example.com"), Way::Registered("alice@example.com".into()));
    assert_eq!(policy.way("alice", "example.org"), Way::None);
    assert_eq!(policy.way("4930", "example.org"), Way::None);
}

#[test]
fn the_longest_prefix_wins() {
    let routes: &[(&str, &[&str])] =
        &[("49", &["sip:192.0.2.1"]), ("4930", &["sip:192.0.2.2"]), ("4", &["sip:192.0.2.3"])];
    let policy = policy(&[], routes);
    assert_eq!(uris(policy.way("4930123", "example.com")), ["sip:4930123@192.0.2.2"]);
    assert_eq!(uris(policy.way("4989123", "example.com")), ["sip:4989123@192.0.2.1"]);
    assert_eq!(uris(policy.way("4121", "example.com")), ["sip:4121@192.0.2.3"]);
    assert_eq!(policy.way("2000", "example.com"), Way::Registered("2000@example.com".into()));
}

#[test]
fn a_route_lists_its_uris_in_the_order_they_are_tried() {
    let policy = policy(&[], &[("0", &["sip:192.0.2.1:5070", "sips:192.0.2.2;transport=tls"])]);
    assert_eq!(
        uris(policy.way("0-30", "example.com")),
        ["sip:030@192.0.2.1:5070", "sips:030@192.0.2.2;transport=tls"]
    );
}

#[test]
fn a_tel_number_needs_a_route() {
    let policy = policy(&["example.com"], &[("+49", &["sip:192.0.2.1"])]);
    assert_eq!(uris(policy.way("+4930", "")), ["sip:+4930@192.0.2.1"]);
    assert_eq!(policy.way("+1212", ""), Way::None);
}

#[test]
fn the_empty_prefix_takes_every_other_number_but_no_name() {
    let policy = policy(&[], &[("", &["sip:192.0.2.1"])]);
    assert_eq!(uris(policy.way("*21#", "example.com")), ["sip:*21%23@192.0.2.1"]);
    assert_eq!(policy.way("bob", "example.com"), Way::Registered("bob@example.com".into()));
}

#[test]
fn a_uri_with_a_user_keeps_it() {
    let policy = policy(&[], &[("110", &["sip:desk@192.0.2.1"])]);
    assert_eq!(uris(policy.way("110", "example.com")), ["sip:desk@192.0.2.1"]);
}

#[test]
fn a_wrong_route_is_named_with_what_to_write() {
    let cases: [(&str, &[&str], &str); 6] = [
        ("49a", &["sip:192.0.2.1"], "a prefix is digits"),
        ("4-9", &["sip:192.0.2.1"], "a prefix is digits"),
        ("49", &[], "give 1 to 16 URIs"),
        ("49", &["192.0.2.1"], "a URI is written"),
        ("49", &["sip:"], "a URI is written"),
        ("49", &["sip:192.0.2.1 x"], "a URI is written"),
    ];
    for (prefix, uris, expected) in cases {
        let error = try_policy(&[], &[(prefix, uris)]).unwrap_err();
        assert!(error.contains(expected) && error.contains(prefix), "{error}");
    }
}
