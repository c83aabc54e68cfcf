//! The contract between the host and its plugins, as data.
//!
//! A hook is a question with everything the decision may need, and an answer with everything the host will do. The same
//! values stand behind the WebAssembly contract (`sdk/wit`) and behind the maps a Rhai function sees.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use crate::{Aor, ConnId, GenerationRef, GenerationToken, HeaderBlock, Transport};

mod access;
mod amendment;
mod clients;
mod diversion;
mod event;
mod headers;
mod shown;
mod transfer;

pub use access::{Access, ContactFacts, Credentials, Registration, RequestKind};
pub use amendment::{Amended, Amendment, Dialled, Privacy};
pub use clients::{
    CHANGEABLE, ClientRequest, DnOwner, FanOut, OwnerChange, OwnerHappening, OwnerRuling,
    Subscription, SubscriptionKind,
};
pub use diversion::{Diversion, Redirection};
pub use event::{CallEvent, Command, End, Happening, Order, Release};
pub use headers::{
    FieldOwner, HeaderChange, HeaderEdit, Outgoing, long_form, owned_fields, owner_of,
};
pub use transfer::{Transfer, TransferKind};

/// A named station in the life of a call where plugins decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hook {
    /// May a request come in at all?
    Admission,
    /// Who is a request from?
    Authenticate,
    /// May these contacts be bound to this address-of-record?
    Register,
    /// What was dialled, in the form that routing understands.
    DialPlan,
    /// Where does a new call go?
    Route,
    /// Which header fields go to the other side?
    HeaderPolicy,
    /// A target failed: what now?
    RouteOnFailure,
    /// Something has happened to a call.
    CallEvent,
    /// Something has happened that may change whose a DN is.
    DnOwner,
    /// A T-Library client subscribes: what does it get?
    FanOut,
    /// May a T-Library client ask for this?
    AuthoriseRequest,
}

impl Hook {
    /// Every hook, in the order they come up.
    pub const ALL: [Self; 11] = [
        Self::Admission,
        Self::Authenticate,
        Self::Register,
        Self::DialPlan,
        Self::Route,
        Self::HeaderPolicy,
        Self::RouteOnFailure,
        Self::CallEvent,
        Self::DnOwner,
        Self::FanOut,
        Self::AuthoriseRequest,
    ];

    /// The hook's name in manifests, metrics and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Authenticate => "authenticate",
            Self::Register => "register",
            Self::DialPlan => "dial-plan",
            Self::Route => "route",
            Self::HeaderPolicy => "header-policy",
            Self::RouteOnFailure => "route-on-failure",
            Self::CallEvent => "call-event",
            Self::DnOwner => "dn-owner",
            Self::FanOut => "fan-out",
            Self::AuthoriseRequest => "authorise-request",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names a question in flight; unique within a shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QuestionId(pub u64);

/// A decision asked of the plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Comes back in the answer.
    pub id: QuestionId,
    /// The call it is about.
    pub call: Arc<CallFacts>,
    /// What is asked.
    pub ask: Ask,
    /// The generations this call is pinned to; `None` for the first question of a call, which takes the current ones.
    pub pin: Option<GenerationToken>,
}

impl Question {
    /// The hook this question belongs to.
    pub const fn hook(&self) -> Hook {
        match self.ask {
            Ask::Admission => Hook::Admission,
            Ask::Authenticate => Hook::Authenticate,
            Ask::Register { .. } => Hook::Register,
            Ask::DialPlan => Hook::DialPlan,
            Ask::Route => Hook::Route,
            Ask::HeaderPolicy(_) => Hook::HeaderPolicy,
            Ask::RouteOnFailure { .. } => Hook::RouteOnFailure,
            Ask::CallEvent(_) => Hook::CallEvent,
            Ask::DnOwner(_) => Hook::DnOwner,
            Ask::FanOut(_) => Hook::FanOut,
            Ask::AuthoriseRequest(_) => Hook::AuthoriseRequest,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Hook `admission`: a request that begins a call or a registration has come in.
    Admission,
    /// Hook `authenticate`: it was let in.
    Authenticate,
    /// Hook `register`: it is a REGISTER, and it is known who it is from.
    Register {
        /// The contacts it names; none when it only asks for those that are bound.
        contacts: Vec<ContactFacts>,
    },
    /// Hook `dial-plan` by itself. A switch never asks it: the plugins of this hook are asked on the way to `route`.
    DialPlan,
    /// Hook `route`: a new call, no target tried yet. Unless it is an emergency the plugins of `dial-plan` are asked first, and
    /// those of `route` see what they rewrote.
    Route,
    /// Hook `header-policy`: this INVITE is about to go out. Every plugin of the hook is asked, and their edits are made one after
    /// another.
    HeaderPolicy(Arc<Outgoing>),
    /// Hook `route-on-failure`: the last of `attempts` just failed.
    RouteOnFailure {
        /// Every target tried, in order.
        attempts: Vec<Attempt>,
        /// Targets of the plan that were not tried yet.
        remaining: Vec<Target>,
    },
    /// Hook `call-event`: this has happened to a call. Every plugin of the hook is told.
    CallEvent(Arc<CallEvent>),
    /// Hook `dn-owner`: this may change whose a DN is. Below the last plugin stand the rules of the T-Controller; a plugin that fails keeps
    /// the owner as it is.
    DnOwner(Arc<OwnerChange>),
    /// Hook `fan-out`: a T-Library client subscribes. Below the last plugin it gets what it asks for; where a plugin fails it gets
    /// nothing.
    FanOut(Arc<Subscription>),
    /// Hook `authorise-request`: a T-Library client asks for this. Plugins see what those before them changed. Below the last plugin it may;
    /// where a plugin fails it may not.
    AuthoriseRequest(Arc<ClientRequest>),
}

/// What a plugin may know of a call, or of the request that would begin one or a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// Names the call everywhere: journal, logs, command line. A REGISTER has one of its own.
    pub conn_id: ConnId,
    /// What the request is.
    pub request: RequestKind,
    /// Call-ID of the request, which in a call is the caller's INVITE.
    pub call_id: String,
    /// The tenant; `default` until tenants exist.
    pub tenant: String,
    /// The name of the listener the request came in on.
    pub ingress: String,
    /// What it came in over.
    pub transport: Transport,
    /// Where the request came from.
    pub source: SocketAddr,
    /// The name of the trunk it came over; `None` for a call that came over none.
    pub trunk: Option<String>,
    /// Who the caller has proved to be; `None` for a caller that was not asked to.
    pub identity: Option<Aor>,
    /// From, as the dial plan left it.
    pub caller: Party,
    /// Who is called: the Request-URI, as the dial plan left it. Of a REGISTER whose contacts they are: To.
    pub callee: Party,
    /// Both parties as the INVITE named them; `None` while nothing was rewritten.
    pub dialled: Option<Box<Dialled>>,
    /// What the plugins of `dial-plan` noted for those of `route`, and those of `call-event` since: names, each once, with values.
    pub labels: Vec<(String, String)>,
    /// Whether the caller is to be known, as the plugins of `dial-plan` said; `None` leaves it to the caller.
    pub privacy: Option<Privacy>,
    /// Who was called before and named another, in order.
    pub redirections: Vec<Redirection>,
    /// Whether the host knows the number as one of an emergency service. No plugin is asked to rewrite it.
    pub emergency: bool,
    /// Why there is this call, if a transfer began it. The caller is then the party that was sent on.
    pub transfer: Option<Box<Transfer>>,
    /// The header fields of the request, read on demand.
    pub headers: HeaderBlock,
}

impl CallFacts {
    /// A request of which nothing is known but its kind and where it came from: the tenant is `default`, and everything else is empty.
    pub fn new(
        conn_id: ConnId,
        request: RequestKind,
        (transport, source): (Transport, SocketAddr),
    ) -> Self {
        Self {
            conn_id,
            request,
            call_id: String::new(),
            tenant: "default".to_owned(),
            ingress: String::new(),
            transport,
            source,
            trunk: None,
            identity: None,
            caller: Party::default(),
            callee: Party::default(),
            dialled: None,
            labels: Vec::new(),
            privacy: None,
            redirections: Vec::new(),
            emergency: false,
            transfer: None,
            headers: HeaderBlock::default(),
        }
    }
}

/// One end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Party {
    /// The URI as it stood, without angle brackets.
    pub uri: String,
    /// The user part, unescaped; for a `tel:` URI the number.
    pub user: String,
    /// The host part, lower case; empty for a `tel:` URI.
    pub host: String,
    /// The display name, or empty.
    pub display: String,
}

/// One target that was tried and did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The target.
    pub target: Target,
    /// The SIP status it ended with; 408 when it did not answer in time, 480 when it had no contact.
    pub status: u16,
    /// How long it was tried.
    pub lasted: Duration,
}

/// A place to send a call to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub to: Destination,
    /// How long it may ring before the next is tried; `None` takes the switch's `ring_timeout`.
    pub ring: Option<Duration>,
    /// Whether it is tried at the same time as the target before it in the plan, rather than after that one failed.
    pub together: bool,
    /// Why the call goes there and not to who was called, if that is so; who is reached may be told.
    pub diverted: Option<Diversion>,
}

impl Target {
    /// A target that is tried after those before it, for as long as the switch lets anything ring.
    pub const fn new(to: Destination) -> Self {
        Self { to, ring: None, together: false, diverted: None }
    }
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Every contact registered for an address-of-record, best q first.
    Aor(Aor),
    /// A SIP URI whose host is an IP address or a name, sent there directly.
    Uri(String),
    /// A trunk, or the trunks of a group one after another.
    Trunk {
        /// The name of the trunk or of the group.
        name: String,
        /// The number to call; `None` for the user of the callee.
        user: Option<String>,
    },
    /// A routing point: the call waits there until a third party says where it goes. It is tried by itself, whatever `together`
    /// says.
    RoutingPoint(Aor),
}

/// As vectors and logs write it: `aor:user@host`, `uri:sip:…`, `trunk:name`, `trunk:name/number` or `routing-point:user@host`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aor(aor) => write!(f, "aor:{aor}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Trunk { name, user: None } => write!(f, "trunk:{name}"),
            Self::Trunk { name, user: Some(user) } => write!(f, "trunk:{name}/{user}"),
            Self::RoutingPoint(aor) => write!(f, "routing-point:{aor}"),
        }
    }
}

/// An ordered list of targets, tried one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Tried in this order; never empty.
    pub targets: Vec<Target>,
    /// What happens to the call's media.
    pub media: MediaMode,
}

/// What happens to the media of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MediaMode {
    /// What the configuration says.
    #[default]
    Default,
    /// Through this node's relay.
    Anchor,
    /// Directly between the parties: the SDP passes unchanged.
    Bypass,
    /// Directly between the parties, and the signalling too is theirs: the switch is no party of the call but a proxy on its way
    /// (RFC 3261 section 16).
    Proxy,
}

/// What the plugins decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the question.
    pub id: QuestionId,
    /// What to do.
    pub verdict: Verdict,
    /// What the plugins of `dial-plan` made of the call, when they were asked on the way to `route`.
    pub amended: Option<Box<Amended>>,
    /// Pin the call to this. `None` only when no plugin platform stands behind the switch (in tests).
    pub pin: Option<GenerationToken>,
    /// Who decided, why, and what it cost.
    pub decision: Decision,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No plugin decided: the switch does what it does by itself (calls the contacts of the Request-URI; on failure goes on
    /// with the plan).
    BuiltIn,
    /// Try these targets. On failure, instead of the remaining ones.
    Plan(Plan),
    /// On failure: go on with the remaining targets of the plan.
    Continue,
    /// Refuse the call, or the request, with this status, 400 to 699. On failure: give the caller this status. Of `fan-out` and
    /// `authorise-request`: refuse it with this error code of EventError, 1 to 9999.
    Refuse(u16),
    /// Of the hooks before a call: let the request on, or what else they can say.
    Access(Access),
    /// Of `header-policy`: change this of the header fields, in this order.
    Edit(Vec<HeaderEdit>),
    /// Of `call-event`: what its plugins want done, in the order they were asked.
    Orders(Vec<Order>),
    /// Of `dn-owner`: whose the DN is.
    Owner(OwnerRuling),
    /// Of `fan-out`: what the client gets.
    Deliver(Box<FanOut>),
    /// Of `authorise-request`: it may, with these attributes changed.
    Authorised(Vec<(String, String)>),
}

/// The journal entry of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The hook.
    pub hook: Hook,
    /// Of `header-policy`: where the INVITE goes, as [`Outgoing`] shows itself. Of the hooks about T-Library clients what was asked.
    pub about: Option<Box<str>>,
    /// Whose verdict stands; `None` for the built-in default.
    pub decided_by: Option<GenerationRef>,
    /// What it is, without credentials; of a dial plan that rewrote something the reasons tell.
    pub verdict: Verdict,
    /// Every generation that was asked, in order, and what came of it.
    pub steps: Vec<Step>,
    /// What the deciding plugin gave as its reasons.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// A decision with no steps yet, and room for so many.
    pub fn of(hook: Hook, steps_max: usize) -> Self {
        Self {
            hook,
            about: None,
            decided_by: None,
            verdict: Verdict::BuiltIn,
            steps: Vec::with_capacity(steps_max),
            reasons: Vec::new(),
        }
    }

    /// Whether a plugin failed it. One whose new version failed and whose serving one then answered did not.
    pub fn has_failed(&self) -> bool {
        let failed = |step: &Step| matches!(step.outcome, StepOutcome::Failed(_));
        self.steps.iter().enumerate().any(|(n, step)| {
            let of_it = |later: &&Step| later.generation.plugin == step.generation.plugin;
            failed(step) && !self.steps.iter().skip(n + 1).filter(of_it).any(|later| !failed(later))
        })
    }
}

/// One generation asked within a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The generation.
    pub generation: GenerationRef,
    /// What it said or did.
    pub outcome: StepOutcome,
    /// CPU or wall time it took, in nanoseconds.
    pub took_ns: u64,
}

/// What came of asking one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It left the decision to the next.
    Passed,
    /// It rewrote something and left the decision to the next.
    Amended,
    /// Its verdict stands.
    Decided,
    /// It broke a limit, trapped or answered nonsense; the decision went to the next.
    Failed(Failure),
}

/// How a plugin failed a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What, where and what to do, in words.
    pub detail: String,
}

/// The kinds of failure, each named for the limit that held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FailureKind {
    /// It trapped, panicked or raised an error.
    Trap,
    /// It used more CPU time than `cpu_limit`.
    Time,
    /// It wanted more memory than `memory_limit`.
    Memory,
    /// Its answer is not one the host can act on (unknown kind, empty plan, too many targets, CR or LF in a URI…).
    BadAnswer,
    /// It is quarantined: it failed too often and is not asked for a while.
    Quarantined,
    /// It was not asked, since the host has no room for another instance (`instances_max`).
    NoInstance,
}

impl FailureKind {
    /// The kind's name in metrics and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::BadAnswer => "bad-answer",
            Self::Quarantined => "quarantined",
            Self::NoInstance => "no-instance",
        }
    }

    /// Whether it was asked and failed, which is held against it.
    pub const fn is_its_own(self) -> bool {
        !matches!(self, Self::Quarantined | Self::NoInstance)
    }
}

/// Why, in the plugin's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A short code that can be counted.
    pub code: String,
    /// A sentence for a person.
    pub text: String,
}
