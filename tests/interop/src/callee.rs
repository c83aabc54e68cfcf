//! A callee that answers every call of the users who are registered with it.

use crate::{Sipp, Switch, sipp::Scenario};

/// SIPp that answers `calls` calls at once, made for `per_second` of them; the switch has it as the phone of `users` for an hour.
pub fn answering(switch: &Switch, users: &[u32], calls: u32, per_second: u32) -> Sipp {
    let callee =
        Scenario::new("callee", switch.folder()).value("RING", 0).calls(calls, per_second).listen();
    for user in users {
        Scenario::new("register", switch.folder())
            .value("USER", user)
            .value("CONTACT", callee.port)
            .value("EXPIRES", 3600)
            .call(switch.sip_port, &user.to_string())
            .succeed();
    }
    callee
}
