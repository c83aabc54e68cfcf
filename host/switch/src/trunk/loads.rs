//! What the places of trunks have told of their load, and heeding it (RFC 7339).

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use model::Instant;
use sip::overload::Feedback;

/// Places whose load is remembered.
const PLACES_MAX: usize = 4096;
/// A number that is smaller by more than this does not come late: its sender has begun anew.
const LATE: u64 = 60;

/// The load of places, as far as they have told.
#[derive(Default)]
pub(crate) struct Loads {
    told_by_place: BTreeMap<SocketAddr, Told>,
}

struct Told {
    percent: u8,
    until: Instant,
    sequence: Option<(u64, u32)>,
}

impl Loads {
    /// Takes in what a place has told at `now`.
    pub(crate) fn note(&mut self, now: Instant, place: SocketAddr, feedback: Feedback) {
        let Feedback { percent, validity, sequence } = feedback;
        if let Some(told) = self.told_by_place.get(&place)
            && is_stale(told.sequence, sequence)
        {
            return;
        }
        if !self.told_by_place.contains_key(&place) && self.told_by_place.len() >= PLACES_MAX {
            self.told_by_place.retain(|_, told| told.until > now);
        }
        if self.told_by_place.len() < PLACES_MAX || self.told_by_place.contains_key(&place) {
            let until = now + validity.max(Duration::ZERO);
            self.told_by_place.insert(place, Told { percent, until, sequence });
        }
    }

    /// Whether nobody has told anything yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.told_by_place.is_empty()
    }

    /// Whether a call to this place is left unsent; `draw` is a number by chance. A call that is not sent spares its place the ACK and the BYE as
    /// well, so that of all requests the same part is left unsent as of calls.
    pub(crate) fn holds_back(&self, now: Instant, place: SocketAddr, draw: u64) -> bool {
        let told = self.told_by_place.get(&place).filter(|told| told.until > now);
        told.is_some_and(|told| draw % 100 < u64::from(told.percent))
    }
}

/// Whether a number is that of something already known, or older.
//= RFC 7339 section 5.4
//# If these values match, the response does not update the overload control parameters related to this server
fn is_stale(known: Option<(u64, u32)>, new: Option<(u64, u32)>) -> bool {
    match (known, new) {
        (Some(known), Some(new)) => new <= known && new.0.saturating_add(LATE) >= known.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn place(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 5060).into()
    }

    fn feedback(percent: u8, ms: u64, sequence: u64) -> Feedback {
        let validity = Duration::from_millis(ms);
        Feedback { percent, validity, sequence: Some((sequence, 0)) }
    }

    fn held(loads: &Loads, ms: u64) -> usize {
        (0..100).filter(|draw| loads.holds_back(at(ms), place(1), *draw)).count()
    }

    #[test]
    fn so_many_of_a_hundred_are_held_back_as_long_as_it_holds() {
        let mut loads = Loads::default();
        loads.note(at(0), place(1), feedback(30, 500, 100));
        assert_eq!((held(&loads, 0), held(&loads, 499), held(&loads, 500)), (30, 30, 0));
        assert!(!loads.holds_back(at(0), place(2), 0), "another place");
        loads.note(at(100), place(1), feedback(100, 500, 101));
        assert_eq!(held(&loads, 200), 100);
        // What came late, or says the same again, changes nothing: neither the value nor its end.
        loads.note(at(300), place(1), feedback(10, 500, 100));
        loads.note(at(400), place(1), feedback(100, 500, 101));
        assert_eq!((held(&loads, 599), held(&loads, 600)), (100, 0));
        loads.note(at(400), place(1), feedback(100, 0, 102));
        assert_eq!(held(&loads, 400), 0, "it is over");
        // A switch that has begun anew counts from the start.
        loads.note(at(500), place(1), feedback(50, 500, 1));
        assert_eq!(held(&loads, 600), 50);
    }

    #[test]
    fn the_greatest_number_of_all_is_one_like_others() {
        let mut loads = Loads::default();
        for percent in [30, 40] {
            loads.note(at(0), place(1), feedback(percent, 500, u64::MAX));
        }
        assert_eq!(held(&loads, 0), 30);
    }

    #[test]
    fn only_so_many_places_are_remembered() {
        let mut loads = Loads::default();
        let other = |n: usize| SocketAddr::from(([10, 0, 0, 1], u16::try_from(n).unwrap_or(0)));
        for n in 0..PLACES_MAX {
            loads.note(at(0), other(n), feedback(100, 500, 1));
        }
        loads.note(at(100), place(1), feedback(100, 500, 1));
        assert_eq!((loads.told_by_place.len(), held(&loads, 100)), (PLACES_MAX, 0));
        loads.note(at(600), place(1), feedback(100, 500, 1));
        assert_eq!((loads.told_by_place.len(), held(&loads, 600)), (1, 100));
    }
}
