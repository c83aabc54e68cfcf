use std::{fmt, io, path::PathBuf, process::ExitStatus};

use crate::{Obstacle, TARGET};

/// Why no module was built. Each message says what went wrong, where, and what to do.
#[derive(Debug)]
pub enum BuildError {
    /// The machine has no standard library for [`TARGET`], and none could be made.
    NoToolchain {
        /// What stood in the way, in the order it was met.
        obstacles: Vec<Obstacle>,
    },
    /// A program could not be started at all.
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ran and failed.
    Failed {
        /// What was being done, in words.
        doing: &'static str,
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed to its standard error; empty when that went to the terminal.
        output: String,
    },
    /// A file or directory could not be read or written.
    File {
        /// What was being done, in words.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program answered something this crate cannot read.
    Unreadable {
        /// What was being looked for.
        what: &'static str,
        /// Where it was looked for.
        place: String,
    },
    /// Cargo succeeded but a package produced no module.
    NoModule {
        /// The package, or the manifest when no package was named.
        package: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToolchain { obstacles } => write_no_toolchain(f, obstacles),
            Self::Start { program, source } => {
                write!(f, "cannot start `{program}`: {source}; install it or put it on PATH")
            }
            Self::Failed { doing, command, status, output } => {
                write!(f, "{doing} failed ({status}): `{command}`")?;
                if output.is_empty() { Ok(()) } else { write!(f, "\n{output}") }
            }
            Self::File { doing, path, source } => {
                write!(f, "{doing} failed at {}: {source}", path.display())
            }
            Self::Unreadable { what, place } => write!(
                f,
                "no {what} found in {place}; install the target by hand instead: \
                 `rustup target add {TARGET}`"
            ),
            Self::NoModule { package } => write!(
                f,
                "cargo built {package} but no .wasm came out; its Cargo.toml needs \
                 `[lib] crate-type = [\"cdylib\"]` and a library named after the package"
            ),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } | Self::File { source, .. } => Some(source),
            Self::NoToolchain { .. }
            | Self::Failed { .. }
            | Self::Unreadable { .. }
            | Self::NoModule { .. } => None,
        }
    }
}

fn write_no_toolchain(f: &mut fmt::Formatter<'_>, obstacles: &[Obstacle]) -> fmt::Result {
    write!(f, "this machine has no Rust standard library for {TARGET}")?;
    for obstacle in obstacles {
        write!(f, "; {obstacle}")?;
    }
    let second = match obstacles.last() {
        Some(Obstacle::ListsMissing) => "run `apt-get update` as root",
        Some(Obstacle::CompilerTooOld) => {
            "run `apt-get update` as root on Debian 12 or later, whose security updates have a newer one"
        }
        _ => "build on Debian 12 or later, where its package rustc-web is used",
    };
    write!(f, ". Either run `rustup target add {TARGET}`, or {second}, and build again")
}
