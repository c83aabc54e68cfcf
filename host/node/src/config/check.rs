//! What must hold of a configuration beyond its types.

use super::{AlgorithmName, Config, ListenConfig, SipTransport, TrunkSection};

/// The least and the greatest value of every whole number in the configuration, `*` standing for each element of an array.
pub(crate) const RANGES: &[(&str, i64, i64)] = &[
    ("node.workers", 1, 256),
    ("sip.t1_ms", 10, 10_000),
    ("sip.t2_ms", 10, 60_000),
    ("sip.t4_ms", 10, 60_000),
    ("sip.ring_timeout_s", 1, 3600),
    ("sip.routing_timeout_s", 1, 86_400),
    ("sip.failover_ms", 100, 32_000),
    ("sip.udp_request_max", 500, 65_535),
    ("sip.question_timeout_ms", 1, 60_000),
    ("sip.message_bytes_max", 1024, 65_535),
    ("sip.headers_max", 16, 4096),
    ("sip.header_bytes_max", 256, 65_535),
    ("sip.receive_buffer_kib", 8, 1_048_576),
    ("sip.receive_batch_max", 1, 4096),
    ("sip.receive_queue_max", 1, 1_048_576),
    ("sip.overload_wait_ms", 0, 10_000),
    ("sip.send_queue_max", 1, 1_048_576),
    ("sip.mailbox_max", 16, 1_048_576),
    ("dns.query_timeout_ms", 10, 60_000),
    ("dns.retries", 0, 10),
    ("dns.timeout_ms", 10, 60_000),
    ("dns.lookups_max", 1, 100_000),
    ("dns.cache_entries", 0, 1_000_000),
    ("dns.ttl_max_s", 0, 604_800),
    ("dns.negative_ttl_max_s", 0, 86_400),
    ("streams.connections_max", 1, 1_000_000),
    ("streams.connections_per_ip_max", 1, 1_000_000),
    ("streams.write_queue_kib", 64, 65_536),
    ("streams.unread_mib_max", 1, 65_536),
    ("streams.read_batch_kib", 1, 1024),
    ("streams.accept_batch_max", 1, 4096),
    ("streams.idle_timeout_s", 1, 604_800),
    ("streams.first_message_timeout_s", 1, 3600),
    ("streams.message_timeout_s", 1, 3600),
    ("streams.connect_timeout_ms", 10, 60_000),
    ("streams.handshake_timeout_ms", 10, 60_000),
    ("http.connections_max", 1, 10_000),
    ("http.traces_max", 0, 1000),
    ("http.trace_queue_max", 1, 1_000_000),
    ("http.timeout_ms", 10, 600_000),
    ("media.port_min", 1024, 65_534),
    ("media.port_max", 1025, 65_535),
    ("media.threads", 1, 64),
    ("media.timeout_s", 1, 86_400),
    ("media.dscp", 0, 63),
    ("sip.dscp", 0, 63),
    ("media.relays_max", 1, 1_000_000),
    ("registrar.expires_min_s", 1, 86_400),
    ("registrar.expires_max_s", 1, 31_536_000),
    ("registrar.expires_default_s", 1, 31_536_000),
    ("registrar.contacts_max", 1, 1000),
    ("registrar.aors_max", 1, 100_000_000),
    ("registrar.keepalive_s", 0, 3600),
    ("registrar.keepalive_failures", 0, 1000),
    ("registrar.flow_timer_s", 0, 86_400),
    ("events.expires_min_s", 1, 3600),
    ("events.expires_max_s", 10, 86_400),
    ("events.notify_interval_ms", 0, 60_000),
    ("events.gather_ms", 1, 5000),
    ("events.subscriptions_max", 1, 10_000_000),
    ("events.watchers_max", 1, 1_000_000),
    ("events.dialogs_max", 1, 1000),
    ("events.mailboxes_max", 1, 10_000_000),
    ("events.words_max", 16, 10_000_000),
    ("auth.nonce_life_s", 10, 86_400),
    ("auth.nonces_max", 1, 100_000_000),
    ("auth.failures_max", 1, 1_000_000),
    ("auth.failures_window_s", 1, 86_400),
    ("auth.sources_max", 2, 100_000_000),
    ("store.writes_max", 1, 1_000_000),
    ("store.batch_max", 1, 100_000),
    ("store.timeout_ms", 10, 30_000),
    ("tlib.clients_max", 1, 100_000),
    ("tlib.message_kib_max", 1, 65_536),
    ("tlib.fragments_max", 1, 1_000_000),
    ("tlib.write_queue_kib", 64, 1_048_576),
    ("tlib.requests_per_second_max", 1, 1_000_000),
    ("tlib.requests_burst_max", 1, 10_000_000),
    ("tlib.hello_timeout_ms", 10, 600_000),
    ("tlib.handshake_timeout_ms", 10, 600_000),
    ("tlib.handshakes_max", 1, 100_000),
    ("tlib.keep_alive_s", 0, 86_400),
    ("tlib.dns_per_client_max", 1, 10_000_000),
    ("tlib.clients_per_dn_max", 1, 100_000),
    ("tlib.calls_max", 1, 10_000_000),
    ("tlib.requests_max", 1, 10_000_000),
    ("tlib.request_timeout_ms", 10, 600_000),
    ("tlib.user_data_bytes_max", 16, 65_535),
    ("tlib.router_timeout_s", 1, 86_400),
    ("tlib.gather_us", 0, 100_000),
    ("tlib.log_mib_max", 1, 65_536),
    ("tlib.log_files_max", 1, 100_000),
    ("tlib.log_sip_queue_max", 64, 10_000_000),
    ("tlib.mailbox_max", 64, 10_000_000),
    ("plugins.cpu_limit_ms", 1, 1000),
    ("plugins.memory_limit_mib", 1, 4096),
    ("plugins.targets_max", 1, 1000),
    ("plugins.commands_max", 1, 1000),
    ("plugins.state_kib_max", 0, 1_048_576),
    ("plugins.state_entries_max", 0, 1_000_000),
    ("plugins.state_key_bytes_max", 1, 4096),
    ("plugins.state_value_bytes_max", 20, 1_048_576),
    ("plugins.state_list_max", 1, 1_000_000),
    ("plugins.state_operations_max", 0, 100_000),
    ("plugins.state_migration_ms", 1, 60_000),
    ("plugins.state_flush_ms", 10, 60_000),
    ("plugins.header_edits_max", 1, 1000),
    ("plugins.header_edits_total_max", 1, 10_000),
    ("plugins.header_value_bytes_max", 1, 16_384),
    ("plugins.event_names_max", 1, 4096),
    ("plugins.request_changes_max", 1, 64),
    ("plugins.file_mib_max", 1, 1024),
    ("plugins.compiled_mib_max", 1, 1_000_000),
    ("plugins.compiled_files_max", 1, 100_000),
    ("plugins.store_versions_max", 2, 1000),
    ("plugins.schema_kib_max", 1, 65_536),
    ("plugins.bundle_mib_max", 1, 1024),
    ("plugins.bundle_files_max", 2, 10_000),
    ("plugins.log_lines_per_second", 0, 100_000),
    ("plugins.generations_max", 2, 10_000),
    ("plugins.instances_max", 1, 100_000),
    ("plugins.quarantine_strikes", 0, 1000),
    ("plugins.quarantine_window_s", 1, 86_400),
    ("plugins.quarantine_rest_s", 1, 86_400),
    ("plugins.quarantine_key_strikes", 0, 1000),
    ("plugins.quarantine_key_rest_s", 1, 86_400),
    ("plugins.quarantine_keys_max", 1, 10_000),
    ("plugins.trial_refused_points", 0, 100),
    ("plugins.trial_asked_for_refusals", 1, 1_000_000),
    ("plugins.trial_failed_per_mille", 0, 1000),
    ("plugins.trial_slower_times", 1, 1_000_000),
    ("plugins.trial_slow_us", 0, 1_000_000),
    ("plugins.trial_asked_for_rates", 1, 10_000_000),
    ("plugins.rollback_window_s", 0, 86_400),
    ("plugins.shadows_max", 0, 64),
    ("plugins.compile_threads", 0, 8),
    ("plugins.shadow_calls", 1, 10_000_000),
    ("plugins.shadow_time_s", 1, 604_800),
    ("plugins.shadow_p99_percent", 100, 100_000),
    ("plugins.shadow_p99_us", 0, 10_000_000),
    ("plugins.shadow_queue_max", 1, 1_000_000),
    ("plugins.shadow_groups_max", 1, 10_000),
    ("plugins.shadow_examples_max", 0, 100),
    ("plugins.shadow_prefix_chars", 0, 32),
    ("plugins.record_calls_max", 1, 10_000_000),
    ("plugins.record_queue_max", 1, 1_000_000),
    ("plugins.repro_per_hook", 0, 1000),
    ("plugins.repro_files_max", 1, 10_000),
    ("plugins.repro_mib_max", 1, 10_000),
    ("transfers.count_max", 0, 100),
    ("call_events.queue_max", 1, 1000),
    ("call_events.timers_max", 0, 1000),
    ("call_events.timer_min_ms", 10, 60_000),
    ("call_events.timer_max_s", 1, 31_536_000),
    ("call_events.commands_max", 0, 1_000_000),
    ("call_events.labels_max", 0, 1000),
    ("transfers.wait_ms", 0, 20_000),
    ("transfers.waiting_max", 0, 10_000),
    ("session.expires_s", 90, 86_400),
    ("session.min_se_s", 90, 86_400),
    ("session.call_max_s", 0, 31_536_000),
    ("session.probe_s", 0, 86_400),
    ("limits.calls_max", 1, 10_000_000),
    ("limits.transactions_max", 1, 100_000_000),
    ("limits.transactions_mib", 1, 1_048_576),
    ("limits.attempts_max", 1, 1000),
    ("limits.redirections_max", 0, 100),
    ("limits.branches_max", 1, 100),
    ("limits.early_dialogs_max", 1, 100),
    ("limits.provisionals_max", 0, 1000),
    ("limits.relayed_max", 1, 10_000),
    ("limits.questions_max", 1, 1_000_000),
    ("limits.streams_max", 1, 64),
    ("limits.text_bytes_max", 1, 65_535),
    ("limits.texts_max", 1, 1_000_000),
    ("limits.device_checks_max", 1, 100_000),
    ("limits.retry_after_s", 0, 3600),
    ("limits.proxied_call_max_s", 60, 31_536_000),
    ("limits.proxy_timer_c_s", 181, 3600),
    ("limits.moved_max", 0, 10_000_000),
    ("limits.moves_max", 0, 65_535),
    ("journal.entries_max", 1, 10_000_000),
    ("journal.queue_max", 16, 10_000_000),
    ("records.rotate_mb", 0, 1_048_576),
    ("records.keep", 0, 1_000_000),
    ("records.queue_max", 1, 10_000_000),
    ("records.events_max", 1, 100_000),
];

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The way to the key that is wrong.
    pub(crate) path: Vec<String>,
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl Violation {
    /// `path` is dotted.
    fn new(path: &str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            what: what.into(),
            help: Some(help.into()),
        }
    }
}

/// Everything that must hold and does not.
pub(crate) fn check(config: &Config) -> Vec<Violation> {
    let mut violations = ranges(config);
    violations.extend(listeners(&config.sip.listen));
    violations.extend(trusted(&config.sip.trusted));
    violations.extend(grants(config));
    violations.extend(addresses(config));
    violations.extend(orders(config));
    violations.extend(subscribers(config));
    violations.extend(credentials(config));
    violations.extend(emergency(config));
    violations.extend(trunks(config));
    violations.extend(telephony(config));
    violations
}

fn ranges(config: &Config) -> Vec<Violation> {
    let Ok(table) = toml::Table::try_from(config) else { return Vec::new() };
    RANGES
        .iter()
        .filter_map(|(path, min, max)| {
            let (section, key) = path.split_once('.')?;
            let value = table.get(section)?.get(key)?.as_integer()?;
            let what = format!("`{key}` is {value}, out of range");
            (value < *min || value > *max)
                .then(|| Violation::new(path, what, format!("give {min} to {max}")))
        })
        .collect()
}

fn grants(config: &Config) -> Vec<Violation> {
    let known = plugin::capabilities();
    let named = config.plugins.grants.iter();
    let wrong = named.flat_map(|(id, names)| names.iter().map(move |name| (id, name)));
    let wrong = wrong.filter(|(_, name)| !known.contains(&name.as_str()));
    wrong
        .map(|(id, name)| {
            let what = format!("`{}` is nothing that can be granted", name.escape_debug());
            let help = format!("what can be is {}", known.join(", "));
            Violation::new(&format!("plugins.grants.{id}"), what, help)
        })
        .collect()
}

fn trusted(networks: &[String]) -> Vec<Violation> {
    let wrong = networks.iter().filter_map(|text| text.parse::<switch::Network>().err());
    let help = "such as \"192.0.2.0/24\" or \"2001:db8::1\"";
    wrong.map(|error| Violation::new("sip.trusted", error.to_string(), help)).collect()
}

fn listeners(listen: &[ListenConfig]) -> Vec<Violation> {
    let mut violations = Vec::new();
    if listen.is_empty() {
        let help = "write a block [[sip.listen]], or leave the key out for 127.0.0.1:5060";
        violations.push(Violation::new("sip.listen", "no SIP listener", help));
    }
    for (index, listener) in listen.iter().enumerate() {
        let earlier = &listen[..index];
        if listener.name.is_empty() || earlier.iter().any(|other| other.name == listener.name) {
            let what = format!("`name` is \"{}\", empty or taken", listener.name);
            let help = "give each listener a name of its own";
            violations.push(Violation::new(&format!("sip.listen.{index}.name"), what, help));
        }
        if listener.bind.port() != 0 && earlier.iter().any(|other| other.clashes_with(listener)) {
            let what = format!("`bind` {} is taken by another listener", listener.bind);
            let help = "give each listener an address or port of its own";
            violations.push(Violation::new(&format!("sip.listen.{index}.bind"), what, help));
        }
        let is_tls = listener.transport == SipTransport::Tls;
        let given = [&listener.certificate, &listener.key].map(Option::is_some);
        if is_tls && given != [true, true] {
            let help = "set `certificate` and `key` to PEM files";
            let path = format!("sip.listen.{index}.transport");
            violations.push(Violation::new(&path, "TLS without certificate and key", help));
        }
        let others = [&listener.client_ca, &listener.ca].map(Option::is_some);
        if !is_tls && (given != [false, false] || others != [false, false]) {
            let help = "set `transport` to \"tls\", or leave the files out";
            let path = format!("sip.listen.{index}.transport");
            violations.push(Violation::new(&path, "certificate files without TLS", help));
        }
        if listener.bind.ip().is_unspecified() && listener.advertise.is_none() {
            let what =
                format!("`bind` is {}, which is no address peers can send to", listener.bind.ip());
            let help = "set `advertise` to the address they reach this listener at";
            violations.push(Violation::new(&format!("sip.listen.{index}.bind"), what, help));
        }
        if listener.advertise.is_some_and(|advertise| advertise.ip.is_unspecified()) {
            let what = "`advertise` is no address peers can send to";
            let help = "give the address they reach this listener at";
            violations.push(Violation::new(&format!("sip.listen.{index}.advertise"), what, help));
        }
    }
    violations
}

fn addresses(config: &Config) -> Vec<Violation> {
    let mut violations = Vec::new();
    let http = &config.http;
    if !http.bind.ip().is_loopback() && http.token.is_none() {
        let what = format!("`bind` {} is not loopback and there is no token", http.bind);
        let help = "set `token` in [http], or bind to 127.0.0.1";
        violations.push(Violation::new("http.bind", what, help));
    }
    if http.token.as_ref().is_some_and(|token| token.len() < 16) {
        let help = "use 16 characters or more";
        violations.push(Violation::new("http.token", "`token` can be guessed", help));
    }
    let media = &config.media;
    if media.bind.is_unspecified() && media.advertise.is_none() {
        let what = format!("`bind` is {}, which is no address peers can send to", media.bind);
        let help = "set `advertise` to the address they send RTP to";
        violations.push(Violation::new("media.bind", what, help));
    }
    let advertised = media.advertise.unwrap_or(media.bind);
    if media.advertise6.is_some() && !advertised.is_ipv4() {
        let help = "set `bind` or `advertise` to an IPv4 address, or leave `advertise6` out";
        let what = "`advertise6` is beside an address that is no IPv4 one";
        violations.push(Violation::new("media.advertise6", what, help));
    }
    if media.advertise6.is_some_and(|ip| ip.is_unspecified()) {
        let help = "give the address they send RTP to";
        let what = "`advertise6` is no address peers can send to";
        violations.push(Violation::new("media.advertise6", what, help));
    }
    if let Some(zone) = &config.node.zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        let what = format!("`zone` \"{zone}\" is not a time zone");
        let help = "give an IANA name such as \"Europe/Vienna\" or \"UTC\"";
        violations.push(Violation::new("node.zone", what, help));
    }
    if let Err(error) = config.log.filter.parse::<tracing_subscriber::filter::Targets>() {
        let what = format!("`filter` \"{}\" is no log filter: {error}", config.log.filter);
        let help = "give a level such as \"info\"";
        violations.push(Violation::new("log.filter", what, help));
    }
    violations
}

/// Pairs of keys of which one bounds the other.
fn orders(config: &Config) -> Vec<Violation> {
    let media = &config.media;
    let registrar = &config.registrar;
    let mut violations = Vec::new();
    if u32::from(media.port_min) + 3 > u32::from(media.port_max) {
        let what = format!("ports {} to {} hold no two pairs", media.port_min, media.port_max);
        let help = "set `port_max` at least 3 above `port_min`";
        violations.push(Violation::new("media.port_max", what, help));
    }
    if registrar.expires_min_s > registrar.expires_max_s {
        let help = "set `expires_max_s` at least as long as `expires_min_s`";
        let what = "`expires_max_s` is shorter than `expires_min_s`";
        violations.push(Violation::new("registrar.expires_max_s", what, help));
    }
    let range = registrar.expires_min_s..=registrar.expires_max_s;
    if !range.is_empty() && !range.contains(&registrar.expires_default_s) {
        let what = format!("`expires_default_s` {} is out of range", registrar.expires_default_s);
        let help = format!("give {} to {}", range.start(), range.end());
        violations.push(Violation::new("registrar.expires_default_s", what, help));
    }
    if let Some(route) = registrar.service_route.iter().find(|route| !is_loose_route(route)) {
        let what = format!("`service_route` has \"{}\", which is no route", route.escape_debug());
        let help = "give SIP URIs with `;lr` and without angle brackets, such as \"sip:sbc.example.org;lr\"";
        violations.push(Violation::new("registrar.service_route", what, help));
    }
    if registrar.flow_timer_s >= config.streams.idle_timeout_s {
        let what = "`flow_timer_s` is not shorter than `streams.idle_timeout_s`";
        let help = "phones would be cut off before they send their keep-alive; set it shorter";
        violations.push(Violation::new("registrar.flow_timer_s", what, help));
    }
    if config.sip.t1_ms > config.sip.t2_ms {
        let help = "set `t2_ms` at least as long as `t1_ms`";
        violations.push(Violation::new("sip.t2_ms", "`t2_ms` is shorter than `t1_ms`", help));
    }
    violations
}

/// Whether a text is the URI of a loose router (RFC 3261 section 19.1.1).
fn is_loose_route(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\",".contains(&byte));
    is_plain && sip::Uri::parse(text).is_ok_and(|uri| uri.has_lr() && !uri.host.is_empty())
}

/// What is asked for must be there to be given.
fn credentials(config: &Config) -> Vec<Violation> {
    let mut violations = Vec::new();
    if config.auth.algorithms.is_empty() {
        let help = "name \"SHA-256\", \"MD5\" or both; mode = \"off\" asks for no credentials";
        violations.push(Violation::new("auth.algorithms", "no algorithm to offer", help));
    }
    for (index, listen) in config.sip.listen.iter().enumerate() {
        if let Some(other) =
            listen.algorithms.iter().find(|name| !config.auth.algorithms.contains(name))
        {
            let help = "add it to `auth.algorithms`, or leave it out here";
            let name = match other {
                AlgorithmName::Sha256 => "SHA-256",
                AlgorithmName::Md5 => "MD5",
            };
            let what = format!("\"{name}\" is not among `auth.algorithms`");
            let path = format!("sip.listen.{index}.algorithms");
            violations.push(Violation::new(&path, what, help));
        }
    }
    if config.auth.realm.is_empty() || config.auth.realm.chars().any(char::is_control) {
        let what = "`realm` is empty or has control characters";
        violations.push(Violation::new("auth.realm", what, "give a name phones can show"));
    }
    for (index, subscriber) in config.subscriber.iter().enumerate() {
        let hashes = [
            ("ha1_md5", &subscriber.ha1_md5, sip::auth::Algorithm::Md5),
            ("ha1_sha256", &subscriber.ha1_sha256, sip::auth::Algorithm::Sha256),
        ];
        for (key, text, algorithm) in hashes {
            let digits = algorithm.hex_length();
            if text.as_deref().is_some_and(|text| model::Ha1::from_hex(text, digits).is_none()) {
                let what = format!("`{key}` is no hash of {digits} hexadecimal digits");
                let help = "docs/configuration.md shows the command that makes it";
                violations.push(Violation::new(&format!("subscriber.{index}.{key}"), what, help));
            }
        }
        if config.asks_for_credentials() && !subscriber.has_secret() {
            let what = format!("\"{}\" has no password, and could never log in", subscriber.user);
            let help = "give it `password`, `ha1_md5` or `ha1_sha256`, or set auth.mode = \"off\"";
            violations.push(Violation::new(&format!("subscriber.{index}.user"), what, help));
        }
    }
    violations
}

fn emergency(config: &Config) -> Option<Violation> {
    let emergency = &config.emergency;
    let error = match emergency.to_switch() {
        Ok(route) => {
            let unknown = route.trunks().find(|name| {
                let is_it = |trunk: &TrunkSection| {
                    trunk.name == *name || trunk.group.as_deref() == Some(name)
                };
                !config.trunk.iter().any(is_it)
            })?;
            let what = format!("\"trunk:{unknown}\" is no [[trunk]] and no group");
            let help = "name one of them";
            return Some(Violation::new("emergency.route", what, help));
        }
        Err(error) => error,
    };
    let keys = [("numbers", &emergency.numbers), ("prefixes", &emergency.prefixes)];
    let key = keys.into_iter().find(|(_, texts)| texts.contains(&error.text));
    let path = format!("emergency.{}", key.map_or("route", |(key, _)| key));
    let what = format!("\"{}\" cannot be used", error.text.escape_debug());
    Some(Violation::new(&path, what, error.help))
}

fn trunks(config: &Config) -> Vec<Violation> {
    let problems = super::trunk::problems(&config.trunk).into_iter();
    problems
        .map(|(at, key, what, help)| Violation::new(&format!("trunk.{at}.{key}"), what, help))
        .collect()
}

fn telephony(config: &Config) -> Vec<Violation> {
    let ports = super::tlib_listen::problems(&config.tlib.listen).into_iter();
    let ports = ports.map(|(at, key, what, help)| {
        Violation::new(&format!("tlib.listen.{at}.{key}"), what, help)
    });
    let dns = super::dn::problems(&config.dn).into_iter();
    let dns =
        dns.map(|(at, key, what, help)| Violation::new(&format!("dn.{at}.{key}"), what, help));
    let filter = config
        .tlib
        .filter()
        .err()
        .map(|what| Violation::new("tlib.log_filter", what, "give one of them for each key"));
    ports.chain(dns).chain(filter).collect()
}

fn subscribers(config: &Config) -> Vec<Violation> {
    config
        .subscriber
        .iter()
        .enumerate()
        .filter(|(_, subscriber)| subscriber.user.is_empty())
        .map(|(index, _)| {
            let path = format!("subscriber.{index}.user");
            Violation::new(
                &path,
                "a subscriber without `user`",
                "give the user part of its address",
            )
        })
        .collect()
}
