//! Who asks for something.

use std::fmt;

/// The modules of a node (seed 001), each with clients of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Module {
    /// The default port: routing clients.
    SessionController,
    /// TCport: desktops and smart clients.
    TController,
    /// IPport: call-data recorders.
    InteractionProxy,
    /// SmartProxy: monitors of all DNs.
    SmartProxy,
}

impl Module {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::SessionController, Self::TController, Self::InteractionProxy, Self::SmartProxy];

    /// The name of its port (seed 001).
    pub const fn port(self) -> &'static str {
        match self {
            Self::SessionController => "default",
            Self::TController => "TCport",
            Self::InteractionProxy => "IPport",
            Self::SmartProxy => "SmartProxy",
        }
    }

    /// The module of a port.
    pub fn of_port(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.port() == name)
    }

    /// The tag of its log (seed 001, table of threads).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::SessionController => "CTI",
            Self::TController => "TCO",
            Self::InteractionProxy => "IPR",
            Self::SmartProxy => "SPX",
        }
    }

    /// The id of its thread in the names of log files (seed 001); the Session Controller's file has none.
    pub const fn thread(self) -> Option<u16> {
        match self {
            Self::SessionController => None,
            Self::TController => Some(1280),
            Self::InteractionProxy => Some(1024),
            Self::SmartProxy => Some(1792),
        }
    }
}

/// A client that is connected; never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    /// Whose client it is.
    pub module: Module,
    /// Which of that module, counted from 1 since the start of the node.
    pub number: u64,
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.module.tag(), self.number)
    }
}

/// Names a request in flight: its answer goes to this client with this ReferenceID, and everybody else's copy has none (section 1.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    /// Who asked.
    pub client: ClientId,
    /// The ReferenceID that the client gave.
    pub reference: u32,
}
