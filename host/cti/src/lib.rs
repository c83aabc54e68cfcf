//! What T-Library clients of a node are served by: calls as they see them, DNs and agents.
//!
//! Sans-IO: facts of the call engine and requests of clients go in, events and controls come out.
#![forbid(unsafe_code)]

mod agent_login;
mod answer;
mod calls;
mod client;
mod deliver;
mod distribute;
mod dn;
mod event;
mod filter;
pub mod interaction_proxy;
mod now;
mod options;
mod parties;
mod refusal;
mod registry;
mod reported;
mod requests;
mod server;
pub mod session_controller;
pub mod smart_proxy;
pub mod t_controller;

pub use agent_login::{AgentLogin, AgentLogins};
pub use answer::error;
pub use calls::{Calls, CallsConfig, CallsOutput, called};
pub use client::{ClientId, Module, Token};
pub use deliver::{Deliver, LogLine};
pub use dn::{Dn, DnType, Dns};
pub use event::{CallEvent, MonitorEvent, NoAnswerAction, PartyStatus};
pub use filter::{Filter, Grant};
pub use now::Now;
pub use options::{
    OPTIONS, OptionDef, OptionKind, OptionPlaces, names as option_names, option_named,
};
pub use parties::{Change, Parties, Party};
pub use refusal::Refusal;
pub use registry::{Audience, Registry, RegistryLimits};
pub use requests::{DONE, Handler, handler};
pub use t_controller::{ServerFacts, not_configured};
