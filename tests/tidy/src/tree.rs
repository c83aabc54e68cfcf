//! The files of the tree, as text.

use std::{fs, io, path::Path};

/// What is never part of the source; in a work tree of its own `.git` is a file.
const SKIPPED: [&str; 4] = [".git", "target", "__pycache__", "node_modules"];

/// Files read at most; a tree that grows past it has something in it that does not belong.
const FILES_MAX: usize = 20_000;

/// One text file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path from the root, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// True when the file's name ends in `.<extension>`.
    pub fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, ending)| ending == extension)
    }

    /// True when the whole file is a test: it lies under a folder `tests` or is named `<noun>_test.rs`.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests") || self.path.ends_with("_test.rs")
    }
}

/// The root of the tree this crate was built in.
pub fn root() -> &'static Path {
    // tests/tidy lies two folders below the root.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Every text file below `root`, ordered by path; files that are not UTF-8 are left out.
///
/// # Errors
///
/// When a folder cannot be listed, or more than the limit of files are found.
pub fn files(root: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if SKIPPED.contains(&entry.file_name().to_string_lossy().as_ref()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                let below = path.strip_prefix(root).unwrap_or(&path);
                found.push(File { path: below.to_string_lossy().replace('\\', "/"), text });
            }
        }
        if found.len() > FILES_MAX {
            return Err(io::Error::other(format!("more than {FILES_MAX} files below the root")));
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_folder_of_the_workspace() {
        assert!(root().join("host/model/Cargo.toml").is_file());
    }

    #[test]
    fn a_test_is_known_by_its_folder_or_its_name() {
        let file = |path: &str| File { path: path.to_owned(), text: String::new() };
        assert!(file("tests/world/src/lib.rs").is_test());
        assert!(file("host/sip/tests/torture.rs").is_test());
        assert!(file("host/sip/src/message_test.rs").is_test());
        assert!(!file("host/sip/src/message.rs").is_test());
        assert!(file("a/b.rs").is("rs"));
        assert!(!file("a/b.rs").is("s"));
    }
}
