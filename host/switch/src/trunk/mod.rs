//! Trunks: other networks that calls go to and come from.

#[cfg(test)]
pub(crate) mod bench;
mod errand;
mod group;
mod keeper;
mod loads;
mod login;
mod network;
mod settings;
mod status;

pub use network::{Network, NetworkError};
pub use settings::{Login, Probing, Registering, TrunkConfig, TrunkError};
pub use status::{Reach, Registration, TrunkChange, TrunkStatus};

pub(crate) use self::{
    errand::Chore, group::Trunks, keeper::Keeper, loads::Loads, login::Challenged,
    settings::escaped,
};
