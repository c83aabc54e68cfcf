//! The library for plugins that this program was built with, as files, and `jackfield plugin sdk`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use model::Digest;
use sha2::{Digest as _, Sha256};

use super::{args::SdkArgs, new, project::Project};
use crate::cli::print;

/// Its folder in a plugin's.
const FOLDER: &str = "sdk";
/// Says which version it is.
const NOTE: &str = "VERSION";
/// Stands before the digest in the note.
const DIGEST: &str = "sha256 ";

macro_rules! sources {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../../../../../sdk/", $path)))),+]
    };
}

/// The sources of the library, by their paths below `sdk`.
const SOURCES: [(&str, &str); 20] = sources![
    "guest/src/access.rs",
    "guest/src/answer.rs",
    "guest/src/because.rs",
    "guest/src/bindings.rs",
    "guest/src/call.rs",
    "guest/src/clients.rs",
    "guest/src/config.rs",
    "guest/src/edits.rs",
    "guest/src/event.rs",
    "guest/src/export.rs",
    "guest/src/export_clients.rs",
    "guest/src/host.rs",
    "guest/src/lib.rs",
    "guest/src/memory.rs",
    "guest/src/plugin.rs",
    "guest/src/rewrite.rs",
    "guest/src/state.rs",
    "guest/src/testing.rs",
    "guest/src/value.rs",
    "wit/v1/plugin.wit",
];

/// Writes the library into a plugin's folder.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let files = files()?;
    for (path, text) in &files {
        new::write(&folder.join(FOLDER).join(path), text)?;
    }
    new::write(&folder.join(FOLDER).join(NOTE), &note(&files))
}

/// Replaces the library in a plugin's folder by that of this program.
pub(in crate::cli) fn refresh(args: &SdkArgs) -> anyhow::Result<()> {
    let project = Project::open(args.folder.as_deref())?;
    if !project.is_rust() {
        bail!("{} is not in Rust and needs no library", project.path().display());
    }
    let folder = project.path().join(FOLDER);
    let files = files()?;
    if folder.exists() {
        let (have, noted) = (digest(&on_disk(&folder)?), noted(&folder));
        if have == digest(&files) {
            print(&format!("{}: that of this version already\n", folder.display()));
            return Ok(());
        }
        if noted.as_deref() != Some(have.as_str()) && !args.force {
            bail!("the files in {} were changed by hand; --force replaces them", folder.display());
        }
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    write(project.path())?;
    print(&format!("{}: {}\n", folder.display(), version()));
    Ok(())
}

/// A line for the author of a plugin whose library is that of another version.
pub(super) fn hint(folder: &Path) -> Option<String> {
    let noted = noted(&folder.join(FOLDER))?;
    let ours = digest(&files().ok()?);
    let path = folder.display();
    (noted != ours).then(|| {
        format!("note: {path}/sdk is that of another version, which will do; `jackfield plugin sdk {path}` replaces it\n")
    })
}

/// What this program carries.
fn version() -> String {
    let contract = SOURCES.iter().find_map(|(path, text)| {
        let name = text.lines().find_map(|line| line.strip_prefix("package "));
        name.filter(|_| path.ends_with(".wit")).map(|name| name.trim_end_matches(';'))
    });
    let program = env!("CARGO_PKG_VERSION");
    format!("the library of jackfield {program}, for the contract {}", contract.unwrap_or_default())
}

fn note(files: &[(String, String)]) -> String {
    let version = version();
    format!(
        "{version}\nNothing writes here but `jackfield plugin sdk`, which replaces it by that of another version.\n{DIGEST}{}\n",
        digest(files)
    )
}

/// The digest that the note in a folder gives.
fn noted(folder: &Path) -> Option<String> {
    let note = fs::read_to_string(folder.join(NOTE)).ok()?;
    note.lines().find_map(|line| line.strip_prefix(DIGEST)).map(str::to_owned)
}

/// The library's files, by their paths.
fn files() -> anyhow::Result<Vec<(String, String)>> {
    let mut files: Vec<(String, String)> =
        SOURCES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    files.push(("guest/Cargo.toml".to_owned(), manifest()?));
    files.sort();
    Ok(files)
}

/// The library's `Cargo.toml` with all that it takes from this program's workspace written out.
fn manifest() -> anyhow::Result<String> {
    let ours: toml::Table = include_str!("../../../../../sdk/guest/Cargo.toml").parse()?;
    let workspace: toml::Table = include_str!("../../../../../Cargo.toml").parse()?;
    let workspace = workspace.get("workspace").ok_or_else(|| anyhow!("no workspace"))?;
    let mut written = toml::Table::new();
    for (section, shared) in
        [("package", "package"), ("features", "features"), ("dependencies", "dependencies")]
    {
        let Some(toml::Value::Table(values)) = ours.get(section) else { continue };
        let mut out = toml::Table::new();
        for (key, value) in values {
            let is_shared = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            let inherited = workspace.get(shared).and_then(|shared| shared.get(key));
            let value = match inherited {
                Some(inherited) if is_shared => inherited.clone(),
                _ if is_shared => bail!("the workspace has no {section}.{key}"),
                _ => value.clone(),
            };
            out.insert(key.clone(), value);
        }
        written.insert(section.to_owned(), out.into());
    }
    Ok(written.to_string())
}

/// SHA-256 over names and contents, in hexadecimal digits.
fn digest(files: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(path, text)| [path, text]) {
        // Lengths keep one part from running into the next.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Digest(hash.finalize().into()).to_string()
}

/// The files below a folder but the note, by their paths.
fn on_disk(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let failed = || format!("cannot read {}", next.display());
        for entry in fs::read_dir(&next).with_context(failed)? {
            let path: PathBuf = entry.with_context(failed)?.path();
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name != NOTE {
                let text = fs::read(&path).with_context(failed)?;
                files.push((name, String::from_utf8_lossy(&text).into_owned()));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[path = "sdk_test.rs"]
mod tests;
