//! The stock plugins, as files.

use std::{env, fs, path::PathBuf};

use plugin_build::Request;

use crate::{error::Error, run};

/// Packages of the stock plugins, and the name each has as a file.
const PLUGINS: [(&str, &str); 1] = [("jackfield-route", "route.wasm")];

/// Builds every stock plugin and prints where it is.
pub(crate) fn build(folder: Option<&str>) -> Result<(), Error> {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from);
    let folder = folder.map_or_else(|| target.join("plugins"), PathBuf::from);
    let mut request =
        Request::new(run::root().join("Cargo.toml"), target.join("plugin-build")).locked();
    for (package, _) in PLUGINS {
        request = request.package(package);
    }
    let modules = request.build()?;
    fs::create_dir_all(&folder)
        .map_err(|source| Error::File { path: folder.display().to_string(), source })?;
    for (module, (_, name)) in modules.iter().zip(PLUGINS) {
        let file = folder.join(name);
        fs::copy(&module.path, &file)
            .map_err(|source| Error::File { path: file.display().to_string(), source })?;
        println!("{}", file.display());
    }
    Ok(())
}
