//! A first plugin in Rust. `hello-route.rhai` beside this crate is the same in Rhai.

use guest::{Answer, Call, Plan, Plugin, aor, config, register_plugin, uri};

/// Answers to the name `hello`, and refuses what calls itself spam.
#[derive(Debug, Default)]
pub struct HelloRoute;

impl Plugin for HelloRoute {
    fn route(&self, call: &Call) -> Answer {
        if call.header("Subject").as_deref() == Some("spam") {
            return Answer::refuse(603).because("spam", "the subject says so");
        }
        if call.callee.user != "hello" {
            return Answer::pass();
        }
        let desk = config("desk").unwrap_or_else(|| "2000@example.com".to_owned());
        let desks = Plan::to(aor(desk)).ring_secs(20).and(aor("2001@example.com")).ring_secs(20);
        let plan = desks.then(uri("sip:hello@192.0.2.1"));
        plan.because("hello", "both desks at once, then the branch office").into()
    }
}

register_plugin!(HelloRoute);
