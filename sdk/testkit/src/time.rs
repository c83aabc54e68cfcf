//! Civil times in scenario files.

use std::time::Duration;

use model::{LocalTime, Moment};

/// Reads `2026-11-18T09:15:00`, taken as UTC; the weekday is worked out.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let mut time = time.splitn(3, ':');
    let year: i64 = date.next()?.parse().ok()?;
    let month: i64 = date.next()?.parse().ok().filter(|m| (1..=12).contains(m))?;
    let day: i64 = date.next()?.parse().ok().filter(|d| (1..=31).contains(d))?;
    let hour: i64 = time.next()?.parse().ok().filter(|h| (0..24).contains(h))?;
    let minute: i64 = time.next()?.parse().ok().filter(|m| (0..60).contains(m))?;
    let second: i64 = time.next().unwrap_or("0").parse().ok().filter(|s| (0..60).contains(s))?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    moment(u64::try_from(seconds).ok()? * 1000)
}

/// The moment this long after another, in the same zone: UTC.
pub(crate) fn later(from: Moment, by: Duration) -> Moment {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    moment(from.at_ms.saturating_add(by)).unwrap_or(from)
}

/// Reads `250ms`, `5s`, `3m` or `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text.get(..unit)?.parse().ok()?;
    let ms_each = match text.get(unit..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(ms_each).map(Duration::from_millis)
}

/// A time as [`duration`] reads it.
pub(crate) fn shown(time: Duration) -> String {
    let ms = time.as_millis();
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

fn moment(at_ms: u64) -> Option<Moment> {
    let seconds = i64::try_from(at_ms / 1000).ok()?;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let local = LocalTime {
        year: i16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        // 1970-01-01 was a Thursday.
        weekday: u8::try_from((days + 3).rem_euclid(7) + 1).ok()?,
        hour: u8::try_from(second / 3600).ok()?,
        minute: u8::try_from(second / 60 % 60).ok()?,
        second: u8::try_from(second % 60).ok()?,
        utc_offset_min: 0,
    };
    Some(Moment { at_ms, local })
}

/// Year, month and day of a day since 1970: [`days_since_1970`] the other way round.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Counts years from March, so that the leap day is the last of its year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_clock_goes_over_the_end_of_a_year_and_a_leap_day() {
        let at = |from: &str, secs| later(parse(from).unwrap(), Duration::from_secs(secs));
        assert_eq!(at("2026-12-31T23:59:59", 1), parse("2027-01-01T00:00:00").unwrap());
        assert_eq!(at("2024-02-28T12:00:00", 86_400), parse("2024-02-29T12:00:00").unwrap());
        assert_eq!(at("2023-02-28T12:00:00", 86_400), parse("2023-03-01T12:00:00").unwrap());
    }

    #[test]
    fn durations_are_read_and_shown() {
        let read = |text| duration(text).map(shown);
        assert_eq!(read("250ms").as_deref(), Some("250ms"));
        assert_eq!(read("3m").as_deref(), Some("180s"));
        assert_eq!(read("1h").as_deref(), Some("3600s"));
        assert_eq!([read("5"), read("s"), read("5d"), read("-5s")], [None, None, None, None]);
    }

    #[test]
    fn weekdays_and_milliseconds_are_right() {
        let moment = parse("2026-11-21T12:00:00").unwrap();
        assert_eq!((moment.local.weekday, moment.at_ms), (6, 1_795_262_400_000));
        assert_eq!(parse("2024-02-29T00:00").unwrap().local.weekday, 4);
        assert_eq!(parse("1970-01-01T00:00:01").unwrap().at_ms, 1000);
        assert!(parse("2026-13-01T00:00:00").is_none());
        assert!(parse("noon").is_none());
    }
}
