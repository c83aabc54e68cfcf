//! The counters as Prometheus reads them (text format 0.0.4). Each metric is declared once, in the tables.

use std::{fmt::Write as _, time::Duration};

use plugin::{GenerationStats, HookStats, HostStats};
use rustix::time::ClockId;
use switch::{Reach, Registration};

use super::{generations, kept};
use crate::{
    clock::cpu_us, directory::TrunkView, modules::ModuleView, records::RecordFigures,
    store::StoreFigures, worker::Figures,
};

/// What the metrics are made from.
pub(super) struct Sources<'a> {
    pub(super) workers: &'a [Figures],
    pub(super) plugins: &'a HostStats,
    pub(super) generations: &'a [GenerationStats],
    pub(super) kept: &'a [plugin::Kept],
    pub(super) registered: usize,
    pub(super) trunks: &'a [TrunkView],
    pub(super) modules: &'a [ModuleView],
    pub(super) decisions: u64,
    pub(super) store: &'a StoreFigures,
    pub(super) records: &'a RecordFigures,
    pub(super) uptime: Duration,
}

/// A metric of each worker: name, kind, help, value.
type OfWorker = (&'static str, &'static str, &'static str, fn(&Figures) -> u64);
/// A metric of the node.
type OfNode = (&'static str, &'static str, &'static str, fn(&Sources<'_>) -> f64);
/// A metric of the plugin host.
type OfHost = (&'static str, &'static str, &'static str, fn(&HostStats) -> u64);
/// A metric of each trunk: name, kind, help, value.
type OfTrunk = (&'static str, &'static str, &'static str, fn(&TrunkView) -> f64);
/// A metric of each plugin at each hook.
type OfHook = (&'static str, &'static str, fn(&HookStats) -> f64);

/// A metric of each T-Library module: name, kind, help, value.
type OfModule = (&'static str, &'static str, &'static str, fn(&ModuleView) -> f64);

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

const OF_WORKER: &[OfWorker] = &[
    ("jackfield_calls", GAUGE, "Calls that are up or being set up.", |f| f.switch.calls_now as u64),
    ("jackfield_calls_ending", GAUGE, "Calls over, waiting for their last transactions.", |f| {
        f.switch.calls_ending as u64
    }),
    ("jackfield_calls_offered_total", COUNTER, "Calls offered.", |f| f.switch.calls_offered),
    ("jackfield_calls_established_total", COUNTER, "Calls answered.", |f| {
        f.switch.calls_established
    }),
    ("jackfield_calls_shed_total", COUNTER, "Calls refused because a table was full.", |f| {
        f.switch.calls_shed
    }),
    ("jackfield_overload_refused_total", COUNTER, "Requests refused in overload.", |f| f.sip.shed),
    (
        "jackfield_receive_wait_microseconds",
        GAUGE,
        "The longest a datagram has waited in the worker since the metrics were read last.",
        |f| u64::try_from(f.waited_most.as_micros()).unwrap_or(u64::MAX),
    ),
    ("jackfield_challenged_total", COUNTER, "Requests asked for credentials.", |f| {
        f.switch.challenged
    }),
    ("jackfield_not_authenticated_total", COUNTER, "Wrong credentials.", |f| {
        f.switch.not_authenticated
    }),
    (
        "jackfield_blocked_total",
        COUNTER,
        "Requests refused after too many wrong credentials.",
        |f| f.switch.blocked,
    ),
    ("jackfield_dropped_total", COUNTER, "Requests a plugin had dropped unanswered.", |f| {
        f.switch.dropped
    }),
    ("jackfield_questions_total", COUNTER, "Questions put to the plugins.", |f| f.questions),
    ("jackfield_questions_timed_out_total", COUNTER, "Questions without an answer in time.", |f| {
        f.switch.questions_timed_out
    }),
    ("jackfield_call_events_total", COUNTER, "Events of calls that plugins were told.", |f| {
        f.switch.call_events
    }),
    ("jackfield_call_events_missed_total", COUNTER, "Events left out: too many waited.", |f| {
        f.switch.call_events_missed
    }),
    ("jackfield_commands_done_total", COUNTER, "Commands of plugins carried out.", |f| {
        f.switch.commands_done
    }),
    ("jackfield_commands_refused_total", COUNTER, "Commands of plugins that could not be.", |f| {
        f.switch.commands_refused
    }),
    ("jackfield_texts_total", COUNTER, "MESSAGEs outside of calls sent on.", |f| f.switch.texts),
    ("jackfield_devices_checked", GAUGE, "Devices that are checked by OPTIONS.", |f| {
        f.switch.devices_checked as u64
    }),
    ("jackfield_devices_out_of_service", GAUGE, "Those that are out of service.", |f| {
        f.switch.devices_out as u64
    }),
    ("jackfield_device_checks_total", COUNTER, "OPTIONS that asked devices.", |f| {
        f.switch.device_checks
    }),
    ("jackfield_device_checks_failed_total", COUNTER, "Those without a good answer.", |f| {
        f.switch.device_checks_failed
    }),
    ("jackfield_subscriptions", GAUGE, "Subscriptions of phones that watch.", |f| {
        f.switch.subscriptions_now as u64
    }),
    ("jackfield_subscribes_total", COUNTER, "Subscriptions taken.", |f| f.switch.subscribed),
    ("jackfield_notifies_total", COUNTER, "NOTIFYs sent.", |f| f.switch.notified),
    ("jackfield_notify_failures_total", COUNTER, "Subscriptions a failed NOTIFY ended.", |f| {
        f.switch.notify_failures
    }),
    (
        "jackfield_words_dropped_total",
        COUNTER,
        "Reports on calls that were lost between workers.",
        |f| f.words_dropped,
    ),
    ("jackfield_calls_moved_total", COUNTER, "Calls that went to another worker.", |f| {
        f.switch.calls_moved_out
    }),
    ("jackfield_datagrams_received_total", COUNTER, "SIP datagrams received.", |f| f.datagrams_in),
    ("jackfield_datagrams_sent_total", COUNTER, "SIP datagrams sent.", |f| f.datagrams_out),
    ("jackfield_connections", GAUGE, "SIP connections.", |f| f.streams.connections_now as u64),
    ("jackfield_connections_accepted_total", COUNTER, "SIP connections accepted.", |f| {
        f.streams.accepted
    }),
    ("jackfield_connections_made_total", COUNTER, "SIP connections made to peers.", |f| {
        f.streams.connected
    }),
    (
        "jackfield_connections_turned_away_total",
        COUNTER,
        "SIP connections not taken or made for a limit.",
        |f| f.streams.turned_away,
    ),
    (
        "jackfield_connections_not_reading_total",
        COUNTER,
        "SIP connections closed since the peer did not read.",
        |f| f.streams.not_reading,
    ),
    (
        "jackfield_connections_too_slow_total",
        COUNTER,
        "SIP connections closed since a message took too long.",
        |f| f.streams.too_slow,
    ),
    (
        "jackfield_connections_not_sip_total",
        COUNTER,
        "SIP connections closed since what came was no SIP.",
        |f| f.streams.not_sip,
    ),
    ("jackfield_stream_messages_received_total", COUNTER, "SIP messages over connections.", |f| {
        f.streams.messages_in
    }),
    ("jackfield_stream_messages_sent_total", COUNTER, "SIP messages sent over connections.", |f| {
        f.streams.messages_out
    }),
    ("jackfield_sends_dropped_total", COUNTER, "SIP datagrams dropped for want of room.", |f| {
        f.sends_dropped
    }),
    ("jackfield_unreachable_total", COUNTER, "SIP datagrams to unreachable peers.", |f| {
        f.unreachable
    }),
    ("jackfield_handed_over_total", COUNTER, "SIP datagrams given to other workers.", |f| {
        f.handed_over
    }),
    (
        "jackfield_handovers_dropped_total",
        COUNTER,
        "SIP datagrams other workers had no room for.",
        |f| f.handovers_dropped,
    ),
    (
        "jackfield_facts_dropped_total",
        COUNTER,
        "Facts that the journal or the T-Library modules had no room for.",
        |f| f.facts_dropped,
    ),
    ("jackfield_media_opened_total", COUNTER, "Calls whose media ports were opened.", |f| {
        f.media.opened
    }),
    ("jackfield_media_refused_total", COUNTER, "Requests for media ports refused.", |f| {
        f.media.refused
    }),
    ("jackfield_media_silent_total", COUNTER, "Calls without media for too long.", |f| {
        f.media.silent
    }),
    ("jackfield_media_packets_total", COUNTER, "Media packets sent on in ended calls.", |f| {
        f.media.packets
    }),
    ("jackfield_media_bytes_total", COUNTER, "Media bytes sent on in ended calls.", |f| {
        f.media.bytes
    }),
    ("jackfield_media_strangers_total", COUNTER, "Media packets of strangers, dropped.", |f| {
        f.media.strangers
    }),
    ("jackfield_registers_held", GAUGE, "REGISTERs that wait for the store.", |f| {
        f.switch.writes_now as u64
    }),
    (
        "jackfield_registers_refused_by_store_total",
        COUNTER,
        "REGISTERs refused because the store was busy or failed.",
        |f| f.switch.writes_refused,
    ),
    ("jackfield_store_lost_total", COUNTER, "Writes the store did not answer for in time.", |f| {
        f.switch.writes_lost
    }),
    ("jackfield_worker_cpu_microseconds_total", COUNTER, "CPU time of the worker.", |f| f.cpu_us),
    ("jackfield_wakes_total", COUNTER, "Wake-ups of the worker.", |f| f.wakes),
    ("jackfield_sip_messages_total", COUNTER, "SIP messages read.", |f| f.sip.messages),
    ("jackfield_sip_unreadable_total", COUNTER, "SIP datagrams that could not be read.", |f| {
        f.sip.unreadable
    }),
    ("jackfield_sip_retransmissions_sent_total", COUNTER, "SIP messages sent again.", |f| {
        f.sip.retransmissions_sent
    }),
    (
        "jackfield_sip_retransmissions_absorbed_total",
        COUNTER,
        "SIP messages that came again.",
        |f| f.sip.retransmissions_absorbed,
    ),
    ("jackfield_sip_timeouts_total", COUNTER, "SIP client transactions that timed out.", |f| {
        f.sip.timeouts
    }),
    ("jackfield_sip_transactions", GAUGE, "SIP transactions alive.", |f| {
        let sip = &f.sip;
        (sip.invite_clients_now
            + sip.non_invite_clients_now
            + sip.invite_servers_now
            + sip.non_invite_servers_now) as u64
    }),
    ("jackfield_sip_kept_bytes", GAUGE, "Bytes of messages that SIP transactions keep.", |f| {
        f.sip.kept_bytes_now as u64
    }),
];

const OF_HOOK: &[OfHook] = &[
    ("jackfield_plugin_asked_total", "Questions the plugin was asked.", |s| s.calls as f64),
    ("jackfield_plugin_decided_total", "Questions the plugin decided.", |s| s.decided as f64),
    ("jackfield_plugin_passed_total", "Questions the plugin passed on.", |s| s.passed as f64),
    ("jackfield_plugin_seconds_total", "Time the plugin took.", |s| s.nanos_total as f64 / 1e9),
];

const OF_HOST: &[OfHost] = &[
    ("jackfield_hook_tables", GAUGE, "Hook tables kept for calls.", |s| s.tables as u64),
    ("jackfield_plugin_generations", GAUGE, "Versions of plugins kept.", |s| s.generations as u64),
    (
        "jackfield_plugin_compiled_loaded_total",
        COUNTER,
        "Components that were read compiled from the disk.",
        |s| s.compiled_loaded,
    ),
    ("jackfield_plugin_instances", GAUGE, "WebAssembly instances alive.", |s| s.instances as u64),
    ("jackfield_plugin_activated_total", COUNTER, "Versions put into service.", |s| s.activated),
    ("jackfield_plugin_refused_total", COUNTER, "Versions refused.", |s| s.refused),
];

const OF_NODE: &[OfNode] = &[
    ("jackfield_registered_aors", GAUGE, "Addresses with contacts.", |s| s.registered as f64),
    ("jackfield_decisions_total", COUNTER, "Decisions of plugins.", |s| s.decisions as f64),
    ("jackfield_store_waiting", GAUGE, "Writes that wait for the store.", |s| {
        s.store.waiting() as f64
    }),
    ("jackfield_store_commits_total", COUNTER, "Transactions of the store.", |s| {
        s.store.commits() as f64
    }),
    ("jackfield_store_commit_seconds_total", COUNTER, "Time they took.", |s| {
        s.store.commit_seconds()
    }),
    ("jackfield_store_commit_seconds_max", GAUGE, "Time the longest of them took.", |s| {
        s.store.commit_seconds_max()
    }),
    ("jackfield_store_written_total", COUNTER, "Addresses stored.", |s| s.store.written() as f64),
    ("jackfield_store_contacts_total", COUNTER, "Contacts stored with them.", |s| {
        s.store.contacts() as f64
    }),
    (
        "jackfield_store_failed_total",
        COUNTER,
        "Addresses that could not be stored; more than none is an alarm.",
        |s| s.store.failed() as f64,
    ),
    ("jackfield_store_purged_total", COUNTER, "Lapsed contacts removed from the store.", |s| {
        s.store.purged() as f64
    }),
    ("jackfield_records_waiting", GAUGE, "Call records that wait for the disk.", |s| {
        s.records.waiting() as f64
    }),
    ("jackfield_records_written_total", COUNTER, "Call records written.", |s| {
        s.records.written() as f64
    }),
    (
        "jackfield_records_dropped_total",
        COUNTER,
        "Call records lost for want of room; more than none is an alarm.",
        |s| s.records.dropped() as f64,
    ),
    (
        "jackfield_records_failures_total",
        COUNTER,
        "Writes of call records that failed and are tried again.",
        |s| s.records.failures() as f64,
    ),
    ("jackfield_cpu_seconds_total", COUNTER, "CPU time of the process.", |_| {
        cpu_us(ClockId::ProcessCPUTime) as f64 / 1e6
    }),
    ("jackfield_uptime_seconds", GAUGE, "Time since the start.", |s| s.uptime.as_secs_f64()),
];

const OF_TRUNK: &[OfTrunk] = &[
    (
        "jackfield_trunk_up",
        GAUGE,
        "Whether the trunk gets calls: 0 when its probes are not answered.",
        |t| f64::from(u8::from(t.status.reach != Reach::Down)),
    ),
    ("jackfield_trunk_registered", GAUGE, "Whether the trunk is registered.", |t| {
        f64::from(u8::from(matches!(t.status.registration, Registration::Registered { .. })))
    }),
    ("jackfield_trunk_calls", GAUGE, "Calls over the trunk, both directions.", |t| {
        f64::from(t.calls)
    }),
    ("jackfield_trunk_capacity", GAUGE, "Calls the trunk carries at once; 0 for no limit.", |t| {
        f64::from(t.capacity.unwrap_or(0))
    }),
    ("jackfield_trunk_calls_peak", GAUGE, "The most calls over the trunk at once.", |t| {
        f64::from(t.counts.calls_most)
    }),
    ("jackfield_trunk_call_rate", GAUGE, "Calls a second, over the last ten seconds.", |t| {
        t.counts.rate
    }),
    ("jackfield_trunk_call_rate_peak", GAUGE, "The most of them at any time.", |t| {
        t.counts.rate_most
    }),
    ("jackfield_trunk_attempts_total", COUNTER, "Calls that began, or tried to, over it.", |t| {
        t.counts.attempts as f64
    }),
    ("jackfield_trunk_released_total", COUNTER, "Those of them that are over.", |t| {
        t.counts.attempts.saturating_sub(u64::from(t.calls)) as f64
    }),
    ("jackfield_trunk_full_total", COUNTER, "Calls that found no room on the trunk.", |t| {
        t.counts.full as f64
    }),
    ("jackfield_trunk_outages_total", COUNTER, "Times that it did not answer any more.", |t| {
        t.counts.outages as f64
    }),
];

const OF_MODULE: &[OfModule] = &[
    ("jackfield_tlib_clients", GAUGE, "Clients of a T-Library module.", |m| m.clients as f64),
    ("jackfield_tlib_accepted_total", COUNTER, "Connections it accepted.", |m| m.accepted as f64),
    (
        "jackfield_tlib_turned_away_total",
        COUNTER,
        "Connections it closed because of tlib.clients_max.",
        |m| m.turned_away as f64,
    ),
    (
        "jackfield_tlib_handshakes_failed_total",
        COUNTER,
        "Connections it closed in a handshake of TLS or WebSocket.",
        |m| m.handshakes_failed as f64,
    ),
    (
        "jackfield_tlib_not_reading_total",
        COUNTER,
        "Clients it closed because they did not read.",
        |m| m.not_reading as f64,
    ),
    ("jackfield_tlib_requests_total", COUNTER, "Requests of its clients.", |m| m.requests as f64),
    (
        "jackfield_tlib_deliveries_total",
        COUNTER,
        "Copies of events that went to its clients.",
        |m| m.deliveries as f64,
    ),
    ("jackfield_tlib_letters_total", COUNTER, "What other threads have told it.", |m| {
        m.letters as f64
    }),
    (
        "jackfield_tlib_lost_total",
        COUNTER,
        "What it had for other modules and found no room for.",
        |m| m.lost as f64,
    ),
    ("jackfield_tlib_registrations", GAUGE, "Registrations of its clients on devices.", |m| {
        m.registrations as f64
    }),
    ("jackfield_tlib_agents", GAUGE, "Agents that are logged in.", |m| m.agents as f64),
    ("jackfield_tlib_calls", GAUGE, "Calls that it follows.", |m| m.calls as f64),
    ("jackfield_tlib_calls_missed_total", COUNTER, "Calls beyond tlib.calls_max.", |m| {
        m.calls_missed as f64
    }),
    ("jackfield_tlib_requests_waiting", GAUGE, "Requests that wait for a call.", |m| {
        m.requests_waiting as f64
    }),
    ("jackfield_tlib_cpu_seconds_total", COUNTER, "CPU time of its thread.", |m| {
        m.cpu_us as f64 / 1e6
    }),
];

/// By worker and status.
const REFUSED: (&str, &str, &str) = (
    "jackfield_sip_refused_total",
    COUNTER,
    "SIP requests refused before they made a call, by status.",
);
/// By trunk and class of status.
const TRUNK_REFUSED: (&str, &str, &str) =
    ("jackfield_trunk_refused_total", COUNTER, "Calls that a trunk refused, by status.");
/// By plugin, hook and kind.
const FAILED: (&str, &str, &str) =
    ("jackfield_plugin_failed_total", COUNTER, "Questions the plugin failed, by kind.");

/// Name, kind and help of every metric.
#[cfg(test)]
pub(super) fn declared() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all: Vec<_> =
        OF_WORKER.iter().map(|(name, kind, help, _)| (*name, *kind, *help)).collect();
    all.push(REFUSED);
    all.extend(OF_HOOK.iter().map(|(name, help, _)| (*name, COUNTER, *help)));
    all.push(FAILED);
    all.extend(generations::declared());
    all.extend(kept::declared());
    all.extend(OF_TRUNK.iter().map(|(name, kind, help, _)| (*name, *kind, *help)));
    all.push(TRUNK_REFUSED);
    all.extend(OF_MODULE.iter().map(|(name, kind, help, _)| (*name, *kind, *help)));
    all.extend(OF_HOST.iter().map(|(name, kind, help, _)| (*name, *kind, *help)));
    all.extend(OF_NODE.iter().map(|(name, kind, help, _)| (*name, *kind, *help)));
    all
}

/// The whole text.
pub(super) fn text(from: &Sources<'_>) -> String {
    let mut text = String::new();
    for (name, kind, help, value) in OF_WORKER {
        head(&mut text, name, kind, help);
        for (shard, figures) in from.workers.iter().enumerate() {
            line(&mut text, name, &format!("worker=\"{shard}\""), value(figures) as f64);
        }
    }
    let (refused, kind, help) = REFUSED;
    head(&mut text, refused, kind, help);
    for (shard, figures) in from.workers.iter().enumerate() {
        for (status, count) in &figures.sip.refused_by_status {
            let labels = format!("worker=\"{shard}\",status=\"{status}\"");
            line(&mut text, refused, &labels, *count as f64);
        }
    }
    for (name, help, value) in OF_HOOK {
        head(&mut text, name, COUNTER, help);
        for hook in &from.plugins.hooks {
            line(&mut text, name, &labels_of(hook), value(hook));
        }
    }
    failures(&mut text, &from.plugins.hooks);
    generations::metrics(&mut text, from.generations);
    kept::metrics(&mut text, from.kept);
    trunks(&mut text, from.trunks);
    modules(&mut text, from.modules);
    for (name, kind, help, value) in OF_HOST {
        head(&mut text, name, kind, help);
        line(&mut text, name, "", value(from.plugins) as f64);
    }
    for (name, kind, help, value) in OF_NODE {
        head(&mut text, name, kind, help);
        line(&mut text, name, "", value(from));
    }
    text
}

fn trunks(text: &mut String, all: &[TrunkView]) {
    for (name, kind, help, value) in OF_TRUNK {
        head(text, name, kind, help);
        for trunk in all {
            line(text, name, &labelled("trunk", &trunk.name), value(trunk));
        }
    }
    let (name, kind, help) = TRUNK_REFUSED;
    head(text, name, kind, help);
    for trunk in all {
        for (class, count) in ["4xx", "5xx", "6xx"].iter().zip(trunk.counts.refused) {
            let labels = format!("{},status=\"{class}\"", labelled("trunk", &trunk.name));
            line(text, name, &labels, count as f64);
        }
    }
}

fn modules(text: &mut String, all: &[ModuleView]) {
    for (name, kind, help, value) in OF_MODULE {
        head(text, name, kind, help);
        for module in all {
            line(text, name, &labelled("module", module.module.tag()), value(module));
        }
    }
}

fn failures(text: &mut String, hooks: &[HookStats]) {
    let (name, kind, help) = FAILED;
    head(text, name, kind, help);
    for hook in hooks {
        for (kind, count) in &hook.failures {
            let labels = format!("{},kind=\"{}\"", labels_of(hook), kind.name());
            line(text, name, &labels, *count as f64);
        }
    }
}

fn labels_of(stats: &HookStats) -> String {
    format!("{},hook=\"{}\"", labelled("plugin", &stats.plugin), stats.hook.name())
}

/// A label with its value.
pub(super) fn labelled(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", escaped(value))
}

pub(super) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

pub(super) fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let _ = if labels.is_empty() {
        writeln!(text, "{name} {value}")
    } else {
        writeln!(text, "{name}{{{labels}}} {value}")
    };
}

/// A label's value, escaped as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_declared_once_and_written_for_each_worker() {
        let workers = [Figures { datagrams_in: 3, ..Figures::default() }, Figures::default()];
        let text = text(&Sources {
            workers: &workers,
            plugins: &HostStats::default(),
            generations: &[],
            kept: &[],
            registered: 2,
            trunks: &[],
            modules: &[],
            decisions: 4,
            store: &StoreFigures::default(),
            records: &RecordFigures::default(),
            uptime: Duration::from_millis(1500),
        });
        assert!(text.contains("jackfield_datagrams_received_total{worker=\"0\"} 3\n"), "{text}");
        assert!(text.contains("jackfield_datagrams_received_total{worker=\"1\"} 0\n"));
        assert!(
            text.contains("# TYPE jackfield_uptime_seconds gauge\njackfield_uptime_seconds 1.5\n")
        );
        let mut names: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let declared = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), declared, "a metric is declared twice");
        assert_eq!(declared, super::declared().len(), "a metric is not in the manual");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("jackfield_"), "{line}");
        }
    }

    #[test]
    fn a_label_cannot_break_its_line() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
