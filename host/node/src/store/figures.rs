use std::sync::atomic::{AtomicU64, Ordering};

/// What the store's thread counts. Read by anybody, written by workers and the thread.
#[derive(Default, Debug)]
pub struct StoreFigures {
    pub(super) queued: AtomicU64,
    pub(super) taken: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) commit_nanos: AtomicU64,
    pub(super) commit_nanos_max: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) contacts: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) purged: AtomicU64,
}

impl StoreFigures {
    /// Writes that wait for the thread.
    pub fn waiting(&self) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        self.queued.load(Ordering::Relaxed).saturating_sub(taken)
    }

    /// Transactions committed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Time they took, in seconds.
    pub fn commit_seconds(&self) -> f64 {
        self.commit_nanos.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// Time the longest of them took, in seconds.
    pub fn commit_seconds_max(&self) -> f64 {
        self.commit_nanos_max.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// Addresses-of-record written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Contacts written with them.
    pub fn contacts(&self) -> u64 {
        self.contacts.load(Ordering::Relaxed)
    }

    /// Addresses-of-record that could not be written.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Lapsed contacts removed.
    pub fn purged(&self) -> u64 {
        self.purged.load(Ordering::Relaxed)
    }
}
