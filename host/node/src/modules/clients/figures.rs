/// What the clients of a module have counted.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct ClientFigures {
    /// Connected now.
    pub now: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once for a limit.
    pub turned_away: u64,
    /// Connections closed in a handshake of TLS or WebSocket.
    pub handshakes_failed: u64,
    /// Requests taken.
    pub requests: u64,
    /// Copies of events delivered.
    pub deliveries: u64,
    /// Clients closed because they did not read.
    pub not_reading: u64,
}
