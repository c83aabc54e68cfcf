use std::{fmt, io, path::Path};

/// What is wrong with a bundle, a key or a store, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleError {
    /// What is wrong, and where.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl BundleError {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }

    /// Something that the system refuses.
    pub(crate) fn os(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let what = format!("{}: {error}", path.display());
            Self::new(what, "check the path, its permissions and the space on the disk")
        }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (help: {})", self.what, self.help)
    }
}

impl std::error::Error for BundleError {}
