//! The fields of session timers: RFC 4028.

use crate::{Message, Name};

/// The option tag of RFC 4028.
pub const OPTION_TIMER: &str = "timer";

/// The least interval a session timer may have, in seconds (RFC 4028 section 5).
pub const LEAST_S: u32 = 90;

/// Who refreshes a session, as one request and its response name them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// A Session-Expires field (RFC 4028 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionExpires {
    /// The interval, in seconds.
    pub seconds: u32,
    /// Who refreshes, where it says.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// The field of a message; `None` when it is missing or cannot be read.
    pub fn of(message: &Message) -> Option<Self> {
        let value = message.header(Name::SessionExpires)?;
        let mut parts = value.split(';').map(str::trim);
        let seconds = delta_seconds(parts.next()?)?;
        let refresher = parts.find_map(|param| {
            let (name, value) = param.split_once('=')?;
            let is_meant = name.trim().eq_ignore_ascii_case("refresher");
            match value.trim() {
                value if is_meant && value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                value if is_meant && value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                _ => None,
            }
        });
        Some(Self { seconds, refresher })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// The Min-SE of a message, in seconds; [`LEAST_S`] when it has none (RFC 4028 section 5).
pub fn min_se(message: &Message) -> u32 {
    let value = message.header(Name::MinSe).and_then(|value| value.split(';').next());
    value.and_then(delta_seconds).unwrap_or(LEAST_S).max(LEAST_S)
}

fn delta_seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Who says more than the number can hold means for ever.
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ParseLimits;

    fn message(fields: &str) -> Message {
        let text = format!(
            "UPDATE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 UPDATE\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.into_bytes().into(), &ParseLimits::default()).unwrap()
    }

    #[test]
    fn an_interval_and_who_refreshes() {
        let of = |value: &str| SessionExpires::of(&message(&format!("{value}\r\n")));
        let session = |seconds, refresher| Some(SessionExpires { seconds, refresher });
        assert_eq!(of("Session-Expires: 1800"), session(1800, None));
        assert_eq!(of("x: 90 ; a=b; Refresher = UAS"), session(90, Some(Refresher::Uas)));
        assert_eq!(of("x: 90;refresher=uac"), session(90, Some(Refresher::Uac)));
        assert_eq!(of("x: 90;refresher=who"), session(90, None));
        assert_eq!(of("x: 99999999999"), session(u32::MAX, None));
        assert_eq!(of("x: soon"), None);
        assert_eq!(of("Subject: none"), None);
        let written = SessionExpires { seconds: 90, refresher: Some(Refresher::Uac) };
        assert_eq!(written.to_string(), "90;refresher=uac");
    }

    #[test]
    fn the_least_interval_is_90_seconds() {
        assert_eq!(min_se(&message("")), 90);
        assert_eq!(min_se(&message("Min-SE: 10\r\n")), 90);
        assert_eq!(min_se(&message("Min-SE: 120;x=y\r\n")), 120);
    }
}
