//! What is told, to whom, and how often.

use std::time::Duration;

/// How subscriptions are taken and served (RFC 6665).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventsConfig {
    /// Whether phones may watch the calls of users: the package `dialog` (RFC 4235). Without it and `presence` no call is observed.
    pub dialog: bool,
    /// Whether phones may ask for their voice messages: the package `message-summary` (RFC 3842).
    pub message_summary: bool,
    /// Whether phones may watch whether users can be reached: the package `presence` (RFC 3856).
    pub presence: bool,
    /// Who may watch whom.
    pub watchers: Watchers,
    /// Shorter subscriptions are refused with 423.
    pub expires_min: Duration,
    /// Longer ones are shortened to this, which is also how long one without Expires lasts. So long at the most a lamp stays wrong after
    /// the switch was killed.
    pub expires_max: Duration,
    /// The least time between two NOTIFY of one subscription; what happens meanwhile is told together. The first change after a quiet
    /// time is told at once.
    pub notify_interval: Duration,
    /// How long the other shards are waited for before a new subscriber is told what is known.
    pub gather_time: Duration,
    /// Subscriptions of this shard; beyond it a SUBSCRIBE is answered 503 with Retry-After.
    pub subscriptions_max: usize,
    /// Subscriptions of this shard to one user; beyond it a SUBSCRIBE is answered 503 with Retry-After.
    pub watchers_max: usize,
    /// Dialogs in one NOTIFY; of a user with more the oldest are told.
    pub dialogs_max: usize,
    /// Whether a NOTIFY has all dialogs of a user, rather than those that changed.
    pub whole_state: bool,
}

impl EventsConfig {
    /// Whether calls are observed.
    pub(super) const fn observes_calls(&self) -> bool {
        self.dialog || self.presence
    }
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            dialog: true,
            message_summary: true,
            presence: true,
            watchers: Watchers::default(),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(600),
            notify_interval: Duration::from_millis(500),
            gather_time: Duration::from_millis(200),
            subscriptions_max: 50_000,
            watchers_max: 500,
            dialogs_max: 20,
            whole_state: false,
        }
    }
}

/// Who may watch the calls of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Watchers {
    /// Every subscriber of ours, and each user the own calls.
    #[default]
    Subscribers,
    /// Only the user.
    Oneself,
    /// Whoever asks.
    Everyone,
}
