//! Counters of a shard.

/// Counts since the shard was made, and gauges of now.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    /// Calls offered.
    pub calls_offered: u64,
    /// Calls answered.
    pub calls_established: u64,
    /// Calls refused because a table was full.
    pub calls_shed: u64,
    /// Established calls that went to another shard, or to another node.
    pub calls_moved_out: u64,
    /// Those that came from one.
    pub calls_moved_in: u64,
    /// Those that did not fit here. There should be none.
    pub calls_lost: u64,
    /// Calls and dialogs of this shard that are on another and not over.
    pub moved_now: usize,
    /// Calls that are up or being set up.
    pub calls_now: usize,
    /// Calls over, waiting for their last transactions.
    pub calls_ending: usize,
    /// Addresses-of-record with contacts.
    pub aors_now: usize,
    /// REGISTERs that wait for the store.
    pub writes_now: usize,
    /// REGISTERs refused because the store was busy or failed.
    pub writes_refused: u64,
    /// Writes the store did not answer for in time.
    pub writes_lost: u64,
    /// Answers that came for a question no longer open.
    pub answers_late: u64,
    /// Questions that got no answer in time.
    pub questions_timed_out: u64,
    /// Requests asked to prove who they are from.
    pub challenged: u64,
    /// Events of calls that plugins were told.
    pub call_events: u64,
    /// Events that were left out because too many waited.
    pub call_events_missed: u64,
    /// Commands of plugins that were carried out.
    pub commands_done: u64,
    /// Commands of plugins that were not: unknown, wrong, too many, or for a call in no state for them.
    pub commands_refused: u64,
    /// Credentials that were wrong.
    pub not_authenticated: u64,
    /// Requests refused because wrong credentials had come too often.
    pub blocked: u64,
    /// Requests a plugin had dropped without an answer.
    pub dropped: u64,
    /// Datagrams from peers that were not SIP at all.
    pub unreadable: u64,
    /// Trunks whose registration is being taken back.
    pub trunks_leaving: usize,
    /// Devices that are checked.
    pub devices_checked: usize,
    /// Those of them that are out of service.
    pub devices_out: usize,
    /// OPTIONS that asked devices whether they are there.
    pub device_checks: u64,
    /// Those of them that no good answer came to.
    pub device_checks_failed: u64,
    /// MESSAGEs outside of calls that were sent on.
    pub texts: u64,
    /// Subscriptions that stand.
    pub subscriptions_now: usize,
    /// SUBSCRIBEs that began a subscription or asked for the state once.
    pub subscribed: u64,
    /// NOTIFYs sent.
    pub notified: u64,
    /// Subscriptions that ended because a NOTIFY failed.
    pub notify_failures: u64,
}
