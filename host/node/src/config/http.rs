use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use serde::{Deserialize, Serialize};

/// `[http]`: status, metrics and the API for operators.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The address and port to listen on. An address that is not loopback needs a `token`. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// The bearer token every request must carry (`Authorization: Bearer …`). Absent asks for none.
    pub token: Option<String>,
    /// Connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// Traces of `GET /api/trace` at once; more are refused with 429.
    pub traces_max: usize,
    /// Messages that wait for the reader of a trace; more are left out and counted.
    pub trace_queue_max: usize,
    /// How long a client may take for its request, and a worker for its part of the answer, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            token: None,
            connections_max: 64,
            traces_max: 8,
            trace_queue_max: 4096,
            timeout_ms: 5000,
        }
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("bind", &self.bind)
            .field("token", &self.token.as_ref().map(|_| "(set)"))
            .finish_non_exhaustive()
    }
}
