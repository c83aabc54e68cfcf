//! The calls of one relay thread.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use media::{Side, StreamPorts, StreamStats};
use model::{Instant, RelayId, Shard};

use crate::{RelayConfig, stream::Stream};

/// The relay of one call.
pub(crate) struct Session {
    pub(crate) relay: RelayId,
    /// The shard its events go to.
    pub(crate) shard: Shard,
    pub(crate) streams: Vec<Stream>,
    heard_at: Instant,
    told_silent: bool,
    _seat: Seat,
}

impl Session {
    pub(crate) const fn new(relay: RelayId, shard: Shard, now: Instant, seat: Seat) -> Self {
        let streams = Vec::new();
        Self { relay, shard, streams, heard_at: now, told_silent: false, _seat: seat }
    }

    pub(crate) fn ports(&self, config: &RelayConfig) -> Vec<StreamPorts> {
        let at = |stream: &Stream, side| (config.advertise, stream.party(side).pair.port()).into();
        let ports = |stream| StreamPorts { a: at(stream, Side::A), b: at(stream, Side::B) };
        self.streams.iter().map(ports).collect()
    }

    pub(crate) fn stats(&self) -> Vec<StreamStats> {
        self.streams.iter().map(|stream| stream.stats).collect()
    }

    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.told_silent = false;
    }

    /// How long nothing was heard, once it is too long; told once.
    pub(crate) fn newly_silent(&mut self, now: Instant, limit: Duration) -> Option<Duration> {
        let silent = now.saturating_since(self.heard_at);
        if self.told_silent || silent < limit {
            return None;
        }
        self.told_silent = true;
        Some(silent)
    }
}

/// A call's place among those the node may relay at once; free again when it is dropped.
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// `None` when all of `max` are taken.
    pub(crate) fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let seat = Self(taken.clone());
        // The seat is counted before it is judged, so that two threads cannot share the last one.
        (taken.fetch_add(1, Relaxed) < max).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Sessions by slot, which readiness tokens name, and by relay, which commands name.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Session>>,
    free: Vec<u32>,
    slots_by_relay: BTreeMap<RelayId, u32>,
}

impl Sessions {
    /// Puts a session in, and gives its slot. One that was there under the same relay is replaced.
    pub(crate) fn insert(&mut self, session: Session) -> u32 {
        let relay = session.relay;
        self.remove(relay);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(session);
        }
        self.slots_by_relay.insert(relay, slot);
        slot
    }

    pub(crate) fn remove(&mut self, relay: RelayId) -> Option<Session> {
        let slot = self.slots_by_relay.remove(&relay)?;
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take()
    }

    pub(crate) fn slot(&self, relay: RelayId) -> Option<u32> {
        self.slots_by_relay.get(&relay).copied()
    }

    pub(crate) fn at(&mut self, slot: u32) -> Option<&mut Session> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn get(&mut self, relay: RelayId) -> Option<&mut Session> {
        self.at(self.slot(relay)?)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.slots.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use model::ConnId;

    use super::*;

    fn session(number: u64, taken: &Arc<AtomicUsize>, max: usize) -> Option<Session> {
        let seat = Seat::take(taken, max)?;
        Some(Session::new(RelayId(ConnId(number)), Shard(0), Instant::ZERO, seat))
    }

    #[test]
    fn slots_and_seats_are_used_again() {
        let taken = Arc::default();
        let mut sessions = Sessions::default();
        let first = sessions.insert(session(1, &taken, 2).unwrap());
        let second = sessions.insert(session(2, &taken, 2).unwrap());
        assert!(first != second && session(3, &taken, 2).is_none());
        assert!(sessions.remove(RelayId(ConnId(1))).is_some());
        assert!(sessions.remove(RelayId(ConnId(1))).is_none());
        assert!(sessions.at(first).is_none());
        assert_eq!(sessions.insert(session(3, &taken, 2).unwrap()), first);
        assert_eq!(sessions.at(first).unwrap().relay, RelayId(ConnId(3)));
        drop(sessions);
        assert_eq!(taken.load(Relaxed), 0);
    }

    #[test]
    fn a_silence_is_told_once_and_the_next_one_again() {
        let limit = Duration::from_secs(60);
        let mut session = session(1, &Arc::default(), 1).unwrap();
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        assert_eq!(session.newly_silent(at(59), limit), None);
        assert_eq!(session.newly_silent(at(61), limit), Some(Duration::from_secs(61)));
        assert_eq!(session.newly_silent(at(62), limit), None);
        session.heard(at(70));
        assert_eq!(session.newly_silent(at(129), limit), None);
        assert_eq!(session.newly_silent(at(130), limit), Some(limit));
    }
}
