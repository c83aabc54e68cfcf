use std::sync::Arc;

use model::{GenerationToken, hook::Hook};

use crate::{generation::Generation, metrics::index};

/// The generations that answer each hook at one moment, in the order they are asked. Immutable.
pub(crate) struct HookTable {
    pub(crate) token: GenerationToken,
    pub(crate) generations: Vec<Arc<Generation>>,
    chains: [Vec<Arc<Generation>>; Hook::ALL.len()],
}

impl HookTable {
    /// Makes table number `number`. `generations` come in the order of their sources, which counts where priorities are equal.
    pub(crate) fn new(number: u64, generations: Vec<Arc<Generation>>) -> Self {
        let chain = |hook: Hook| {
            let mut chain: Vec<(i32, &Arc<Generation>)> = generations
                .iter()
                .filter_map(|generation| Some((generation.priority(hook)?, generation)))
                .collect();
            chain.sort_by_key(|(priority, _)| *priority);
            chain.into_iter().map(|(_, generation)| Arc::clone(generation)).collect()
        };
        let chains = Hook::ALL.map(chain);
        Self { token: GenerationToken::new(number), generations, chains }
    }

    /// Whether a generation answers this hook.
    pub(crate) fn answers(&self, hook: Hook) -> bool {
        !self.chain(hook).is_empty()
    }

    pub(crate) fn chain(&self, hook: Hook) -> &[Arc<Generation>] {
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
