//! The example in Rust and the one in Rhai decide alike, keep the same, and bring what was kept into their form, in the host.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use plugin::{HostConfig, Kind, PluginHost, Reloaded, Rollout, Source};
use plugin_build::{Request, plugins_dir};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source(kind: Kind, code: &[u8], schema: u32) -> Source {
    let manifest = format!("[need]\nlog = true\nstate = true\n[state]\nschema = {schema}\n");
    let code = code.to_vec().into();
    Source::Embedded { id: "third-call".to_owned(), manifest: manifest.into(), code, kind }
}

fn module() -> Vec<u8> {
    let workspace = examples().join("../../Cargo.toml");
    let request = Request::new(workspace, plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    let modules = request.package("third-call").build().unwrap_or_else(|error| panic!("{error}"));
    fs::read(&modules[0].path).unwrap()
}

fn decides_and_migrates(kind: Kind, code: &[u8]) {
    let scenario = examples().join("third-call.toml");
    let ran = testkit::run(source(kind, code, 2), &scenario);
    assert_eq!(ran.unwrap_or_else(|wrong| panic!("{wrong}")), 4);

    let host = PluginHost::new(HostConfig::default()).unwrap();
    let before = source(
        Kind::Rhai,
        b"fn route(call) { state.increment(\"n.\" + call.caller.user); pass() }",
        1,
    );
    host.install(vec![before]).unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let old = [pair("n.1000", "2"), pair("n.1001", "1")];
    host.set_kept("third-call", &old);
    let kept = || host.kept("third-call", "", "", 10).unwrap().entries;
    let load = |schema| host.renew("third-call", source(kind, code, schema), Rollout::AtOnce);
    let refused = load(3).outcome.unwrap_err();
    assert!(refused.reason.contains("it knows the way from 1 to 2"), "{refused}");
    assert_eq!(kept(), old, "the version before serves on");
    assert!(matches!(load(2).outcome, Ok(Reloaded::Activated(_))));
    assert_eq!(kept(), [pair("calls.1000", "2"), pair("calls.1001", "1")]);
    host.roll_back("third-call", "a test").unwrap();
    assert_eq!(kept(), old);
}

#[test]
fn the_module_decides_as_the_scenario_says_and_migrates() {
    decides_and_migrates(Kind::Wasm, &module());
}

#[test]
fn the_script_decides_as_the_same_scenario_says_and_migrates() {
    decides_and_migrates(Kind::Rhai, &fs::read(examples().join("third-call.rhai")).unwrap());
}
