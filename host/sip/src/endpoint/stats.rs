//! Counters of an endpoint.

use std::collections::BTreeMap;

/// What an endpoint has done since it was made, and what it holds now (`*_now`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// INVITE client transactions alive.
    pub invite_clients_now: usize,
    /// Other client transactions alive.
    pub non_invite_clients_now: usize,
    /// INVITE server transactions alive.
    pub invite_servers_now: usize,
    /// Other server transactions alive.
    pub non_invite_servers_now: usize,
    /// Bytes of messages that transactions keep, to send them again.
    pub kept_bytes_now: usize,
    /// Messages read.
    pub messages: u64,
    /// Requests, responses and ACKs sent again, by timer or because the peer repeated itself.
    pub retransmissions_sent: u64,
    /// Requests and ACKs that came again and were not passed up.
    pub retransmissions_absorbed: u64,
    /// Requests the endpoint refused by itself, by status; the statuses are those of RFC 3261 section 21.
    pub refused_by_status: BTreeMap<u16, u64>,
    /// Of those, the requests refused because there was too much to do.
    pub shed: u64,
    /// Datagrams that could neither be read nor answered.
    pub unreadable: u64,
    /// Keep-alives (RFC 5626 section 3.5.1).
    pub keep_alives: u64,
    /// Responses that matched no transaction.
    pub stray_responses: u64,
    /// ACKs that matched nothing.
    pub stray_acks: u64,
    /// Client transactions that timed out.
    pub timeouts: u64,
    /// Final responses, 2xx and others, that were never acknowledged.
    pub unacknowledged: u64,
    /// Events that came in a state with no arrow for them, such as a second final response of the user. Not an error of the
    /// peer: look at the user of the endpoint.
    pub invalid_transitions: u64,
}
