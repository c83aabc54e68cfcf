use serde::{Deserialize, Serialize};

/// `[streams]`: what connections (TCP, TLS) may use. The numbers of connections hold for each worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamsConfig {
    /// Connections at once; more are closed as they come. The limit of open files must allow them.
    pub connections_max: usize,
    /// Connections from one address at once; more are closed as they come.
    pub connections_per_ip_max: usize,
    /// What may wait for one peer to read it, in KiB; a peer that leaves more unread is closed.
    pub write_queue_kib: usize,
    /// What may wait for all peers of a worker together, in MiB; beyond it a peer that leaves more than 16 KiB unread is closed when there
    /// is more for it.
    pub unread_mib_max: usize,
    /// What is read from one connection before the others get their turn, in KiB.
    pub read_batch_kib: usize,
    /// Connections accepted at one listener before the others get their turn.
    pub accept_batch_max: usize,
    /// Silence after which a connection is closed, in seconds. Longer than a registration, so that a phone that keeps silent
    /// between two is still called over its connection.
    pub idle_timeout_s: u64,
    /// How long the first message of a connection may take, in seconds.
    pub first_message_timeout_s: u64,
    /// How long a message may take from its first byte to its last, and a peer to read anything of what waits for it, in seconds.
    pub message_timeout_s: u64,
    /// How long a connection to a peer may take to be made, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a TLS handshake may take, with the making of a connection of ours, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// Whether a TLS connection that a peer has made is used for our requests to it as well, where its Via says so (RFC 5923, `alias`) and it has
    /// shown a certificate of the host that they are for; that takes a listener with `client_ca`.
    pub reuse_connections: bool,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_ip_max: 5_000,
            write_queue_kib: 1024,
            unread_mib_max: 256,
            read_batch_kib: 64,
            accept_batch_max: 64,
            idle_timeout_s: 7500,
            first_message_timeout_s: 30,
            message_timeout_s: 10,
            connect_timeout_ms: 4000,
            handshake_timeout_ms: 10_000,
            reuse_connections: true,
        }
    }
}
