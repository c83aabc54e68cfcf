//! The log of the System Monitor, thread 1536: its figures every ten seconds, in the shape of section 8.6 of the reference.

use std::{fmt::Write as _, io, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tracing::error;

use super::api::Api;
use crate::{
    modules::{LogFile, ModuleSettings},
    sip_log::LogPlan,
};

/// How often the figures are written.
const INTERVAL: Duration = Duration::from_secs(10);

/// What is needed to write it.
#[derive(Clone)]
pub struct MonitorLog {
    /// Whether it is written, and where.
    pub plan: LogPlan,
    /// What the switch calls itself in the name of the file.
    pub application: String,
}

impl MonitorLog {
    /// Writes for as long as the server runs.
    pub(super) async fn run(self, api: Arc<Api>) {
        let mut open: Option<(Arc<ModuleSettings>, LogFile)> = None;
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let settings = self.plan.settings();
            if open.as_ref().is_none_or(|(have, _)| !have.has_logs_of(&settings)) {
                let unix = api.clock.unix(api.clock.now());
                open = match self.open(&settings, unix).transpose() {
                    Ok(log) => log.map(|log| (settings, log)),
                    Err(error) => {
                        error!(%error, "the log of the System Monitor cannot be written, and is tried again");
                        None
                    }
                };
            }
            let Some((_, log)) = &mut open else { continue };
            // A worker that does not answer in time is told of by who reads the HTTP API.
            let Ok(monitor) = api.monitor().await else { continue };
            let unix = api.clock.unix(api.clock.now());
            if let Ok(Value::Object(modules)) = serde_json::to_value(&monitor) {
                statistics(log, unix, &modules);
            }
            log.flush(unix);
        }
    }

    fn open(&self, settings: &ModuleSettings, unix: Duration) -> Option<io::Result<LogFile>> {
        let folder = settings.log_folder.as_ref().filter(|_| settings.log_sip)?;
        Some(LogFile::open(folder, format!("{}-1536", self.application), &settings.log, unix))
    }
}

/// A header, and a line for each module of the node, each trunk and each client.
fn statistics(log: &mut LogFile, unix: Duration, modules: &Map<String, Value>) {
    let time = log.time(unix).full();
    let text = log.text();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{time} ---------- SIP Server Statistics ----------");
    for (name, of) in modules {
        match of {
            Value::Object(fields) => {
                let _ = write!(text, "gtsCore/{name}");
                line(text, fields, "");
            }
            Value::Array(elements) => {
                for fields in elements.iter().filter_map(Value::as_object) {
                    let key = if fields.contains_key("trunk") { "trunk" } else { "client" };
                    let value = fields.get(key).unwrap_or(&Value::Null);
                    let _ = write!(text, "{name} {}={}", key.to_uppercase(), value);
                    line(text, fields, key);
                }
            }
            _ => {}
        }
    }
    text.push('\n');
}

/// What is there of the fields but for the one that was written, each as JSON writes it.
fn line(text: &mut String, fields: &Map<String, Value>, but: &str) {
    for (key, value) in fields.iter().filter(|(key, value)| *key != but && !value.is_null()) {
        let _ = write!(text, " {key}={value}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::modules::LogSettings;

    #[test]
    fn figures_are_lines_of_keys_and_values() {
        let folder = tempfile::tempdir().unwrap();
        let settings = LogSettings::bench(1 << 20);
        let at = Duration::from_millis(1_700_000_000_042);
        let mut log = LogFile::open(folder.path(), "SIPS-1536".to_owned(), &settings, at).unwrap();
        let modules = json!({
            "sipServer": {"calls": 2, "node": "a \"b\"\n"},
            "sipSessionController": null,
            "sipTrunkStatistics": [{"trunk": "one", "capacity": null, "calls": 1, "call_rate": 0.1}],
            "tLibClientsStatistics": [{"client": 7, "module": "TCO"}],
        });
        statistics(&mut log, at, modules.as_object().unwrap());
        let mut lines: Vec<&str> = log.text().lines().collect();
        assert_eq!(
            lines.remove(0),
            "2023-11-14T22:13:20.042 ---------- SIP Server Statistics ----------"
        );
        let wanted = [
            r#"gtsCore/sipServer calls=2 node="a \"b\"\n""#,
            r#"sipTrunkStatistics TRUNK="one" call_rate=0.1 calls=1"#,
            r#"tLibClientsStatistics CLIENT=7 module="TCO""#,
            "",
        ];
        assert_eq!(lines, wanted);
    }
}
