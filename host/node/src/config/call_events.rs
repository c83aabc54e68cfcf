use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[call_events]`: what plugins of the hook `call-event` are told of a call, and what they may want of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallEventsConfig {
    /// Events of one call that wait to be told; beyond it the oldest that is no answer, transfer, timer or end is left out, and
    /// counted.
    pub queue_max: usize,
    /// Timers of one call, over all plugins; beyond it a `timer` is refused.
    pub timers_max: usize,
    /// A `timer` that is shorter takes so long, in milliseconds.
    pub timer_min_ms: u64,
    /// A `timer` that is longer is refused, in seconds.
    pub timer_max_s: u64,
    /// Commands in the life of one call, over all plugins; beyond it only `release` is taken.
    pub commands_max: u32,
    /// Labels of one call, those of the dial plan included; beyond it a `tag` of another name is refused.
    pub labels_max: usize,
}

impl Default for CallEventsConfig {
    fn default() -> Self {
        Self {
            queue_max: 16,
            timers_max: 8,
            timer_min_ms: 100,
            timer_max_s: 86_400,
            commands_max: 1000,
            labels_max: 32,
        }
    }
}

impl CallEventsConfig {
    /// As the switch takes it.
    pub(crate) const fn to_switch(&self) -> switch::CallEventConfig {
        switch::CallEventConfig {
            queue_max: self.queue_max,
            timers_max: self.timers_max,
            timer_min: Duration::from_millis(self.timer_min_ms),
            timer_max: Duration::from_secs(self.timer_max_s),
            commands_max: self.commands_max,
            labels_max: self.labels_max,
        }
    }
}
