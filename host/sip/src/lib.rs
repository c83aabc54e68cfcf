//! SIP (RFC 3261 family), sans-IO: messages, transactions, dialogs, session descriptions.
#![forbid(unsafe_code)]

pub mod auth;
pub mod dialog;
pub mod endpoint;
pub mod locate;
pub mod message;
pub mod offer_answer;
pub mod overload;
pub mod reliable;
pub mod sdp;
pub mod session_timer;
pub mod stream;
mod stun;
pub mod timers;
mod transaction;

pub use message::*;
pub use {
    dialog::{Dialog, DialogError, DialogId, DialogSeed, DialogState},
    endpoint::{
        ClientTx, Endpoint, EndpointConfig, Event, Exempt, Input, LimitError, ListenerConfig,
        Neighbours, Output, ServerTx, Shedding, Stats, fingerprint_of, request_key,
        shard_of_call_id,
    },
    timers::{Timer, Timers},
};
