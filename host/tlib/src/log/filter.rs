//! What is shown of key-value lists (the options `log-filter` and `log-filter-data`).

use std::{collections::BTreeMap, str::FromStr};

/// What a log shows of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shown {
    /// All of it (`copy`).
    #[default]
    Copy,
    /// Nothing (`skip`): it is not printed, and no word says so.
    Skip,
    /// Its key, and stars for the value (`hide`).
    Hide,
    /// Its key and the beginning of the value (`truncate`).
    Truncate,
}

/// A word that names none of the four.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" says nothing of a pair in a log; it is copy, skip, hide or truncate")]
pub struct UnknownShown(pub String);

impl FromStr for Shown {
    type Err = UnknownShown;

    /// Reads the word of a configuration, in letters of either case.
    fn from_str(word: &str) -> Result<Self, UnknownShown> {
        match word.to_ascii_lowercase().as_str() {
            "copy" => Ok(Self::Copy),
            "skip" => Ok(Self::Skip),
            "hide" => Ok(Self::Hide),
            "truncate" => Ok(Self::Truncate),
            _ => Err(UnknownShown(word.to_owned())),
        }
    }
}

/// What a log shows of each pair.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogFilter {
    /// Of pairs whose key is not named (`log-filter`).
    pub default: Shown,
    /// Of pairs by their key (`log-filter-data`).
    pub by_key: BTreeMap<String, Shown>,
}

impl LogFilter {
    /// What is shown of the pair of this key.
    pub fn of(&self, key: &str) -> Shown {
        self.by_key.get(key).copied().unwrap_or(self.default)
    }
}
