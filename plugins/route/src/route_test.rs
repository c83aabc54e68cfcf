#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use guest::{Attempt, Destination, Target, Verdict, testing};

use super::*;

fn route(config: &[(&str, &str)]) -> Result<Route, String> {
    testing::reset();
    for (key, value) in config {
        testing::set_config(key, value);
    }
    testing::plugin()
}

fn failure(status: u16, remaining: &[&str]) -> Failure {
    let target =
        |value: &str| Target { to: uri(value), ring: None, together: false, diverted: None };
    let attempt =
        Attempt { target: target("sip:192.0.2.1"), status, lasted: Duration::from_secs(1) };
    Failure {
        attempts: vec![attempt],
        remaining: remaining.iter().map(|value| target(value)).collect(),
    }
}

#[test]
fn without_configuration_every_user_is_called_where_it_is_registered() {
    let answer = route(&[]).unwrap().route(&testing::call("sip:2000@example.com"));
    assert_eq!(
        answer,
        Plan::to(aor("2000@example.com"))
            .because("registered", "a user of ours is called where it is registered")
            .into()
    );
}

#[test]
fn a_callee_without_a_user_is_left_to_the_next_plugin() {
    let answer = route(&[]).unwrap().route(&testing::call("sip:example.com"));
    assert_eq!(answer, Answer::pass());
}

#[test]
fn the_manifests_shape_of_routes_is_followed() {
    let routes = r#"{"49":["sip:192.0.2.1","sip:192.0.2.2"],"1":"sip:192.0.2.3"}"#;
    let route = route(&[("routes", routes), ("ring_secs", "15")]).unwrap();
    let answer = route.route(&testing::call("sip:4930@example.com"));
    assert_eq!(
        answer,
        Plan::to(uri("sip:4930@192.0.2.1"))
            .ring_secs(15)
            .then(uri("sip:4930@192.0.2.2"))
            .ring_secs(15)
            .because("prefix", "the number begins with \"49\"")
            .into()
    );
    let answer = route.route(&testing::call("tel:1-212"));
    let Verdict::Plan(plan) = answer.verdict else { panic!("{answer:?}") };
    assert_eq!(plan.targets[0].to, Destination::Uri("sip:1212@192.0.2.3".into()));
}

#[test]
fn a_callee_who_said_no_ends_the_call_at_once() {
    let route = route(&[]).unwrap();
    let call = testing::call("sip:2000@example.com");
    for status in [486, 600, 603] {
        let answer = route.route_on_failure(&call, &failure(status, &["sip:192.0.2.2"]));
        assert_eq!(answer.verdict, Verdict::Refuse(status));
    }
}

#[test]
fn any_other_failure_goes_on_with_what_remains() {
    let route = route(&[]).unwrap();
    let call = testing::call("sip:2000@example.com");
    for status in [404, 408, 480, 500, 503] {
        let answer = route.route_on_failure(&call, &failure(status, &["sip:192.0.2.2"]));
        assert_eq!(answer.verdict, Verdict::Proceed, "{status}");
        let answer = route.route_on_failure(&call, &failure(status, &[]));
        assert_eq!(answer.verdict, Verdict::Pass, "{status}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_by_name() {
    for (key, value) in
        [("ring_secs", "soon"), ("domains", "[1]"), ("routes", r#"{"x":["sip:a"]}"#)]
    {
        let error = route(&[(key, value)]).unwrap_err();
        assert!(error.contains(&format!("config key {key}")), "{error}");
    }
}
