//! Which shelves are written down: those that serve or have served, and not those of versions that are tried.

use std::{collections::BTreeMap, sync::Arc};

use super::{KeptChange, KeptNews, Shelf};

/// What is written down of which plugin. Behind a lock of its own, which is held for moments and never on a call's path.
#[derive(Default)]
pub(crate) struct Registry {
    /// Somebody writes it down.
    pub(crate) is_written: bool,
    /// Of each plugin that serves and keeps something.
    serving: Vec<Arc<Shelf>>,
    /// Those, and those that served before and that somebody may still use.
    all: Vec<Arc<Shelf>>,
    /// By plugin the schema that served last.
    last: BTreeMap<Arc<str>, u32>,
    /// To be written down first.
    news: Vec<KeptChange>,
}

/// What is to be written down, and where it comes from.
pub(crate) struct Batch {
    pub(crate) changes: Vec<KeptChange>,
    /// So many of them are of no shelf.
    news: usize,
    shelves: Vec<Arc<Shelf>>,
}

impl Registry {
    /// What serves from now on.
    pub(crate) fn serve(&mut self, serving: Vec<Arc<Shelf>>) {
        for shelf in &serving {
            if !self.all.iter().any(|have| Arc::ptr_eq(have, shelf)) {
                if let Some(missed) = shelf.missed().filter(|missed| *missed > 0) {
                    tracing::warn!(
                        plugin = &*shelf.plugin,
                        schema = shelf.schema,
                        missed,
                        "writes under the schema before came too late to be in this one"
                    );
                }
                self.take_place(shelf);
            }
            let before = self.last.insert(Arc::clone(&shelf.plugin), shelf.schema);
            if self.is_written && before != Some(shelf.schema) {
                self.news.push(shelf.change(KeptNews::Serves));
            }
        }
        self.serving = serving;
        self.sweep();
    }

    /// From now on this one is written down, and no other of its schema: who still uses that one uses it in memory.
    fn take_place(&mut self, shelf: &Arc<Shelf>) {
        let is_other =
            |have: &&mut Arc<Shelf>| have.schema == shelf.schema && have.plugin == shelf.plugin;
        match self.all.iter_mut().find(is_other) {
            Some(place) => {
                // Should it serve again it is written whole.
                place.give_back(&KeptNews::Forget);
                *place = Arc::clone(shelf);
                shelf.give_back(&KeptNews::Forget);
            }
            None => self.all.push(Arc::clone(shelf)),
        }
    }

    /// Nobody goes back to this one.
    pub(crate) fn forget(&mut self, shelf: &Arc<Shelf>) {
        let before = self.all.len();
        self.all.retain(|have| !Arc::ptr_eq(have, shelf));
        if self.is_written && self.all.len() < before {
            self.news.push(shelf.change(KeptNews::Forget));
        }
    }

    /// Everything of a plugin that is written down, or was.
    pub(crate) fn of(&self, plugin: &str) -> Vec<Arc<Shelf>> {
        let all = self.all.iter().chain(&self.serving);
        all.filter(|shelf| *shelf.plugin == *plugin).cloned().collect()
    }

    /// Has a change of no shelf written down, where anything is.
    pub(crate) fn tell(&mut self, change: KeptChange) {
        if self.is_written {
            self.news.push(change);
        }
    }

    /// The shelf of a plugin that serves.
    pub(crate) fn serving(&self, plugin: &str) -> Option<Arc<Shelf>> {
        self.serving.iter().find(|shelf| *shelf.plugin == *plugin).cloned()
    }

    /// Those of all plugins that serve.
    pub(crate) fn each(&self) -> &[Arc<Shelf>] {
        &self.serving
    }

    /// The shelf of a plugin that served last.
    pub(crate) fn last(&self, plugin: &str) -> Option<Arc<Shelf>> {
        self.find(plugin, *self.last.get(plugin)?)
    }

    /// A shelf that is written down.
    pub(crate) fn find(&self, plugin: &str, schema: u32) -> Option<Arc<Shelf>> {
        let is_it = |shelf: &&Arc<Shelf>| shelf.schema == schema && *shelf.plugin == *plugin;
        self.all.iter().find(is_it).cloned()
    }

    /// What is to be written down since the last time.
    pub(crate) fn take(&mut self) -> Batch {
        self.sweep();
        let changes = std::mem::take(&mut self.news);
        Batch { news: changes.len(), changes, shelves: self.all.clone() }
    }

    /// What could not be written down comes first the next time.
    pub(crate) fn give_back(&mut self, batch: &Batch) {
        let (news, changes) = batch.changes.split_at(batch.news);
        self.news.splice(..0, news.iter().cloned());
        for change in changes {
            let is_it = |shelf: &&Arc<Shelf>| {
                shelf.schema == change.schema && *shelf.plugin == *change.plugin
            };
            if let Some(shelf) = batch.shelves.iter().find(is_it) {
                shelf.give_back(&change.what);
            }
        }
    }

    /// Drops those that nobody uses and that are written down as they are.
    fn sweep(&mut self) {
        let is_written = self.is_written;
        self.all
            .retain(|shelf| Arc::strong_count(shelf) > 1 || is_written && shelf.unwritten() > 0);
    }
}

impl Batch {
    /// Looks through the shelves. Apart from [`Registry::take`], so that nobody waits for it.
    pub(crate) fn fill(&mut self) {
        for shelf in &self.shelves {
            shelf.take_changes(&mut self.changes);
        }
    }

    /// It is written down, or was given back.
    pub(crate) fn settle(&self) {
        self.shelves.iter().for_each(|shelf| shelf.settle());
    }
}
