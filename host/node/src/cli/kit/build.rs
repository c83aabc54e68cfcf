//! `jackfield plugin build`.

use std::{env, fs, path::Path, time::Instant};

use anyhow::{Context as _, anyhow, bail};
use plugin::{Kind, Layout};
use plugin_build::Request;

use super::{args::PluginArgs, project::Project, sdk};
use crate::cli::print;

/// Compiles a plugin in Rust to a component beside its `plugin.toml`.
pub(in crate::cli) fn build(args: &PluginArgs) -> anyhow::Result<()> {
    let project = Project::open(args.plugin.as_deref())?;
    let folder = project.path();
    let shown = folder.display();
    if !folder.is_dir() {
        bail!(
            "{shown} is no folder; what is built is a folder with a Cargo.toml and a plugin.toml"
        );
    }
    if !project.is_rust() {
        let Layout { id, kind, .. } = Layout::of(folder)?;
        if kind == Some(Kind::Rhai) {
            print(&format!("{id} is a script: nothing to build\n"));
            return Ok(());
        }
        bail!("{shown} has no Cargo.toml; `jackfield plugin new NAME` makes a folder with one");
    }
    let began = Instant::now();
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), Into::into);
    let modules = Request::new(folder.join("Cargo.toml"), target).build()?;
    let [module] = modules.as_slice() else {
        bail!(
            "{shown} made {} modules; a plugin is one: keep crate-type = [\"cdylib\", \"rlib\"] to its own package",
            modules.len()
        );
    };
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let component = plugin::componentize(&read(&module.path)?)
        .map_err(|why| anyhow!("{}: {why}", module.path.display()))?;
    let code = project.code()?;
    save(&code, &component)?;
    let (took, size) = (began.elapsed().as_secs_f64(), component.len() as f64 / 1000.0);
    print(&format!("{}: {size:.1} KB, built in {took:.1} s\n", code.display()));
    if let Some(hint) = sdk::hint(folder) {
        print(&hint);
    }
    Ok(())
}

/// Writes a file so that a switch that watches the folder never reads a half of it.
fn save(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, bytes).with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)
}
