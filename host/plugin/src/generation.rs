use std::sync::Arc;

use model::{GenerationRef, hook::Hook};

use crate::{
    Kind,
    body::Body,
    metrics::{Metrics, index},
    strikes::Strikes,
};

/// One version of one plugin, ready to answer. Code, configuration, grants and limits never change.
pub(crate) struct Generation {
    pub(crate) reference: GenerationRef,
    /// Tells generations of this process apart, also those with equal digests.
    pub(crate) key: u64,
    pub(crate) kind: Kind,
    pub(crate) version: String,
    /// The hooks it is asked at, each with its priority.
    pub(crate) hooks: Vec<(Hook, i32)>,
    pub(crate) body: Box<dyn Body>,
    pub(crate) strikes: [Strikes; Hook::ALL.len()],
    /// Shared with the other generations of the plugin.
    pub(crate) metrics: Arc<Metrics>,
}

impl Generation {
    pub(crate) fn priority(&self, hook: Hook) -> Option<i32> {
        self.hooks.iter().find(|(have, _)| *have == hook).map(|(_, priority)| *priority)
    }

    pub(crate) fn strikes(&self, hook: Hook) -> &Strikes {
        &self.strikes[index(hook)]
    }
}
