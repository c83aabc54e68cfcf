use std::time::Duration;

/// What the connections of one worker may use.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections from one address at once.
    pub connections_per_ip_max: usize,
    /// Bytes that may wait for one peer to read them; a peer that leaves more is closed.
    pub write_queue_max: usize,
    /// Bytes that may wait for all peers together; beyond it one that leaves more than a few unread is closed when it is sent more.
    pub unread_max: usize,
    /// Bytes read from one connection before others get their turn.
    pub read_batch_max: usize,
    /// Connections accepted at one listener before others get their turn.
    pub accept_batch_max: usize,
    /// Silence after which a connection is closed.
    pub idle_timeout: Duration,
    /// How long the first message of a connection that was accepted may take.
    pub first_message_timeout: Duration,
    /// How long a message may take from its first byte to its last.
    pub message_timeout: Duration,
    /// How long a connection of ours may take to be made.
    pub connect_timeout: Duration,
    /// How long a TLS handshake may take, with the making of a connection of ours.
    pub handshake_timeout: Duration,
    /// Whether connections that peers with a certificate make are used for our requests to them, where they say so (RFC 5923).
    pub reuse: bool,
    /// The DSCP of what is sent on connections that we make.
    pub dscp: u8,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_ip_max: 5_000,
            write_queue_max: 1 << 20,
            unread_max: 256 << 20,
            read_batch_max: 64 << 10,
            accept_batch_max: 64,
            idle_timeout: Duration::from_secs(7500),
            first_message_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(4),
            handshake_timeout: Duration::from_secs(10),
            reuse: true,
            dscp: 24,
        }
    }
}
