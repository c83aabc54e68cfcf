//! The time of a line.

use std::fmt;

/// A moment as logs print it, in the zone of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LogTime {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub unix_us: u64,
    /// Minutes east of UTC.
    pub utc_offset_min: i16,
}

const DAY: i64 = 86_400;

impl LogTime {
    /// `HH:MM:SS.ffff`: the time of header lines, to a ten-thousandth of a second.
    pub fn of_day(self) -> impl fmt::Display {
        let (_, seconds) = self.local();
        let tenths = self.unix_us % 1_000_000 / 100;
        fmt::from_fn(move |f| write!(f, "{}.{tenths:04}", clock(seconds)))
    }

    /// `YYYY-MM-DDTHH:MM:SS.mmm`: the time of trace lines.
    pub fn full(self) -> impl fmt::Display {
        let (days, seconds) = self.local();
        let (year, month, day) = civil(days);
        let ms = self.unix_us % 1_000_000 / 1000;
        fmt::from_fn(move |f| write!(f, "{year:04}-{month:02}-{day:02}T{}.{ms:03}", clock(seconds)))
    }

    /// Days since 1970 and seconds of the day.
    fn local(self) -> (i64, i64) {
        let seconds = i64::try_from(self.unix_us / 1_000_000).unwrap_or(i64::MAX);
        let local = seconds.saturating_add(60 * i64::from(self.utc_offset_min));
        (local.div_euclid(DAY), local.rem_euclid(DAY))
    }
}

/// `hh:mm:ss` of seconds since 1970.
pub(super) fn clock_of(unix: i64, utc_offset_min: i16) -> impl fmt::Display {
    let seconds = unix.rem_euclid(DAY) + 60 * i64::from(utc_offset_min);
    clock(seconds.rem_euclid(DAY))
}

fn clock(seconds: i64) -> impl fmt::Display {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    fmt::from_fn(move |f| write!(f, "{h:02}:{m:02}:{s:02}"))
}

/// Year, month and day of days since 1970, in the Gregorian calendar. Years are counted from March, so that a leap day is the last of its
/// year; 400 of them have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + 400 * era + i64::from(month <= 2);
    (year, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(unix: u64, utc_offset_min: i16) -> String {
        LogTime { unix_us: unix * 1_000_000 + 438_678, utc_offset_min }.full().to_string()
    }

    #[test]
    fn a_moment_is_the_day_it_is_and_in_the_zone_of_the_log() {
        assert_eq!(full(0, 0), "1970-01-01T00:00:00.438");
        assert_eq!(full(951_782_399, 0), "2000-02-28T23:59:59.438");
        assert_eq!(full(951_782_400, 0), "2000-02-29T00:00:00.438");
        assert_eq!(full(1_700_000_000, 0), "2023-11-14T22:13:20.438");
        assert_eq!(full(1_700_000_000, 120), "2023-11-15T00:13:20.438");
        assert_eq!(full(0, -60), "1969-12-31T23:00:00.438");
        let time = LogTime { unix_us: 1_700_000_000_593_987, utc_offset_min: 0 };
        assert_eq!(time.of_day().to_string(), "22:13:20.5939");
        assert_eq!(clock_of(-1, 0).to_string(), "23:59:59");
    }
}
