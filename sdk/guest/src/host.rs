//! What the host offers a plugin; on the author's machine it is played by `testing`.

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use to the author.
    Debug,
    /// Worth knowing.
    Info,
    /// Someone should look.
    Warn,
    /// Something is broken.
    Error,
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::Level;
    use crate::bindings::imports::jackfield::plugin::{logging, snapshot, types};

    pub(crate) fn headers(name: &str) -> Vec<String> {
        snapshot::header(name)
    }

    pub(crate) fn config(key: &str) -> Option<String> {
        snapshot::config(key)
    }

    pub(crate) fn fact(name: &str) -> Option<String> {
        snapshot::fact(name)
    }

    pub(crate) fn labels() -> Vec<(String, String)> {
        snapshot::labels()
    }

    /// Writes a line to the switch's log, under the plugin's name. The host limits how many lines
    /// a plugin may write and how long they are.
    pub fn log(level: Level, message: &str) {
        let level = match level {
            Level::Debug => types::Level::Debug,
            Level::Info => types::Level::Info,
            Level::Warn => types::Level::Warn,
            Level::Error => types::Level::Error,
        };
        logging::log(level, message);
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::imports::jackfield::plugin::state as kept;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::kept;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as imports;

pub use imports::log;
pub(crate) use imports::{config, fact, headers, labels};
