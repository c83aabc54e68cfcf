use std::{net::IpAddr, sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use model::{Seat, Seats, TrunkId};
use switch::{Reach, TrunkStatus};

use super::trunk_figures::{TrunkCounts, TrunkFigures};
use crate::config::TrunkSection;

/// What every worker reads of the trunks: no lock is taken.
#[derive(Debug)]
pub struct TrunkTable {
    slots: Vec<Slot>,
    since: Instant,
}

#[derive(Debug)]
struct Slot {
    name: String,
    group: Option<String>,
    uri: String,
    /// Whether calls from where its registrar is are its own: nothing else says whose they are.
    is_where_it_registers: bool,
    seats: Seats,
    status: ArcSwap<TrunkStatus>,
    figures: TrunkFigures,
}

/// A trunk at one moment.
#[derive(Clone, Debug)]
pub struct TrunkView {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// Where its calls go.
    pub uri: String,
    /// Calls at this moment, both directions.
    pub calls: u32,
    /// Calls at once; `None` for no limit.
    pub capacity: Option<u32>,
    /// What the shard that keeps it knows.
    pub status: Arc<TrunkStatus>,
    /// What was counted.
    pub counts: TrunkCounts,
}

impl Default for TrunkTable {
    /// Without trunks.
    fn default() -> Self {
        Self::new(&[])
    }
}

impl TrunkTable {
    /// The trunks of a configuration, without calls and not yet registered or probed.
    pub fn new(trunks: &[TrunkSection]) -> Self {
        let slot = |trunk: &TrunkSection| Slot {
            name: trunk.name.clone(),
            group: trunk.group.clone(),
            uri: trunk.uri.clone(),
            is_where_it_registers: trunk.identify.is_empty(),
            seats: Seats::new(trunk.calls_max()),
            status: ArcSwap::from_pointee(TrunkStatus::of(&trunk.to_switch())),
            figures: TrunkFigures::default(),
        };
        Self { slots: trunks.iter().map(slot).collect(), since: Instant::now() }
    }

    /// Makes `status` what is known of a trunk.
    pub fn publish(&self, trunk: TrunkId, status: Arc<TrunkStatus>) {
        if let Some(slot) = self.slots.get(usize::from(trunk.0)) {
            let (is, was) = (status.reach, slot.status.swap(status).reach);
            if is == Reach::Down && was != Reach::Down {
                slot.figures.went_down();
            }
        }
    }

    /// Every trunk, in the order of the configuration.
    pub fn views(&self) -> Vec<TrunkView> {
        let view = |slot: &Slot| TrunkView {
            name: slot.name.clone(),
            group: slot.group.clone(),
            uri: slot.uri.clone(),
            calls: slot.seats.taken(),
            capacity: slot.seats.max(),
            status: slot.status.load_full(),
            counts: slot.figures.counts(self.second()),
        };
        self.slots.iter().map(view).collect()
    }

    /// A place for one more call.
    pub(super) fn seat(&self, trunk: TrunkId) -> Option<Seat> {
        let slot = self.slots.get(usize::from(trunk.0))?;
        let seat = slot.seats.take();
        match seat {
            Some(_) => slot.figures.began(self.second(), slot.seats.taken()),
            None => slot.figures.was_full(),
        }
        seat
    }

    /// A trunk has refused a call.
    pub(super) fn refused(&self, trunk: TrunkId, status: u16) {
        if let Some(slot) = self.slots.get(usize::from(trunk.0)) {
            slot.figures.refused(status);
        }
    }

    /// Seconds since this table was made.
    fn second(&self) -> u32 {
        u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    pub(super) fn is_up(&self, trunk: TrunkId) -> bool {
        let slot = self.slots.get(usize::from(trunk.0));
        slot.is_some_and(|slot| slot.status.load().reach != Reach::Down)
    }

    pub(super) fn service_route(&self, trunk: TrunkId) -> Option<Arc<str>> {
        self.slots.get(usize::from(trunk.0))?.status.load().service_route.clone()
    }

    /// The trunk whose registrar was found at this address.
    pub(super) fn at(&self, source: IpAddr) -> Option<TrunkId> {
        let is_there =
            |slot: &Slot| slot.is_where_it_registers && slot.status.load().places.contains(&source);
        let at = self.slots.iter().position(is_there)?;
        u16::try_from(at).ok().map(TrunkId)
    }
}
