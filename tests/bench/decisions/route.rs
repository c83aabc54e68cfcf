//! What `cargo xtask bench decisions` measures: a route by the number, with three header fields read.

use jackfield_guest::{Answer, Call, Plan, Plugin, aor, register_plugin, uri};

#[derive(Debug, Default)]
struct Desk;

impl Plugin for Desk {
    fn route(&self, call: &Call) -> Answer {
        if call.header("Subject").as_deref() == Some("spam") {
            return Answer::refuse(603).because("spam", "the subject says so");
        }
        let agent = call.header("User-Agent").unwrap_or_default();
        if agent.starts_with("friendly-scanner") {
            return Answer::refuse(403).because("scanner", "no phone calls itself that");
        }
        let is_urgent = call.header("Priority").as_deref() == Some("urgent");
        let number = &call.callee.user;
        if number.starts_with("00") || number.starts_with('+') {
            return Plan::to(uri("sip:gateway@192.0.2.99")).because("abroad", "the gateway takes it").into();
        }
        let is_open = (8..18).contains(&call.local.hour) && call.local.weekday <= 5;
        if number == "desk" && !is_open && !is_urgent {
            return Plan::to(aor("mailbox@home.test")).ring_secs(10).because("closed", "the desk is closed").into();
        }
        let ring = if is_urgent { 60 } else { 20 };
        Plan::to(aor("2000@home.test")).ring_secs(ring).because("desk", "the desk is Ben's").into()
    }
}

register_plugin!(Desk);
