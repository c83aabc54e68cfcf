//! What plugins are asked of a request before it becomes a call or a registration.

use std::{fmt, time::Duration};

use crate::Aor;

/// The requests that plugins are asked about before anything is made of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RequestKind {
    /// An INVITE outside of any dialog.
    #[default]
    Invite,
    /// A REGISTER.
    Register,
    /// A SUBSCRIBE outside of any dialog.
    Subscribe,
    /// A MESSAGE outside of any dialog.
    Message,
    /// No SIP request: something that a T-Library client asks for, or that happens to a DN.
    TLibrary,
}

impl RequestKind {
    /// The method, as it stands in the request.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
            Self::TLibrary => "T-LIBRARY",
        }
    }
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactFacts {
    /// Its URI without angle brackets, or `*` for all of them.
    pub uri: String,
    /// How long it asks to be bound; `None` leaves it to the switch, zero removes it.
    pub expires: Option<Duration>,
    /// Its preference, 0 to 1000 for q=0.000 to 1.000; 1000 where it gives none.
    pub q_milli: u16,
}

/// A verdict of the hooks `admission`, `authenticate` and `register`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// `admission`: let it in, ask no further plugin. `authenticate`: it is from this user, or from whom it says, without proof.
    Allow(Option<Aor>),
    /// `admission`: say nothing at all, as if nobody were here.
    Drop,
    /// `authenticate`: it must prove who it is, whatever the configuration says.
    Challenge,
    /// `authenticate`: it must prove who it is, and this is what its user logs in with.
    Verify(Credentials),
    /// `register`: take it, even for somebody else or for a user who is no subscriber.
    Accept(Registration),
}

/// What a user logs in with, as a plugin gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// In clear.
    Password(String),
    /// The hash of user, realm and password that the switch would make: 32 hexadecimal digits of MD5 or 64 of SHA-256.
    Ha1(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// How a REGISTER is taken.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Registration {
    /// Bound no longer than this; `None` leaves it to the configuration.
    pub expires_max: Option<Duration>,
    /// At most so many contacts, of which a new one replaces the one that was registered first; `None` leaves it to the
    /// configuration, which refuses the new one.
    pub contacts_max: Option<usize>,
}
