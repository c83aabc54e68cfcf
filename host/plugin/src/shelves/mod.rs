//! What plugins keep from question to question: keys and values, one shelf a plugin, read and written by all workers at once.
//!
//! **Invariant:** what a question writes is written when its answer was taken as one, and never else: not of a trap, a rehearsal, a
//! comparison or a self-test.

mod life;
mod reads;
mod registry;
mod session;
mod shelf;

use std::collections::BTreeMap;

pub(crate) use reads::Reads;
pub(crate) use registry::Registry;
pub(crate) use session::{Session, Sitting, delete, get, increment, list, set};
pub use shelf::Kept;
pub(crate) use shelf::Shelf;

/// What was written down of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenDown {
    /// The number of the schema under which it kept things last; `None` when it never did.
    pub serving: Option<u32>,
    /// By the number of a schema the keys with their values.
    pub entries: BTreeMap<u32, Vec<(String, String)>>,
}

/// What plugins kept before, as it was written down. Asked when a plugin is loaded, never on a call's path.
pub trait KeptSource: Send + Sync {
    /// Everything that was written down of a plugin.
    ///
    /// # Errors
    ///
    /// A sentence that says why it cannot be read; the plugin is not loaded then.
    fn load(&self, plugin: &str) -> Result<WrittenDown, String>;
}

/// A change of what a plugin keeps, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// Whose it is.
    pub plugin: String,
    /// The number of its schema.
    pub schema: u32,
    /// What has changed.
    pub what: KeptNews,
}

/// What has changed of what a plugin keeps under one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptNews {
    /// From now on the plugin keeps things under this schema.
    Serves,
    /// Everything that was written down under it is to be forgotten.
    Forget,
    /// A key has this value.
    Put(String, String),
    /// A key is gone.
    Remove(String),
}
