use serde::{Deserialize, Serialize};

/// `[limits]`: the size of every table of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls at once; beyond it an INVITE is answered 503 with Retry-After.
    pub calls_max: usize,
    /// SIP transactions at once.
    pub transactions_max: usize,
    /// What messages SIP transactions of a worker may keep to send them again, in MiB; beyond it holds what holds beyond `transactions_max`.
    pub transactions_mib: usize,
    /// Targets tried in one call, over all its plans.
    pub attempts_max: usize,
    /// How often one call goes where a called party sends it with a 3xx or TCallSetForward, each time as a new call of the same caller that the
    /// plugins are asked about; beyond it, and with 0 at once, the caller gets the 3xx, and nothing is forwarded.
    pub redirections_max: usize,
    /// Contacts of one target that ring at the same time.
    pub branches_max: usize,
    /// Early dialogs of one contact that are kept, when a proxy behind it forks; reliable provisional responses of others are not
    /// acknowledged.
    pub early_dialogs_max: usize,
    /// Reliable provisional responses (RFC 3262) of one call that wait until its caller has acknowledged the one before; others are
    /// left out.
    pub provisionals_max: usize,
    /// Requests within one call (INFO, MESSAGE) that wait for the answer of the other party; beyond it they are answered 503 with
    /// Retry-After.
    pub relayed_max: usize,
    /// Requests that wait for the plugins of `admission`, `authenticate` and `register`; beyond it they are answered 503 with
    /// Retry-After.
    pub questions_max: usize,
    /// Media streams of one call.
    pub streams_max: u8,
    /// Bytes of the text of a MESSAGE outside of a call; beyond it it is answered 413.
    pub text_bytes_max: usize,
    /// MESSAGEs outside of calls on their way at once, for each worker; beyond it they are answered 503 with Retry-After.
    pub texts_max: usize,
    /// Devices that a worker asks at once whether they are there (`oos-check` of a `[[dn]]`); others wait for their turn.
    pub device_checks_max: usize,
    /// The Retry-After header of a 503, in seconds.
    pub retry_after_s: u32,
    /// How long a call that a plan had forwarded as a proxy does is listed when its BYE does not come past, in seconds. What routes
    /// its requests is in the requests, so that it may go on for longer.
    pub proxied_call_max_s: u32,
    /// How long a re-INVITE that is forwarded as a proxy does may ring (RFC 3261 section 16.6, timer C), in seconds.
    pub proxy_timer_c_s: u32,
    /// Calls of a worker, and dialogs of theirs, that have gone to another worker because a party of theirs was joined to one of a call
    /// there; beyond it such a transfer fails with 481, and an INVITE with Replaces is answered 503.
    pub moved_max: usize,
    /// How often one call may go from worker to worker; beyond it such a transfer fails with 481.
    pub moves_max: u16,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_max: 50_000,
            transactions_max: 500_000,
            transactions_mib: 512,
            attempts_max: 32,
            redirections_max: 5,
            branches_max: 10,
            early_dialogs_max: 8,
            provisionals_max: 8,
            relayed_max: 32,
            questions_max: 10_000,
            streams_max: 8,
            text_bytes_max: 4096,
            texts_max: 10_000,
            device_checks_max: 500,
            retry_after_s: 5,
            proxied_call_max_s: 43_200,
            proxy_timer_c_s: 190,
            moved_max: 20_000,
            moves_max: 64,
        }
    }
}
