//! The example in Rust and the one in Rhai decide alike, in the host.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use plugin::Source;
use plugin_build::{Request, plugins_dir};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(plugin: PathBuf) -> usize {
    let scenario = examples().join("call-watch.toml");
    testkit::run(Source::Path(plugin), &scenario).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn the_module_decides_as_the_scenario_says() {
    let workspace = examples().join("../../Cargo.toml");
    let request = Request::new(workspace, plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    let modules = request.package("call-watch").build().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run(modules[0].path.clone()), 10);
}

#[test]
fn the_script_decides_as_the_same_scenario_says() {
    assert_eq!(run(examples().join("call-watch.rhai")), 10);
}
