//! Stock ownership of DNs: a phone or an application that may own a DN keeps it until it is gone. Its README says how it is configured.

use guest::{Config, Owner, OwnerChange, Ownership, Plugin, register_plugin, text};

/// The plugin, with its configuration.
#[derive(Debug, Default)]
pub struct DnOwner {
    /// Whether an application that may own a DN takes it from another that does.
    take_over: bool,
}

impl Plugin for DnOwner {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        self.take_over = match config.text("take-over").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("config key take-over: write true or false".to_owned()),
        };
        Ok(())
    }

    fn dn_owner(&self, change: &OwnerChange) -> Ownership {
        match change.kind.as_str() {
            "phone-registered" if change.sip => Ownership::claim()
                .because("phone", "its contact is *, and its phone has registered"),
            "phone-gone" if change.sip => {
                Ownership::release().because("phone-gone", "its phone is registered no more")
            }
            "client-registered" if !change.sip => self.registered(change),
            "client-gone" if !change.sip && change.by_owner => {
                let why = text(&["its owner, ", &change.application, ", has left it"]);
                Ownership::release().because("client-gone", why)
            }
            "phone-registered" | "phone-gone" | "client-registered" | "client-gone" => {
                Ownership::keep()
            }
            // Of what later versions of the switch ask about, its own rules know more.
            _ => Ownership::pass(),
        }
    }
}

impl DnOwner {
    fn registered(&self, change: &OwnerChange) -> Ownership {
        if !change.may_own() {
            return Ownership::keep();
        }
        match &change.owner {
            Owner::Nobody => {
                let why = text(&[&change.application, " is one of dn-owner-applications"]);
                Ownership::claim().because("client", why)
            }
            Owner::Application(owner) if self.take_over && !change.by_owner => {
                let why = text(&[&change.application, " takes it over from ", owner]);
                Ownership::claim().because("take-over", why)
            }
            Owner::Application(_) | Owner::Phone => Ownership::keep(),
        }
    }
}

register_plugin!(DnOwner: dn_owner);

#[cfg(test)]
#[path = "dn_owner_test.rs"]
mod tests;
