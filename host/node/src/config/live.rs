//! Which keys are taken while the switch runs.

use serde::Deserialize as _;

use super::Config;

/// These, and everything below them; every other key takes a restart. `docs/configuration.md` is written from it, and a test of
/// `node/live.rs` holds it to what is taken.
pub(crate) const LIVE: &[&str] = &[
    "node.domains",
    "node.zone",
    "node.watch_config",
    "sip.ring_timeout_s",
    "sip.routing_timeout_s",
    "sip.failover_ms",
    "sip.question_timeout_ms",
    "sip.trusted",
    "sip.diversion",
    "media.mode",
    "registrar.expires_min_s",
    "registrar.expires_max_s",
    "registrar.expires_default_s",
    "registrar.contacts_max",
    "registrar.aors_max",
    "registrar.keepalive_s",
    "registrar.keepalive",
    "registrar.keepalive_failures",
    "registrar.outbound",
    "registrar.gruu",
    "registrar.service_route",
    "registrar.flow_timer_s",
    "events.dialog",
    "events.message_summary",
    "events.presence",
    "events.watchers",
    "events.expires_min_s",
    "events.expires_max_s",
    "events.notify_interval_ms",
    "events.gather_ms",
    "events.subscriptions_max",
    "events.watchers_max",
    "events.dialogs_max",
    "events.whole_state",
    "auth",
    "subscriber",
    "dn",
    "tlib.password",
    "tlib.clients_max",
    "tlib.message_kib_max",
    "tlib.write_queue_kib",
    "tlib.requests_per_second_max",
    "tlib.requests_burst_max",
    "tlib.hello_timeout_ms",
    "tlib.handshake_timeout_ms",
    "tlib.handshakes_max",
    "tlib.keep_alive_s",
    "tlib.dns_per_client_max",
    "tlib.clients_per_dn_max",
    "tlib.calls_max",
    "tlib.requests_max",
    "tlib.request_timeout_ms",
    "tlib.user_data_bytes_max",
    "tlib.router_timeout_s",
    "tlib.gather_us",
    "tlib.log_path",
    "tlib.log_mib_max",
    "tlib.log_files_max",
    "tlib.log_deliveries",
    "tlib.log_sip",
    "tlib.log_filter",
    "plugins.load",
    "plugins.stock",
    "plugins.watch",
    "plugins.config",
    "plugins.grants",
    "emergency",
    "transfers",
    "call_events",
    "session",
    "limits.calls_max",
    "limits.attempts_max",
    "limits.redirections_max",
    "limits.branches_max",
    "limits.early_dialogs_max",
    "limits.provisionals_max",
    "limits.relayed_max",
    "limits.questions_max",
    "limits.text_bytes_max",
    "limits.texts_max",
    "limits.device_checks_max",
    "limits.retry_after_s",
    "limits.proxied_call_max_s",
    "limits.proxy_timer_c_s",
    "limits.moved_max",
    "limits.moves_max",
    "records.path",
    "records.format",
    "records.rotate_mb",
    "records.rotate_daily",
    "records.keep",
    "records.events_max",
    "records.fsync",
    "log.filter",
];

/// What is in force when `new` is taken by a switch that was started with `started`: its live keys, and the others as of the start.
pub fn in_force(started: &Config, new: &Config) -> Config {
    let tables = [started, new].map(toml::Table::try_from);
    // Both were read from TOML, so they have a form as TOML, which is a configuration.
    let [Ok(mut merged), Ok(new_table)] = tables else { return new.clone() };
    for path in LIVE {
        let (section, key) = path.split_once('.').map_or((*path, None), |(s, k)| (s, Some(k)));
        let value = new_table.get(section);
        match key {
            None => put(&mut merged, section, value.cloned()),
            Some(key) => {
                let value = value.and_then(|section| section.get(key)).cloned();
                if let Some(section) = merged.get_mut(section).and_then(toml::Value::as_table_mut) {
                    put(section, key, value);
                }
            }
        }
    }
    let merged = Config::deserialize(merged).unwrap_or_else(|_| new.clone());
    Config { folder: new.folder.clone(), origin: new.origin.clone(), ..merged }
}

fn put(table: &mut toml::Table, key: &str, value: Option<toml::Value>) {
    match value {
        Some(value) => {
            table.insert(key.to_owned(), value);
        }
        None => {
            table.remove(key);
        }
    }
}

/// Whether the key at `path`, such as `sip.ring_timeout_s`, is taken without a restart.
pub(crate) fn is_live(path: &str) -> bool {
    LIVE.iter().any(|live| {
        path.strip_prefix(live).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_takes_a_restart_stays_as_of_the_start_beside_what_is_taken() {
        let started: Config = toml::from_str(
            "[sip]\nt1_ms = 400\nring_timeout_s = 10\n[node]\nzone = \"UTC\"\n\
             [[subscriber]]\nuser = \"1\"\n[http]\ntoken = \"0123456789abcdef\"",
        )
        .unwrap();
        let new: Config = toml::from_str(
            "[sip]\nt1_ms = 300\nring_timeout_s = 20\n[auth]\nrealm = \"r\"\n\
             [[sip.listen]]\nname = \"other\"\n[[subscriber]]\nuser = \"2\"\npassword = \"p\"",
        )
        .unwrap();
        let mut expected = started.clone();
        expected.sip.ring_timeout_s = 20;
        expected.node.zone = None;
        expected.subscriber = new.subscriber.clone();
        expected.auth.realm = "r".to_owned();
        assert_eq!(in_force(&started, &new), expected);
        assert_eq!(in_force(&started, &started), started);
        assert_eq!(in_force(&Config::default(), &Config::default()), Config::default());
    }
}
