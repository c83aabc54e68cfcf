//! `jackfield plugin new`.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use model::hook::Hook;

use super::{args::NewArgs, sdk, template};
use crate::cli::print;

/// Bytes of a plugin's id.
const NAME_BYTES_MAX: usize = 64;

/// Names that Cargo gives to no package, or that are taken in a plugin's folder.
const TAKEN: [&str; 8] =
    ["test", "core", "std", "alloc", "proc-macro", "build", "jackfield-guest", "wit-bindgen"];

/// Makes a folder that builds, passes its tests and runs.
pub(in crate::cli) fn new(args: &NewArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_name(&name)?;
    if folder.exists() {
        bail!("{} is there already; choose another name, or remove it", folder.display());
    }
    let hooks = ordered(&args.hooks);
    let files =
        if args.rhai { template::rhai(&name, &hooks) } else { template::rust(&name, &hooks) };
    let written = files.iter().try_for_each(|(path, text)| write(&folder.join(path), text));
    written.and_then(|()| if args.rhai { Ok(()) } else { sdk::write(folder) })?;
    let path = folder.display();
    let what = if args.rhai { "a script" } else { "a component in Rust" };
    let names: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
    let mut text = format!("{path}: {what} that answers {}. Now\n", names.join(", "));
    for command in template::commands(&path.to_string(), args.rhai) {
        text.push_str(&format!("  {command}\n"));
    }
    print(&text);
    Ok(())
}

/// Writes a file and the folders it is in.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("."))).with_context(failed)?;
    fs::write(path, text).with_context(failed)
}

/// A name that is a plugin's id and a Rust package's.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_good = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(plain);
    if !is_good {
        bail!(
            "`{}` is no name for a plugin; take 1 to {NAME_BYTES_MAX} lower-case letters, digits and hyphens, a letter first, such as night-desk",
            name.escape_debug()
        );
    }
    if TAKEN.contains(&name) {
        bail!(
            "`{name}` is taken by Rust itself or by the library for plugins; choose another name"
        );
    }
    Ok(())
}

/// Each hook once, in the order they come up; `route` when none is wanted.
fn ordered(wanted: &[Hook]) -> Vec<Hook> {
    if wanted.is_empty() {
        return vec![Hook::Route];
    }
    Hook::ALL.into_iter().filter(|hook| wanted.contains(hook)).collect()
}
