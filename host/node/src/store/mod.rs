//! The contacts of registered phones, kept over a restart.
//!
//! Workers put the new state of an address-of-record into a bounded channel and hold their answer to the phone. One thread takes
//! all that waits, writes it in one transaction, and tells the workers when it is on the disk.

mod error;
mod figures;
mod record;
mod sqlite;
mod thread;

use model::{Aor, MessageCount};

pub use error::{StoreError, StoreFault};
pub use figures::StoreFigures;
pub use record::{Change, Listeners, Record};
pub use sqlite::SqliteStore;
pub use thread::{StoreSender, StoreThread, Write};

/// Where contacts outlive the process. Called on the store's thread alone, so it may wait for a disk or a server.
pub trait ContactStore: Send {
    /// Every address-of-record with contacts that lapse after `now_ms`.
    ///
    /// # Errors
    ///
    /// When it cannot be read; the node does not start.
    fn load(&mut self, now_ms: u64) -> Result<Vec<Change>, StoreError>;

    /// Makes each change, all or none; returns when they would outlive the process. No address-of-record is in two of them.
    ///
    /// # Errors
    ///
    /// When none of it was written; the phones are told to try again.
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// The voice messages of every user that has a count.
    ///
    /// # Errors
    ///
    /// When it cannot be read; the node does not start.
    fn counts(&mut self) -> Result<Vec<(Aor, MessageCount)>, StoreError>;

    /// Makes `count` the voice messages of a user; returns when it would outlive the process.
    ///
    /// # Errors
    ///
    /// When it was not written.
    fn write_count(&mut self, aor: &Aor, count: MessageCount) -> Result<(), StoreError>;

    /// Forgets what lapsed by `now_ms`, and gives how many contacts that were.
    ///
    /// # Errors
    ///
    /// When it cannot; it is tried again later.
    fn purge(&mut self, now_ms: u64) -> Result<usize, StoreError>;
}
