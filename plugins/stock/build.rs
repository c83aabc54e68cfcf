//! Compiles the stock plugins to WebAssembly and lays them where the library embeds them from.

use std::{env, error::Error, fs, path::PathBuf, process::ExitCode};

use plugin_build::{Request, plugins_dir};

/// The packages of the stock plugins.
const PACKAGES: [&str; 4] =
    ["jackfield-dialplan", "jackfield-dn-owner", "jackfield-fanout", "jackfield-route"];
/// What the modules are made from, below the root of the workspace. Of a plugin only what is
/// compiled, so that an edit to its tests or manual builds nothing.
const SOURCES: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "plugins/dialplan/Cargo.toml",
    "plugins/dialplan/src",
    "plugins/dn-owner/Cargo.toml",
    "plugins/dn-owner/src",
    "plugins/fanout/Cargo.toml",
    "plugins/fanout/src",
    "plugins/route/Cargo.toml",
    "plugins/route/src",
    "sdk/guest",
    "sdk/wit",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the stock plugins were not built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let workspace: PathBuf = [&variable("CARGO_MANIFEST_DIR")?, "..", ".."].iter().collect();
    let workspace = workspace.canonicalize()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).display());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut request = Request::new(workspace.join("Cargo.toml"), plugins_dir(&out))
        .locked()
        .progress(|line| println!("cargo::warning={line}"));
    for package in PACKAGES {
        request = request.package(package);
    }
    for module in request.build()? {
        fs::copy(&module.path, out.join(module.package).with_extension("wasm"))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; build with cargo"))
}
