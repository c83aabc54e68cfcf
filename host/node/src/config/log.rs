use serde::{Deserialize, Serialize};

/// `[log]`: the log on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is written: a level (`"warn"`, `"info"`, `"debug"`) or directives by module (`"info,jackfield_node::http=debug"`).
    pub filter: String,
    /// How: `"text"` for people, `"json"` for machines, one object a line. Each line about a call has its `conn_id`, as in `jackfield
    /// calls` and call records, and the `call_id` of its first INVITE.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// The forms of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
