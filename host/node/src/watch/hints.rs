//! Hints of the file system.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// Something happened to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Which.
    pub path: PathBuf,
    /// Whether it is complete: closed after writing, or renamed into place.
    pub closed: bool,
}

/// Keeps the hints coming until it is dropped.
pub struct HintSource {
    _watcher: RecommendedWatcher,
}

impl HintSource {
    /// Watches plugin files and folders, and calls `sink` from a thread of its own.
    ///
    /// # Errors
    ///
    /// When the file system gives no hints; the paths are then only looked at each second.
    pub fn new<'p>(
        paths: impl IntoIterator<Item = &'p Path>,
        sink: impl Fn(Hint) + Send + 'static,
    ) -> notify::Result<Self> {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            event.into_iter().flat_map(hints_of).for_each(&sink);
        })?;
        // A file that is replaced by a rename is another file: its folder is what stays.
        let folders: BTreeSet<&Path> = paths
            .into_iter()
            .filter_map(|path| if path.is_dir() { Some(path) } else { path.parent() })
            .collect();
        for folder in folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(Self { _watcher: watcher })
    }
}

fn hints_of(event: Event) -> impl Iterator<Item = Hint> {
    let closed = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_)) => Some(true),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
            Some(false)
        }
        EventKind::Access(_) | EventKind::Remove(_) => None,
    };
    event.paths.into_iter().filter_map(move |path| Some(Hint { path, closed: closed? }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::{fs, io::Write, sync::mpsc, time::Duration};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_rename_into_place_and_a_close_are_hints_that_the_file_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("route.rhai");
        fs::write(&script, "1").unwrap();
        let (sender, hints) = mpsc::channel();
        let _source = HintSource::new([script.as_path()], move |hint| {
            let _ = sender.send(hint);
        })
        .unwrap();

        let mut file = fs::File::create(&script).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(
            hints.recv_timeout(PATIENCE).unwrap(),
            Hint { path: script.clone(), closed: false }
        );
        drop(file);
        let complete = Hint { path: script.clone(), closed: true };
        while hints.recv_timeout(PATIENCE).unwrap() != complete {}

        let draft = folder.path().join("draft");
        fs::write(&draft, "2").unwrap();
        fs::rename(&draft, &script).unwrap();
        while hints.recv_timeout(PATIENCE).unwrap() != complete {}
    }
}
