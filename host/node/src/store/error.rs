use std::{fmt, path::PathBuf};

/// Why the store cannot be used.
#[derive(Debug)]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: StoreFault,
}

/// What is wrong with a store's file.
#[derive(Debug)]
pub enum StoreFault {
    /// Another process has it open.
    Locked,
    /// A later version of this program made it: its schema, and the newest that is known here.
    Newer {
        /// Of the file.
        found: i64,
        /// Known here.
        known: i64,
    },
    /// It is a database of another program.
    Foreign,
    /// It is damaged, or no database.
    Corrupt(String),
    /// The file system or the database says no.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            StoreFault::Locked => write!(
                f,
                "{path}: another process has this store open; stop it, or give this node a file of its own with `path` in [store]"
            ),
            StoreFault::Newer { found, known } => write!(
                f,
                "{path}: the store was made by a later version (schema {found}, known here up to {known}); run that version, or \
                 move the file away to start with an empty store"
            ),
            StoreFault::Foreign => write!(
                f,
                "{path}: this is another program's database; give `path` in [store] another file"
            ),
            StoreFault::Corrupt(what) => write!(
                f,
                "{path}: the store cannot be read ({what}); put a copy back, or move the file away to start with an empty store: \
                 phones are reached again once they register"
            ),
            StoreFault::Failed(what) => write!(
                f,
                "{path}: the store cannot be used ({what}); see that its folder is there, may be written to, and has room"
            ),
        }
    }
}

// What the database said is part of the text: it is no source that would be told a second time.
impl std::error::Error for StoreError {}
