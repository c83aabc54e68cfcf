use std::{borrow::Cow, sync::Arc};

use model::{
    GenerationToken,
    hook::{Hook, Question},
};

use crate::{
    generation::Generation,
    metrics::index,
    trial::{Side, Trial},
};

/// One plugin in the chain of a hook.
#[derive(Clone)]
pub(crate) struct Post {
    /// What serves; `None` where only the candidate answers this hook.
    serving: Option<Arc<Generation>>,
    pub(crate) trial: Option<Arc<Trial>>,
}

impl Post {
    /// The generation to ask about this call. `None` when only a candidate answers the hook, which is not asked about it.
    pub(crate) fn choose(&self, question: &Question) -> Option<(Cow<'_, Arc<Generation>>, Side)> {
        match &self.trial {
            Some(trial) if trial.side(question) == Side::Candidate => {
                let answers = trial.candidate.priority(question.hook()).is_some();
                answers.then(|| (Cow::Borrowed(&trial.candidate), Side::Candidate))
            }
            Some(_) | None => Some((self.serving()?, Side::Serving)),
        }
    }

    /// What serves, or what serves instead of it since it was rolled back.
    pub(crate) fn serving(&self) -> Option<Cow<'_, Arc<Generation>>> {
        let serving = self.serving.as_ref()?;
        Some(serving.instead().map_or(Cow::Borrowed(serving), Cow::Owned))
    }

    /// Whether it is of this plugin.
    pub(crate) fn is_of(&self, plugin: &str) -> bool {
        let candidate = self.trial.as_ref().map(|trial| &trial.candidate);
        self.serving.as_ref().or(candidate).is_some_and(|g| *g.reference.plugin == *plugin)
    }
}

/// A plugin as a table has it.
pub(crate) struct Entry {
    pub(crate) serving: Arc<Generation>,
    pub(crate) trial: Option<Arc<Trial>>,
}

impl Entry {
    /// Its place at a hook, with its priority there: that of what serves, where it answers.
    fn post(&self, hook: Hook) -> Option<(i32, Post)> {
        let candidate = self.trial.as_ref().and_then(|trial| trial.candidate.priority(hook));
        let priority = self.serving.priority(hook).or(candidate)?;
        let serving = self.serving.priority(hook).map(|_| Arc::clone(&self.serving));
        Some((priority, Post { serving, trial: self.trial.clone() }))
    }
}

/// The generations that answer each hook at one moment, in the order they are asked. Immutable.
pub(crate) struct HookTable {
    pub(crate) token: GenerationToken,
    /// Every generation in it, those on trial included.
    pub(crate) generations: Vec<Arc<Generation>>,
    _tenures: Vec<Arc<()>>,
    chains: [Vec<Post>; Hook::ALL.len()],
}

impl HookTable {
    /// Makes table number `number`. `entries` come in the order of their sources, which counts where priorities are equal.
    pub(crate) fn new(number: u64, entries: &[Entry]) -> Self {
        let chain = |hook: Hook| {
            let mut chain: Vec<(i32, Post)> =
                entries.iter().filter_map(|entry| entry.post(hook)).collect();
            chain.sort_by_key(|(priority, _)| *priority);
            chain.into_iter().map(|(_, post)| post).collect()
        };
        let chains = Hook::ALL.map(chain);
        let generations = entries.iter().flat_map(|entry| {
            let candidate = entry.trial.iter().map(|trial| &trial.candidate);
            std::iter::once(&entry.serving).chain(candidate).cloned()
        });
        let generations: Vec<_> = generations.collect();
        let tenures = generations.iter().map(|generation| Arc::clone(&generation.tenure));
        Self {
            token: GenerationToken::new(number),
            _tenures: tenures.collect(),
            generations,
            chains,
        }
    }

    /// Whether a generation answers this hook.
    pub(crate) fn answers(&self, hook: Hook) -> bool {
        !self.chain(hook).is_empty()
    }

    pub(crate) fn chain(&self, hook: Hook) -> &[Post] {
        &self.chains[index(hook)]
    }

    /// Whether a call is pinned to it.
    pub(crate) fn is_pinned(&self) -> bool {
        // The table itself holds one.
        self.token.holders() > 1
    }
}

/// All tables at one moment. Immutable; a change replaces it whole.
pub(crate) struct Tables {
    pub(crate) current: Arc<HookTable>,
    /// Those that served before and that calls are pinned to, oldest first.
    pub(crate) former: Vec<Arc<HookTable>>,
}

impl Tables {
    /// The table for a question, and whether it is the one that was asked for.
    pub(crate) fn pick(&self, pin: Option<&GenerationToken>) -> (&HookTable, bool) {
        let Some(pin) = pin.filter(|pin| pin.table() != self.current.token.table()) else {
            return (&self.current, true);
        };
        let pinned = self.former.iter().find(|table| table.token.table() == pin.table());
        pinned.map_or((&self.current, false), |table| (table, true))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<HookTable>> {
        self.former.iter().chain([&self.current])
    }
}
