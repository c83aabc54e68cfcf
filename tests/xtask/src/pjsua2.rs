//! The pjsua2 phone: the Python package, laid in a folder of its own that outlives the target folder.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt,
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

/// Interpreters there are wheels for, in the order they are tried; what is plain `python3` differs from machine to machine.
const PYTHONS: [&str; 5] = ["python3", "python3.12", "python3.11", "python3.10", "python3.9"];
/// The least and the greatest minor version of Python 3 there are wheels for.
const MINOR: (u32, u32) = (9, 12);

/// The script beside the package that starts the Python it was installed for.
const STARTER: &str = "python";

/// Installs pjsua2 once for a Python found here, and gives the folder: `<folder>/python` starts that Python with it.
pub(crate) fn install() -> Result<PathBuf, Error> {
    let python = Python::find()?;
    let folder = python.folder()?;
    if imports(&folder) {
        return Ok(folder);
    }
    if !python.has_pip() {
        // Debian's Python comes without pip.
        machine::install(&["python3-pip"])?;
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|source| file_error(&folder, source))?;
    let mut pip = Command::new(&python.program);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--target"])
        .arg(&folder)
        .arg(format!("{PACKAGE}=={VERSION}"))
        .env("PIP_ROOT_USER_ACTION", "ignore");
    eprintln!("installing {PACKAGE} {VERSION} for {}", python.program.display());
    let said = run::read(&mut pip);
    python.write_starter(&folder).map_err(|source| file_error(&folder, source))?;
    if imports(&folder) {
        return Ok(folder);
    }
    let reason = said.err().map_or_else(
        || "it was installed and cannot be imported".to_owned(),
        |error| error.to_string(),
    );
    Err(Error::Missing(vec![
        DESCRIPTION.to_owned(),
        format!("(it could not be installed from here: {reason})"),
    ]))
}

/// True when the phone is there.
pub(crate) fn is_installed() -> bool {
    Python::find().and_then(|python| python.folder()).is_ok_and(|folder| imports(&folder))
}

/// A Python there are wheels for.
struct Python {
    program: PathBuf,
    minor: u32,
}

impl Python {
    fn find() -> Result<Self, Error> {
        let found = PYTHONS.iter().filter_map(|name| Self::named(name)).next();
        found.ok_or_else(|| {
            let (least, greatest) = MINOR;
            Error::Missing(vec![format!(
                "Python 3.{least} to 3.{greatest}, which {PACKAGE} {VERSION} is made for"
            )])
        })
    }

    fn named(name: &str) -> Option<Self> {
        let program = run::find(name)?;
        let version = run::read(
            Command::new(&program).args(["-c", "import sys; print(sys.version_info.minor)"]),
        )
        .ok()?;
        let minor = version.trim().parse().ok()?;
        (MINOR.0..=MINOR.1).contains(&minor).then_some(Self { program, minor })
    }

    /// One folder for each version of Python, since a wheel fits only one.
    fn folder(&self) -> Result<PathBuf, Error> {
        Ok(cache()?.join(format!("pjsua2-{VERSION}-3.{}", self.minor)))
    }

    fn has_pip(&self) -> bool {
        run::succeeds(Command::new(&self.program).args(["-m", "pip", "--version"]))
    }

    fn write_starter(&self, folder: &Path) -> io::Result<()> {
        let starter = folder.join(STARTER);
        let (package, program) = (folder.display(), self.program.display());
        fs::write(
            &starter,
            format!("#!/bin/sh\nPYTHONPATH='{package}' exec '{program}' \"$@\"\n"),
        )?;
        fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))
    }
}

/// The folder for things that are kept between builds: never in the tree, never in the target folder.
fn cache() -> Result<PathBuf, Error> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    base.map(|base| base.join("jackfield")).ok_or_else(|| {
        Error::Unexpected("neither XDG_CACHE_HOME nor HOME is set; set one".to_owned())
    })
}

fn imports(folder: &Path) -> bool {
    run::succeeds(Command::new(folder.join(STARTER)).args(["-c", "import pjsua2"]))
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}
