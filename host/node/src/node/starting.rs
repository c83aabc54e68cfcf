//! The relay, the HTTP API, the journal and call records, started as the configuration has them.

use std::{sync::Arc, time::Duration};

use media::RelayEvent;
use model::Shard;
use tracing::debug;

use super::StartError;
use crate::{
    clock::Clock,
    config::Config,
    http::{Api, HttpServer, MonitorLog},
    journal::{FactSender, Journal, Scribe},
    mailbox::Postbox,
    records::{RecordFile, RecordThread},
    sip_log::LogPlan,
    worker::Mail,
};

pub(super) fn start_relay(
    config: &Config,
    postboxes: &[Postbox<Mail>],
) -> Result<relay::RelayHandle, StartError> {
    let media = &config.media;
    let postboxes = postboxes.to_vec();
    let events = move |shard: Shard, event: RelayEvent| {
        let postbox = postboxes.get(usize::from(shard.0));
        if postbox.is_none_or(|postbox| postbox.post(Mail::Relay(event)).is_err()) {
            debug!(shard = shard.0, "an event of the relay found no room");
        }
    };
    let relay_config = relay::RelayConfig {
        bind: media.bind,
        advertise: media.advertise.unwrap_or(media.bind),
        both_families: media.advertise6.is_some(),
        port_min: media.port_min,
        port_max: media.port_max,
        threads: media.threads,
        relays_max: media.relays_max,
        streams_max: config.limits.streams_max,
        // The DSCP is the upper six bits of the TOS byte (RFC 2474 section 3).
        tos: media.dscp << 2,
        media_timeout: Duration::from_secs(media.timeout_s),
        ..relay::RelayConfig::default()
    };
    relay::RelayHandle::start(relay_config, Arc::new(events)).map_err(StartError::Media)
}

pub(super) fn start_http(
    config: &Config,
    api: Api,
    plan: LogPlan,
) -> Result<HttpServer, StartError> {
    let log = MonitorLog { plan, application: config.tlib.application.clone() };
    HttpServer::start(&config.http, api, log)
        .map_err(StartError::bind("the HTTP API", config.http.bind))
}

/// The journal, the end that workers get, and the thread that reads.
pub(super) fn start_journal(
    config: &Config,
    clock: Clock,
) -> Result<(Arc<Journal>, FactSender, Scribe), StartError> {
    let (journal, facts) = Journal::new(&config.journal, config.calls_max(), clock);
    let scribe = Scribe::start(journal.clone()).map_err(StartError::os("the journal"))?;
    Ok((journal, facts, scribe))
}

/// The thread that writes call records, and the file it begins with.
pub(super) fn start_records(config: &Config, clock: Clock) -> Result<RecordThread, StartError> {
    let records = &config.records;
    let path = records.path.as_ref().map(|path| config.folder.join(path));
    let file = path.map(|path| RecordFile::open(&path, records)).transpose();
    let file = file.map_err(StartError::Records)?;
    RecordThread::start(config.node.name.clone(), file, records.format, records.queue_max, clock)
        .map_err(StartError::os("call records"))
}
