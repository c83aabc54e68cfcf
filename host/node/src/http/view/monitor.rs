//! What the System Monitor shows (section 7.3 of the reference).

use serde::{Deserialize, Serialize};

use super::Module;

/// The answer to `GET /api/monitor`: the modules of a SIP Server's System Monitor by their names, counted since the start.
#[expect(non_snake_case, reason = "the names of the reference")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// [The whole](#monitorserver).
    pub sipServer: MonitorServer,
    /// [What SIP holds](#monitorstack).
    pub sipStackObjects: MonitorStack,
    /// [The workers](#monitorcalls), thread 1 of the logs.
    pub sipCallManager: MonitorCalls,
    /// [Devices, agents and calls](#monitorcti) as T-Library clients see them.
    pub sipTSCP: MonitorCti,
    /// The Session Controller as a [module](#module); null where there is none.
    pub sipSessionController: Option<Module>,
    /// [What is asked whether it is there](#monitorchecks), thread 512 of the logs.
    pub sipServiceChecker: MonitorChecks,
    /// Each [trunk](#trunkstatistics), in the order of the configuration.
    pub sipTrunkStatistics: Vec<TrunkStatistics>,
    /// Each T-Library [client](#tlibclient) that is connected, by module.
    pub tLibClientsStatistics: Vec<TLibClient>,
}

/// The summary in [`Monitor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorServer {
    /// The node's name.
    pub node: String,
    /// The version of the program.
    pub version: String,
    /// When the switch began and counts from.
    pub period_start: String,
    /// Now.
    pub period_end: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Whether it is about to stop and takes no calls.
    pub draining: bool,
    /// Calls that are up or being set up.
    pub calls: u64,
    /// Calls offered.
    pub calls_offered: u64,
    /// Calls answered.
    pub calls_established: u64,
    /// Calls refused because a table was full.
    pub calls_shed: u64,
    /// Requests refused in overload.
    pub overload_refused: u64,
    /// Addresses-of-record with contacts.
    pub registrations: u64,
    /// CPU time of the whole process, in microseconds.
    pub cpu_us: u64,
}

/// SIP in [`Monitor`], summed over the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorStack {
    /// INVITE client transactions.
    pub invite_clients: u64,
    /// Other client transactions.
    pub non_invite_clients: u64,
    /// INVITE server transactions.
    pub invite_servers: u64,
    /// Other server transactions.
    pub non_invite_servers: u64,
    /// Bytes of messages that transactions keep.
    pub kept_bytes: u64,
    /// Connections: TCP, TLS, WS, WSS.
    pub connections: u64,
    /// Subscriptions of phones that watch.
    pub subscriptions: u64,
    /// Messages read.
    pub messages: u64,
    /// Datagrams that could not be read.
    pub unreadable: u64,
    /// Messages sent again.
    pub retransmissions_sent: u64,
    /// Messages that came again.
    pub retransmissions_absorbed: u64,
    /// Client transactions that timed out.
    pub timeouts: u64,
    /// Final responses that were never acknowledged.
    pub unacknowledged: u64,
}

/// The workers in [`Monitor`], summed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorCalls {
    /// How many there are.
    pub workers: u64,
    /// CPU time of their threads, in microseconds.
    pub cpu_us: u64,
    /// Calls that are up or being set up.
    pub calls: u64,
    /// Calls over, waiting for their last transactions.
    pub calls_ending: u64,
    /// Calls that went from one worker to another.
    pub calls_moved: u64,
    /// Questions put to plugins.
    pub questions: u64,
    /// Those without an answer in time.
    pub questions_timed_out: u64,
    /// The longest that a datagram has waited since the figures of the workers were read last, in microseconds.
    pub waited_most_us: u64,
}

/// What T-Library clients see, in [`Monitor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorCti {
    /// Devices of the configuration.
    pub dns: u64,
    /// Agents that are logged in.
    pub agents: u64,
    /// Registrations of clients on devices, over all modules.
    pub registrations: u64,
    /// Calls that clients are told of.
    pub calls: u64,
    /// Calls that found no room there (`tlib.calls_max`).
    pub calls_missed: u64,
    /// Requests that wait for a call.
    pub requests_waiting: u64,
    /// Clients, over all modules.
    pub clients: u64,
    /// Requests of clients, over all modules.
    pub requests: u64,
    /// Copies of events that went to clients, over all modules.
    pub deliveries: u64,
    /// CPU time of the modules, in microseconds.
    pub cpu_us: u64,
}

/// Checks in [`Monitor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorChecks {
    /// Devices that are checked by OPTIONS (`oos-check`).
    pub devices: u64,
    /// Those that are out of service.
    pub devices_down: u64,
    /// OPTIONS that asked devices.
    pub device_checks: u64,
    /// Those without a good answer.
    pub device_checks_failed: u64,
    /// Trunks whose last probe was answered.
    pub trunks_up: u64,
    /// Trunks that do not answer, and get no calls.
    pub trunks_down: u64,
    /// Trunks that are not probed, or not yet.
    pub trunks_unknown: u64,
    /// Times that a trunk did not answer any more.
    pub outages: u64,
}

/// A trunk in [`Monitor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkStatistics {
    /// Its name.
    pub trunk: String,
    /// Its group, whose trunks share what goes there.
    pub capacity_group: Option<String>,
    /// Calls at once; absent for no limit.
    pub capacity: Option<u32>,
    /// Whether it gets calls.
    pub in_service: bool,
    /// Calls at this moment, both directions.
    pub calls: u32,
    /// The most calls at once.
    pub peak_calls: u32,
    /// Calls that began, a second, over the last ten seconds.
    pub call_rate: f64,
    /// The most of that at any time.
    pub peak_rate: f64,
    /// Calls that began, or tried to, over it.
    pub attempts: u64,
    /// Those of them that are over.
    pub released: u64,
    /// Calls that found no room (`capacity`).
    pub full: u64,
    /// Calls that it refused with a status from 400 to 499.
    pub failed_4xx: u64,
    /// From 500 to 599.
    pub failed_5xx: u64,
    /// From 600 to 699.
    pub failed_6xx: u64,
    /// Times that it did not answer any more.
    pub outages: u64,
}

/// A T-Library client in [`Monitor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TLibClient {
    /// The tag of its module.
    pub module: String,
    /// Its number there, which logs have in hexadecimal digits.
    pub client: u64,
    /// What it calls itself; empty before it has said so.
    pub application: String,
    /// Its address.
    pub peer: String,
    /// Messages that came of it.
    pub received: u64,
    /// Messages that were put into its queue.
    pub sent: u64,
    /// Events that its input mask kept out.
    pub masked: u64,
    /// Requests that were over the limit (`tlib.requests_per_second_max`).
    pub refused: u64,
    /// Messages that wait to be read by it.
    pub queued: u64,
    /// Bytes of them.
    pub queued_bytes: u64,
    /// How long it took to answer the last poll, in microseconds; absent before there was one.
    pub round_trip_us: Option<u64>,
}
