//! Notices that a plugin's files changed and were written to the end.
//!
//! `notify` is the hint, a content hash the truth. After a close-after-write or a rename the files are read at once; otherwise
//! when they stood still for a while; and each second all of them are looked at, for file systems that give no hints.

mod fingerprint;
mod hints;
mod settle;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use fingerprint::{Fingerprint, fingerprint};
pub use hints::{Hint, HintSource};
pub use settle::{Look, Settler};

/// How often everything is looked at without a hint.
pub const BACKSTOP: Duration = Duration::from_secs(1);

/// Watches the files of a set of plugins.
pub struct Watch {
    settlers_by_path: BTreeMap<PathBuf, Settler>,
    looks_due: BTreeMap<PathBuf, Instant>,
    backstop_at: Instant,
}

impl Watch {
    /// Begins with what the paths (files or folders) hold now: only later changes are reported.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, now: Instant) -> Self {
        let settlers_by_path = paths
            .into_iter()
            .map(|path| {
                let settler = Settler::new(fingerprint(&path));
                (path, settler)
            })
            .collect();
        Self { settlers_by_path, looks_due: BTreeMap::new(), backstop_at: now + BACKSTOP }
    }

    /// The paths that are watched.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.settlers_by_path.keys().map(PathBuf::as_path)
    }

    /// When [`Self::due`] wants to be called next.
    pub fn deadline(&self) -> Instant {
        self.looks_due.values().copied().fold(self.backstop_at, Instant::min)
    }

    /// Takes a hint about a file; gives the plugin path that is to be loaded again, if it is complete.
    pub fn on_hint(&mut self, now: Instant, hint: &Hint) -> Option<PathBuf> {
        let path = self.settlers_by_path.keys().find(|path| hint.path.starts_with(path))?.clone();
        self.look(now, &path, Some(hint.closed)).then_some(path)
    }

    /// Looks at what is due; gives the plugin paths that are to be loaded again.
    pub fn due(&mut self, now: Instant) -> Vec<PathBuf> {
        let paths: Vec<PathBuf> = if now >= self.backstop_at {
            self.backstop_at = now + BACKSTOP;
            self.settlers_by_path.keys().cloned().collect()
        } else {
            let due = self.looks_due.iter().filter(|(_, at)| **at <= now);
            due.map(|(path, _)| path.clone()).collect()
        };
        paths.into_iter().filter(|path| self.look(now, path, None)).collect()
    }

    fn look(&mut self, now: Instant, path: &Path, closed: Option<bool>) -> bool {
        let Some(settler) = self.settlers_by_path.get_mut(path) else { return false };
        self.looks_due.remove(path);
        match settler.look(now, fingerprint(path), closed) {
            Look::Load => true,
            Look::Again(at) => {
                self.looks_due.insert(path.to_owned(), at);
                false
            }
            Look::Rest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_backstop_finds_a_change_without_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("route.rhai");
        std::fs::write(&script, "1").unwrap();
        let t0 = Instant::now();
        let mut watch = Watch::new([script.clone()], t0);
        std::fs::write(&script, "2").unwrap();
        assert_eq!(watch.deadline(), t0 + BACKSTOP);
        assert!(watch.due(t0 + BACKSTOP).is_empty(), "it may still be written to");
        let still = watch.deadline();
        assert!(still < t0 + BACKSTOP * 2);
        assert_eq!(watch.due(still), std::slice::from_ref(&script));
        assert!(watch.due(t0 + BACKSTOP * 2).is_empty());
    }

    #[test]
    fn a_hint_about_a_file_in_a_plugin_folder_is_about_the_plugin() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("route");
        std::fs::create_dir(&plugin).unwrap();
        let t0 = Instant::now();
        let mut watch = Watch::new([plugin.clone()], t0);
        std::fs::write(plugin.join("main.rhai"), "1").unwrap();
        let hint = |path: PathBuf| Hint { path, closed: true };
        assert_eq!(watch.on_hint(t0, &hint(folder.path().join("other"))), None);
        assert_eq!(watch.on_hint(t0, &hint(plugin.join("main.rhai"))), Some(plugin));
    }
}
