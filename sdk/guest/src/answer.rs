use std::time::Duration;

use crate::Reason;

/// What a plugin decides: the result of a hook.
///
/// Made by [`pass`](Answer::pass), [`refuse`](Answer::refuse), [`proceed`](Answer::proceed) and
/// [`Plan::to`]; a function that returns an `Answer` ends a plan with `.into()`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// What to do.
    pub verdict: Verdict,
    /// Why, for the journal; in the order they were given.
    pub reasons: Vec<Reason>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave the decision to the next plugin, or to the switch.
    Pass,
    /// Try these targets; on failure, instead of the remaining ones.
    Plan(Plan),
    /// On failure: go on with the remaining targets.
    Proceed,
    /// Refuse the call with this SIP status, 400 to 699.
    Refuse(u16),
}

/// An ordered list of targets, tried one after another.
///
/// ```
/// use jackfield_guest::{Answer, Plan, aor, uri};
///
/// let answer: Answer = Plan::to(aor("2000@example.com"))
///     .ring_secs(20)
///     .then(uri("sip:2000@192.0.2.1"))
///     .because("desk", "desk phone first, then the branch office")
///     .into();
/// # drop(answer);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    /// Tried in this order.
    pub targets: Vec<Target>,
    /// What happens to the call's media.
    pub media: Media,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// A place to send a call to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub to: Destination,
    /// How long it may ring before the next is tried; `None` takes the switch's `ring_timeout`.
    pub ring: Option<Duration>,
    /// Whether it is tried together with the target before it, rather than after it.
    pub together: bool,
    /// Why the call goes there and not to who was called, which who is reached may be told; `None`
    /// when it is not diverted.
    pub diverted: Option<Diversion>,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Every contact registered for an address-of-record, `user@host`.
    Aor(String),
    /// A SIP URI whose host is an IP address or a name.
    Uri(String),
    /// A trunk, or the trunks of a group one after another.
    Trunk {
        /// The name of the trunk or of the group, as the switch's configuration has it.
        name: String,
        /// The number to call; `None` for the user of the callee.
        number: Option<String>,
    },
    /// A routing point, `user@host`: the call waits there until a routing client says where it goes.
    RoutingPoint(String),
}

/// Why a call is diverted, as Diversion names it (RFC 5806).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diversion {
    /// All calls are.
    Unconditional,
    /// Its line was busy.
    UserBusy,
    /// Nobody answered.
    NoAnswer,
    /// It is nowhere.
    Unavailable,
    /// Somebody decided so while it rang.
    Deflection,
    /// It does not want to be disturbed.
    DoNotDisturb,
    /// Because of the hour.
    TimeOfDay,
    /// Its user is elsewhere.
    FollowMe,
    /// Its user is away.
    Away,
    /// It is out of service.
    OutOfService,
    /// For another reason.
    Unknown,
}

impl Diversion {
    const ALL: [(Self, &str); 11] = [
        (Self::Unconditional, "unconditional"),
        (Self::UserBusy, "user-busy"),
        (Self::NoAnswer, "no-answer"),
        (Self::Unavailable, "unavailable"),
        (Self::Deflection, "deflection"),
        (Self::DoNotDisturb, "do-not-disturb"),
        (Self::TimeOfDay, "time-of-day"),
        (Self::FollowMe, "follow-me"),
        (Self::Away, "away"),
        (Self::OutOfService, "out-of-service"),
        (Self::Unknown, "unknown"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(diversion, _)| *diversion == self)
            .map_or("unknown", |(_, name)| name)
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, have)| *have == name).map(|(diversion, _)| *diversion)
    }
}

/// What happens to the media of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Media {
    /// What the switch's configuration says.
    #[default]
    Default,
    /// Through the switch's relay.
    Anchor,
    /// Directly between the parties.
    Bypass,
    /// Directly between the parties, and so is the signalling: the switch is a proxy on its way.
    Proxy,
}

/// The contacts registered for an address-of-record, `user@host`.
pub fn aor(aor: impl Into<String>) -> Destination {
    Destination::Aor(aor.into())
}

/// A SIP URI, called directly; its host is an IP address or a name.
pub fn uri(uri: impl Into<String>) -> Destination {
    Destination::Uri(uri.into())
}

/// A routing point, `user@host`: the call waits there until a routing client says where it goes.
pub fn routing_point(aor: impl Into<String>) -> Destination {
    Destination::RoutingPoint(aor.into())
}

/// A trunk or a group of trunks by its name, sent the number that is called.
pub fn trunk(name: impl Into<String>) -> Destination {
    Destination::Trunk { name: name.into(), number: None }
}

/// A trunk or a group of trunks by its name, sent this number.
pub fn trunk_to(name: impl Into<String>, number: impl Into<String>) -> Destination {
    Destination::Trunk { name: name.into(), number: Some(number.into()) }
}

impl Answer {
    /// Leaves the decision to the next plugin, or to the switch.
    pub const fn pass() -> Self {
        Self { verdict: Verdict::Pass, reasons: Vec::new() }
    }

    /// Refuses the call with a SIP status, 400 to 699; on failure this is what the caller gets.
    pub const fn refuse(status: u16) -> Self {
        Self { verdict: Verdict::Refuse(status), reasons: Vec::new() }
    }

    /// On failure: goes on with the remaining targets of the plan.
    pub const fn proceed() -> Self {
        Self { verdict: Verdict::Proceed, reasons: Vec::new() }
    }
}

impl Plan {
    /// A plan with its first target.
    pub fn to(first: Destination) -> Self {
        let targets = vec![Target { to: first, ring: None, together: false, diverted: None }];
        Self { targets, media: Media::Default, reasons: Vec::new() }
    }

    /// Adds a target that is tried when those before it failed.
    pub fn then(mut self, next: Destination) -> Self {
        self.targets.push(Target { to: next, ring: None, together: false, diverted: None });
        self
    }

    /// Adds a target that is tried together with the one added before it; the first to answer gets
    /// the call.
    pub fn and(mut self, also: Destination) -> Self {
        self.targets.push(Target { to: also, ring: None, together: true, diverted: None });
        self
    }

    /// How many seconds the target added last may ring before the next is tried.
    pub fn ring_secs(mut self, secs: u32) -> Self {
        if let Some(last) = self.targets.last_mut() {
            last.ring = Some(Duration::from_secs(secs.into()));
        }
        self
    }

    /// Says why the call goes to the target added last and not to who was called: it may be told so
    /// (RFC 5806, RFC 7044).
    pub fn diverted(mut self, why: Diversion) -> Self {
        if let Some(last) = self.targets.last_mut() {
            last.diverted = Some(why);
        }
        self
    }

    /// Leads the media through the switch's relay.
    pub const fn anchor(mut self) -> Self {
        self.media = Media::Anchor;
        self
    }

    /// Lets the media flow directly between the parties.
    pub const fn bypass(mut self) -> Self {
        self.media = Media::Bypass;
        self
    }

    /// Has the switch forward the call as a proxy (RFC 3261 section 16) instead of being a party of
    /// it; the media flows directly between the parties.
    pub const fn proxy(mut self) -> Self {
        self.media = Media::Proxy;
        self
    }
}

impl From<Plan> for Answer {
    fn from(mut plan: Plan) -> Self {
        let reasons = std::mem::take(&mut plan.reasons);
        Self { verdict: Verdict::Plan(plan), reasons }
    }
}
