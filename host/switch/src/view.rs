//! What an operator sees of a call.

use std::{sync::Arc, time::Duration};

use model::{ConnId, GenerationRef, Instant, hook::CallFacts};

/// A call at one moment.
#[derive(Clone, Debug)]
pub struct CallView {
    /// The call.
    pub conn: ConnId,
    /// What is known of it.
    pub facts: Arc<CallFacts>,
    /// Where it is.
    pub phase: CallPhase,
    /// When its INVITE came.
    pub started_at: Instant,
    /// How long it has been up, when established.
    pub established_for: Option<Duration>,
    /// The plugin generation that routed it; `None` for the built-in default.
    pub routed_by: Option<GenerationRef>,
    /// The number of the hook table it is pinned to.
    pub table: Option<u64>,
    /// The caller's leg first.
    pub legs: Vec<LegView>,
    /// Whether its media goes through the relay.
    pub anchored: bool,
}

/// A leg at one moment.
#[derive(Clone, Debug)]
pub struct LegView {
    /// The leg's number.
    pub number: u16,
    /// The Request-URI of the leg, or the caller's URI.
    pub uri: String,
    /// The Call-ID of its dialog.
    pub call_id: String,
    /// The name of the trunk it goes over, or came over.
    pub trunk: Option<String>,
    /// Whether this party holds the other.
    pub holding: bool,
}

/// Where a call is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallPhase {
    /// The plugins are asked.
    Routing,
    /// The relay is asked.
    OpeningMedia,
    /// It waits at a routing point.
    Waiting,
    /// A target is tried, no answer yet.
    Trying,
    /// A target is alerting.
    Alerting,
    /// The parties talk.
    Established,
    /// It is over and waits for the last transactions to end.
    Ending,
}

impl CallPhase {
    /// The phase in lower case, for people and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::OpeningMedia => "opening-media",
            Self::Waiting => "waiting",
            Self::Trying => "trying",
            Self::Alerting => "alerting",
            Self::Established => "established",
            Self::Ending => "ending",
        }
    }
}
