//! Plugins of this tree, as folders that the switch can be given.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use plugin_build::{Request, plugins_dir};

use crate::{error::Error, run};

/// A plugin of this tree: its package, and its folder below the root.
pub(crate) struct Plugin {
    package: &'static str,
    folder: &'static str,
}

/// The stock plugins.
pub(crate) const STOCK: [Plugin; 1] =
    [Plugin { package: "jackfield-route", folder: "plugins/route" }];

/// The plugin that misbehaves on demand, for benchmarks.
pub(crate) const STEPS: Plugin =
    Plugin { package: "steps-plugin", folder: "tests/interop/plugins/steps" };

/// The code's name beside a manifest that names none.
const CODE: &str = "plugin.wasm";

/// Builds every stock plugin into a folder of its own below `folder`, and prints each.
pub(crate) fn build(folder: Option<&str>) -> Result<(), Error> {
    let folder = folder.map_or_else(|| target().join("stock"), PathBuf::from);
    for plugin in &STOCK {
        println!("{}", build_one(plugin, &folder)?.display());
    }
    Ok(())
}

/// Builds one plugin into `<folder>/<name>`: its manifest, if it has one, and its code.
pub(crate) fn build_one(plugin: &Plugin, folder: &Path) -> Result<PathBuf, Error> {
    let target = target();
    let request = Request::new(run::root().join("Cargo.toml"), plugins_dir(&target))
        .package(plugin.package)
        .locked();
    let modules = request.build()?;
    let source = run::root().join(plugin.folder);
    let folder = folder.join(source.file_name().unwrap_or_default());
    lay(&folder, &source, &modules[0].path)
        .map_err(|source| Error::File { path: folder.display().to_string(), source })?;
    Ok(folder)
}

fn lay(folder: &Path, source: &Path, module: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(module, folder.join(CODE))?;
    let manifest = source.join("plugin.toml");
    if manifest.is_file() {
        fs::copy(manifest, folder.join("plugin.toml"))?;
    }
    Ok(())
}

/// The target folder of this build.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from)
}
