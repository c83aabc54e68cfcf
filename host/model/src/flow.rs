//! Where a SIP message came from, or goes to.

use std::{fmt, net::SocketAddr};

/// A SIP transport (RFC 3261 section 18, RFC 7118).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// RFC 3261 section 18, unreliable: requests are retransmitted.
    Udp,
    /// RFC 3261 section 18.
    Tcp,
    /// RFC 3261 section 26.2.1.
    Tls,
    /// RFC 7118.
    Ws,
    /// RFC 7118 over TLS.
    Wss,
}

impl Transport {
    /// Whether the transport itself delivers or fails; SIP does not retransmit over it.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// The token of a Via header (RFC 3261 section 25.1).
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.via_token())
    }
}

/// Which of the node's SIP listeners, by its place in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ListenerId(pub u16);

/// The path a message takes: our listener and the peer's address.
///
/// For a stream transport it names a connection; for UDP it is just the two addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow {
    /// The transport of the listener.
    pub transport: Transport,
    /// The listener it came in on, or leaves from.
    pub listener: ListenerId,
    /// The other side.
    pub peer: SocketAddr,
}
