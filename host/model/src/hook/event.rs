//! What happens to a call, as plugins of `call-event` are told it, and what they may want done about it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{ConnId, GenerationRef};

/// One end of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// Who calls, or was sent on to where this call goes.
    Caller,
    /// Who is called.
    Callee,
}

impl End {
    /// Both, the caller first.
    pub const BOTH: [Self; 2] = [Self::Caller, Self::Callee];

    /// The name in the contract and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }

    /// The end of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|end| end.name() == name)
    }
}

/// Something that has happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// What.
    pub what: Happening,
    /// How long after the switch began to tell of the call.
    pub after: Duration,
    /// How many events before this one were left out, because too many waited.
    pub missed: u32,
    /// The id of the only plugin that is told; `None` tells every plugin of the hook.
    pub only: Option<Arc<str>>,
}

/// What has happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It is routed, and its first target is tried next.
    Offered,
    /// A leg is alerting.
    Ringing {
        /// Its number in the call, from 1.
        leg: u16,
        /// The status, 101 to 199.
        status: u16,
    },
    /// A leg ended without being answered.
    LegFailed {
        /// Its number.
        leg: u16,
        /// The status it ended with.
        status: u16,
    },
    /// A leg was answered; the parties talk.
    Answered {
        /// Its number.
        leg: u16,
    },
    /// A party put the other on hold, or a plugin had it held.
    Held {
        /// The party that holds.
        by: End,
    },
    /// The one that was held is back.
    Resumed {
        /// The party that held.
        by: End,
    },
    /// A plugin holds a party, or has taken it back.
    PluginHeld {
        /// The party.
        party: End,
        /// Whether it is held now.
        held: bool,
    },
    /// A party refused what a command wanted of it.
    CommandFailed {
        /// The command.
        command: &'static str,
        /// The party.
        party: End,
        /// What it said.
        status: u16,
    },
    /// A party is being sent on.
    TransferBegun {
        /// The party that sends the other on.
        by: End,
        /// Whom it is sent to, a URI.
        to: String,
        /// The call it is to be in.
        into: ConnId,
    },
    /// The party that was sent on talks in its new call; this one ends.
    Transferred {
        /// The new call.
        into: ConnId,
    },
    /// Nobody took the party that was sent on.
    TransferFailed {
        /// The status of its target.
        status: u16,
    },
    /// A timer that the plugin had set is over.
    Timer {
        /// The name it gave it.
        name: Box<str>,
    },
    /// The call is over. No command can change anything of it.
    Released {
        /// `caller`, `callee`, `plugin` or `switch`.
        by: &'static str,
        /// Why, in words.
        cause: String,
    },
}

impl Happening {
    /// The kind of event in the contract.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Ringing { .. } => "ringing",
            Self::LegFailed { .. } => "leg-failed",
            Self::Answered { .. } => "answered",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::PluginHeld { held: true, .. } => "held",
            Self::PluginHeld { held: false, .. } => "resumed",
            Self::CommandFailed { .. } => "command-failed",
            Self::TransferBegun { .. } => "transfer-begun",
            Self::Transferred { .. } => "transferred",
            Self::TransferFailed { .. } => "transfer-failed",
            Self::Timer { .. } => "timer",
            Self::Released { .. } => "released",
        }
    }

    /// Whether it is kept before others when too many wait to be told.
    pub const fn is_turn(&self) -> bool {
        match self {
            Self::Answered { .. }
            | Self::Transferred { .. }
            | Self::Timer { .. }
            | Self::Released { .. } => true,
            Self::Offered
            | Self::Ringing { .. }
            | Self::LegFailed { .. }
            | Self::Held { .. }
            | Self::Resumed { .. }
            | Self::PluginHeld { .. }
            | Self::CommandFailed { .. }
            | Self::TransferBegun { .. }
            | Self::TransferFailed { .. } => false,
        }
    }
}

impl CallEvent {
    /// Everything but kind and time, by the names of the contract.
    pub fn attrs(&self) -> Vec<(&'static str, String)> {
        let mut attrs = match &self.what {
            Happening::Offered => Vec::new(),
            Happening::Ringing { leg, status } | Happening::LegFailed { leg, status } => {
                vec![("leg", leg.to_string()), ("status", status.to_string())]
            }
            Happening::Answered { leg } => vec![("leg", leg.to_string())],
            Happening::Held { by } | Happening::Resumed { by } => {
                vec![("by", by.name().to_owned())]
            }
            Happening::PluginHeld { party, .. } => {
                vec![("by", "plugin".to_owned()), ("party", party.name().to_owned())]
            }
            Happening::CommandFailed { command, party, status } => vec![
                ("command", (*command).to_owned()),
                ("party", party.name().to_owned()),
                ("status", status.to_string()),
            ],
            Happening::TransferBegun { by, to, into } => {
                vec![("by", by.name().to_owned()), ("to", to.clone()), ("into", into.to_string())]
            }
            Happening::Transferred { into } => vec![("into", into.to_string())],
            Happening::TransferFailed { status } => vec![("status", status.to_string())],
            Happening::Timer { name } => vec![("name", name.to_string())],
            Happening::Released { by, cause } => {
                vec![("by", (*by).to_owned()), ("cause", cause.clone())]
            }
        };
        if self.missed > 0 {
            attrs.push(("missed", self.missed.to_string()));
        }
        attrs
    }

    /// One of [`Self::attrs`].
    pub fn attr(&self, name: &str) -> Option<String> {
        self.attrs().into_iter().find(|(have, _)| *have == name).map(|(_, value)| value)
    }
}

/// What a plugin wants done about a call, as far as it can be judged without looking at the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set a label of the call.
    Tag {
        /// Its name.
        name: String,
        /// The value from now on.
        value: String,
    },
    /// Tell me when this time is over. One of the same name begins anew.
    Timer {
        /// Comes back in the event.
        name: String,
        /// From now.
        after: Duration,
    },
    /// Forget a timer.
    StopTimer {
        /// Its name.
        name: String,
    },
    /// Hold a party: nothing is sent to it or taken from it.
    Hold {
        /// Which; `None` is both.
        party: Option<End>,
    },
    /// Take a party back that a plugin holds.
    Resume {
        /// Which; `None` is both.
        party: Option<End>,
    },
    /// Have a party sent on, as if the other one had asked for it.
    Transfer {
        /// Which.
        party: End,
        /// To whom: a URI, or a number of the host that was called.
        to: String,
    },
    /// End the call.
    Release(Release),
}

/// How a plugin ends a call.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Release {
    /// What the caller is told while nobody has answered, 400 to 699; `None` is 480.
    pub status: Option<u16>,
    /// The cause of ITU-T Q.850 for the Reason header field (RFC 3326), 1 to 127.
    pub cause: Option<u8>,
    /// Its text; empty for none.
    pub text: String,
}

impl fmt::Display for Command {
    /// As the journal shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { name, value } => write!(f, "tag {name} = {value}"),
            Self::Timer { name, after } => write!(f, "timer {name} in {} ms", after.as_millis()),
            Self::StopTimer { name } => write!(f, "stop-timer {name}"),
            Self::Hold { party } => write!(f, "hold{}", named(*party)),
            Self::Resume { party } => write!(f, "resume{}", named(*party)),
            Self::Transfer { party, to } => write!(f, "transfer {} to {to}", party.name()),
            Self::Release(release) => {
                f.write_str("release")?;
                if let Some(status) = release.status {
                    write!(f, " {status}")?;
                }
                if let Some(cause) = release.cause {
                    write!(f, " cause {cause}")?;
                }
                Ok(())
            }
        }
    }
}

/// A party behind a word, or nothing for both.
fn named(party: Option<End>) -> String {
    party.map_or_else(String::new, |end| format!(" {}", end.name()))
}

/// One command of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whose.
    pub by: GenerationRef,
    /// What; or why the host cannot even read it.
    pub command: Result<Command, String>,
}
