//! A shard's configuration, from the node's.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU16, time::Duration};

use model::{ListenerId, Shard, Shards};

use super::StartError;
use crate::{
    config::{Config, KeepaliveName, StreamsConfig, TrunkSection},
    stream::StreamLimits,
};

/// How long the relay's answer is waited for. It is a thread of this process: what takes longer is a fault.
const RELAY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a look-up may take beyond its own limit.
const LOCATE_GRACE: Duration = Duration::from_secs(1);

/// The configuration of shard `shard`, whose listeners are reached at `advertised`.
pub(super) fn config(
    config: &Config,
    shard: usize,
    advertised: &[SocketAddr],
) -> Result<switch::Config, StartError> {
    let sip = &config.sip;
    let listen = sip.listen.iter().zip(advertised);
    let ms = Duration::from_millis;
    let settings = settings(config);
    Ok(switch::Config {
        shard: Shard(u16::try_from(shard).unwrap_or(u16::MAX)),
        shards: Shards(NonZeroU16::new(config.node.workers).unwrap_or(NonZeroU16::MIN)),
        seed: seed()?,
        timers: sip::Timers {
            t1: ms(sip.t1_ms),
            t2: ms(sip.t2_ms),
            t4: ms(sip.t4_ms),
            ..sip::Timers::default()
        },
        sip_limits: sip::ParseLimits {
            message_bytes_max: sip.message_bytes_max,
            headers_max: sip.headers_max,
            header_bytes_max: sip.header_bytes_max,
        },
        listeners: listen
            .map(|(listen, advertised)| switch::Listener {
                name: listen.name.clone(),
                transport: listen.transport.into(),
                advertised: *advertised,
            })
            .collect(),
        limits: settings.limits,
        ring_timeout: settings.ring_timeout,
        routing_timeout: settings.routing_timeout,
        question_timeout: settings.question_timeout,
        // The resolver gives up first; this is for an answer that found no room.
        locate_timeout: ms(config.dns.timeout_ms) + LOCATE_GRACE,
        failover_after: settings.failover_after,
        udp_request_max: sip.udp_request_max,
        relay_timeout: RELAY_TIMEOUT,
        media: settings.media,
        media_address6: config.media.advertise6,
        registrar: settings.registrar,
        events: settings.events,
        auth: settings.auth,
        emergency: settings.emergency,
        transfers: settings.transfers,
        call_events: settings.call_events,
        // The same for all shards.
        proxy_key: None,
        service_route: settings.service_route.clone(),
        sessions: settings.sessions,
        trusted: settings.trusted,
        diversion: settings.diversion,
        devices: devices(config, advertised),
        trunks: config.trunk.iter().map(TrunkSection::to_switch).collect(),
        server_header: sip.server_header.clone(),
    })
}

/// What of it is taken while the switch runs.
pub(super) fn settings(config: &Config) -> switch::Settings {
    let sip = &config.sip;
    switch::Settings {
        limits: limits(config),
        ring_timeout: Duration::from_secs(sip.ring_timeout_s),
        routing_timeout: Duration::from_secs(sip.routing_timeout_s),
        question_timeout: Duration::from_millis(sip.question_timeout_ms),
        failover_after: Duration::from_millis(sip.failover_ms),
        media: config.media.mode.into(),
        registrar: registrar(config),
        service_route: service_route(config),
        events: events(config),
        auth: Some(auth(config)),
        transfers: config.transfers.to_switch(),
        call_events: config.call_events.to_switch(),
        sessions: config.session.to_switch(),
        diversion: sip.diversion.into(),
        trusted: sip.trusted.iter().filter_map(|text| text.parse().ok()).collect(),
        // Checked when the configuration was read; without it every call would still be a call.
        emergency: config.emergency.to_switch().unwrap_or_default(),
    }
}

/// The devices that are checked where their DN's contact says, at the first of our hosts.
fn devices(config: &Config, advertised: &[SocketAddr]) -> Vec<switch::DeviceConfig> {
    let own = || advertised.first().map(|address| address.ip().to_string());
    let host = config.node.domains.first().cloned().or_else(own).unwrap_or_default();
    config.dn.iter().flat_map(|dn| dn.to_devices(&host)).collect()
}

fn auth(config: &Config) -> switch::AuthConfig {
    let auth = &config.auth;
    switch::AuthConfig {
        required: config.asks_for_credentials(),
        realm: auth.realm.clone(),
        algorithms: auth.algorithms.iter().map(|name| (*name).into()).collect(),
        offered: offered(config),
        nonce_life: Duration::from_secs(auth.nonce_life_s),
        nonces_max: auth.nonces_max,
        anonymous_calls: auth.anonymous_calls,
        failures_max: auth.failures_max,
        failures_window: Duration::from_secs(auth.failures_window_s),
        sources_max: auth.sources_max,
    }
}

/// The listeners that offer algorithms of their own.
fn offered(config: &Config) -> BTreeMap<ListenerId, Vec<sip::auth::Algorithm>> {
    (0..)
        .map(ListenerId)
        .zip(&config.sip.listen)
        .filter(|(_, listen)| !listen.algorithms.is_empty())
        .map(|(id, listen)| (id, listen.algorithms.iter().map(|name| (*name).into()).collect()))
        .collect()
}

fn limits(config: &Config) -> switch::Limits {
    let limits = &config.limits;
    switch::Limits {
        calls_max: limits.calls_max,
        transactions_max: limits.transactions_max,
        transaction_bytes_max: limits.transactions_mib << 20,
        attempts_max: limits.attempts_max,
        redirections_max: limits.redirections_max,
        branches_max: limits.branches_max,
        early_dialogs_max: limits.early_dialogs_max,
        provisionals_max: limits.provisionals_max,
        relayed_max: limits.relayed_max,
        questions_max: limits.questions_max,
        streams_max: limits.streams_max,
        text_bytes_max: limits.text_bytes_max,
        texts_max: limits.texts_max,
        device_checks_max: limits.device_checks_max,
        retry_after_s: limits.retry_after_s,
        proxied_call_max_s: limits.proxied_call_max_s,
        proxy_timer_c_s: limits.proxy_timer_c_s,
        moved_max: limits.moved_max,
        moves_max: limits.moves_max,
    }
}

/// What the connections of a worker may use.
pub(super) fn streams(config: &StreamsConfig, dscp: u8) -> StreamLimits {
    StreamLimits {
        connections_max: config.connections_max,
        connections_per_ip_max: config.connections_per_ip_max,
        write_queue_max: config.write_queue_kib << 10,
        unread_max: config.unread_mib_max << 20,
        read_batch_max: config.read_batch_kib << 10,
        accept_batch_max: config.accept_batch_max,
        idle_timeout: Duration::from_secs(config.idle_timeout_s),
        first_message_timeout: Duration::from_secs(config.first_message_timeout_s),
        message_timeout: Duration::from_secs(config.message_timeout_s),
        connect_timeout: Duration::from_millis(config.connect_timeout_ms),
        handshake_timeout: Duration::from_millis(config.handshake_timeout_ms),
        reuse: config.reuse_connections,
        dscp,
    }
}

fn events(config: &Config) -> switch::EventsConfig {
    let events = &config.events;
    switch::EventsConfig {
        dialog: events.dialog,
        message_summary: events.message_summary,
        presence: events.presence,
        watchers: events.watchers.into(),
        expires_min: Duration::from_secs(events.expires_min_s),
        expires_max: Duration::from_secs(events.expires_max_s),
        notify_interval: Duration::from_millis(events.notify_interval_ms),
        gather_time: Duration::from_millis(events.gather_ms),
        subscriptions_max: events.subscriptions_max,
        watchers_max: events.watchers_max,
        dialogs_max: events.dialogs_max,
        whole_state: events.whole_state,
    }
}

fn registrar(config: &Config) -> switch::RegistrarConfig {
    let registrar = &config.registrar;
    switch::RegistrarConfig {
        expires_min: Duration::from_secs(registrar.expires_min_s),
        expires_max: Duration::from_secs(registrar.expires_max_s),
        expires_default: Duration::from_secs(registrar.expires_default_s),
        contacts_max: registrar.contacts_max,
        aors_max: registrar.aors_max,
        outbound: registrar.outbound,
        gruu: registrar.gruu,
        flow_timer_s: registrar.flow_timer_s,
        keepalive: (registrar.keepalive_s > 0).then(|| switch::KeepaliveConfig {
            interval: Duration::from_secs(registrar.keepalive_s),
            method: match registrar.keepalive {
                KeepaliveName::Options => switch::KeepaliveMethod::Options,
                KeepaliveName::Crlf => switch::KeepaliveMethod::Crlf,
            },
            failures_max: registrar.keepalive_failures,
        }),
        store: config.store.path.is_some().then(|| switch::StoreConfig {
            writes_max: config.store.writes_max,
            timeout: Duration::from_millis(config.store.timeout_ms),
        }),
    }
}

/// The value of a Service-Route field.
fn service_route(config: &Config) -> std::sync::Arc<str> {
    let routes = config.registrar.service_route.iter();
    routes.map(|route| format!("<{route}>")).collect::<Vec<_>>().join(", ").into()
}

/// Chance of the operating system.
pub(super) fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    let taken = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| StartError::os("the random source")(error.into()))?;
    // The system gives up to 256 bytes in one piece.
    debug_assert_eq!(taken, seed.len());
    Ok(seed)
}

/// A number of chance, from the system.
pub(super) fn seed_number() -> Result<u64, StartError> {
    Ok(seed()?.first_chunk().map_or(0, |half| u64::from_be_bytes(*half)))
}
