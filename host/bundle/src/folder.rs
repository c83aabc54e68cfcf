use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown},
    path::Path,
};

/// Makes a folder, and those above it, that only its owner may use (0700). What the superuser makes belongs to whom the folder that it
/// is made in belongs to: it is for the switch, which is another user.
///
/// # Errors
///
/// When it cannot be made.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if rustix::process::geteuid().is_root()
        && let Some(above) = missing.last().and_then(|path| path.parent())
    {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let owner = fs::metadata(above)?;
        for path in missing {
            chown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn it_belongs_to_whom_the_folder_above_belongs_to() {
        let place = tempfile::tempdir().unwrap();
        // Only the superuser can give things away.
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            chown(place.path(), Some(12_345), Some(12_345)).unwrap();
        }
        let owner = fs::metadata(place.path()).unwrap().uid();
        let folder = place.path().join("data/plugins");
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        for path in [folder.as_path(), folder.parent().unwrap()] {
            let about = fs::metadata(path).unwrap();
            assert_eq!((about.uid(), about.mode() & 0o777), (owner, 0o700), "{}", path.display());
        }
        assert_eq!(owner == 12_345, is_root);
    }
}
