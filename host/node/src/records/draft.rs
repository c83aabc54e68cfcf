use std::sync::Arc;

use model::{Instant, hook::CallFacts};
use switch::Fact;

/// What is known of a call so far, in the order it was told.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The call, as the dial plan left it.
    pub facts: Arc<CallFacts>,
    /// When its INVITE came.
    pub offered_at: Instant,
    /// What happened to it since.
    pub events: Vec<(Instant, Fact)>,
    /// Whether events were left out because they were too many.
    pub truncated: bool,
    /// When it was over, or given up by a switch that stops.
    pub ended_at: Instant,
}

impl Draft {
    /// The draft of a call that has just been offered.
    pub const fn new(facts: Arc<CallFacts>, at: Instant) -> Self {
        Self { facts, offered_at: at, events: Vec::new(), truncated: false, ended_at: at }
    }
}
