//! The log on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::config::{LogConfig, LogFormat};

/// Starts the process's log. A second start, or a filter that is none, changes nothing: configurations are checked before.
pub fn start(config: &LogConfig) {
    let Ok(filter) = config.filter.parse::<Targets>() else { return };
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let layer = match config.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // It fails only when the process has a log already.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}
