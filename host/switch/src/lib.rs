//! The call engine: calls and their legs, the registrar, and the questions put to plugins.
//!
//! Sans-IO: [`Switch::handle_input`] takes what happened and when, [`Switch::poll_output`] gives what to do about it. **The
//! single-mutation rule:** after every `handle_*` the driver drains `poll_output` to `None` before it hands in anything else,
//! so that what one input caused is done before the next is looked at (a registration is published before the call that needs
//! it is routed).
//!
//! One `Switch` is one shard of calls. A call never spans two shards; it may go from one to another ([`Switch::export`]).
#![forbid(unsafe_code)]

mod answers;
mod authenticate;
mod call;
mod completions;
mod config;
mod consultations;
mod control;
mod controls;
mod devices;
mod dials;
mod door;
mod emergency;
mod errand;
mod events;
mod fact;
mod followed;
mod gruu;
mod image;
mod in_dialog;
mod io;
mod keepalive;
mod moves;
mod options;
mod orders;
mod outbound;
mod proxy;
mod register;
mod registrar;
mod replace;
mod shard;
mod stats;
mod switch;
mod tables;
mod texts;
mod transfers;
mod trunk;
mod turns;
mod view;
mod writes;

pub use authenticate::{AuthConfig, secret_of_password};
pub use call::DiversionStyle;
pub use config::{
    Config, KeepaliveConfig, KeepaliveMethod, Limits, Listener, RegistrarConfig, SessionConfig,
    SessionTimer, Settings, StoreConfig, TakeOver, TransferBy, TransferConfig,
};
pub use control::{Action, Control, Unfit};
pub use devices::{DeviceChange, DeviceConfig};
pub use emergency::{Emergency, EmergencyError};
pub use events::{DialogInfo, DialogPhase, EventsConfig, Watchers, Word};
pub use fact::{Cause, Fact, Party as ReleasedBy, TrunkPassed};
pub use followed::CallEventConfig;
pub use image::{
    CallImage, CallTimer, ContinuedImage, DialogImage, FactsImage, FlowImage, FollowingImage,
    GenerationImage, Held, ImageError, LegImage, MediaImage, MovedCall, NotQuiescent, PartyImage,
    PluginTimerImage, SessionImage, TimerImage, TransferImage, TrunkImage,
    VERSION as IMAGE_VERSION,
};
pub use io::{Command, Input, LocateId, Output, Publish, Reason, StoreOutcome, StoreTicket};
pub use moves::Noted;
pub use shard::shard_of;
pub use stats::Stats;
pub use switch::Switch;
pub use trunk::{
    Login, Network, NetworkError, Probing, Reach, Registering, Registration, TrunkChange,
    TrunkConfig, TrunkError, TrunkStatus,
};
pub use view::{CallPhase, CallView, LegView};
