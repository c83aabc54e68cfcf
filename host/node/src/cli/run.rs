//! `jackfield run`.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::args::Settings;
use crate::{
    config::{Config, Overrides, load},
    node::Node,
    telemetry,
};

pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = load_config(settings)?;
    telemetry::start(&config.log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(&config))
}

/// The configuration that the arguments ask for.
pub(super) fn load_config(settings: &Settings) -> anyhow::Result<Config> {
    let overrides = Overrides { set: settings.set.clone(), plugins: settings.plugins.clone() };
    Ok(load(settings.config.as_deref(), &overrides)?)
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    // Signals are taken before anything listens, so that none is missed by who waits for the listeners.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot take SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot take SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot take SIGHUP")?;
    let mut node = Node::start(config)?;
    for (listen, address) in config.sip.listen.iter().zip(node.sip_addresses()) {
        info!(listener = listen.name, %address, "SIP listens");
    }
    info!(http = %node.http_address(), node = config.node.name, "ready");
    let mut signals = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {
                node.reconfigure("SIGHUP");
                continue;
            }
            ended = node.ended() => {
                ended?;
                info!("stopped");
                return Ok(());
            }
        }
        signals += 1;
        if signals == 1 {
            info!("draining: new calls are refused; another signal ends the standing ones");
            node.drain();
        } else {
            info!("stopping");
            node.stop();
        }
    }
}
