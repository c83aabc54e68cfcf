use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use tlib::log::{LogFilter, Shown};

use super::tlib_listen::{PORTS, TlibListen};

/// `[tlib]`: T-Library clients: where they connect, what they may use. `docs/cti.md` shows how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlibSection {
    /// One block `[[tlib.listen]]` for each port of a module. Without any, and where there is a `[[dn]]`, there are the four of seed names
    /// on loopback: `default` on 7000, `TCport` on 7001, `IPport` on 7002 and `SmartProxy` on 7003.
    pub listen: Vec<TlibListen>,
    /// What the switch calls itself to its clients and in the names of its module logs.
    pub application: String,
    /// The ApplicationPassword that every client must give; absent takes every client. Off loopback it should be there.
    pub password: Option<String>,
    /// Clients of one module at once; more are closed as they come.
    pub clients_max: usize,
    /// The largest message of a client, in KiB.
    pub message_kib_max: usize,
    /// Frames of one message of a WebSocket. Browsers send one; some libraries cut a message after so many kilobytes.
    pub fragments_max: usize,
    /// What may wait for one client to read it, in KiB; a client that leaves more unread is closed.
    pub write_queue_kib: usize,
    /// Requests of one client a second in the long run; more are answered EventError 569.
    pub requests_per_second_max: u32,
    /// Requests that one client may send at once: a monitor registers on all its DNs when it connects.
    pub requests_burst_max: u32,
    /// How long a client may take to say who it is, in milliseconds, once its connection is there.
    pub hello_timeout_ms: u64,
    /// How long the handshakes of TLS and WebSocket may take, both together, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// Connections of one module whose handshake is under way; when one more comes, the oldest of them is closed.
    pub handshakes_max: usize,
    /// How long a line may be silent before the switch asks whether the client is there, in seconds; as long again without an answer and it is
    /// closed. A client may ask for another time. 0 asks nobody who has not asked for it.
    pub keep_alive_s: u64,
    /// DNs of one client.
    pub dns_per_client_max: usize,
    /// Clients of one DN.
    pub clients_per_dn_max: usize,
    /// Calls that clients are told of at once; what goes beyond it has no events, and is counted.
    pub calls_max: usize,
    /// Requests that wait for a call at once; beyond it they are answered EventError 111.
    pub requests_max: usize,
    /// How long a request may wait for the event that answers it, in milliseconds; then it is answered EventError 57.
    pub request_timeout_ms: u64,
    /// User data of one call, in bytes of their packed form.
    pub user_data_bytes_max: usize,
    /// How long a routing client may take for a call at a Routing Point that has a `default-dn` and no `router-timeout` of its own, in
    /// seconds.
    pub router_timeout_s: u64,
    /// How long the Session Controller, when it was told something of calls, gathers what else happens before it looks again, in microseconds: what
    /// comes while it rests goes on at once, and under load all modules are woken so often at most. 0 gathers nothing. Requests of clients do not
    /// wait for it.
    pub gather_us: u64,
    /// The folder of the modules' logs, in which every request and every event is text; absent writes none. Files are named as
    /// `SIPS-1280.20261122_065859_123.log`, by `application`, the module's thread (none for the Session Controller, 1024 Interaction Proxy, 1280 T-Controller, 1792 Smart
    /// Proxy) and the time they begin at.
    pub log_path: Option<PathBuf>,
    /// A log file that is larger is followed by another, in MiB.
    pub log_mib_max: u64,
    /// Log files of each module; the oldest go.
    pub log_files_max: usize,
    /// Whether the logs have a line for each copy of an event that goes to a client.
    pub log_deliveries: bool,
    /// Whether there are logs of SIP beside them, where there is a `log_path`: each message of a call or a registration (`-001`), OPTIONS and
    /// what comes of them (`-512`), the listeners (`-768`) and the figures of the System Monitor every ten seconds (`-1536`).
    pub log_sip: bool,
    /// SIP messages that may wait to be written there; beyond it they are left out, which the log says.
    pub log_sip_queue_max: usize,
    /// What logs show of a key of user data, extensions and reasons: `copy`, `skip`, `hide` or `truncate`, by key: `{ Card = "hide" }`.
    pub log_filter: BTreeMap<String, String>,
    /// What waits for a module while it is behind, in messages, and an eighth more for answers. Modules wait for one another's room; no call does: new
    /// calls are not told to clients any more when a quarter of it is left, and one of which something finds no room is cleared (EventReleased, Reliability 2).
    pub mailbox_max: usize,
}

impl Default for TlibSection {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            application: "SIPS".to_owned(),
            password: None,
            clients_max: 2000,
            message_kib_max: 256,
            fragments_max: 1024,
            write_queue_kib: 4096,
            requests_per_second_max: 1000,
            requests_burst_max: 20_000,
            hello_timeout_ms: 5000,
            handshake_timeout_ms: 5000,
            handshakes_max: 256,
            keep_alive_s: 30,
            dns_per_client_max: 100_000,
            clients_per_dn_max: 2000,
            calls_max: 100_000,
            requests_max: 10_000,
            request_timeout_ms: 60_000,
            user_data_bytes_max: 16_000,
            router_timeout_s: 10,
            gather_us: 2000,
            log_path: None,
            log_mib_max: 64,
            log_files_max: 10,
            log_deliveries: false,
            log_sip: true,
            log_sip_queue_max: 65_536,
            log_filter: BTreeMap::new(),
            mailbox_max: 65_536,
        }
    }
}

impl TlibSection {
    /// What logs show of key-value lists; the error names what cannot be.
    pub(crate) fn filter(&self) -> Result<LogFilter, String> {
        let mut filter = LogFilter::default();
        for (key, shown) in &self.log_filter {
            let shown: Shown = shown.parse().map_err(|_| {
                format!(
                    "`{}` of {key} is none of copy, skip, hide and truncate",
                    shown.escape_debug()
                )
            })?;
            filter.by_key.insert(key.clone(), shown);
        }
        Ok(filter)
    }

    /// The ports that are to be opened, where there are DNs or not.
    pub(crate) fn ports(&self, has_dns: bool) -> Vec<TlibListen> {
        if !self.listen.is_empty() || !has_dns {
            return self.listen.clone();
        }
        let default = |(name, port): (&str, u16)| TlibListen {
            name: name.to_owned(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            ..TlibListen::default()
        };
        PORTS.into_iter().map(default).collect()
    }
}
