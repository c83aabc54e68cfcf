use serde::{Deserialize, Serialize};

/// `[transfers]`: who may send the other party of a call on with REFER (RFC 3515), and how often. Where a party may be sent is for
/// the plugins of `route` to say, which see `call.transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransfersConfig {
    /// Whose REFER within a call is taken: `phones` (every party's but a trunk's), `anybody`, or `nobody`. Of others it is
    /// answered 403, as every REFER outside of a call is.
    pub by: TransferBy,
    /// How often one party may be sent on, one transfer after another; beyond it a REFER is answered 483.
    pub count_max: u8,
    /// Whose dialog of an established call a Replaces may name (RFC 3891), in a REFER or in an INVITE: `own` (one of the same user, or of
    /// the same phone) or `anybody`, who may then take over what those talk whose lamps he watches. Others are answered 403. A call
    /// that rings may be picked up by every watcher of its lamp.
    pub take_over: TakeOver,
    /// How long a REFER may wait whose Replaces names a call of another worker, in milliseconds: until what its own call is about (a
    /// re-INVITE, an INFO) has ended, so that the call can go there. Then it is answered 491.
    pub wait_ms: u64,
    /// How many REFERs of a worker may wait so at once; beyond it they are answered 491 right away.
    pub waiting_max: usize,
}

/// Whose dialog a Replaces may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TakeOver {
    /// One of the same user or phone.
    Own,
    /// Anybody's.
    Anybody,
}

/// Whose REFER is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferBy {
    /// Every party's but a trunk's.
    Phones,
    /// Every party's.
    Anybody,
    /// Nobody's.
    Nobody,
}

impl Default for TransfersConfig {
    fn default() -> Self {
        Self {
            by: TransferBy::Phones,
            count_max: 8,
            take_over: TakeOver::Own,
            wait_ms: 2000,
            waiting_max: 100,
        }
    }
}

impl TransfersConfig {
    /// As the switch takes it.
    pub(crate) const fn to_switch(&self) -> switch::TransferConfig {
        let by = match self.by {
            TransferBy::Phones => switch::TransferBy::Phones,
            TransferBy::Anybody => switch::TransferBy::Anybody,
            TransferBy::Nobody => switch::TransferBy::Nobody,
        };
        let take_over = match self.take_over {
            TakeOver::Own => switch::TakeOver::Own,
            TakeOver::Anybody => switch::TakeOver::Anybody,
        };
        let wait = std::time::Duration::from_millis(self.wait_ms);
        let Self { count_max, waiting_max, .. } = *self;
        switch::TransferConfig { by, count_max, take_over, wait, waiting_max }
    }
}
