//! What the API gives, as JSON. The command line reads the same structures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod monitor;
mod plugin;
mod shadow;

pub use monitor::{
    Monitor, MonitorCalls, MonitorChecks, MonitorCti, MonitorServer, MonitorStack, TLibClient,
    TrunkStatistics,
};
pub use plugin::{
    Arm, Comparison, Diagnostic, Forgotten, Generation, HookFigures, Kept, Plugin, Promotion,
    Quarantined, Released, Reload, RolledBack, Tally, Trial,
};
pub use shadow::{Approval, Difference, Differences, Example, Shadow};

/// `GET /status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name in the configuration.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// Seconds since the node started.
    pub uptime_s: u64,
    /// Whether new calls are refused because the node is about to stop.
    pub draining: bool,
    /// Its SIP listeners.
    pub sip: Vec<Listener>,
    /// The hosts that are ours.
    pub domains: Vec<String>,
    /// How many threads run calls.
    pub workers: usize,
    /// Calls that are up or being set up.
    pub calls: usize,
    /// Calls since the start.
    pub calls_offered: u64,
    /// Calls answered since the start.
    pub calls_established: u64,
    /// Addresses-of-record with contacts.
    pub registrations: usize,
    /// The generations that decide for new calls, in the order they are asked.
    pub plugins: Vec<String>,
}

/// A SIP listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: String,
    /// `udp`.
    pub transport: String,
    /// Where it listens.
    pub bound: String,
    /// The address peers reach it at.
    pub advertised: String,
}

/// An element of `GET /api/calls`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Names the call everywhere.
    pub conn: String,
    /// Call-ID of the caller's INVITE.
    pub call_id: String,
    /// The caller's URI.
    pub caller: String,
    /// The URI that was called.
    pub callee: String,
    /// The listener its INVITE came in on.
    pub ingress: String,
    /// What plugins of `dial-plan` and `call-event` have noted of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where it is in its life.
    pub phase: String,
    /// Seconds since its INVITE.
    pub age_s: f64,
    /// Seconds since it was answered.
    pub established_s: Option<f64>,
    /// The plugin generation that routed it; absent for the built-in default.
    pub routed_by: Option<String>,
    /// Whether its media goes through the relay.
    pub anchored: bool,
    /// The caller's leg first.
    pub legs: Vec<Leg>,
}

/// A leg of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// 0 for the caller's.
    pub number: u16,
    /// The Request-URI of the leg, or the caller's URI.
    pub uri: String,
    /// The Call-ID of its dialog.
    #[serde(default)]
    pub call_id: String,
    /// Whether this party holds the other.
    pub holding: bool,
    /// The trunk it goes over, or came over.
    #[serde(default)]
    pub trunk: Option<String>,
}

/// An element of `GET /api/registrations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The address-of-record.
    pub aor: String,
    /// Its contacts, best first.
    pub contacts: Vec<Contact>,
}

/// A contact of an address-of-record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The URI.
    pub uri: String,
    /// The address the REGISTER came from.
    pub peer: String,
    /// The preference, 0 to 1.
    pub q: f64,
    /// Seconds until it lapses.
    pub expires_s: u64,
    /// The phone, as it calls itself.
    pub user_agent: String,
    /// The proxies on the way to it (RFC 3327), as the value of a Route field; empty when there are none.
    pub path: String,
    /// Whether it is behind NAT: it registered over UDP from an address that is not its own. It is sent keep-alives
    /// (`registrar.keepalive_s`).
    pub behind_nat: bool,
    /// Which phone it is, whatever its address (`+sip.instance`, RFC 5626); empty when it did not say.
    pub instance: String,
    /// Which of the phone's ways it is (`reg-id`, RFC 5626); 0 for a contact that is bound by its URI. Of several ways of one phone
    /// calls go over one.
    pub reg_id: u32,
}

/// An element of `GET /api/messages`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// The user, `user@host`.
    pub aor: String,
    /// Voice messages that were not heard.
    pub new: u32,
    /// Those that were heard and kept.
    pub old: u32,
    /// Urgent ones among the new.
    pub urgent_new: u32,
    /// Urgent ones among the old.
    pub urgent_old: u32,
}

/// An element of `GET /api/trunks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Its group, if it is in one.
    pub group: Option<String>,
    /// Where its calls go.
    pub uri: String,
    /// `none` when it does not register, `registering`, `registered`, `failed` or, while the node drains, `unregistered`.
    pub registration: String,
    /// Seconds until the registration lapses; it is renewed before.
    pub expires_s: Option<u64>,
    /// Seconds until a failed registration is tried again.
    pub retry_s: Option<u64>,
    /// `up` or `down` as its probes are answered; `unknown` before the first is, and without probes: it gets calls.
    pub reach: String,
    /// Seconds since it came up or went down.
    pub since_s: Option<u64>,
    /// Calls at this moment, both directions.
    pub calls: u32,
    /// Calls at once; absent for no limit.
    pub capacity: Option<u32>,
    /// The proxies that calls to it go through because its registrar says so (RFC 3608), as the value of a Route field.
    pub service_route: Option<String>,
    /// The last failure of a registration or a probe.
    pub failure: Option<TrunkFailure>,
}

/// An element of `GET /api/modules`: a T-Library module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its tag in logs: `CTI` Session Controller, `TCO` T-Controller, `IPR` Interaction Proxy, `SPX` Smart Proxy.
    pub module: String,
    /// The id of its thread in the names of logs; none of the Session Controller.
    pub thread: Option<u16>,
    /// Clients now.
    pub clients: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed because of `tlib.clients_max`.
    pub turned_away: u64,
    /// Connections closed in a handshake of TLS or WebSocket.
    pub handshakes_failed: u64,
    /// Clients closed because they did not read.
    pub not_reading: u64,
    /// Requests of its clients.
    pub requests: u64,
    /// Copies of events that went to its clients.
    pub deliveries: u64,
    /// What other threads have told it.
    pub letters: u64,
    /// What it had for other modules and found no room for; more than 0 is a fault that clients see.
    pub lost: u64,
    /// CPU time of its thread, in microseconds.
    pub cpu_us: u64,
    /// Registrations of its clients on devices; 0 of the Interaction Proxy, whose clients register on none.
    pub registrations: u64,
    /// Agents that are logged in; kept by the T-Controller alone.
    pub agents: u64,
    /// Calls that it follows; 0 of the T-Controller and the Smart Proxy, which keep none.
    pub calls: u64,
    /// Calls that found no room there (`tlib.calls_max`).
    pub calls_missed: u64,
    /// Requests that wait for a call; kept by the Session Controller alone.
    pub requests_waiting: u64,
}

/// A failure of a trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkFailure {
    /// Seconds since it happened.
    pub ago_s: u64,
    /// What happened.
    pub what: String,
}

/// What `POST /api/reload` did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconfiguration {
    /// `changed`, `unchanged` or `refused`; what was refused leaves everything as it was.
    pub outcome: String,
    /// The keys in which the configuration differs from what was in force.
    pub changes: Vec<Change>,
    /// Why it was refused.
    pub problems: Vec<Problem>,
}

/// A key of the configuration that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The key with its section; blocks go by their names: `subscriber.1000.password`.
    pub key: String,
    /// What it was, as TOML; null when it was absent, `(hidden)` for a secret.
    pub from: Option<String>,
    /// What it is to be, the same way.
    pub to: Option<String>,
    /// Whether it holds now; what does not needs a restart.
    pub live: bool,
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, or the argument of the command line.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
    /// All of it in one line.
    pub text: String,
}

/// An element of `GET /api/journal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Counts the decisions of this process, from 1.
    pub number: u64,
    /// When, in UTC.
    pub at: String,
    /// The call.
    pub conn: String,
    /// Call-ID of the caller's INVITE.
    pub call_id: String,
    /// The caller's URI.
    pub caller: String,
    /// The URI that was called.
    pub callee: String,
    /// What was asked.
    pub hook: String,
    /// Of `header-policy`: the INVITE's target, and its trunk where the target is a group. Of the hooks about T-Library clients what was asked: `RequestMakeCall on 2001 by desktop at TCport`.
    pub about: Option<String>,
    /// Whose verdict stands; absent for the built-in default.
    pub decided_by: Option<String>,
    /// What it is: `built-in`, targets, `refuse 486`, `proceed with the plan`, or what the hook has.
    pub verdict: String,
    /// Every generation that was asked, in order.
    pub steps: Vec<Step>,
    /// What the deciding plugin gave as its reasons.
    pub reasons: Vec<Reason>,
}

/// What the plugins would do with a call: the answer to `GET /api/explain`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The caller's URI.
    pub caller: String,
    /// The URI that is called.
    pub callee: String,
    /// It is an emergency number that has a route: no plugin is asked.
    pub emergency: bool,
    /// Who decided what, in order: the dial plan, if there is one, the route, and of plugins of `header-policy` what they would do with each
    /// INVITE that may follow.
    pub decisions: Vec<Judgement>,
}

/// What the plugins of one hook decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was asked.
    pub hook: String,
    /// Of `header-policy`: the INVITE's target, and its trunk where the target is a group. Of the hooks about T-Library clients what was asked: `RequestMakeCall on 2001 by desktop at TCport`.
    pub about: Option<String>,
    /// Whose verdict stands; absent for the built-in default.
    pub decided_by: Option<String>,
    /// What it is, as in a [decision](#decision).
    pub verdict: String,
    /// Every generation that was asked, in order.
    pub steps: Vec<Step>,
    /// What the deciding plugin gave as its reasons.
    pub reasons: Vec<Reason>,
}

/// One generation asked within a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The generation.
    pub generation: String,
    /// `passed`, `amended` (a dial plan rewrote something), `decided` or the kind of failure.
    pub outcome: String,
    /// What failed, in words.
    pub detail: Option<String>,
    /// The time it took, in microseconds.
    pub took_us: f64,
}

/// Why, in the plugin's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// A short code that can be counted.
    pub code: String,
    /// A sentence for a person.
    pub text: String,
}

/// What an answer with a status of 400 and more says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What is wrong.
    pub error: String,
}

/// A line of `GET /api/trace`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceLine {
    /// When the message passed: RFC 3339, UTC, with milliseconds.
    pub at: String,
    /// `in` or `out`.
    pub direction: String,
    /// `udp`, `tcp`, `tls`.
    pub transport: String,
    /// The listener it came in on or left from.
    pub listener: String,
    /// The address it came from or went to.
    pub peer: String,
    /// Method and Request-URI, or status and reason.
    pub label: String,
    /// Call-ID.
    pub call_id: String,
    /// CSeq.
    pub cseq: String,
    /// Messages before this one that were left out because the reader was too slow.
    pub missed: u64,
    /// The whole message where `full` asks for it, without credentials and media keys; else absent.
    pub text: Option<String>,
}
