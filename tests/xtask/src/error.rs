//! Why a command did not succeed.

use std::{fmt, io};

/// Why a command did not succeed, in words that say what to do.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line was wrong.
    Usage(String),
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A program said no; its own words stand above.
    Failed { line: String, code: Option<i32> },
    /// The machine lacks something that could not be installed.
    Missing(Vec<String>),
    /// A program answered something else than it should.
    Unexpected(String),
    /// The plugins did not build.
    Plugins(plugin_build::BuildError),
    /// A file or folder could not be made.
    File { path: String, source: io::Error },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Unexpected(text) => f.write_str(text),
            Self::Start { program, source } => {
                write!(
                    f,
                    "cannot start `{program}`: {source}; install it or put it on the search path"
                )
            }
            Self::Failed { line, code: Some(code) } => {
                write!(f, "`{line}` failed with exit status {code}")
            }
            Self::Failed { line, code: None } => write!(f, "`{line}` was ended by a signal"),
            Self::Missing(needs) => {
                writeln!(f, "this machine lacks what the tests need:")?;
                for need in needs {
                    writeln!(f, "  - {need}")?;
                }
                f.write_str("nothing was tested; install what is named and run the command again")
            }
            Self::Plugins(error) => write!(f, "the plugins were not built: {error}"),
            Self::File { path, source } => write!(f, "cannot write {path}: {source}"),
        }
    }
}

impl From<plugin_build::BuildError> for Error {
    fn from(error: plugin_build::BuildError) -> Self {
        Self::Plugins(error)
    }
}
