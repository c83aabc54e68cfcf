use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted of call records. Read by anybody, written by workers and the thread.
#[derive(Default, Debug)]
pub struct RecordFigures {
    pub(super) queued: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) rotations: AtomicU64,
}

impl RecordFigures {
    /// Records that wait for the disk.
    pub fn waiting(&self) -> u64 {
        let written = self.written.load(Ordering::Relaxed);
        self.queued.load(Ordering::Relaxed).saturating_sub(written)
    }

    /// Records written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Records lost because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes that failed; each is tried again.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Files set aside.
    pub fn rotations(&self) -> u64 {
        self.rotations.load(Ordering::Relaxed)
    }
}
