use model::{Seat, Seats, TrunkId};

use crate::config::TrunkSection;

/// What every worker reads of the trunks: no lock is taken.
#[derive(Debug, Default)]
pub struct TrunkTable {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    seats: Seats,
}

impl TrunkTable {
    /// The trunks of a configuration, without calls.
    pub fn new(trunks: &[TrunkSection]) -> Self {
        let slot = |trunk: &TrunkSection| Slot { seats: Seats::new(trunk.calls_max()) };
        Self { slots: trunks.iter().map(slot).collect() }
    }

    /// A place for one more call.
    pub(super) fn seat(&self, trunk: TrunkId) -> Option<Seat> {
        self.slots.get(usize::from(trunk.0))?.seats.take()
    }
}
