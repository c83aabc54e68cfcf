//! A plugin on its author's disk.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{anyhow, bail};
use plugin::{Layout, Source};

/// A folder with a `plugin.toml`, a script or a component.
pub(super) struct Project {
    path: PathBuf,
}

impl Project {
    /// The plugin at a path; in the current folder when there is none.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.unwrap_or_else(|| Path::new("."));
        if !path.exists() {
            bail!(
                "there is no {}; name a plugin's folder, a .rhai script or a .wasm component",
                path.display()
            );
        }
        if path.is_dir() && !path.join("plugin.toml").is_file() {
            let shown = path.display();
            bail!(
                "{shown} has no plugin.toml; `jackfield plugin new NAME` makes a folder with one"
            );
        }
        Ok(Self { path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is loaded of it.
    ///
    /// # Errors
    ///
    /// When it is in Rust and was not built yet.
    pub(super) fn source(&self) -> anyhow::Result<Source> {
        if self.is_rust() && !self.code()?.is_file() {
            let shown = self.path.display();
            bail!("{shown} has not been built; run `jackfield plugin build {shown}` first");
        }
        Ok(Source::Path(self.path.clone()))
    }

    /// Whether there is something to compile.
    pub(super) fn is_rust(&self) -> bool {
        self.path.join("Cargo.toml").is_file()
    }

    /// Where the component of a folder is or will be.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest.
    pub(super) fn code(&self) -> anyhow::Result<PathBuf> {
        let code = Layout::of(&self.path)?.code;
        Ok(self.path.join(code.unwrap_or_else(|| PathBuf::from("plugin.wasm"))))
    }

    /// The first source that was changed after the component was built.
    pub(super) fn stale(&self) -> Option<PathBuf> {
        if !self.is_rust() {
            return None;
        }
        let built = changed(&self.code().ok()?)?;
        let mut sources = vec![self.path.join("Cargo.toml")];
        let mut folders = vec![self.path.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).ok()?.flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { sources.push(path) }
            }
        }
        sources.sort();
        sources.into_iter().find(|source| changed(source).is_some_and(|at| at > built))
    }

    /// Its scenario files, by name.
    pub(super) fn scenarios(&self) -> Vec<PathBuf> {
        if self.path.is_dir() {
            return toml_files(&self.path.join("tests"));
        }
        let stem = self.path.file_stem().unwrap_or_default();
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        let name = Path::new(stem).with_extension("toml");
        let beside = [folder.join("tests").join(&name), folder.join(&name)];
        beside.into_iter().find(|file| file.is_file()).into_iter().collect()
    }

    /// The same, and that there are some.
    ///
    /// # Errors
    ///
    /// Where one would be looked for.
    pub(super) fn some_scenarios(&self) -> anyhow::Result<Vec<PathBuf>> {
        let found = self.scenarios();
        if !found.is_empty() {
            return Ok(found);
        }
        let path = self.path.display();
        let where_to = if self.path.is_dir() {
            format!("{path}/tests/*.toml")
        } else {
            let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
            format!("tests/{stem}.toml and {stem}.toml beside {path}")
        };
        Err(anyhow!(
            "no scenario file in {where_to}; write one (docs/plugins/scenarios.md), or name it"
        ))
    }

    /// A line for the author when what is looked at is older than its source.
    pub(super) fn warning(&self) -> Option<String> {
        let source = self.stale()?;
        let path = self.path.display();
        Some(format!(
            "warning: {} was changed after the build; run `jackfield plugin build {path}`\n",
            source.display()
        ))
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files
}
