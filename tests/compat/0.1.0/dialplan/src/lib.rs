//! Stock dial plan: what was dialled becomes a number that every trunk understands. Its README says
//! how it is configured; without configuration it changes nothing.

mod number;
mod rules;

use guest::{Call, Config, Plugin, Rewrite, register_plugin, text};

use crate::rules::{Dialled, Rules};

/// The plugin, with its configuration.
#[derive(Debug, Default)]
pub struct DialPlan {
    rules: Rules,
}

impl Plugin for DialPlan {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        self.rules = Rules::read(config)?;
        Ok(())
    }

    fn dial_plan(&self, call: &Call) -> Rewrite {
        let rewrite = match self.rules.dial(&call.callee.user) {
            Dialled::Unknown => Rewrite::pass(),
            Dialled::Internal => Rewrite::pass().label("class", "internal"),
            Dialled::Short(to) => Rewrite::callee(to)
                .label("class", "short")
                .because("short", text(&[&call.callee.user, " is a short code"])),
            Dialled::Outside { number, class } => {
                let rewrite = if number == call.callee.user {
                    Rewrite::pass()
                } else {
                    Rewrite::callee(number)
                };
                if class.is_empty() {
                    rewrite.because("rewritten", "by the table")
                } else {
                    rewrite.label("class", class).because(class, "in its full form")
                }
            }
            Dialled::Blocked(prefix) => {
                let why = text(&["numbers that begin with ", &prefix, " are blocked"]);
                return Rewrite::refuse(403).because("blocked", why);
            }
            Dialled::Impossible(number) => {
                let why = text(&[&number, " is no number: too long, or without a country"]);
                return Rewrite::refuse(484).because("impossible", why);
            }
        };
        let caller = if self.rules.callers { self.rules.caller(&call.caller.user) } else { None };
        match caller {
            Some(caller) => rewrite.caller(caller),
            None => rewrite,
        }
    }
}

register_plugin!(DialPlan: dial_plan);

#[cfg(test)]
#[path = "dial_plan_test.rs"]
mod tests;
