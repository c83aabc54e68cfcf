//! One device that is checked.

use model::{DeviceCheck, Instant};
use sip::ClientTx;

use crate::LocateId;

/// A device, and how far its check is.
pub(super) struct Device {
    pub(super) check: DeviceCheck,
    /// Where it is, of one whose contact is configured; others are where they have registered.
    pub(super) uri: Option<String>,
    pub(super) stage: Stage,
    /// When it is woken: to be asked, or because nothing has come.
    pub(super) wakes_at: Option<Instant>,
    /// When the first OPTIONS went out that nothing good came of, since it was heard last.
    pub(super) silent_since: Option<Instant>,
    /// Whether it is out of service.
    pub(super) is_out: bool,
    /// What came of the last OPTIONS.
    pub(super) why: String,
}

/// What is done for a device.
pub(super) enum Stage {
    /// It waits for its time, and then for room.
    Idle,
    /// The DNS is asked where it is.
    Locating(LocateId),
    /// So many OPTIONS are out, one for each place it may be at.
    Asked(Vec<ClientTx>),
}

impl Device {
    pub(super) fn new(check: DeviceCheck, uri: Option<String>) -> Self {
        let (stage, why) = (Stage::Idle, String::new());
        Self { check, uri, stage, wakes_at: None, silent_since: None, is_out: false, why }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// When it is out of service unless it is heard: so long after the first OPTIONS that nothing came of, or after `now`, where one is
    /// sent to a device that is out already.
    pub(super) fn patience_ends(&self, now: Instant) -> Instant {
        let since = self.silent_since.filter(|_| !self.is_out).unwrap_or(now);
        since + self.check.patience
    }
}
