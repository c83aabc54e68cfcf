//! The event packages of the switch.

use sip::{Message, Name};

use super::EventsConfig;

/// An event package.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Package {
    /// The calls of a user (RFC 4235).
    Dialog,
    /// The voice messages that wait for a user (RFC 3842).
    MessageSummary,
    /// Whether a user can be reached (RFC 3856).
    Presence,
}

/// What packages tell of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Matter {
    /// The calls of a user and where it is registered.
    Calls,
    /// Its messages.
    Messages,
}

impl Package {
    pub(super) const ALL: [Self; 3] = [Self::Dialog, Self::MessageSummary, Self::Presence];

    /// Its name in Event and Allow-Events.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
        }
    }

    /// The type of its documents.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::MessageSummary => "application/simple-message-summary",
            Self::Presence => "application/pidf+xml",
        }
    }

    /// What it tells of.
    pub(super) const fn matter(self) -> Matter {
        match self {
            Self::Dialog | Self::Presence => Matter::Calls,
            Self::MessageSummary => Matter::Messages,
        }
    }

    pub(super) const fn is_on(self, config: &EventsConfig) -> bool {
        match self {
            Self::Dialog => config.dialog,
            Self::MessageSummary => config.message_summary,
            Self::Presence => config.presence,
        }
    }

    /// The package of that name, where the configuration has it.
    pub(super) fn of(name: &str, config: &EventsConfig) -> Option<Self> {
        let named = Self::ALL.into_iter().find(|package| package.name() == name);
        named.filter(|package| package.is_on(config))
    }

    /// Whether a SUBSCRIBE takes its documents. One that does not say takes what the package has (RFC 6665 section 3.1.3).
    pub(super) fn is_accepted_by(self, request: &Message) -> bool {
        let mut accepts = request.values(Name::Accept).peekable();
        accepts.peek().is_none()
            || accepts.any(|range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                range == "*/*"
                    || range.eq_ignore_ascii_case("application/*")
                    || range.eq_ignore_ascii_case(self.content_type())
            })
    }
}

/// The value of Allow-Events: every package that is on; empty when none is.
pub(crate) fn allow_events(config: &EventsConfig) -> String {
    let on = Package::ALL.into_iter().filter(|package| package.is_on(config));
    on.map(Package::name).collect::<Vec<_>>().join(", ")
}
