//! The pjsua2 phone: the Python package, laid in a folder of its own that outlives the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{error::Error, machine, run};

/// The package with ready-made wheels of PJSIP's Python binding.
const PACKAGE: &str = "pjsua2-python";
const VERSION: &str = "2.15.1.post1";

/// For the list of needs.
pub(crate) const DESCRIPTION: &str =
    "pjsua2 (Python package pjsua2-python): two phones in tests/interop";

/// Installs pjsua2 once for the Python found here, and gives the folder to put on PYTHONPATH.
pub(crate) fn install() -> Result<PathBuf, Error> {
    let python = python()?;
    let folder = folder(&python)?;
    if imports(&python, &folder) {
        return Ok(folder);
    }
    if !has_pip(&python) {
        // Debian's Python comes without pip.
        machine::install(&["python3-pip"])?;
    }
    // Beside the folder first: a half-installed package must never be found.
    let fresh = folder.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(|source| file_error(&fresh, source))?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
    ])
    .arg("--target")
    .arg(&fresh)
    .arg(format!("{PACKAGE}=={VERSION}"))
    .env("PIP_ROOT_USER_ACTION", "ignore");
    eprintln!("installing {PACKAGE} {VERSION} for {}", python.display());
    let said = run::read(&mut pip);
    if !imports(&python, &fresh) {
        let reason = said.err().map_or_else(
            || "it was installed and cannot be imported".to_owned(),
            |error| error.to_string(),
        );
        return Err(Error::Missing(vec![
            DESCRIPTION.to_owned(),
            format!("(it could not be installed from here: {reason})"),
        ]));
    }
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&fresh, &folder).map_err(|source| file_error(&folder, source))?;
    Ok(folder)
}

/// True when the phone is there.
pub(crate) fn is_installed() -> bool {
    python().and_then(|python| Ok(imports(&python, &folder(&python)?))).unwrap_or(false)
}

/// The folder for things that are kept between builds: never in the tree, never in the target folder.
pub(crate) fn cache() -> Result<PathBuf, Error> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    base.map(|base| base.join("jackfield")).ok_or_else(|| {
        Error::Unexpected("neither XDG_CACHE_HOME nor HOME is set; set one".to_owned())
    })
}

fn python() -> Result<PathBuf, Error> {
    run::find("python3")
        .ok_or_else(|| Error::Missing(vec!["python3 (Debian package python3)".to_owned()]))
}

/// One folder for each version of Python, since a wheel fits only one.
fn folder(python: &Path) -> Result<PathBuf, Error> {
    let code = "import sys; print(sys.implementation.cache_tag)";
    let tag = run::read(Command::new(python).args(["-c", code]))?;
    Ok(cache()?.join(format!("pjsua2-{VERSION}-{}", tag.trim())))
}

fn imports(python: &Path, folder: &Path) -> bool {
    run::succeeds(Command::new(python).args(["-c", "import pjsua2"]).env("PYTHONPATH", folder))
}

fn has_pip(python: &Path) -> bool {
    run::succeeds(Command::new(python).args(["-m", "pip", "--version"]))
}

fn file_error(path: &Path, source: std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}
