use std::{net::SocketAddr, sync::Arc};

use cti::ClientId;
use tlib::session::SessionStats;

/// A client at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientView {
    /// Which.
    pub id: ClientId,
    /// What it calls itself; empty before it has said so.
    pub application: Arc<str>,
    /// Its address.
    pub peer: SocketAddr,
    /// What its session counted.
    pub stats: SessionStats,
    /// Bytes and messages that wait for it.
    pub queued: (usize, usize),
}
