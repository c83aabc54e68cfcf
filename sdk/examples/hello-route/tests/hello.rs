//! What the example decides, asked on the author's machine.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::{Answer, Plan, Plugin, aor, testing, uri};
use hello_route::HelloRoute;

fn route(callee: &str) -> Answer {
    let plugin: HelloRoute = testing::plugin().unwrap();
    plugin.route(&testing::call(callee))
}

#[test]
fn hello_rings_both_desks_first() {
    testing::reset();
    testing::set_config("desk", "3000@example.com");
    let desks = Plan::to(aor("3000@example.com")).ring_secs(20);
    let plan = desks.and(aor("2001@example.com")).ring_secs(20).then(uri("sip:hello@192.0.2.1"));
    assert_eq!(
        route("sip:hello@example.com"),
        plan.because("hello", "both desks at once, then the branch office").into()
    );
}

#[test]
fn any_other_name_is_left_to_the_next_plugin() {
    testing::reset();
    assert_eq!(route("sip:2000@example.com"), Answer::pass());
}

#[test]
fn spam_is_refused() {
    testing::reset();
    testing::add_header("Subject", "spam");
    assert_eq!(
        route("sip:hello@example.com"),
        Answer::refuse(603).because("spam", "the subject says so")
    );
}
