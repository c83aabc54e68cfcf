use std::{ffi::OsString, path::Path, process::Command};

use crate::sysroot::{Place, Sysroot};
use crate::{BuildError, Choice, Obstacle, Rustup, TARGET, choose, command, debian, probe};

/// A compiler that can build plugins.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The machine's own, which has the target.
    Installed {
        /// The compiler.
        rustc: OsString,
    },
    /// Debian's, in the cache.
    Sysroot(Sysroot),
}

impl Toolchain {
    /// Finds a compiler, or makes one. `progress` hears of every step that takes seconds.
    pub(crate) fn find(target_dir: &Path, progress: fn(&str)) -> Result<Self, BuildError> {
        let place = Place::new(&probe::cache_dir(target_dir), &probe::rustc_version()?);
        let cached = place.find();
        let mut facts = probe::facts(cached.is_some())?;
        loop {
            match choose(&facts) {
                Choice::Installed => return Ok(Self::Installed { rustc: probe::rustc() }),
                Choice::CachedSysroot | Choice::MakeSysroot => {
                    // Under the lock it is looked up once more: another build may have made it.
                    return cached.map_or_else(|| place.make(progress), Ok).map(Self::Sysroot);
                }
                Choice::AddTarget => {
                    facts.target_installed = add_target(progress)?;
                    facts.rustup = Rustup::Failed;
                }
                Choice::UpdateLists => {
                    progress("fetching apt's package lists");
                    facts.may_update_lists = false;
                    match debian::update_lists() {
                        Ok(()) => facts.apt = debian::apt(),
                        Err(error) => progress(&error.to_string()),
                    }
                }
                Choice::GiveUp(obstacles) => return Err(no_toolchain(obstacles)),
            }
        }
    }
}

/// Asks rustup for the target; gives whether the compiler has it now.
fn add_target(progress: fn(&str)) -> Result<bool, BuildError> {
    progress(&format!("running `rustup target add {TARGET}`, which plugins are compiled for"));
    let mut rustup = Command::new("rustup");
    match command::succeed("adding the target", rustup.args(["target", "add", TARGET])) {
        Ok(()) => probe::target_installed(),
        Err(error) => {
            progress(&error.to_string());
            Ok(false)
        }
    }
}

fn no_toolchain(obstacles: Vec<Obstacle>) -> BuildError {
    BuildError::NoToolchain { obstacles }
}
