//! Where the program and its peers are found.
//!
//! `cargo xtask test` names them in the environment. Without it, as under a plain `cargo test`, that same command is
//! asked, so that what is tested is always built from the tree as it is.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use plugin_build::{Request, plugins_dir};

/// The `jackfield` program.
pub fn jackfield() -> PathBuf {
    named_or_asked("JACKFIELD_BIN", "binary")
}

/// The folder of the pjsua2 Python package, with the Python it is for as `python`.
pub fn pjsua2() -> PathBuf {
    named_or_asked("JACKFIELD_PJSUA2", "pjsua2")
}

/// The folder of what T-Library clients in Python need, with the Python it is for as `python`.
pub fn tlib_python() -> PathBuf {
    named_or_asked("JACKFIELD_TLIB_PYTHON", "tlib-python")
}

/// The code of a plugin of this tree, compiled from source.
///
/// # Panics
///
/// When it does not compile.
pub fn plugin(package: &str) -> Vec<u8> {
    // A test's program lies in the target folder.
    let target = plugins_dir(&env::current_exe().expect("the test's own path"));
    let request = Request::new(here().join("../../Cargo.toml"), target).package(package).locked();
    let modules = request.build().unwrap_or_else(|error| panic!("{package}: {error}"));
    fs::read(&modules[0].path).expect("the module that was built")
}

/// The folder of this crate.
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn named_or_asked(variable: &str, command: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--package", "jackfield-xtask", "--", command])
        .current_dir(here())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "`cargo xtask {command}` failed; {variable} may name what it would give"
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}
