//! Trunks: other networks that calls go to and come from.

mod group;
mod login;
mod network;
mod settings;

pub use network::{Network, NetworkError};
pub use settings::{Login, Probing, Registering, TrunkConfig, TrunkError};

pub(crate) use self::{group::Trunks, login::Challenged};
