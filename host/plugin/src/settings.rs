use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use model::hook::CallFacts;

use crate::{LogLimits, manifest::Grants, proposal::clean};

/// What a generation may read and write: its configuration and its line to the log.
#[derive(Debug)]
pub(crate) struct Settings {
    plugin: Arc<str>,
    pub(crate) grants: Grants,
    pub(crate) config: toml::Table,
    /// The values of `config` as text: strings as they are, everything else as JSON.
    texts: BTreeMap<String, String>,
    limits: LogLimits,
    began: Instant,
    /// The second the lines are counted for (upper half) and their count (lower half).
    window: AtomicU64,
    pub(crate) lines_dropped: AtomicU64,
}

thread_local! {
    /// The call that this thread asks plugins about: what they write to the log is of it.
    static CALL: RefCell<Option<Arc<CallFacts>>> = const { RefCell::new(None) };
    /// Whether it is a candidate that decides nothing.
    static IS_SHADOW: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what plugins write on this thread is of this call.
pub(crate) struct About(());

impl About {
    pub(crate) fn call(call: &Arc<CallFacts>) -> Self {
        CALL.set(Some(call.clone()));
        Self(())
    }
}

impl Drop for About {
    fn drop(&mut self) {
        CALL.set(None);
    }
}

/// While it lives, what plugins write on this thread is of this call, and comes of a candidate that decides nothing.
pub(crate) struct AboutShadow {
    _about: About,
}

impl AboutShadow {
    pub(crate) fn call(call: &Arc<CallFacts>) -> Self {
        IS_SHADOW.set(true);
        Self { _about: About::call(call) }
    }
}

impl Drop for AboutShadow {
    fn drop(&mut self) {
        IS_SHADOW.set(false);
    }
}

fn say(level: Level, plugin: &str, text: &str, call: Option<&CallFacts>) {
    let shadow = IS_SHADOW.get().then_some(true);
    // A plugin that is being tested is asked about no call; the fields are left out.
    let conn_id = call.map(|call| call.conn_id.to_string());
    let (conn_id, call_id) = (conn_id.as_deref(), call.map(|call| call.call_id.as_str()));
    match level {
        Level::Debug => tracing::debug!(plugin, shadow, conn_id, call_id, text, "plugin says"),
        Level::Info => tracing::info!(plugin, shadow, conn_id, call_id, text, "plugin says"),
        Level::Warn => tracing::warn!(plugin, shadow, conn_id, call_id, text, "plugin says"),
        Level::Error => tracing::error!(plugin, shadow, conn_id, call_id, text, "plugin says"),
    }
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Settings {
    pub(crate) fn new(
        plugin: Arc<str>,
        grants: Grants,
        config: toml::Table,
        limits: LogLimits,
    ) -> Self {
        let config = if grants.config { config } else { toml::Table::new() };
        let texts = config.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        Self {
            plugin,
            grants,
            config,
            texts,
            limits,
            began: Instant::now(),
            window: AtomicU64::new(0),
            lines_dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// Writes a line of the plugin to the log, if it may write one more this second.
    pub(crate) fn log(&self, level: Level, message: String) {
        if !self.grants.log {
            return;
        }
        if !self.may_log() {
            self.lines_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let plugin = &*self.plugin;
        let message = clean(message, self.limits.line_bytes_max);
        CALL.with_borrow(|call| say(level, plugin, &message, call.as_deref()));
    }

    fn may_log(&self) -> bool {
        // Seconds begin at 1, so that the first one differs from the initial window.
        let second = self.began.elapsed().as_secs() + 1;
        let limit = u64::from(self.limits.lines_per_second);
        let spent = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |window| {
            let count = if window >> 32 == second { window & 0xffff_ffff } else { 0 };
            (count < limit).then_some((second << 32) | (count + 1))
        });
        spent.is_ok()
    }
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => json(other).to_string(),
    }
}

/// A value as JSON.
pub(crate) fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn settings(grants: Grants, config: &str, lines_per_second: u32) -> Settings {
        let limits = LogLimits { lines_per_second, ..LogLimits::default() };
        Settings::new("test".into(), grants, config.parse().unwrap(), limits)
    }

    #[test]
    fn configuration_is_text_and_json() {
        let config = "name = 'x'\nnumber = 5\nroutes = { \"49\" = ['sip:192.0.2.1'] }\n";
        let settings = settings(Grants::default(), config, 1);
        assert_eq!(settings.text("name"), Some("x"));
        assert_eq!(settings.text("number"), Some("5"));
        assert_eq!(settings.text("routes"), Some(r#"{"49":["sip:192.0.2.1"]}"#));
        assert_eq!(settings.text("absent"), None);
    }

    #[test]
    fn configuration_that_was_not_granted_is_absent() {
        let settings = settings(Grants { log: true, config: false, state: false }, "name = 'x'", 1);
        assert_eq!((settings.text("name"), settings.config.len()), (None, 0));
    }

    #[test]
    fn lines_beyond_the_limit_are_counted_and_dropped() {
        let settings = settings(Grants::default(), "", 0);
        settings.log(Level::Info, "one".into());
        settings.log(Level::Info, "two".into());
        assert_eq!(settings.lines_dropped.load(Ordering::Relaxed), 2);
    }
}
