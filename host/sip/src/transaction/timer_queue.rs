//! The timers of every transaction, in order.

use std::{collections::VecDeque, num::NonZeroU64, time::Duration};

use model::Instant;

use crate::timers::Timer;

/// How many dead or freed entries a lane may keep room for when it runs empty.
const IDLE_CAPACITY: usize = 1024;

/// Running timers, one lane for each distinct duration.
///
/// SIP uses a dozen durations (T1 and its doubles, T2, T4, 64*T1…) and time does not go back, so within a lane timers fire
/// in the order they were started: starting, stopping and firing are O(1), and the next deadline is the least of a dozen.
pub(crate) struct TimerQueue<T> {
    lanes: Vec<Lane<T>>,
}

struct Lane<T> {
    duration: Duration,
    /// The number of the entry at the front.
    front: u64,
    entries: VecDeque<Entry<T>>,
}

struct Entry<T> {
    at: Instant,
    timer: Timer,
    /// `None` once stopped.
    owner: Option<T>,
}

/// Names a running timer: the lane in the top byte, then the number of its entry plus one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerHandle(NonZeroU64);

impl TimerHandle {
    const LANE_SHIFT: u32 = 56;

    fn new(lane: usize, number: u64) -> Option<Self> {
        let lane = u64::try_from(lane).ok()?;
        NonZeroU64::new(lane << Self::LANE_SHIFT | (number + 1)).map(Self)
    }

    const fn lane(self) -> usize {
        (self.0.get() >> Self::LANE_SHIFT) as usize
    }

    const fn number(self) -> u64 {
        (self.0.get() & ((1 << Self::LANE_SHIFT) - 1)) - 1
    }
}

impl<T: Copy> TimerQueue<T> {
    pub(crate) const fn new() -> Self {
        Self { lanes: Vec::new() }
    }

    /// Starts a timer that fires `duration` after `now`. `now` must not be before that of an earlier call.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        duration: Duration,
        timer: Timer,
        owner: T,
    ) -> Option<TimerHandle> {
        let at = self.lane_of(duration);
        let lane = self.lanes.get_mut(at)?;
        let number = lane.front + lane.entries.len() as u64;
        lane.entries.push_back(Entry { at: now + duration, timer, owner: Some(owner) });
        TimerHandle::new(at, number)
    }

    /// Stops a timer; one that has fired already is left alone.
    pub(crate) fn stop(&mut self, handle: TimerHandle) {
        let Some(lane) = self.lanes.get_mut(handle.lane()) else { return };
        let Some(offset) = handle.number().checked_sub(lane.front) else { return };
        let Ok(offset) = usize::try_from(offset) else { return };
        if let Some(entry) = lane.entries.get_mut(offset) {
            entry.owner = None;
        }
        lane.drop_stopped();
    }

    /// The next deadline and its timer.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.lanes
            .iter()
            .filter_map(|lane| lane.entries.front().map(|entry| (entry.at, entry.timer)))
            .min()
    }

    /// Takes the next timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Timer, T)> {
        let (_, lane) = self
            .lanes
            .iter_mut()
            .filter_map(|lane| {
                let entry = lane.entries.front()?;
                (entry.at <= now).then_some(((entry.at, entry.timer), lane))
            })
            .min_by_key(|(order, _)| *order)?;
        let entry = lane.entries.pop_front()?;
        lane.front += 1;
        lane.drop_stopped();
        // The front of a lane is never a stopped one.
        Some((entry.timer, entry.owner?))
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.entries.is_empty())
    }

    fn lane_of(&mut self, duration: Duration) -> usize {
        let found = self.lanes.iter().position(|lane| lane.duration == duration);
        found.unwrap_or_else(|| {
            self.lanes.push(Lane { duration, front: 0, entries: VecDeque::new() });
            self.lanes.len() - 1
        })
    }
}

impl<T> Lane<T> {
    /// Keeps the front a running timer, so that the next deadline is never that of a stopped one.
    fn drop_stopped(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.owner.is_none()) {
            self.entries.pop_front();
            self.front += 1;
        }
        if self.entries.is_empty() && self.entries.capacity() > IDLE_CAPACITY {
            self.entries.shrink_to(IDLE_CAPACITY);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn timers_fire_in_order_of_their_deadlines_over_all_lanes() {
        let mut queue = TimerQueue::new();
        let start = Instant::ZERO;
        queue.start(start, MS * 500, Timer::A, 1);
        queue.start(start, MS * 32_000, Timer::B, 1);
        queue.start(start + MS * 100, MS * 200, Timer::Trying, 2);
        assert_eq!(queue.next(), Some((start + MS * 300, Timer::Trying)));
        assert_eq!(queue.take_due(start + MS * 299), None);
        assert_eq!(queue.take_due(start + MS * 40_000), Some((Timer::Trying, 2)));
        assert_eq!(queue.take_due(start + MS * 40_000), Some((Timer::A, 1)));
        assert_eq!(queue.take_due(start + MS * 40_000), Some((Timer::B, 1)));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_stopped_timer_neither_fires_nor_is_the_next_deadline() {
        let mut queue = TimerQueue::new();
        let start = Instant::ZERO;
        let first = queue.start(start, MS, Timer::A, 1);
        let second = queue.start(start, MS, Timer::A, 2);
        queue.start(start + MS, MS, Timer::A, 3);
        queue.stop(second.unwrap());
        assert_eq!(queue.next(), Some((start + MS, Timer::A)));
        queue.stop(first.unwrap());
        assert_eq!(queue.next(), Some((start + MS * 2, Timer::A)));
        // A handle that has fired or stopped already names nothing any more.
        queue.stop(first.unwrap());
        assert_eq!(queue.take_due(start + MS * 2), Some((Timer::A, 3)));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_handle_takes_no_more_room_than_a_number() {
        assert_eq!(size_of::<Option<TimerHandle>>(), 8);
    }
}
