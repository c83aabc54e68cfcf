//! Python packages that tests use, laid in folders of their own that outlive the target folder.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{error::Error, machine, run};

/// Packages that are used together.
pub(crate) struct Packages {
    /// Of their folder, before the version of Python.
    pub(crate) name: &'static str,
    /// What pip is asked for.
    pub(crate) pinned: &'static [&'static str],
    /// What pip is told besides.
    pub(crate) options: &'static [&'static str],
    /// What can be imported once they are there.
    pub(crate) imports: &'static str,
    /// For the list of needs.
    pub(crate) description: &'static str,
}

/// Two phones of PJSIP's Python binding.
pub(crate) const PJSUA2: Packages = Packages {
    name: "pjsua2-2.15.1.post1",
    pinned: &["pjsua2-python==2.15.1.post1"],
    options: &["--no-deps"],
    imports: "pjsua2",
    description: "pjsua2 (Python package pjsua2-python): two phones in tests/interop",
};

/// What the T-Library client for Python is tested with, and the WebSocket ports are. The compiler is the one that its module is generated with.
pub(crate) const TLIB: Packages = Packages {
    name: "tlib-2",
    pinned: &[
        "grpcio-tools==1.62.3",
        "protobuf==4.25.5",
        "pytest==8.3.4",
        "setuptools<81",
        "websockets==15.0.1",
    ],
    options: &[],
    imports: "google.protobuf, grpc_tools.protoc, pytest, websockets.sync.client",
    description: "protobuf, grpcio-tools, pytest and websockets (Python packages): the tests of sdk/tlib/python and of the T-Library ports",
};

/// Interpreters there are wheels for, in the order they are tried; what is plain `python3` differs from machine to machine.
const PYTHONS: [&str; 5] = ["python3", "python3.12", "python3.11", "python3.10", "python3.9"];
/// The least and the greatest minor version of Python 3 there are wheels for.
const MINOR: (u32, u32) = (9, 12);

/// The script beside the packages that starts the Python they were installed for.
const STARTER: &str = "python";

impl Packages {
    /// Installs them once for a Python found here, and gives the folder: `<folder>/python` starts that Python with them.
    pub(crate) fn install(&self) -> Result<PathBuf, Error> {
        let python = Python::find()?;
        let folder = self.folder(&python)?;
        if self.are_in(&folder) {
            return Ok(folder);
        }
        if !python.has_pip() {
            // Debian's Python comes without pip.
            machine::install(&["python3-pip"])?;
        }
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|source| file_error(&folder, source))?;
        let mut pip = Command::new(&python.program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:"])
            .args(self.options)
            .arg("--target")
            .arg(&folder)
            .args(self.pinned)
            .env("PIP_ROOT_USER_ACTION", "ignore");
        eprintln!("installing {} for {}", self.pinned.join(", "), python.program.display());
        let said = run::read(&mut pip);
        python.write_starter(&folder).map_err(|source| file_error(&folder, source))?;
        if self.are_in(&folder) {
            return Ok(folder);
        }
        let reason = said.err().map_or_else(
            || "it was installed and cannot be imported".to_owned(),
            |error| error.to_string(),
        );
        Err(Error::Missing(vec![
            self.description.to_owned(),
            format!("(it could not be installed from here: {reason})"),
        ]))
    }

    /// True when they are there.
    pub(crate) fn are_installed(&self) -> bool {
        Python::find()
            .and_then(|python| self.folder(&python))
            .is_ok_and(|folder| self.are_in(&folder))
    }

    /// One folder for each version of Python, since a wheel fits only one.
    fn folder(&self, python: &Python) -> Result<PathBuf, Error> {
        Ok(cache()?.join(format!("{}-3.{}", self.name, python.minor)))
    }

    fn are_in(&self, folder: &Path) -> bool {
        let import = format!("import {}", self.imports);
        run::succeeds(Command::new(folder.join(STARTER)).args(["-c", &import]))
    }
}

/// Python with the packages of a folder.
pub(crate) fn with(folder: &Path) -> Command {
    Command::new(folder.join(STARTER))
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
                "Python 3.{least} to 3.{greatest}, which there are ready-made packages for"
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

    fn has_pip(&self) -> bool {
        run::succeeds(Command::new(&self.program).args(["-m", "pip", "--version"]))
    }

    fn write_starter(&self, folder: &Path) -> io::Result<()> {
        let starter = folder.join(STARTER);
        let (packages, program) = (folder.display(), self.program.display());
        fs::write(
            &starter,
            format!("#!/bin/sh\nPYTHONPATH='{packages}' exec '{program}' \"$@\"\n"),
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

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}
