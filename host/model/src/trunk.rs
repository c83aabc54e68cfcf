//! Connections to other networks, as far as more than one shard must agree on them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// Names a trunk: its place in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TrunkId(pub u16);

/// The calls a trunk carries at once, counted over all shards of a node.
#[derive(Debug)]
pub struct Seats {
    taken: Arc<AtomicU32>,
    max: Option<u32>,
}

impl Seats {
    /// All free; `None` for a trunk without a limit.
    pub fn new(max: Option<u32>) -> Self {
        Self { taken: Arc::default(), max }
    }

    /// One seat for one call; `None` when all are taken.
    pub fn take(&self) -> Option<Seat> {
        let max = self.max.unwrap_or(u32::MAX);
        let more = |taken: u32| (taken < max).then(|| taken + 1);
        // Nothing but the count itself is read by others, so no order is needed.
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Seat(Some(Arc::new(Held(self.taken.clone())))))
    }

    /// How many are taken.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many there are; `None` for no limit.
    pub const fn max(&self) -> Option<u32> {
        self.max
    }
}

/// A call's place on a trunk. It is free again when the last clone is dropped.
#[derive(Clone, Default)]
pub struct Seat(Option<Arc<Held>>);

struct Held(Arc<AtomicU32>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Both are one place, or both are uncounted.
impl PartialEq for Seat {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Seat" } else { "Seat(uncounted)" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_last_clone_goes() {
        let seats = Seats::new(Some(2));
        let first = seats.take().unwrap();
        let clone = first.clone();
        let second = seats.take();
        assert_eq!((seats.take().is_none(), seats.taken()), (true, 2));
        drop(first);
        assert_eq!(seats.taken(), 2);
        drop((clone, second));
        assert_eq!(seats.taken(), 0);
        assert!(Seats::new(None).take().is_some() && Seats::new(Some(0)).take().is_none());
    }
}
