//! What neighbours tell one another of their load (RFC 7339), by loss: how many of a hundred requests are to be left unsent.

use std::time::Duration;

use crate::Message;

/// What a Via says whose sender wants to be told (RFC 7339 section 5.1).
pub const ASKING: &str = ";oc;oc-algo=\"loss\"";

/// For how long a value holds that says nothing of it (RFC 7339 section 4.3).
const VALIDITY: Duration = Duration::from_millis(500);
/// No value is believed for longer.
const VALIDITY_MAX: Duration = Duration::from_secs(60);

/// What a response tells of the load of its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Feedback {
    /// Of a hundred requests so many are to be left unsent: 0 to 100.
    pub percent: u8,
    /// For how long, at most a minute. Zero ends it.
    pub validity: Duration,
    /// The later of two is the greater; `None` where it does not say.
    pub sequence: Option<(u64, u32)>,
}

impl Feedback {
    /// What the top Via of a response to a request of ours says; `None` when its sender knows nothing of this, or speaks of another
    /// algorithm than loss.
    pub fn of(response: &Message) -> Option<Self> {
        let via = response.top_via().ok()?;
        // One that leaves our own `oc` standing writes its own behind it.
        let value = |wanted: &str| {
            let mut all = via.params.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            all.find_map(|(_, value)| value)
        };
        let percent: u8 = value("oc")?.parse().ok().filter(|percent| *percent <= 100)?;
        if !value("oc-algo")?.eq_ignore_ascii_case("loss") {
            return None;
        }
        let validity = match value("oc-validity") {
            None => VALIDITY,
            Some(ms) => Duration::from_millis(ms.parse().ok()?).min(VALIDITY_MAX),
        };
        let sequence = match value("oc-seq") {
            None => None,
            Some(text) => {
                let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
                // The part behind the point is a fraction: `.5` is later than `.25`.
                let part = format!("{part:0<5}");
                Some((whole.parse().ok()?, part.get(..5)?.parse().ok()?))
            }
        };
        Some(Self { percent, validity, sequence })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::ParseLimits;

    fn of(params: &str) -> Option<Feedback> {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa{params}\r\n\
             Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb;oc=99;oc-algo=\"loss\"\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
        );
        Feedback::of(&Message::parse(Bytes::from(text), &ParseLimits::default()).unwrap())
    }

    #[test]
    fn the_top_via_tells_and_no_other() {
        let some = |percent, ms, sequence| {
            Some(Feedback { percent, validity: Duration::from_millis(ms), sequence })
        };
        // The values of RFC 7339 section 6.
        let told =
            ";received=192.0.2.111;oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782";
        assert_eq!(of(told), some(20, 500, Some((1_282_321_615, 78_200))));
        assert_eq!(of(";oc=0;oc-algo=\"loss\";oc-validity=0"), some(0, 0, None));
        assert_eq!(of(";oc=7;oc-algo=loss"), some(7, 500, None));
        assert_eq!(of(";oc;oc-algo=\"loss\";oc=100;oc-validity=900000"), some(100, 60_000, None));
        for nothing in [
            "",
            ";oc;oc-algo=\"loss\"",
            ";oc=20",
            ";oc=20;oc-algo=\"rate\"",
            ";oc=101;oc-algo=\"loss\"",
            ";oc=x;oc-algo=\"loss\"",
            ";oc=20;oc-algo=\"loss\";oc-validity=x",
            ";oc=20;oc-algo=\"loss\";oc-seq=x.1",
        ] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }
}
