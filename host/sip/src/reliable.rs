//! Reliable provisional responses: RFC 3262.

use crate::{Message, Method, Name};

/// The option tag of RFC 3262.
pub const OPTION_100REL: &str = "100rel";

/// Whether a field of option tags (Supported, Require, Unsupported) of `message` names `option`; tags are compared without regard
/// to case (RFC 3261 section 7.3.1).
pub fn names_option(message: &Message, field: Name, option: &str) -> bool {
    message.values(field).any(|value| value.trim().eq_ignore_ascii_case(option))
}

/// The number of a response that is sent reliably: 101-199, `Require: 100rel` and an RSeq. `None` when it is not.
//= RFC 3262 section 4
//# If the response is a 100 (Trying) (as opposed to 101 to 199), this option tag MUST be ignored, and the procedures below MUST
//# NOT be used.
pub fn rseq(response: &Message) -> Option<u32> {
    let is_provisional = (101..=199).contains(&response.status());
    if !is_provisional || !names_option(response, Name::Require, OPTION_100REL) {
        return None;
    }
    let text = response.header(Name::RSeq)?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// What a PRACK acknowledges (RFC 3262 section 7.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The CSeq number of the response.
    pub cseq: u32,
}

impl RAck {
    /// Reads the RAck field of a PRACK, `776656 1 INVITE`; `None` when it is missing or is not that.
    pub fn of(prack: &Message) -> Option<Self> {
        let mut parts = prack.header(Name::RAck)?.split_ascii_whitespace();
        let rseq = parts.next()?.parse().ok()?;
        let cseq = parts.next()?.parse().ok()?;
        let method = Method::from_token(parts.next()?);
        (method == Method::Invite && parts.next().is_none()).then_some(Self { rseq, cseq })
    }
}

impl std::fmt::Display for RAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} INVITE", self.rseq, self.cseq)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ParseLimits;

    fn message(start: &str, method: &str, fields: &str) -> Message {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
             Call-ID: 1\r\nCSeq: 2 {method}\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.into_bytes().into(), &ParseLimits::default()).unwrap()
    }

    #[test]
    fn only_a_numbered_101_to_199_that_says_so_is_reliable() {
        let number = |status: &str, fields: &str| {
            rseq(&message(&format!("SIP/2.0 {status} X"), "INVITE", fields))
        };
        let rel = "Require: foo, 100Rel\r\nRSeq: 17\r\n";
        assert_eq!(number("183", rel), Some(17));
        assert_eq!(number("100", rel), None);
        assert_eq!(number("200", rel), None);
        assert_eq!(number("183", "RSeq: 17\r\n"), None);
        assert_eq!(number("183", "Require: 100rel\r\n"), None);
        for bad in ["0", "-1", "+1", "4294967296", "1 2", ""] {
            assert_eq!(
                number("183", &format!("Require: 100rel\r\nRSeq: {bad}\r\n")),
                None,
                "{bad}"
            );
        }
    }

    #[test]
    fn what_a_prack_acknowledges() {
        let of = |value: &str| {
            RAck::of(&message("PRACK sip:b@h SIP/2.0", "PRACK", &format!("RAck: {value}\r\n")))
        };
        assert_eq!(of("776656  1 INVITE"), Some(RAck { rseq: 776_656, cseq: 1 }));
        assert_eq!(RAck { rseq: 7, cseq: 1 }.to_string(), "7 1 INVITE");
        for bad in ["1 INVITE", "1 2 BYE", "x 2 INVITE", "1 2 INVITE 3", ""] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(RAck::of(&message("PRACK sip:b@h SIP/2.0", "PRACK", "")), None);
    }
}
