use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
};

use papaya::{Compute, HashMap, Operation};

use super::{KeptChange, KeptNews};
use crate::KeepLimits;

/// What one plugin keeps under one schema. Nobody waits for anybody who reads or writes it.
pub(crate) struct Shelf {
    pub(crate) plugin: Arc<str>,
    /// The number that its manifest gives the form of what is in it.
    pub(crate) schema: u32,
    pub(crate) limits: KeepLimits,
    /// Somebody writes it down.
    is_written: bool,
    entries: HashMap<Arc<str>, Arc<str>>,
    /// Keys that were changed since the last time they were written down.
    changed: HashMap<Arc<str>, ()>,
    /// All of it is to be written down, in the place of what was.
    is_fresh: AtomicBool,
    /// Changes that were taken to be written down, and are not known to be.
    taken: AtomicUsize,
    // Two workers may tell of one key in another order than they changed it, so that these are below zero for a moment.
    bytes: AtomicI64,
    count: AtomicI64,
    writes: AtomicU64,
    refused: AtomicU64,
    /// What it was made from, and how many writes that had seen.
    made_from: Option<(Weak<Self>, u64)>,
}

/// What one plugin keeps, for who looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose it is.
    pub plugin: String,
    /// The number of its schema.
    pub schema: u32,
    /// Bytes of keys and values.
    pub bytes: usize,
    /// Keys there are.
    pub count: usize,
    /// Writes since it was loaded.
    pub writes: u64,
    /// Writes that found no room, or no number to add to, when their answer was taken.
    pub refused: u64,
    /// Keys whose last change has not been written down; none where nothing is.
    pub unwritten: usize,
    /// Keys and values in the order of the keys, those that were asked for.
    pub entries: Vec<(String, String)>,
}

/// A key with its value.
pub(crate) type Pair = (Arc<str>, Arc<str>);

/// A write that waits for its answer to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Set(Arc<str>),
    Delete,
    /// Adds to what is there when it is made.
    Add(i64),
}

impl Shelf {
    /// A shelf with these entries, which `is_written` down, and is so already.
    pub(crate) fn new(
        plugin: Arc<str>,
        schema: u32,
        limits: KeepLimits,
        entries: Vec<(String, String)>,
        is_written: bool,
    ) -> Self {
        let shelf = Self {
            plugin,
            schema,
            limits,
            is_written,
            entries: HashMap::new(),
            changed: HashMap::new(),
            is_fresh: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
            bytes: AtomicI64::new(0),
            count: AtomicI64::new(0),
            writes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            made_from: None,
        };
        {
            let map = shelf.entries.pin();
            for (key, value) in entries {
                shelf.bytes.fetch_add(signed(key.len() + value.len()), Ordering::Relaxed);
                shelf.count.fetch_add(1, Ordering::Relaxed);
                map.insert(key.into(), value.into());
            }
        }
        shelf
    }

    /// A copy, for another schema or for who must not touch this one.
    pub(crate) fn copy(self: &Arc<Self>, schema: u32, is_written: bool) -> Self {
        // Counted first: what is written meanwhile may be in the copy, and is then told as missed.
        let writes = self.writes();
        let entries = self.with_prefix("").into_iter();
        let entries = entries.map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let plugin = Arc::clone(&self.plugin);
        Self {
            is_fresh: AtomicBool::new(is_written),
            made_from: Some((Arc::downgrade(self), writes)),
            ..Self::new(plugin, schema, self.limits, entries, is_written)
        }
    }

    /// One like it with nothing on it, which nobody writes down.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(Arc::clone(&self.plugin), self.schema, self.limits, Vec::new(), false)
    }

    /// The same of what was written down: as it is now it is not.
    pub(crate) fn fresh(self) -> Self {
        Self { is_fresh: AtomicBool::new(self.is_written), ..self }
    }

    /// How many writes what it was made from has seen since; `None` when that is gone, or it was made from none.
    pub(crate) fn missed(&self) -> Option<u64> {
        let (source, seen) = self.made_from.as_ref()?;
        Some(source.upgrade()?.writes().saturating_sub(*seen))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<str>> {
        self.entries.pin().get(key).cloned()
    }

    /// Keys that begin with `prefix`, with their values, in no order.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<Pair> {
        let entries = self.entries.pin();
        let found = entries.iter().filter(|(key, _)| key.starts_with(prefix));
        found.map(|(key, value)| (Arc::clone(key), Arc::clone(value))).collect()
    }

    pub(crate) fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed).max(0)
    }

    pub(crate) fn count(&self) -> i64 {
        self.count.load(Ordering::Relaxed).max(0)
    }

    /// Writes since it was loaded.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Writes that were not made.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Makes a write, unless another worker has taken the room for it meanwhile, or has put there what is no number.
    pub(crate) fn write(&self, key: &Arc<str>, write: &Write) {
        let entries = self.entries.pin();
        let done = entries.compute(Arc::clone(key), |entry| {
            let old = entry.map(|(_, value)| value);
            let new = match write {
                Write::Set(value) => Some(Arc::clone(value)),
                Write::Delete => None,
                Write::Add(by) => match number(old.map(|old| &**old)) {
                    Ok(now) => Some(now.saturating_add(*by).to_string().into()),
                    Err(_) => return Operation::Abort(false),
                },
            };
            match (old, new) {
                (None, None) => Operation::Abort(true),
                (Some(_), None) => Operation::Remove,
                (old, Some(new)) if self.has_room(key, old, &new) => Operation::Insert(new),
                (_, Some(_)) => Operation::Abort(false),
            }
        });
        let (bytes, count) = match done {
            Compute::Inserted(_, value) => (signed(key.len() + value.len()), 1),
            Compute::Updated { old: (_, old), new: (_, new) } => {
                (signed(new.len()) - signed(old.len()), 0)
            }
            Compute::Removed(_, value) => (-signed(key.len() + value.len()), -1),
            Compute::Aborted(true) => return,
            Compute::Aborted(false) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.count.fetch_add(count, Ordering::Relaxed);
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.mark(key);
    }

    fn has_room(&self, key: &str, old: Option<&Arc<str>>, new: &str) -> bool {
        let grows = match old {
            Some(old) => signed(new.len()) - signed(old.len()),
            None => signed(key.len() + new.len()),
        };
        let is_full = old.is_none() && self.count() >= signed(self.limits.entries_max);
        let is_heavy = grows > 0 && self.bytes() + grows > signed(self.limits.bytes_max);
        !is_full && !is_heavy
    }

    /// A key has changed.
    fn mark(&self, key: &Arc<str>) {
        if !self.is_written {
            return;
        }
        let changed = self.changed.pin();
        // Keys that are gone are on this list too. It does not grow for as long as a disk takes nothing.
        if changed.len() > self.limits.entries_max.saturating_mul(2) {
            self.is_fresh.store(true, Ordering::Release);
        } else {
            changed.insert(Arc::clone(key), ());
        }
    }

    /// What was written so far is how it begins.
    pub(crate) fn begin(&self) {
        self.writes.store(0, Ordering::Relaxed);
    }

    /// News of it.
    pub(crate) fn change(&self, what: KeptNews) -> KeptChange {
        KeptChange { plugin: self.plugin.to_string(), schema: self.schema, what }
    }

    /// Adds what is to be written down since the last time, the oldest news of each key left out.
    pub(crate) fn take_changes(&self, changes: &mut Vec<KeptChange>) {
        let changed = self.changed.pin();
        let keys: Vec<Arc<str>> = if self.is_fresh.swap(false, Ordering::Acquire) {
            changes.push(self.change(KeptNews::Forget));
            changed.clear();
            self.entries.pin().keys().cloned().collect()
        } else {
            changed.keys().cloned().collect()
        };
        for key in keys {
            // Taken off the list before it is read: what is written meanwhile puts it there again.
            self.taken.fetch_add(1, Ordering::Relaxed);
            changed.remove(&key);
            changes.push(self.change(match self.get(&key) {
                Some(value) => KeptNews::Put(key.to_string(), value.to_string()),
                None => KeptNews::Remove(key.to_string()),
            }));
        }
    }

    /// What was taken is written down, or was given back.
    pub(crate) fn settle(&self) {
        self.taken.store(0, Ordering::Relaxed);
    }

    /// What was taken to be written down was not: it is to be tried again.
    pub(crate) fn give_back(&self, what: &KeptNews) {
        match what {
            KeptNews::Put(key, _) | KeptNews::Remove(key) => self.mark(&key.as_str().into()),
            KeptNews::Forget | KeptNews::Serves => {
                self.is_fresh.store(self.is_written, Ordering::Release);
            }
        }
    }

    /// Keys whose last change is not written down.
    pub(crate) fn unwritten(&self) -> usize {
        let whole = if self.is_fresh.load(Ordering::Relaxed) { self.entries.len() } else { 0 };
        whole.max(self.changed.len()) + self.taken.load(Ordering::Relaxed)
    }

    /// Forgets these keys. Gives how many were there.
    pub(crate) fn forget(&self, keys: impl Iterator<Item = Arc<str>>) -> usize {
        let there = keys.filter(|key| self.get(key).is_some());
        there.map(|key| self.write(&key, &Write::Delete)).count()
    }

    /// Has it hold this and nothing else.
    pub(crate) fn fill(&self, entries: &[(String, String)]) {
        self.forget(self.with_prefix("").into_iter().map(|(key, _)| key));
        for (key, value) in entries {
            self.write(&key.as_str().into(), &Write::Set(value.as_str().into()));
        }
    }

    /// What there is, with the entries whose keys begin with `prefix` and come behind `after`, at most so many.
    pub(crate) fn shown(&self, prefix: &str, after: &str, most: usize) -> Kept {
        let mut found = if most == 0 { Vec::new() } else { self.with_prefix(prefix) };
        found.retain(|(key, _)| **key > *after);
        found.sort();
        found.truncate(most);
        let unsigned = |value: i64| usize::try_from(value).unwrap_or(0);
        Kept {
            plugin: self.plugin.to_string(),
            schema: self.schema,
            bytes: unsigned(self.bytes()),
            count: unsigned(self.count()),
            writes: self.writes(),
            refused: self.refused.load(Ordering::Relaxed),
            unwritten: self.unwritten(),
            entries: found.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        }
    }
}

/// The number that a value is, 0 where there is none.
pub(crate) fn number(value: Option<&str>) -> Result<i64, String> {
    let Some(value) = value else { return Ok(0) };
    value.parse().map_err(|_| "the value is no whole number".to_owned())
}

/// As a number that may be added to one below zero.
pub(crate) fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
