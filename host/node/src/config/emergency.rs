use serde::{Deserialize, Serialize};

/// `[emergency]`: calls to emergency services. They are matched before any plugin is asked, and go where `route` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyConfig {
    /// The numbers of emergency services, digits only. They are known in their usual forms: with separators, after a `+` or one
    /// of `prefixes`, as a `tel:` URI; `urn:service:sos` (RFC 5031) is the first of them.
    pub numbers: Vec<String>,
    /// What callers dial before a number of the outside world, digits only: with `"0"` 0112 is 112 too.
    pub prefixes: Vec<String>,
    /// Where the calls go, tried in this order: `"sip:192.0.2.1"` is sent the number, `"sip:desk@192.0.2.1"` is called as it
    /// stands, `"reception@example.com"` where it is registered, `"trunk:carrier"` is sent the number whatever its
    /// probes and its `capacity` say. Empty leaves them to the plugins of `route`, and answers 503
    /// when those find no way.
    pub route: Vec<String>,
}

impl Default for EmergencyConfig {
    fn default() -> Self {
        let numbers = ["112", "911"].map(str::to_owned).into();
        Self { numbers, prefixes: Vec::new(), route: Vec::new() }
    }
}

impl EmergencyConfig {
    /// As the switch takes it.
    ///
    /// # Errors
    ///
    /// The text that is no number or no target.
    pub(crate) fn to_switch(&self) -> Result<switch::Emergency, switch::EmergencyError> {
        switch::Emergency::new(&self.numbers, &self.prefixes, &self.route)
    }

    /// What an operator has to be told although nothing is wrong.
    pub(crate) fn warning(&self) -> Option<String> {
        if self.numbers.is_empty() {
            return Some(
                "[emergency] numbers is empty: no call is known as an emergency".to_owned(),
            );
        }
        self.route.is_empty().then(|| {
            format!(
                "[emergency] route is empty: calls to {} go where the plugins send any call, or are answered 503; set route to \
                 a trunk or a phone that is always attended",
                self.numbers.join(", ")
            )
        })
    }
}
