//! Stock fan-out: what T-Library clients get of what they subscribe to, and what they may ask for. Its README says how it is configured;
//! without configuration everybody gets everything and may ask for it.

mod rules;

use guest::{
    Authorisation, ClientRequest, Config, FanOut, Plugin, Subscription, register_plugin, text,
};

use crate::rules::{Asked, Rules, first};

/// The plugin, with its configuration.
#[derive(Debug, Default)]
pub struct Stock {
    rules: Rules,
}

impl Plugin for Stock {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        self.rules = Rules::read(config)?;
        Ok(())
    }

    fn fan_out(&self, subscription: &Subscription) -> FanOut {
        let Subscription { application, port, dn, kind, .. } = subscription;
        let asked = Asked { application, port, dn, name: kind };
        let Some(rule) = first(&self.rules.subscriptions, asked) else { return FanOut::pass() };
        if let Some(code) = rule.refuse {
            let why = text(&["a rule keeps ", application, " from subscribing"]);
            return FanOut::refuse(code).because("refused", why);
        }
        let deliver = FanOut::deliver()
            .events(rule.events.iter().cloned())
            .without(rule.without.iter().cloned())
            .call_types(rule.call_types.iter().cloned());
        match &rule.group {
            Some(group) if kind == "calls" => deliver.group(group.clone()),
            _ => deliver,
        }
    }

    fn authorise_request(&self, request: &ClientRequest) -> Authorisation {
        let ClientRequest { application, port, dn, name, .. } = request;
        let asked = Asked { application, port, dn, name };
        match first(&self.rules.requests, asked).and_then(|rule| rule.refuse) {
            Some(code) => {
                let why = text(&["a rule keeps ", application, " from ", name]);
                Authorisation::refuse(code).because("refused", why)
            }
            None => Authorisation::pass(),
        }
    }
}

register_plugin!(Stock: fan_out, authorise_request);

#[cfg(test)]
#[path = "fanout_test.rs"]
mod tests;
