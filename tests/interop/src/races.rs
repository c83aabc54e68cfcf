//! Races of SIP between SIPps, each a small scenario of its own: many at once against one switch.

use crate::{Sipp, Switch, sipp::Scenario};

/// Races that run at the same time: more starve one another of the processor.
const AT_ONCE: usize = 6;

/// A caller, who is called, and what is special about them.
#[derive(Clone, Copy, Debug)]
pub struct Race<'a> {
    caller: &'a str,
    callees: &'a [&'a str],
    values: &'a [(&'a str, u32)],
    is_literal: bool,
}

impl<'a> Race<'a> {
    /// The scenarios of the caller and of each contact of the user that is called.
    #[must_use]
    pub const fn new(caller: &'a str, callees: &'a [&'a str]) -> Self {
        Self { caller, callees, values: &[], is_literal: false }
    }

    /// Puts values where the scenarios say `@KEY@`; where this does not, they ring, and talk, for 50 ms.
    #[must_use]
    pub const fn with(mut self, values: &'a [(&'a str, u32)]) -> Self {
        self.values = values;
        self
    }

    /// Neither party repeats anything by itself, and each sees what is repeated to it.
    #[must_use]
    pub const fn literally(mut self) -> Self {
        self.is_literal = true;
        self
    }

    fn scenario(&self, name: &'a str, switch: &'a Switch) -> Scenario<'a> {
        let scenario = Scenario::new(name, switch.folder());
        let scenario = if self.is_literal { scenario.literally() } else { scenario };
        let given = self.values.iter().copied();
        given
            .chain([("RING", 50), ("TALK", 50), ("STATUS", 486)])
            .fold(scenario, |scenario, (key, value)| scenario.value(key, value))
    }

    #[track_caller]
    fn start(&self, switch: &'a Switch, user: &str) -> Vec<Sipp> {
        let mut running = Vec::new();
        for callee in self.callees {
            let called = self.scenario(callee, switch).listen();
            Scenario::new("register", switch.folder())
                .value("USER", user)
                .value("CONTACT", called.port)
                .value("EXPIRES", 3600)
                .call(switch.sip_port, user)
                .succeed();
            running.push(called);
        }
        running.insert(0, self.scenario(self.caller, switch).call(switch.sip_port, user));
        running
    }
}

/// Runs them all, each to a user of its own: to be called once for a switch.
///
/// # Panics
///
/// When one does not go as it is written.
#[track_caller]
pub fn all_succeed(switch: &Switch, races: &[Race<'_>]) {
    for (some, races) in races.chunks(AT_ONCE).enumerate() {
        let start =
            |(n, race): (usize, &Race<'_>)| race.start(switch, &format!("2{some:02}{n:02}"));
        let running: Vec<_> = races.iter().enumerate().flat_map(start).collect();
        for sipp in running {
            sipp.succeed();
        }
    }
}
