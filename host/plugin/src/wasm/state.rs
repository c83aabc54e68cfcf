use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use model::hook::CallFacts;
use wasmtime::ResourceLimiter;

use super::{
    bindings::jackfield::plugin::{
        logging, snapshot, state as kept,
        types::{self, Level as GuestLevel},
    },
    body::Held,
};
use crate::{
    facts::fact,
    settings::{Level, Settings},
    shelves,
};

/// What the host keeps for one instance.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    /// The call of the question in hand.
    pub(crate) facts: Option<Arc<CallFacts>>,
    settings: Arc<Settings>,
    /// The last error the guest logged within this question: after a trap, most likely its last words.
    pub(crate) last_words: Option<String>,
}

impl State {
    pub(crate) fn new(limiter: Limiter, settings: Arc<Settings>) -> Self {
        Self { limiter, facts: None, settings, last_words: None }
    }
}

impl types::Host for State {}

impl snapshot::Host for State {
    fn header(&mut self, name: String) -> Vec<String> {
        let facts = self.facts.as_deref();
        facts.map_or_else(Vec::new, |facts| facts.headers.get(&name).map(str::to_owned).collect())
    }

    fn config(&mut self, key: String) -> Option<String> {
        self.settings.text(&key).map(str::to_owned)
    }

    fn fact(&mut self, name: String) -> Option<String> {
        self.facts.as_deref().and_then(|facts| fact(facts, &name))
    }

    fn labels(&mut self) -> Vec<(String, String)> {
        self.facts.as_deref().map_or_else(Vec::new, |facts| facts.labels.clone())
    }
}

impl kept::Host for State {
    fn get(&mut self, key: String) -> Result<Option<String>, String> {
        Ok(shelves::get(&key)?.map(|value| value.to_string()))
    }

    fn set(&mut self, key: String, value: String) -> Result<(), String> {
        shelves::set(&key, &value)
    }

    fn delete(&mut self, key: String) -> Result<bool, String> {
        shelves::delete(&key)
    }

    fn increment(&mut self, key: String, by: i64) -> Result<i64, String> {
        shelves::increment(&key, by)
    }

    fn list(&mut self, prefix: String, most: u32) -> Result<Vec<(String, String)>, String> {
        let found = shelves::list(&prefix, usize::try_from(most).unwrap_or(usize::MAX))?;
        Ok(found.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    }
}

impl logging::Host for State {
    fn log(&mut self, level: GuestLevel, message: String) {
        let level = match level {
            GuestLevel::Debug => Level::Debug,
            GuestLevel::Info => Level::Info,
            GuestLevel::Warn => Level::Warn,
            GuestLevel::Error => {
                self.last_words = Some(message.clone());
                Level::Error
            }
        };
        self.settings.log(level, message);
    }
}

/// Counts what an instance holds and ends it when it asks for more than it may have.
#[derive(Debug)]
pub(crate) struct Limiter {
    pub(crate) memory_max: usize,
    pub(crate) memory: usize,
    /// What all instances of the component hold.
    pub(crate) held: Arc<Held>,
    pub(crate) elements_max: usize,
    pub(crate) elements: usize,
    pub(crate) parts_max: usize,
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.held.memory.fetch_sub(self.memory, Ordering::Relaxed);
    }
}

/// Why the host ended a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It used up its CPU time.
    Time,
    /// It asked for so many bytes.
    Memory {
        /// All it would hold.
        wanted: usize,
    },
    /// It asked for so many elements of tables.
    Elements {
        /// All it would hold.
        wanted: usize,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time => f.write_str("used up its CPU time"),
            Self::Memory { wanted } => write!(f, "wanted {wanted} bytes of memory"),
            Self::Elements { wanted } => write!(f, "wanted {wanted} table elements"),
        }
    }
}

impl std::error::Error for Ended {}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_max {
            return Err(Ended::Memory { wanted }.into());
        }
        self.held.memory.fetch_add(wanted.saturating_sub(self.memory), Ordering::Relaxed);
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        if wanted > self.elements_max {
            return Err(Ended::Elements { wanted }.into());
        }
        self.elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.parts_max
    }

    fn tables(&self) -> usize {
        self.parts_max
    }

    fn memories(&self) -> usize {
        self.parts_max
    }
}
