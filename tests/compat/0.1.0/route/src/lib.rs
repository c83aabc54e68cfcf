//! Stock routing plugin: registered users, number prefixes with fail-over, and what follows a
//! failure. Its README says how it is configured.

mod number;
mod policy;

use guest::{Answer, Call, Config, Failure, Plan, Plugin, aor, register_plugin, text, uri};

use crate::policy::{Policy, Way};

/// The plugin, with its configuration.
#[derive(Debug, Default)]
pub struct Route {
    policy: Policy,
    /// How long each target may ring, in seconds; `None` leaves it to the switch.
    ring_secs: Option<u32>,
}

impl Plugin for Route {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        self.policy = Policy::new(config.list("domains")?, config.table("routes")?)?;
        self.ring_secs = config.number("ring_secs")?;
        Ok(())
    }

    fn route(&self, call: &Call) -> Answer {
        match self.policy.way(&call.callee.user, &call.callee.host) {
            Way::Uris { prefix, uris } => {
                let mut targets = uris.into_iter();
                let Some(first) = targets.next() else { return Answer::pass() };
                let mut plan = self.ring(Plan::to(uri(first)));
                for next in targets {
                    plan = self.ring(plan.then(uri(next)));
                }
                plan.because("prefix", text(&["the number begins with \"", prefix, "\""])).into()
            }
            Way::Registered(user) => self
                .ring(Plan::to(aor(user)))
                .because("registered", "a user of ours is called where it is registered")
                .into(),
            Way::None => Answer::pass(),
        }
    }

    fn route_on_failure(&self, _: &Call, failure: &Failure) -> Answer {
        match failure.status() {
            Some(status @ (486 | 600 | 603)) => Answer::refuse(status)
                .because("callee-said-no", "the callee is busy or declined: nobody else is tried"),
            Some(_) if !failure.remaining.is_empty() => {
                Answer::proceed().because("next-target", "the target failed and another is left")
            }
            Some(_) | None => Answer::pass(),
        }
    }
}

impl Route {
    fn ring(&self, plan: Plan) -> Plan {
        match self.ring_secs {
            Some(secs) => plan.ring_secs(secs),
            None => plan,
        }
    }
}

register_plugin!(Route);

#[cfg(test)]
#[path = "route_test.rs"]
mod tests;
