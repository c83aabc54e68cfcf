use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[node]`: the process as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// What this node calls itself in its status and metrics.
    pub name: String,
    /// Threads that run calls. Each has its own sockets and its own share of the calls.
    pub workers: u16,
    /// Host names and addresses that are ours: `user@host` with one of these is a subscriber of this node. Empty takes the
    /// addresses of the SIP listeners and `localhost`.
    pub domains: Vec<String>,
    /// The IANA time zone plugins see local time in, such as `Europe/Vienna`. Absent takes the system's zone.
    pub zone: Option<String>,
    /// Whether the configuration file is read again when it changes. Without it `jackfield reload` or SIGHUP has it read.
    pub watch_config: bool,
    /// The folder for what the switch keeps for itself over a restart, such as compiled plugins; made when it is not there. Absent keeps
    /// nothing of that.
    pub data_path: Option<PathBuf>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            name: "jackfield".to_owned(),
            workers: 1,
            domains: Vec::new(),
            zone: None,
            watch_config: false,
            data_path: None,
        }
    }
}
