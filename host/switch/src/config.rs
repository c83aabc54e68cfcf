//! What a shard is told when it is made.

use std::{
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::AuthConfig;
use model::{Shard, Shards, Transport, hook::MediaMode};

use crate::{
    CallEventConfig, DeviceConfig, DiversionStyle, Emergency, EventsConfig, Network, TrunkConfig,
    call::Who,
};

/// Everything a [`crate::Switch`] is told when it is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which shard this is.
    pub shard: Shard,
    /// How many there are on this node.
    pub shards: Shards,
    /// Seeds tags, branches and Call-IDs; from the operating system in a node, fixed in a simulation.
    pub seed: [u8; 32],
    /// RFC 3261 table 4.
    pub timers: sip::Timers,
    /// What a message may measure.
    pub sip_limits: sip::ParseLimits,
    /// The SIP listeners, indexed by [`model::ListenerId`].
    pub listeners: Vec<Listener>,
    /// The size of every table.
    pub limits: Limits,
    /// How long a target rings when its plan does not say.
    pub ring_timeout: Duration,
    /// How long a call may wait at routing points altogether; then it is refused with 480.
    pub routing_timeout: Duration,
    /// How long a plugin's answer is waited for before the built-in default decides.
    pub question_timeout: Duration,
    /// How long a look-up in the DNS is waited for before the target counts as unreachable.
    pub locate_timeout: Duration,
    /// How long a place of a target may say nothing at all before the next place of the same target is tried (RFC 3263 section
    /// 4.3); Timer B still ends the first.
    pub failover_after: Duration,
    /// An INVITE over UDP that is larger goes over TCP, where there is a TCP listener (RFC 3261 section 18.1.1); in bytes.
    pub udp_request_max: usize,
    /// How long the relay's answer is waited for before the call is refused with 503.
    pub relay_timeout: Duration,
    /// What happens to media when the plan does not say.
    pub media: MediaMode,
    /// The relay's IPv6 address, when it serves both families; the ports it opens are the same for both.
    pub media_address6: Option<Ipv6Addr>,
    /// The registrar's rules.
    pub registrar: RegistrarConfig,
    /// What phones are told to send their requests through (RFC 3608), as the value of a Service-Route field; empty for nothing.
    pub service_route: Arc<str>,
    /// How subscriptions are taken and served.
    pub events: EventsConfig,
    /// How requests are authenticated; `None` is the default, which takes everyone for who it says it is unless a plugin has
    /// another opinion.
    pub auth: Option<AuthConfig>,
    /// The numbers of emergency services and where their calls go.
    pub emergency: Emergency,
    /// Who may send the other party of a call on, and how often.
    pub transfers: TransferConfig,
    /// Signs the Record-Routes of calls that are forwarded, so that nobody else can have requests sent on by us; the same for all
    /// shards. `None` signs nothing and takes every Route. Temporary GRUUs are sealed with it too; with `None` there are none.
    pub proxy_key: Option<[u8; 16]>,
    /// What plugins that follow calls are told and may want.
    pub call_events: CallEventConfig,
    /// When an established call ends without a party's doing.
    pub sessions: SessionConfig,
    /// Addresses of our trust domain (RFC 3325 section 2.3) that are no trunk's: their word on who calls counts, and they are told
    /// who a caller is that wants not to be known.
    pub trusted: Vec<Network>,
    /// How everybody but trunks is told that a call was diverted.
    pub diversion: DiversionStyle,
    /// Devices that are checked where they are, rather than where they have registered.
    pub devices: Vec<DeviceConfig>,
    /// The other networks that calls go to and come from, in the order of their [`model::TrunkId`].
    pub trunks: Vec<TrunkConfig>,
    /// The Server and User-Agent header; empty for none.
    pub server_header: String,
}

impl Config {
    /// What of it may be changed later.
    pub fn settings(&self) -> Settings {
        Settings {
            limits: self.limits,
            ring_timeout: self.ring_timeout,
            routing_timeout: self.routing_timeout,
            question_timeout: self.question_timeout,
            failover_after: self.failover_after,
            media: self.media,
            registrar: self.registrar,
            service_route: self.service_route.clone(),
            events: self.events,
            auth: self.auth.clone(),
            emergency: self.emergency.clone(),
            transfers: self.transfers,
            call_events: self.call_events,
            sessions: self.sessions,
            trusted: self.trusted.clone(),
            diversion: self.diversion,
        }
    }
}

/// What of a [`Config`] may be changed while calls stand. Each field is that of the same name; what has begun (a target that rings, a
/// registration) goes on as it began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// All but `transactions_max`, `transaction_bytes_max` and `streams_max`, which stay as they are.
    pub limits: Limits,
    /// How long a target rings when its plan does not say.
    pub ring_timeout: Duration,
    /// How long a call may wait at routing points altogether; one that waits goes by what it was told.
    pub routing_timeout: Duration,
    /// How long a plugin's answer is waited for.
    pub question_timeout: Duration,
    /// How long a silent place of a target is waited for while there is another.
    pub failover_after: Duration,
    /// What happens to media when the plan does not say.
    pub media: MediaMode,
    /// All but `store`, which stays as it is.
    pub registrar: RegistrarConfig,
    /// What phones are told to send their requests through; each learns of a change when it next registers.
    pub service_route: Arc<str>,
    /// How subscriptions are taken and served; those that stand go on as they began.
    pub events: EventsConfig,
    /// How requests are authenticated. A change makes nonces given out so far stale, and forgets failed attempts.
    pub auth: Option<AuthConfig>,
    /// The numbers of emergency services and where their calls go.
    pub emergency: Emergency,
    /// Who may send the other party of a call on, and how often.
    pub transfers: TransferConfig,
    /// What plugins that follow calls are told and may want.
    pub call_events: CallEventConfig,
    /// When an established call ends without a party's doing.
    pub sessions: SessionConfig,
    /// Addresses of our trust domain that are no trunk's.
    pub trusted: Vec<Network>,
    /// How everybody but trunks is told that a call was diverted.
    pub diversion: DiversionStyle,
}

/// Who may send the other party of a call on (RFC 3515), and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferConfig {
    /// Whose REFER is taken.
    pub by: TransferBy,
    /// How often one party may be sent on, one transfer after another; beyond it a REFER is answered 483.
    pub count_max: u8,
    /// Whose dialogs of established calls a Replaces may name (RFC 3891). Whatever rings may be picked up by whoever knows its dialog.
    pub take_over: TakeOver,
    /// How long a REFER waits that names a dialog of another shard, until its own call can go there; then it is answered 491.
    pub wait: Duration,
    /// How many may wait so at once; beyond it a REFER is answered 491 right away.
    pub waiting_max: usize,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            by: TransferBy::Phones,
            count_max: 8,
            take_over: TakeOver::Own,
            wait: Duration::from_secs(2),
            waiting_max: 100,
        }
    }
}

impl TransferConfig {
    /// Whether `who` may take the place of `party`.
    pub(crate) fn lets(&self, who: &Who, party: &Who) -> bool {
        self.take_over == TakeOver::Anybody || who.is(party)
    }
}

/// Whose dialog may be replaced, or its party be sent on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TakeOver {
    /// One of the same user, or of the same phone.
    Own,
    /// Anybody's: watchers of a lamp can then take over what their users talk.
    Anybody,
}

/// Whose REFER within a call is taken. Where the party may be sent is for the plugins of `route` to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferBy {
    /// Every party's but a trunk's.
    Phones,
    /// Every party's.
    Anybody,
    /// Nobody's: a REFER is answered 403.
    Nobody,
}

/// A SIP listener as its peers see it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name in the configuration; the `ingress` of calls that come in on it.
    pub name: String,
    /// Its transport.
    pub transport: Transport,
    /// The address peers reach it at: Via and Contact carry it.
    pub advertised: SocketAddr,
}

/// The size of every table of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls at once; beyond it an INVITE is answered 503 with Retry-After.
    pub calls_max: usize,
    /// SIP transactions at once.
    pub transactions_max: usize,
    /// Bytes of messages that SIP transactions keep at once.
    pub transaction_bytes_max: usize,
    /// Targets tried in one call, over all its plans.
    pub attempts_max: usize,
    /// How often one call goes on where a called party sends it with a 3xx; beyond it the caller gets the 3xx.
    pub redirections_max: usize,
    /// Contacts of one target that ring at the same time.
    pub branches_max: usize,
    /// Early dialogs of one branch that are kept, when what is called forks on its part.
    pub early_dialogs_max: usize,
    /// Reliable provisional responses of one call that wait until the caller has acknowledged the one before.
    pub provisionals_max: usize,
    /// Requests within one call (INFO, MESSAGE) that wait for the answer of the other party; beyond it they are answered 503.
    pub relayed_max: usize,
    /// Requests that wait for the plugins before they are a call or a registration; beyond it they are answered 503 with
    /// Retry-After.
    pub questions_max: usize,
    /// Bytes of the text of a MESSAGE outside of a call; beyond it it is answered 413.
    pub text_bytes_max: usize,
    /// MESSAGEs outside of calls on their way at once; beyond it they are answered 503 with Retry-After.
    pub texts_max: usize,
    /// Devices that are asked at once whether they are there; others wait for their turn.
    pub device_checks_max: usize,
    /// Media streams of one call.
    pub streams_max: u8,
    /// Seconds in the Retry-After header of a 503.
    pub retry_after_s: u32,
    /// Seconds that a call which was sent on as a proxy does is listed, unless its BYE is seen.
    pub proxied_call_max_s: u32,
    /// Timer C (RFC 3261 section 16.6 item 11): seconds that an INVITE within a dialog which was sent on may ring.
    pub proxy_timer_c_s: u32,
    /// Calls and dialogs of a shard that are on another, for each shard; beyond it no call goes to another, and a transfer that needs it
    /// fails with 481.
    pub moved_max: usize,
    /// How often one call may go to another shard.
    pub moves_max: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_max: 50_000,
            transactions_max: 500_000,
            transaction_bytes_max: 512 << 20,
            attempts_max: 32,
            redirections_max: 5,
            branches_max: 10,
            early_dialogs_max: 8,
            provisionals_max: 8,
            relayed_max: 32,
            questions_max: 10_000,
            text_bytes_max: 4096,
            texts_max: 10_000,
            device_checks_max: 500,
            streams_max: 8,
            retry_after_s: 5,
            proxied_call_max_s: 43_200,
            proxy_timer_c_s: 190,
            moved_max: 20_000,
            moves_max: 64,
        }
    }
}

/// The registrar's rules (RFC 3261 section 10.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistrarConfig {
    /// Shorter expirations are refused with 423.
    pub expires_min: Duration,
    /// Longer ones are shortened to this.
    pub expires_max: Duration,
    /// Used when the phone names none.
    pub expires_default: Duration,
    /// Contacts of one address-of-record.
    pub contacts_max: usize,
    /// Addresses-of-record with contacts, in this shard.
    pub aors_max: usize,
    /// Registrations are acknowledged only once they are stored; `None` keeps them in memory alone and acknowledges at once.
    pub store: Option<StoreConfig>,
    /// How the way to phones behind NAT is kept open; `None` leaves it to them.
    pub keepalive: Option<KeepaliveConfig>,
    /// Whether phones may bind themselves to the flow of their REGISTER (RFC 5626).
    pub outbound: bool,
    /// Whether phones that ask are given URIs that lead to them alone (RFC 5627).
    pub gruu: bool,
    /// Seconds in the Flow-Timer of the answer to a phone that did so over a connection; 0 for none.
    pub flow_timer_s: u64,
}

/// What is sent to phones behind NAT over UDP, so that their NAT does not forget the way to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepaliveConfig {
    /// How often each phone gets one; they are spread over it.
    pub interval: Duration,
    /// What it is.
    pub method: KeepaliveMethod,
    /// After so many OPTIONS in a row without any answer the contact is removed; 0 for never.
    pub failures_max: u32,
}

/// What a keep-alive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepaliveMethod {
    /// An OPTIONS (RFC 3261 section 11): its answer opens the way from the inside, as RFC 4787 section 4.3 wants every NAT to take
    /// it.
    Options,
    /// Two empty lines, which phones drop: cheaper, and enough for a NAT that takes datagrams from the outside for use.
    Crlf,
}

/// How registrations wait for the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreConfig {
    /// REGISTERs of this shard that wait at once; beyond it a REGISTER is answered 503 with Retry-After.
    pub writes_max: usize,
    /// How long one waits before it is answered 503 with Retry-After.
    pub timeout: Duration,
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(25),
            method: KeepaliveMethod::Options,
            failures_max: 0,
        }
    }
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(7200),
            expires_default: Duration::from_secs(3600),
            contacts_max: 10,
            aors_max: 200_000,
            store: None,
            keepalive: Some(KeepaliveConfig::default()),
            outbound: true,
            gruu: true,
            flow_timer_s: 120,
        }
    }
}

/// When an established call ends without a party's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// What is done with session timers.
    pub timer: SessionTimer,
    /// The interval that is asked for, in seconds.
    pub expires_s: u32,
    /// The least interval that is taken, in seconds; 90 at the least (RFC 4028 section 5).
    pub min_s: u32,
    /// How long the parties may talk; zero for as long as they like.
    pub call_max: Duration,
    /// How often the parties are asked with OPTIONS whether they are there; zero is never.
    pub probe: Duration,
    /// A relayed call whose parties both send no media for the relay's time-out is ended, unless one holds the other.
    pub end_silent: bool,
}

/// What is done with session timers (RFC 4028), of each leg by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionTimer {
    /// They are not known.
    Off,
    /// A leg has one if its party asks for it.
    Accept,
    /// Every party is asked for one, and who does not know of it is refreshed even so.
    Ask,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            timer: SessionTimer::Accept,
            expires_s: 1800,
            min_s: 90,
            call_max: Duration::ZERO,
            probe: Duration::ZERO,
            end_silent: false,
        }
    }
}
