use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[session]`: when an established call ends without a party's doing. See [dialogs.md](dialogs.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSection {
    /// Session timers (RFC 4028), of each leg by itself: `accept` (a leg has one if its party asks for it), `ask` (every party is asked
    /// for one, and who does not know of it is refreshed even so) or `off` (they are not known).
    pub timer: SessionTimer,
    /// The interval that `ask` asks for, in seconds.
    pub expires_s: u32,
    /// The least interval that is taken, in seconds; a shorter one is answered 422.
    pub min_se_s: u32,
    /// How long the parties of a call may talk, in seconds; 0 is for as long as they like. Calls that are up keep the limit they
    /// began with.
    pub call_max_s: u64,
    /// How often each party of an established call is asked with OPTIONS whether it is there, in seconds; 0 is never. One that does not
    /// answer within 64 times `sip.t1_ms`, or knows no such call, ends it. For parties that know no session timers.
    pub probe_s: u64,
    /// A relayed call whose parties both send no media for `media.timeout_s` is ended, unless one holds the other.
    pub end_silent: bool,
}

/// What is done with session timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionTimer {
    /// They are not known.
    Off,
    /// A leg has one if its party asks for it.
    Accept,
    /// Every party is asked for one.
    Ask,
}

impl Default for SessionSection {
    fn default() -> Self {
        Self {
            timer: SessionTimer::Accept,
            expires_s: 1800,
            min_se_s: 90,
            call_max_s: 0,
            probe_s: 0,
            end_silent: false,
        }
    }
}

impl SessionSection {
    /// As the switch takes it.
    pub(crate) const fn to_switch(&self) -> switch::SessionConfig {
        let timer = match self.timer {
            SessionTimer::Off => switch::SessionTimer::Off,
            SessionTimer::Accept => switch::SessionTimer::Accept,
            SessionTimer::Ask => switch::SessionTimer::Ask,
        };
        switch::SessionConfig {
            timer,
            expires_s: self.expires_s,
            min_s: self.min_se_s,
            call_max: Duration::from_secs(self.call_max_s),
            probe: Duration::from_secs(self.probe_s),
            end_silent: self.end_silent,
        }
    }
}
