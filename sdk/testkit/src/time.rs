//! Civil times in scenario files.

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
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    let local = LocalTime {
        year: i16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        // 1970-01-01 was a Thursday.
        weekday: u8::try_from((days + 3).rem_euclid(7) + 1).ok()?,
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        utc_offset_min: 0,
    };
    Some(Moment { at_ms: u64::try_from(seconds).ok()? * 1000, local })
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
    fn weekdays_and_milliseconds_are_right() {
        let moment = parse("2026-11-21T12:00:00").unwrap();
        assert_eq!((moment.local.weekday, moment.at_ms), (6, 1_795_262_400_000));
        assert_eq!(parse("2024-02-29T00:00").unwrap().local.weekday, 4);
        assert_eq!(parse("1970-01-01T00:00:01").unwrap().at_ms, 1000);
        assert!(parse("2026-13-01T00:00:00").is_none());
        assert!(parse("noon").is_none());
    }
}
