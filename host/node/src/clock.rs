//! The clocks of the process: a monotonic one for machines, the wall's for people and plugins.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, tz::TimeZone};
use model::{Instant, LocalTime, Moment};
use rustix::time::{ClockId, clock_gettime};

/// The monotonic clock every [`Instant`] of the process comes from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that begins now. A process has one and hands out copies.
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z at `instant`, as the wall clock stands now.
    pub fn wall_ms(&self, instant: Instant) -> u64 {
        let now = self.now();
        let ahead = instant.saturating_since(now);
        let behind = now.saturating_since(instant);
        let wall = wall_now() + ahead;
        u64::try_from(wall.saturating_sub(behind).as_millis()).unwrap_or(u64::MAX)
    }

    /// The time since 1970-01-01T00:00:00Z at `instant`, as the wall clock stands now.
    pub fn unix(&self, instant: Instant) -> Duration {
        let now = self.now();
        let (ahead, behind) = (instant.saturating_since(now), now.saturating_since(instant));
        (wall_now() + ahead).saturating_sub(behind)
    }

    /// The instant of a wall time in milliseconds since 1970-01-01T00:00:00Z, as the wall clock stands now; the clock's origin
    /// for what was before it.
    pub fn at_wall_ms(&self, ms: u64) -> Instant {
        let (now, wall, at) = (self.now(), wall_now(), Duration::from_millis(ms));
        let since_origin = Duration::from_nanos(now.as_nanos()) + at.saturating_sub(wall);
        Instant::ZERO + since_origin.saturating_sub(wall.saturating_sub(at))
    }
}

/// Time since 1970-01-01T00:00:00Z.
fn wall_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// CPU time of the thread or the process that asks, in microseconds.
pub fn cpu_us(of: ClockId) -> u64 {
    let time = clock_gettime(of);
    let us = time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1000);
    u64::try_from(us).unwrap_or(0)
}

/// `2026-11-21T04:01:09.123Z`.
pub fn format_wall(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// Gives plugins the moment in their zone, computed once a second.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    second: u64,
    local: LocalTime,
}

impl Calendar {
    /// Takes an IANA zone name; `None`, or a name the system does not know, takes the system's zone, and UTC if it has none.
    pub fn new(zone: Option<&str>) -> Self {
        let zone = zone
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or_else(|| TimeZone::try_system().unwrap_or(TimeZone::UTC));
        Self { zone, second: u64::MAX, local: LocalTime::default() }
    }

    /// The moment it is.
    pub fn moment(&mut self) -> Moment {
        self.moment_at(u64::try_from(wall_now().as_millis()).unwrap_or(u64::MAX))
    }

    fn moment_at(&mut self, at_ms: u64) -> Moment {
        if at_ms / 1000 != self.second {
            self.second = at_ms / 1000;
            self.local = local_time(self.second, &self.zone);
        }
        Moment { at_ms, local: self.local }
    }
}

fn local_time(second: u64, zone: &TimeZone) -> LocalTime {
    let at = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    let Some(at) = at else { return LocalTime::default() };
    let local = at.to_zoned(zone.clone());
    // Each field is within the range its type was chosen for; a calendar cannot give another.
    let small = |field: i8| u8::try_from(field).unwrap_or(0);
    LocalTime {
        year: local.year(),
        month: small(local.month()),
        day: small(local.day()),
        weekday: small(local.weekday().to_monday_one_offset()),
        hour: small(local.hour()),
        minute: small(local.minute()),
        second: small(local.second()),
        utc_offset_min: i16::try_from(local.offset().seconds() / 60).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_sees_its_own_zone_across_a_change_of_summer_time() {
        let mut vienna = Calendar::new(Some("Europe/Vienna"));
        let summer = vienna.moment_at(1_792_889_999_999).local;
        let winter = vienna.moment_at(1_792_890_000_000).local;
        assert_eq!(
            (summer.year, summer.month, summer.day, summer.hour, summer.minute, summer.second),
            (2026, 10, 25, 2, 59, 59)
        );
        assert_eq!((summer.utc_offset_min, winter.utc_offset_min), (120, 60));
        assert_eq!((winter.hour, winter.minute, winter.weekday), (2, 0, 7));
    }

    #[test]
    fn the_wall_time_of_an_earlier_instant_is_earlier() {
        let clock = Clock::start();
        let now = clock.now() + Duration::from_secs(10);
        let earlier = clock.wall_ms(now);
        let later = clock.wall_ms(now + Duration::from_secs(5));
        assert!((4990..=5100).contains(&(later - earlier)), "{earlier} {later}");
    }

    #[test]
    fn a_wall_time_becomes_its_instant_again() {
        let clock = Clock::start();
        let at = clock.now() + Duration::from_secs(3600);
        let back = clock.at_wall_ms(clock.wall_ms(at));
        let off = back.saturating_since(at).max(at.saturating_since(back));
        assert!(off < Duration::from_millis(100), "{off:?}");
        assert_eq!(clock.at_wall_ms(0), Instant::ZERO);
    }

    #[test]
    fn wall_time_is_written_in_utc() {
        assert_eq!(format_wall(1_792_890_000_123), "2026-10-25T01:00:00.123Z");
    }
}
