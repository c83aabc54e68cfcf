//! The log on standard error.

use std::{
    io::{self, IsTerminal as _},
    sync::OnceLock,
};

use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt,
    reload::{self, Handle},
    util::SubscriberInitExt,
};

use crate::config::{LogConfig, LogFormat};

/// The filter of the process's log, once it has one.
static FILTER: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

/// Starts the process's log. A second start, or a filter that is none, changes nothing: configurations are checked before.
pub fn start(config: &LogConfig) {
    let Ok(filter) = config.filter.parse::<Targets>() else { return };
    let (filter, handle) = reload::Layer::new(filter);
    // A span is a question to a plugin, at level DEBUG: one line when it is over.
    let layer = fmt::layer().with_span_events(FmtSpan::CLOSE);
    let layer = layer.with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let layer = match config.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // It fails only when the process has a log already.
    if tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Gives the process's log another filter; one that is none changes nothing.
pub fn set_filter(filter: &str) {
    if let (Some(handle), Ok(filter)) = (FILTER.get(), filter.parse::<Targets>()) {
        // It fails only when the process has no log any more.
        let _ = handle.reload(filter);
    }
}
