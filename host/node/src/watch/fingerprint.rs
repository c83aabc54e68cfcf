//! What a plugin's files hold, as a digest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use model::Digest;
use sha2::{Digest as _, Sha256};

/// Files of one plugin folder that are looked at.
const FILES_MAX: usize = 256;
/// Bytes of one file that are looked at.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The size and digest of a plugin's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    /// Bytes of all files.
    pub size: u64,
    /// SHA-256 over their names and contents.
    pub digest: Digest,
}

/// The fingerprint of a file, or of the files directly in a folder; `None` while it cannot be read or is too large.
pub fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let mut size = 0;
    let mut hash = Sha256::new();
    for file in files(path).ok()? {
        if fs::metadata(&file).ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let content = fs::read(&file).ok()?;
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        size += content.len() as u64;
        // Lengths first, so that no two sets of files hash alike.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(&content);
    }
    Some(Fingerprint { size, digest: Digest(hash.finalize().into()) })
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)?.take(FILES_MAX) {
        let entry = entry?;
        if fs::metadata(entry.path())?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_folder_changes_with_any_of_its_files_and_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("plugin.toml"), "id = 1").unwrap();
        fs::write(at("main.rhai"), "1").unwrap();
        let first = fingerprint(folder.path()).unwrap();
        assert_eq!(fingerprint(folder.path()), Some(first));
        fs::write(at("main.rhai"), "2").unwrap();
        let second = fingerprint(folder.path()).unwrap();
        assert_ne!(second.digest, first.digest);
        fs::rename(at("main.rhai"), at("other.rhai")).unwrap();
        assert_ne!(fingerprint(folder.path()).unwrap().digest, second.digest);
        assert_eq!(second.size, 7);
    }

    #[test]
    fn a_missing_file_has_no_fingerprint() {
        assert_eq!(fingerprint(Path::new("no/such/file.rhai")), None);
    }
}
