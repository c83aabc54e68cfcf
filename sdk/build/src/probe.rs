//! What this machine has, asked from the cheapest to the dearest.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Apt, BuildError, Facts, Rustup, TARGET, command, debian};

/// The compiler that would be used if the machine had nothing else.
pub(crate) fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The cargo to run; inside a build script the one that runs it.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// `rustc -vV`: which compiler this is, to the commit.
pub(crate) fn rustc_version() -> Result<String, BuildError> {
    command::read("asking rustc for its version", Command::new(rustc()).arg("-vV"))
}

/// Looks at the machine. What a cheaper fact makes needless to know is not looked at.
pub(crate) fn facts(sysroot_cached: bool) -> Result<Facts, BuildError> {
    let target_installed = target_installed()?;
    if target_installed || sysroot_cached {
        return Ok(Facts {
            target_installed,
            sysroot_cached,
            rustup: Rustup::Absent,
            apt: Apt::Absent,
            may_update_lists: false,
        });
    }
    Ok(Facts {
        target_installed,
        sysroot_cached,
        rustup: rustup(),
        apt: debian::apt(),
        may_update_lists: debian::may_update_lists(),
    })
}

/// Whether the compiler in use has the target's standard library.
pub(crate) fn target_installed() -> Result<bool, BuildError> {
    let mut ask = Command::new(rustc());
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    let dir = command::read("asking rustc where the target's library is", &mut ask)?;
    Ok(has_std(Path::new(dir.trim())))
}

/// Whether a directory holds a compiled standard library.
pub(crate) fn has_std(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

/// Where sysroots are kept: the user's cache, or the plugins' target directory for a user
/// without one.
pub(crate) fn cache_dir(target_dir: &Path) -> PathBuf {
    let absolute =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map_or_else(|| target_dir.to_owned(), |cache| cache.join("jackfield"))
}

fn rustup() -> Rustup {
    if !command::exists("rustup") {
        Rustup::Absent
    } else if env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0") {
        Rustup::Forbidden
    } else {
        Rustup::Ready
    }
}
