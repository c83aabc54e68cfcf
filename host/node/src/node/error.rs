use std::{fmt, io, net::SocketAddr};

use crate::{plugins::LoadError, records::RecordFileError, store::StoreError};

/// Why a node did not start.
#[derive(Debug)]
pub enum StartError {
    /// What is wrong with the plugins.
    Plugins(LoadError),
    /// What is wrong with the store.
    Store(StoreError),
    /// What is wrong with the file of call records.
    Records(RecordFileError),
    /// An address could not be bound.
    Bind {
        /// For what.
        what: &'static str,
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The certificate of a listener: which file, and why it will not do.
    Tls(String),
    /// The media relay.
    Media(relay::RelayError),
    /// The system gave no thread, descriptor or random numbers.
    Os {
        /// For what.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
}

impl StartError {
    pub(crate) fn bind(what: &'static str, address: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Bind { what, address, error }
    }

    pub(super) fn os(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Os { what, error }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugins(error) => write!(f, "the plugins do not load:\n{error}"),
            Self::Tls(reason) => write!(f, "a TLS listener cannot start: {reason}"),
            Self::Bind { what, address, error } => {
                write!(f, "cannot listen on {address} for {what}: {error}")?;
                if error.kind() == io::ErrorKind::AddrInUse {
                    f.write_str("; stop what listens there, or configure another port")?;
                }
                Ok(())
            }
            Self::Store(error) => error.fmt(f),
            Self::Records(error) => error.fmt(f),
            Self::Media(error) => error.fmt(f),
            Self::Os { what, error } => write!(f, "cannot start {what}: {error}"),
        }
    }
}

// What the system said is part of the text: it is no source that would be told a second time.
impl std::error::Error for StartError {}

/// A worker panicked: its calls are lost, and so is the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPanicked {
    /// Which.
    pub shard: usize,
}

impl fmt::Display for WorkerPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} panicked", self.shard)
    }
}

impl std::error::Error for WorkerPanicked {}
