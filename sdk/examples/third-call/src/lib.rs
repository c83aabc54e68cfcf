//! A plugin that keeps something from call to call, in Rust. `third-call.rhai` beside this crate is the same in Rhai.

use guest::{Answer, Call, Plan, Plugin, aor, register_plugin, state, text};

/// So many calls of one caller go where they always go.
const PATIENCE: i64 = 2;
/// The schema of what it keeps, as its manifest says: the calls of `1000` under `calls.1000`. Schema 1 had them under `n.1000`.
const SCHEMA: u32 = 2;

/// Puts whoever calls the hotline a third time through to a person.
#[derive(Debug, Default)]
pub struct ThirdCall;

impl Plugin for ThirdCall {
    fn route(&self, call: &Call) -> Answer {
        if call.callee.user != "hotline" {
            return Answer::pass();
        }
        let key = text(&["calls.", &call.caller.user]);
        match state::increment(&key, 1) {
            Ok(calls) if calls > PATIENCE => {
                let _was_there = state::delete(&key);
                Plan::to(aor("2000@home.test")).because("again", "the third call").into()
            }
            // Whoever cannot be counted is a caller like any other.
            Ok(_) | Err(_) => Answer::pass(),
        }
    }

    fn migrate(from: u32, to: u32) -> Result<(), String> {
        if (from, to) != (1, SCHEMA) {
            return Err("it knows the way from 1 to 2".to_owned());
        }
        for (key, calls) in state::list("n.", u32::MAX) {
            let caller = key.strip_prefix("n.").unwrap_or(&key);
            state::set(&text(&["calls.", caller]), &calls)?;
            state::delete(&key)?;
        }
        Ok(())
    }
}

register_plugin!(ThirdCall: route, migration);
