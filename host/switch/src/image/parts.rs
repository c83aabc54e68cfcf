//! What the legs and the media of a call are made of.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::wire;

/// One leg: its dialog, and what the call knows of its party.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LegImage {
    /// 0 for the caller's.
    pub number: u16,
    /// The URI it was called with; of the caller the one it called from.
    pub uri: String,
    /// Its user as `user@host`, if it is one of ours that was called.
    pub user: Option<String>,
    /// Our Contact towards it.
    pub contact: String,
    /// The dialog.
    pub dialog: DialogImage,
    /// Where its first INVITE came from, or went to.
    pub flow: FlowImage,
    /// Whether it holds the other.
    pub holding: bool,
    /// Whether we have called it.
    pub was_called: bool,
    /// The trunk it is reached over.
    pub trunk: Option<TrunkImage>,
    /// Its session timer, if it has one.
    pub session: Option<SessionImage>,
    /// Whether it takes UPDATE.
    pub takes_update: bool,
}

/// A confirmed dialog (RFC 3261 section 12).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DialogImage {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The party's tag; empty when it has none.
    pub remote_tag: String,
    /// Our address without the tag.
    pub local_uri: String,
    /// The party's address without its tag.
    pub remote_uri: String,
    /// The URI of its Contact.
    pub remote_target: String,
    /// The routes to it, in order.
    pub route_set: Vec<String>,
    /// The CSeq number of our latest request; 0 for none.
    pub local_cseq: u32,
    /// The CSeq number of its latest request.
    pub remote_cseq: Option<u32>,
    /// Where it is reached.
    pub flow: FlowImage,
}

/// A path to a party.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FlowImage {
    /// The name of the listener.
    pub listener: String,
    /// The transport as in a Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub transport: String,
    /// The party's address.
    pub peer: SocketAddr,
}

/// A trunk that a leg goes over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkImage {
    /// Its name.
    pub name: String,
    /// The number that was called.
    pub number: String,
}

/// A session timer (RFC 4028).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionImage {
    /// The interval, in seconds.
    pub interval_s: u32,
    /// Whether we refresh it.
    pub ours: bool,
    /// When it ends, from now.
    pub expires_in: Duration,
    /// When it is to be refreshed or given up, from now.
    pub due_in: Duration,
}

/// What a call is woken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallTimer {
    /// The session of the caller.
    SessionOfCaller,
    /// The session of the called party.
    SessionOfCallee,
    /// The call has lasted as long as it may.
    CallLength,
    /// The parties are to be asked whether they are there.
    Probe,
}

/// A timer that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimerImage {
    /// What for.
    pub what: CallTimer,
    /// When, from now; zero for one that is late.
    pub due_in: Duration,
}

/// What is kept for the plugins that follow a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FollowingImage {
    /// How long they have followed it.
    pub age: Duration,
    /// Events that were left out since the last that was told.
    pub missed: u32,
    /// Commands so far.
    pub commands: u32,
    /// The legs that have rung: one bit each.
    pub rang: u64,
    /// Their timers.
    pub timers: Vec<PluginTimerImage>,
}

/// A timer of a plugin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PluginTimerImage {
    /// Its name.
    pub name: String,
    /// The plugin that is told.
    pub by: String,
    /// When, from now.
    pub due_in: Duration,
}

/// The generation that routed a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GenerationImage {
    /// The plugin's id.
    pub plugin: String,
    /// Which of its generations, as the node counts that made the image.
    pub serial: u64,
    /// The SHA-256 digest, in hexadecimal digits.
    pub digest: String,
}

/// The media of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MediaImage {
    /// Whether it goes through the relay, whose relay has the name of the call.
    pub anchored: bool,
    /// Whether that relay is open.
    pub open: bool,
    /// Our addresses of each stream, towards the caller and towards the called party.
    pub ports: Vec<(SocketAddr, SocketAddr)>,
    /// Whether a plugin holds the caller, and the called party.
    #[serde(default)]
    pub held: [bool; 2],
    /// Whether the relay has been told of the called party.
    pub callee_known: bool,
    /// The last description of each party as it came, the caller's first.
    #[serde(with = "wire::octets::pair")]
    pub said: [Option<Vec<u8>>; 2],
    /// The sessions that a party knows from another call, the caller's first.
    pub continued: [Option<ContinuedImage>; 2],
}

/// A session that a party knows from another call and that goes on (RFC 3264 section 8).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContinuedImage {
    /// The user name of its origin.
    pub user: String,
    /// Its number.
    pub id: String,
    /// The version that the party was told last.
    pub version: u64,
    /// What it was told last in the other call.
    #[serde(with = "wire::octets")]
    pub first: Vec<u8>,
    /// What it was told last.
    #[serde(with = "wire::octets")]
    pub told: Vec<u8>,
}
