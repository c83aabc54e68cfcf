//! What every shard may read of the registrations, the subscribers and the trunks.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    Aor, Flow, GenerationToken, Instant, MessageCount, Seat, Secret, Shard, TrunkId, hook::Hook,
};

/// One contact bound to an address-of-record (RFC 3261 section 10.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The Contact URI as it was registered, without angle brackets.
    pub contact: Arc<str>,
    /// The flow the REGISTER came in on: where requests to this contact are sent (RFC 3581, RFC 5626 in spirit).
    pub flow: Flow,
    /// The proxies on the way to the contact, as the value of a Route field (RFC 3327); empty when there are none.
    pub path: Arc<str>,
    /// Whether something between us and the phone rewrites addresses, as far as its REGISTER showed; over UDP only.
    pub is_behind_nat: bool,
    /// Preference, 0 to 1000 for q=0.000 to 1.000; 1000 when no q was given.
    pub q_milli: u16,
    /// When the binding lapses.
    pub expires_at: Instant,
    /// Call-ID of the REGISTER that made it.
    pub call_id: Arc<str>,
    /// CSeq number of the REGISTER that made it.
    pub cseq: u32,
    /// The User-Agent of the REGISTER, or empty.
    pub user_agent: Arc<str>,
    /// Which phone it is, whatever its address (`+sip.instance`, RFC 5626 section 4.1), without angle brackets; empty when it did not
    /// say.
    pub instance: Arc<str>,
    /// Which of the phone's ways to us it is (`reg-id`, RFC 5626 section 4.2); 0 for a contact that was bound by its URI alone.
    pub reg_id: u32,
}

impl Binding {
    /// Whether it is bound to the flow its REGISTER came by, and to nothing else (RFC 5626 section 6).
    pub const fn is_a_flow(&self) -> bool {
        self.reg_id != 0
    }

    /// Whether it is reached over one connection from the phone to us, and is nowhere when that is closed.
    pub fn is_a_connection(&self) -> bool {
        self.is_a_flow() && self.flow.transport.is_reliable() && self.path.is_empty()
    }
}

/// Whether an address-of-record is one of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Membership {
    /// A subscriber: it may register and be called.
    Subscriber,
    /// The host part is ours, the user is not known.
    UnknownUser,
    /// The host part is not ours.
    ForeignHost,
}

/// In which case the calls of a user go to somebody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForwardWhen {
    /// All of them do.
    Always,
    /// It is busy, or refuses.
    Busy,
    /// It does not answer, or is not there.
    NoAnswer,
}

/// How it is found out whether the phones of a user, or a device, can be reached (T-Library section 6.2: `oos-check`, `oos-force`,
/// `recovery-timeout`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceCheck {
    /// Between one OPTIONS and the next.
    pub interval: Duration,
    /// How long nothing may come that says that it is there; then it is out of service.
    pub patience: Duration,
    /// Between one OPTIONS and the next while it is out of service.
    pub recovery: Duration,
}

/// The read-only view of registrations and subscribers that comes in with every input of a shard.
///
/// The node and the simulator implement it; a shard publishes changes as outputs and reads them back from here.
pub trait Directory {
    /// The bindings of `aor`, best q first and then newest first, or `None` when there are none. Entries whose
    /// `expires_at` has passed may still be there; the reader compares with its `now`.
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>>;

    /// Whether `aor` is a subscriber of this node.
    fn membership(&self, aor: &Aor) -> Membership;

    /// Whether `aor` is a routing point: its calls wait for a third party to say where they go, unless a plugin has another opinion.
    fn routing_point(&self, _aor: &Aor) -> bool {
        false
    }

    /// What `aor` logs in with; `None` when it is no subscriber or cannot log in.
    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>>;

    /// Whether a plugin answers `hook`, of those that a call is pinned to, or where it is pinned to none of those that serve now. Some hooks
    /// are asked only if so, because most switches have none.
    fn answers(&self, _hook: Hook, _pin: Option<&GenerationToken>) -> bool {
        false
    }

    /// A place for one more call on a trunk, in either direction; `None` when it carries as many as it may.
    fn seat(&self, _trunk: TrunkId) -> Option<Seat> {
        Some(Seat::default())
    }

    /// A trunk has refused a call with this status, which is 400 or more; to be counted.
    fn trunk_refused(&self, _trunk: TrunkId, _status: u16) {}

    /// Whether a trunk answers, as far as the last probe tells.
    fn trunk_is_up(&self, _trunk: TrunkId) -> bool {
        true
    }

    /// The proxies that a trunk's registrar wants requests to be sent through (RFC 3608), as the value of a Route field.
    fn service_route(&self, _trunk: TrunkId) -> Option<Arc<str>> {
        None
    }

    /// The trunk whose registrar was last found at this address.
    fn trunk_at(&self, _source: IpAddr) -> Option<TrunkId> {
        None
    }

    /// Whether `aor` does not want to be disturbed: calls to it find it busy.
    fn do_not_disturb(&self, _aor: &Aor) -> bool {
        false
    }

    /// Where calls to `aor` go in this case, as was set for it: a URI, or a number of its host. `None` when they stay.
    fn forward(&self, _aor: &Aor, _when: ForwardWhen) -> Option<Arc<str>> {
        None
    }

    /// How it is checked whether the phones of `aor` can be reached; `None` for users who are not checked.
    fn device_check(&self, _aor: &Aor) -> Option<DeviceCheck> {
        None
    }

    /// Whether `aor` is out of service, as far as the last check tells: calls do not reach it.
    fn out_of_service(&self, _aor: &Aor) -> bool {
        false
    }

    /// The voice messages that wait for `aor`; `None` when nothing is known of any.
    fn messages(&self, _aor: &Aor) -> Option<MessageCount> {
        None
    }

    /// Whether any shard wants to be told of the calls of anybody.
    fn has_watchers(&self) -> bool {
        false
    }

    /// The shards that want to be told of the calls of `aor`; `None` when there is none.
    fn watchers(&self, _aor: &Aor) -> Option<Arc<[Shard]>> {
        None
    }
}
