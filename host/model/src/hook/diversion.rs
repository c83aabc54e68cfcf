//! Why a call goes to somebody else than who was called.

use super::Party;

/// Why it was diverted, as Diversion names it (RFC 5806 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diversion {
    /// All calls are.
    Unconditional,
    /// Its line was busy.
    UserBusy,
    /// Nobody answered.
    NoAnswer,
    /// It is nowhere.
    Unavailable,
    /// Somebody decided so while it rang.
    Deflection,
    /// It does not want to be disturbed.
    DoNotDisturb,
    /// Because of the hour.
    TimeOfDay,
    /// Its user is elsewhere.
    FollowMe,
    /// Its user is away.
    Away,
    /// It is out of service.
    OutOfService,
    /// For a reason that is not known.
    Unknown,
}

impl Diversion {
    /// Every one of them.
    pub const ALL: [Self; 11] = [
        Self::Unconditional,
        Self::UserBusy,
        Self::NoAnswer,
        Self::Unavailable,
        Self::Deflection,
        Self::DoNotDisturb,
        Self::TimeOfDay,
        Self::FollowMe,
        Self::Away,
        Self::OutOfService,
        Self::Unknown,
    ];

    /// As it stands in a Diversion, towards plugins and in call records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::UserBusy => "user-busy",
            Self::NoAnswer => "no-answer",
            Self::Unavailable => "unavailable",
            Self::Deflection => "deflection",
            Self::DoNotDisturb => "do-not-disturb",
            Self::TimeOfDay => "time-of-day",
            Self::FollowMe => "follow-me",
            Self::Away => "away",
            Self::OutOfService => "out-of-service",
            Self::Unknown => "unknown",
        }
    }

    /// The one of that name, in any case.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|diversion| diversion.name().eq_ignore_ascii_case(name))
    }

    /// As the parameter `cause` of a URI says it (RFC 4458 section 2); reasons without one of their own are unconditional, as RFC
    /// 7544 section 6.1 has it.
    pub const fn cause(self) -> u16 {
        match self {
            Self::UserBusy => 486,
            Self::NoAnswer => 408,
            Self::Unavailable | Self::OutOfService => 404,
            Self::Deflection => 480,
            Self::Unconditional
            | Self::DoNotDisturb
            | Self::TimeOfDay
            | Self::FollowMe
            | Self::Away
            | Self::Unknown => 302,
        }
    }
}

/// Somebody who was called and named another to call (a response of the class 3xx).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// Who was called.
    pub by: Party,
    /// Why, as its response said.
    pub why: Diversion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        for diversion in Diversion::ALL {
            assert_eq!(Diversion::of(&diversion.name().to_uppercase()), Some(diversion));
        }
        assert_eq!(Diversion::of("because"), None);
    }
}
