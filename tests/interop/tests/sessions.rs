//! Session timers (RFC 4028), UPDATE (RFC 3311), forks downstream, and what is left of calls that the switch does not know, with
//! SIPp and pjsua2.

use std::time::Duration;

use jackfield_interop::{
    Phone, Switch,
    sipp::{Scenario, all_succeed},
};

#[test]
fn sessions_updates_and_forks() {
    let switch = Switch::start(&[], &[]);
    all_succeed(
        &switch,
        &[
            ("caller_refreshes", "callee"),
            ("caller_refreshes_by_invite", "callee_is_reinvited"),
            ("caller_wants_too_short", "callee"),
            ("caller_requires_timer", "callee"),
            ("caller_updates", "callee_takes_update"),
            ("caller_updates", "callee_takes_no_update"),
            ("caller_is_refused_update", "callee_refuses_update"),
            ("caller", "callee_asks_for_session"),
            ("caller", "callee_forks"),
            ("caller_invites_twice", "callee"),
        ],
        50,
    );
}

#[test]
fn what_belongs_to_calls_from_before_a_restart_is_told_so() {
    let switch = Switch::start(&[], &[]);
    let names = ["bye", "update", "info", "prack", "options", "message", "invite", "cancel", "ack"];
    let all = names.map(|name| format!("stranger_{name}"));
    let running: Vec<_> = all
        .iter()
        .map(|name| Scenario::new(name, switch.folder()).call(switch.sip_port, "2000"))
        .collect();
    for stranger in running {
        stranger.succeed();
    }
}

/// Ann refreshes by herself; Ben, who is called, and the switch refresh each other as they have agreed.
#[test]
fn pjsua2_that_requires_a_session_timer_sees_it_refreshed() {
    let must = [("PHONE_TIMER", "PJSUA_SIP_TIMER_REQUIRED"), ("PHONE_SESSION_S", "90")];
    let switch = Switch::start(&["session.timer=ask", "session.expires_s=90"], &[]);
    let mut ann = Phone::register_with(&switch, "1000", 440, &must);
    let mut ben = Phone::register_with(&switch, "2000", 1000, &must);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("answer");
    for phone in [&mut ann, &mut ben] {
        phone.expect_call("CONFIRMED");
    }
    // The least that may be agreed on is 90 seconds, and half of it goes by first.
    for phone in [&mut ann, &mut ben] {
        let refreshed = serde_json::json!({ "event": "update", "code": 200 });
        phone.expect_within(Duration::from_secs(60), &refreshed);
    }
    ann.tell("hangup");
    ann.expect_call("DISCONNECTED");
    ben.expect_end(200);
}
