use std::sync::Arc;

use model::{
    Moment,
    hook::{Failure, FailureKind, Hook, Question},
};

use crate::{proposal::Proposal, ticker::Slot};

/// The code of one generation, whatever engine runs it. Immutable and shared by all workers.
pub(crate) trait Body: Send + Sync {
    /// Whether the code answers this hook.
    fn answers(&self, hook: Hook) -> bool;

    /// How many instances of it live, and the bytes of their memories. A script has none.
    fn held(&self) -> (usize, usize) {
        (0, 0)
    }
    /// Brings what is kept, which the caller has begun a session with, from one schema into another; `None` when the code has no such
    /// thing. The caller has begun a measured run on this thread.
    fn migrate(&self, slot: &Arc<Slot>, from: u32, to: u32) -> Option<Result<(), Failure>>;

    /// Makes an instance for the worker whose guest calls are watched through `slot`. Guest code may run, so the caller has
    /// begun a measured run on this thread.
    fn instance(&self, slot: &Arc<Slot>) -> Result<Box<dyn Instance>, Failure>;
}

/// One running copy of the code, used by one thread. After an error the caller throws it away.
pub(crate) trait Instance: Send {
    /// Puts the question. The caller has begun a measured run on this thread and catches panics.
    fn ask(&mut self, question: &Question, moment: Moment) -> Result<Proposal, Failure>;
}

pub(crate) fn failure(kind: FailureKind, detail: impl Into<String>) -> Failure {
    Failure { kind, detail: detail.into() }
}
