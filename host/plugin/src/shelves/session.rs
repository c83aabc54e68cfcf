//! What one question reads and writes. The pool begins a session before it asks and ends it with the answer, on one thread.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use super::{
    Reads, Shelf,
    shelf::{Pair, Write, number, signed},
};
use crate::generation::Generation;

/// What a question has on hand, and what becomes of what it writes.
pub(crate) struct Sitting<'a> {
    /// What it reads.
    shelf: Option<Arc<Shelf>>,
    /// What it is to find instead of what is there now.
    instead: Option<&'a Reads>,
    /// What it writes is kept when its answer is taken.
    keeps: bool,
    /// What it finds is noted.
    notes: bool,
}

/// Reads and writes of one question.
pub(crate) struct Session {
    shelf: Arc<Shelf>,
    instead: Reads,
    /// What it found, where that is noted.
    reads: Option<RefCell<Reads>>,
    /// By key, what the question wants written: the last word, or what is added.
    writes: BTreeMap<Arc<str>, Write>,
    operations_max: usize,
    operations_left: usize,
    list_max: usize,
    /// Bytes and keys that the writes would add.
    grows: (i64, i64),
}

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

impl<'a> Sitting<'a> {
    /// Of a question in earnest. Where somebody looks on, what it finds is noted.
    pub(crate) fn earnest(generation: &Generation, notes: bool) -> Self {
        Self { shelf: generation.shelf(), instead: None, keeps: true, notes }
    }

    /// Of a question that nobody asked in earnest: it reads what is there and writes nothing.
    pub(crate) fn idle(generation: &Generation) -> Self {
        Self { shelf: generation.shelf(), instead: None, keeps: false, notes: false }
    }

    /// Of a question that was asked before: it finds what was found then, and writes nothing.
    pub(crate) fn again(generation: &Generation, found: &'a Reads) -> Self {
        Self { instead: Some(found), ..Self::idle(generation) }
    }

    /// Of a question to a candidate that has a shelf of its own, which nobody else sees.
    pub(crate) const fn alone(shelf: Arc<Shelf>) -> Self {
        Self { shelf: Some(shelf), instead: None, keeps: true, notes: false }
    }

    /// From now on this thread's plugin reads and writes so.
    pub(crate) fn begin(&self) {
        let session = self.shelf.as_ref().map(|shelf| Session {
            instead: self.instead.cloned().unwrap_or_default(),
            reads: self.notes.then(RefCell::default),
            ..Session::of(shelf, shelf.limits.operations_max)
        });
        SESSION.set(session);
    }

    /// The question is over. What it wrote is kept, if its answer was taken. Gives what it found, where that was noted.
    pub(crate) fn end(self, is_taken: bool) -> Reads {
        Session::end(self.keeps && is_taken)
    }
}

impl Session {
    /// From now on this thread's plugin reads and writes this shelf, so many times.
    pub(crate) fn begin(shelf: &Arc<Shelf>, operations: usize) {
        let list_max = shelf.limits.entries_max;
        SESSION.set(Some(Self { list_max, ..Self::of(shelf, operations) }));
    }

    fn of(shelf: &Arc<Shelf>, operations: usize) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            instead: Reads::default(),
            reads: None,
            writes: BTreeMap::new(),
            operations_max: operations,
            operations_left: operations,
            list_max: shelf.limits.list_max,
            grows: (0, 0),
        }
    }

    /// It is over. What it wanted written is, if it `is_taken`.
    pub(crate) fn end(is_taken: bool) -> Reads {
        let Some(session) = SESSION.take() else { return Reads::default() };
        if is_taken {
            // What makes room comes first: the room was reckoned for all of it together.
            let makes_room = |key: &Arc<str>, write: &Write| match write {
                Write::Delete => true,
                Write::Set(value) => {
                    session.shelf.get(key).is_some_and(|old| old.len() >= value.len())
                }
                Write::Add(_) => false,
            };
            let (first, then): (Vec<_>, Vec<_>) =
                session.writes.iter().partition(|(key, write)| makes_room(key, write));
            for (key, write) in first.into_iter().chain(then) {
                session.shelf.write(key, write);
            }
        }
        session.reads.map(RefCell::into_inner).unwrap_or_default()
    }

    fn spend(&mut self) -> Result<(), String> {
        self.operations_left = self.operations_left.checked_sub(1).ok_or_else(|| {
            let most = self.operations_max;
            format!("at most {most} reads and writes at a time (state_operations_max)")
        })?;
        Ok(())
    }

    /// The value that was there when the question came.
    fn found(&self, key: &str) -> Option<Arc<str>> {
        if let Some(found) = self.instead.get(key) {
            return found.cloned();
        }
        let found = self.shelf.get(key);
        if let Some(reads) = &self.reads {
            reads.borrow_mut().note(key, found.as_ref());
        }
        found
    }

    /// The value as this question sees it.
    fn read(&self, key: &str) -> Option<Arc<str>> {
        match self.writes.get(key) {
            None => self.found(key),
            Some(Write::Set(value)) => Some(Arc::clone(value)),
            Some(Write::Delete) => None,
            Some(Write::Add(by)) => {
                let now = number(self.found(key).as_deref()).unwrap_or(0);
                Some(now.saturating_add(*by).to_string().into())
            }
        }
    }

    /// Has a key written, whose value will be so long.
    fn write(&mut self, key: &str, write: Write, length: Option<usize>) -> Result<(), String> {
        let limits = self.shelf.limits;
        if key.is_empty() || key.len() > limits.key_bytes_max || key.contains(char::is_control) {
            let most = limits.key_bytes_max;
            return Err(format!(
                "a key is text of 1 to {most} bytes without control characters (state_key_bytes_max)"
            ));
        }
        if let Some(new) = length.filter(|new| *new > limits.value_bytes_max) {
            let most = limits.value_bytes_max;
            return Err(format!("a value of {new} bytes; at most {most} (state_value_bytes_max)"));
        }
        let old = self.read(key).map(|old| old.len());
        let size = |value: Option<usize>| value.map_or(0, |value| signed(key.len() + value));
        let (bytes, keys) = self.grows;
        let bytes = bytes + size(length) - size(old);
        let keys = keys + i64::from(length.is_some()) - i64::from(old.is_some());
        if bytes > 0 && self.shelf.bytes() + bytes > signed(limits.bytes_max) {
            let most = limits.bytes_max;
            return Err(format!("a plugin keeps at most {most} bytes (state_kib_max)"));
        }
        if keys > 0 && self.shelf.count() + keys > signed(limits.entries_max) {
            let most = limits.entries_max;
            return Err(format!("a plugin keeps at most {most} keys (state_entries_max)"));
        }
        self.grows = (bytes, keys);
        self.writes.insert(key.into(), write);
        Ok(())
    }

    fn list(&self, prefix: &str, most: usize) -> Vec<Pair> {
        let mut found: BTreeMap<_, _> = self.shelf.with_prefix(prefix).into_iter().collect();
        for (key, value) in self.instead.with_prefix(prefix) {
            match value {
                Some(value) => drop(found.insert(Arc::clone(key), Arc::clone(value))),
                None => drop(found.remove(key)),
            }
        }
        for key in self.writes.keys().filter(|key| key.starts_with(prefix)) {
            match self.read(key) {
                Some(value) => drop(found.insert(Arc::clone(key), value)),
                None => drop(found.remove(key)),
            }
        }
        let found: Vec<Pair> = found.into_iter().take(most.min(self.list_max)).collect();
        if let Some(reads) = &self.reads {
            let mut reads = reads.borrow_mut();
            for (key, value) in found.iter().filter(|(key, _)| !self.writes.contains_key(key)) {
                reads.note(key, Some(value));
            }
        }
        found
    }
}

fn with<R>(act: impl FnOnce(&mut Session) -> Result<R, String>) -> Result<R, String> {
    SESSION.with_borrow_mut(|session| match session {
        Some(session) => {
            session.spend()?;
            act(session)
        }
        None => Err("there is nothing to read or write here".to_owned()),
    })
}

/// The value of a key.
pub(crate) fn get(key: &str) -> Result<Option<Arc<str>>, String> {
    with(|session| Ok(session.read(key)))
}

/// Gives a key this value.
pub(crate) fn set(key: &str, value: &str) -> Result<(), String> {
    with(|session| session.write(key, Write::Set(value.into()), Some(value.len())))
}

/// Forgets a key. Gives whether it was there.
pub(crate) fn delete(key: &str) -> Result<bool, String> {
    with(|session| {
        let was_there = session.read(key).is_some();
        session.write(key, Write::Delete, None).map(|()| was_there)
    })
}

/// Adds to the number of a key, which is 0 when it is not there. Gives what it is then, as far as this question knows.
pub(crate) fn increment(key: &str, by: i64) -> Result<i64, String> {
    with(|session| {
        let now = number(session.read(key).as_deref())?.saturating_add(by);
        let text = now.to_string();
        let length = Some(text.len());
        let write = match session.writes.get(key) {
            None => Write::Add(by),
            Some(Write::Add(before)) => Write::Add(before.saturating_add(by)),
            Some(Write::Set(_) | Write::Delete) => Write::Set(text.into()),
        };
        session.write(key, write, length).map(|()| now)
    })
}

/// Keys that begin with `prefix`, with their values, in their order, at most so many.
pub(crate) fn list(prefix: &str, most: usize) -> Result<Vec<Pair>, String> {
    with(|session| Ok(session.list(prefix, most)))
}
