use serde::{Deserialize, Serialize};

/// `[events]`: lamps: which state of users phones may subscribe to, and how often they are told (RFC 6665).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsSection {
    /// Whether phones may watch the calls of users, for their busy lamps (package `dialog`, RFC 4235). Without it and `presence` no call is
    /// observed.
    pub dialog: bool,
    /// Whether phones may ask for the voice messages that wait for their user (package `message-summary`, RFC 3842).
    pub message_summary: bool,
    /// Whether phones may watch whether users can be reached (package `presence`, RFC 3856).
    pub presence: bool,
    /// Who may watch whom: `subscribers`, every subscriber everybody; `oneself`, each user only the own calls; `everyone`, whoever asks.
    /// Who asks is who it has proved to be, or, where nobody is asked for a password, who it says it is.
    pub watchers: WatchersName,
    /// Shorter subscriptions are refused with 423, in seconds.
    pub expires_min_s: u64,
    /// Longer subscriptions are shortened to this, in seconds. So long at the most a lamp stays wrong after the switch was killed.
    pub expires_max_s: u64,
    /// The least time between two NOTIFY of one subscription, in milliseconds; what happens meanwhile is told together. The first
    /// change after a quiet time is told at once.
    pub notify_interval_ms: u64,
    /// How long the other workers are waited for before a new subscriber is told what is known, in milliseconds.
    pub gather_ms: u64,
    /// Subscriptions, for each worker; beyond it a SUBSCRIBE is answered 503 with Retry-After.
    pub subscriptions_max: usize,
    /// Subscriptions to one user, for each worker; beyond it a SUBSCRIBE is answered 503 with Retry-After.
    pub watchers_max: usize,
    /// Dialogs in one NOTIFY; of a user with more the oldest are told.
    pub dialogs_max: usize,
    /// Whether every NOTIFY has all dialogs of a user rather than those that changed, for phones that cannot put parts together.
    pub whole_state: bool,
    /// Users that have a count of voice messages.
    pub mailboxes_max: usize,
    /// Words to another worker that wait for room in its queue; beyond it they are dropped and counted.
    pub words_max: usize,
}

/// Who may watch whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchersName {
    /// Every subscriber everybody.
    #[default]
    Subscribers,
    /// Each user the own calls.
    Oneself,
    /// Whoever asks.
    Everyone,
}

impl From<WatchersName> for switch::Watchers {
    fn from(name: WatchersName) -> Self {
        match name {
            WatchersName::Subscribers => Self::Subscribers,
            WatchersName::Oneself => Self::Oneself,
            WatchersName::Everyone => Self::Everyone,
        }
    }
}

impl Default for EventsSection {
    fn default() -> Self {
        Self {
            dialog: true,
            message_summary: true,
            presence: true,
            watchers: WatchersName::default(),
            expires_min_s: 60,
            expires_max_s: 600,
            notify_interval_ms: 500,
            gather_ms: 200,
            subscriptions_max: 50_000,
            watchers_max: 500,
            dialogs_max: 20,
            whole_state: false,
            mailboxes_max: 200_000,
            words_max: 100_000,
        }
    }
}
