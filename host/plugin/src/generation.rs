use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use bundle::BundleDigest;
use model::{GenerationRef, hook::Hook};

use record::Rule;

use crate::{
    Kind,
    body::Body,
    keep::Origin,
    metrics::{Metrics, Tally, index},
    quarantine::Quarantine,
    settings::Settings,
    shadow::Patience,
    shelves::Shelf,
};

/// What of a plugin serves, at any time.
pub(crate) type Serving = Arc<ArcSwapOption<Generation>>;

/// One version of one plugin, ready to answer. Code, configuration, grants and limits never change.
pub(crate) struct Generation {
    pub(crate) reference: GenerationRef,
    /// Tells generations of this process apart, also those with equal digests.
    pub(crate) key: u64,
    pub(crate) kind: Kind,
    pub(crate) version: String,
    /// The hooks it is asked at, each with its priority.
    pub(crate) hooks: Vec<(Hook, i32)>,
    /// How its manifest wants it to come into service: for so many of a thousand calls first.
    pub(crate) canary: Option<u16>,
    /// What it is in the store, if it comes from there.
    pub(crate) stored: Option<BundleDigest>,
    /// How its manifest wants it to be compared before that.
    pub(crate) shadow: Option<Patience>,
    /// The differences from the version before it that its author expects.
    pub(crate) expect: Vec<Rule>,
    pub(crate) origin: Arc<Origin>,
    /// Failures that were kept, by hook.
    pub(crate) kept: [AtomicU32; Hook::ALL.len()],
    pub(crate) body: Box<dyn Body>,
    /// What it keeps from question to question, if it may. One for all versions of a plugin that have the same schema. It changes when a
    /// version with a schema of its own is promoted.
    pub(crate) shelf: Option<ArcSwap<Shelf>>,
    pub(crate) quarantines: [Quarantine; Hook::ALL.len()],
    /// Shared with the other generations of the plugin.
    pub(crate) metrics: Arc<Metrics>,
    /// Its own.
    pub(crate) tally: Tally,
    pub(crate) settings: Arc<Settings>,
    /// Set when it was rolled back: what of its plugin serves at any time since.
    pub(crate) instead: OnceLock<Serving>,
    /// Held by every table it is in.
    pub(crate) tenure: Arc<()>,
    /// One more than the place in [`Hook::ALL`] of a hook that came into quarantine.
    pub(crate) tripped: AtomicUsize,
}

impl Generation {
    pub(crate) fn priority(&self, hook: Hook) -> Option<i32> {
        self.hooks.iter().find(|(have, _)| *have == hook).map(|(_, priority)| *priority)
    }

    /// What it keeps from question to question.
    pub(crate) fn shelf(&self) -> Option<Arc<Shelf>> {
        self.shelf.as_ref().map(ArcSwap::load_full)
    }

    pub(crate) fn quarantine(&self, hook: Hook) -> &Quarantine {
        &self.quarantines[index(hook)]
    }

    /// Counts a failure that may be kept; its number from 1, `None` when enough of this hook are.
    pub(crate) fn count_failure(&self, hook: Hook, most: u32) -> Option<u32> {
        let more = |kept: u32| Some(kept + 1).filter(|kept| *kept <= most);
        let counter = &self.kept[index(hook)];
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|had| had + 1)
    }

    /// What serves instead of it, since it was rolled back.
    pub(crate) fn instead(&self) -> Option<Arc<Self>> {
        self.instead.get()?.load_full()
    }

    /// Whether it is in a table. One that is kept to go back to is in none, and needs no instances.
    pub(crate) fn is_in_service(&self) -> bool {
        Arc::strong_count(&self.tenure) > 1
    }

    /// It comes into service: what tripped before is forgotten.
    pub(crate) fn calm_down(&self) {
        self.tripped.store(0, Ordering::Relaxed);
    }

    /// A hook of it came into quarantine.
    pub(crate) fn trip(&self, hook: Hook) {
        self.tripped.store(index(hook) + 1, Ordering::Relaxed);
    }

    /// Which hook did.
    pub(crate) fn tripped(&self) -> Option<Hook> {
        let at = self.tripped.load(Ordering::Relaxed).checked_sub(1)?;
        Hook::ALL.into_iter().find(|hook| index(*hook) == at)
    }
}
