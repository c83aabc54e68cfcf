use model::hook::{CallFacts, Hook};
use serde::Deserialize;

use crate::Class;

/// Differences that the author of a plugin expects: those that have everything in common with it that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// How they differ.
    pub class: Option<Class>,
    /// The name of the hook.
    pub hook: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The trunk the call came over.
    pub trunk: Option<String>,
    /// What the called number begins with.
    pub prefix: Option<String>,
    /// What changed, as `diff` shows it.
    pub change: Option<String>,
    /// Why it is expected.
    pub why: String,
}

impl Rule {
    /// What is wrong with it, if anything is.
    pub fn problem(&self) -> Option<&'static str> {
        let named = [&self.hook, &self.tenant, &self.trunk, &self.prefix, &self.change];
        let is_known = |name: &String| Hook::ALL.iter().any(|hook| hook.name() == name);
        if self.why.trim().is_empty() {
            Some("a rule says why it expects a difference: why = \"…\"")
        } else if self.class.is_none() && named.iter().all(|name| name.is_none()) {
            Some("a rule names what it expects: class, hook, tenant, trunk, prefix or change")
        } else if self.class == Some(Class::Failed) {
            Some("a failure cannot be expected; mend it")
        } else if !self.hook.as_ref().is_none_or(is_known) {
            Some("no hook has this name")
        } else {
            None
        }
    }

    /// Whether it expects this difference.
    pub(crate) fn covers(&self, class: Class, hook: Hook, call: &CallFacts, change: &str) -> bool {
        fn is(wanted: Option<&str>, is: impl FnOnce(&str) -> bool) -> bool {
            wanted.is_none_or(is)
        }
        class != Class::Failed
            && self.class.is_none_or(|wanted| wanted == class)
            && is(self.hook.as_deref(), |wanted| wanted == hook.name())
            && is(self.tenant.as_deref(), |wanted| wanted == call.tenant)
            && is(self.trunk.as_deref(), |wanted| call.trunk.as_deref() == Some(wanted))
            && is(self.prefix.as_deref(), |wanted| call.callee.user.starts_with(wanted))
            && is(self.change.as_deref(), |wanted| wanted == change)
    }
}
