use std::{sync::Arc, time::Duration};

use model::hook::{
    Ask, Attempt, CallEvent, ContactFacts, Destination, Diversion, End, Happening, Hook, Outgoing,
    Target,
};
use serde::{Deserialize, Serialize};

use crate::{
    ReadError,
    clients::{OwnerLine, RequestLine, SubscriptionLine},
    facts::{aor, conn_id},
};

/// Who may end a call, and which commands a party may refuse.
const WORDS: [&str; 12] = [
    "caller",
    "callee",
    "plugin",
    "operator",
    "switch",
    "hold",
    "resume",
    "transfer",
    "release",
    "tag",
    "timer",
    "stop-timer",
];

/// What is asked besides the facts of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AskLine {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<ContactLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remaining: Vec<TargetLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outgoing: Option<OutgoingLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<OwnerLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<SubscriptionLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestLine>,
}

/// An INVITE that is about to go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutgoingLine {
    target: TargetLine,
    uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_trunk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trunk: Option<String>,
    trusted: bool,
    hidden: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactLine {
    uri: String,
    /// Nanoseconds would be more than any header field says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_s: Option<u64>,
    q_milli: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptLine {
    target: TargetLine,
    status: u16,
    lasted_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetLine {
    /// `aor`, `uri` or `trunk`.
    kind: String,
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ring_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    together: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diverted: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    kind: String,
    attrs: Vec<(String, String)>,
    after_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only: Option<String>,
}

impl AskLine {
    pub(crate) fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Admission | Ask::Authenticate | Ask::DialPlan | Ask::Route => Self::default(),
            Ask::Register { contacts } => {
                let contacts = contacts.iter().map(|contact| ContactLine {
                    uri: contact.uri.clone(),
                    expires_s: contact.expires.map(|expires| expires.as_secs()),
                    q_milli: contact.q_milli,
                });
                Self { contacts: contacts.collect(), ..Self::default() }
            }
            Ask::RouteOnFailure { attempts, remaining } => {
                let attempts = attempts.iter().map(|attempt| AttemptLine {
                    target: TargetLine::of(&attempt.target),
                    status: attempt.status,
                    lasted_ms: millis(attempt.lasted),
                });
                let remaining = remaining.iter().map(TargetLine::of).collect();
                Self { attempts: attempts.collect(), remaining, ..Self::default() }
            }
            Ask::HeaderPolicy(outgoing) => {
                Self { outgoing: Some(OutgoingLine::of(outgoing)), ..Self::default() }
            }
            Ask::CallEvent(event) => Self { event: Some(EventLine::of(event)), ..Self::default() },
            Ask::DnOwner(change) => Self { change: Some(OwnerLine::of(change)), ..Self::default() },
            Ask::FanOut(subscription) => {
                let subscription = Some(SubscriptionLine::of(subscription));
                Self { subscription, ..Self::default() }
            }
            Ask::AuthoriseRequest(request) => {
                Self { request: Some(RequestLine::of(request)), ..Self::default() }
            }
        }
    }

    pub(crate) fn read(self, hook: Hook) -> Result<Ask, ReadError> {
        Ok(match hook {
            Hook::Admission => Ask::Admission,
            Hook::Authenticate => Ask::Authenticate,
            Hook::DialPlan => Ask::DialPlan,
            Hook::Route => Ask::Route,
            Hook::Register => {
                let contacts = self.contacts.into_iter().map(|contact| ContactFacts {
                    uri: contact.uri,
                    expires: contact.expires_s.map(Duration::from_secs),
                    q_milli: contact.q_milli,
                });
                Ask::Register { contacts: contacts.collect() }
            }
            Hook::RouteOnFailure => Ask::RouteOnFailure {
                attempts: self
                    .attempts
                    .into_iter()
                    .map(|attempt| {
                        Ok(Attempt {
                            target: attempt.target.read()?,
                            status: attempt.status,
                            lasted: Duration::from_millis(attempt.lasted_ms),
                        })
                    })
                    .collect::<Result<_, ReadError>>()?,
                remaining: self
                    .remaining
                    .into_iter()
                    .map(TargetLine::read)
                    .collect::<Result<_, _>>()?,
            },
            Hook::HeaderPolicy => {
                let outgoing = self.outgoing.ok_or_else(|| without(hook, "outgoing"))?;
                Ask::HeaderPolicy(Arc::new(outgoing.read()?))
            }
            Hook::CallEvent => {
                let event = self.event.ok_or_else(|| without(hook, "event"))?;
                Ask::CallEvent(Arc::new(event.read()?))
            }
            Hook::DnOwner => {
                let change = self.change.ok_or_else(|| without(hook, "change"))?;
                Ask::DnOwner(Arc::new(change.read()?))
            }
            Hook::FanOut => {
                let subscription = self.subscription;
                let subscription = subscription.ok_or_else(|| without(hook, "subscription"))?;
                Ask::FanOut(Arc::new(subscription.read()?))
            }
            Hook::AuthoriseRequest => {
                let request = self.request.ok_or_else(|| without(hook, "request"))?;
                Ask::AuthoriseRequest(Arc::new(request.read()))
            }
        })
    }
}

/// A question lacks what it is about.
fn without(hook: Hook, what: &str) -> ReadError {
    ReadError::Field(format!("{hook} without `ask.{what}`"))
}

impl OutgoingLine {
    fn of(outgoing: &Outgoing) -> Self {
        let Outgoing { target, uri, from_trunk, trunk, trusted, hidden } = outgoing.clone();
        Self { target: TargetLine::of(&target), uri, from_trunk, trunk, trusted, hidden }
    }

    fn read(self) -> Result<Outgoing, ReadError> {
        let Self { target, uri, from_trunk, trunk, trusted, hidden } = self;
        Ok(Outgoing { target: target.read()?, uri, from_trunk, trunk, trusted, hidden })
    }
}

impl TargetLine {
    fn of(target: &Target) -> Self {
        let (kind, value, number) = match &target.to {
            Destination::Aor(aor) => ("aor", aor.to_string(), None),
            Destination::Uri(uri) => ("uri", uri.clone(), None),
            Destination::Trunk { name, user } => ("trunk", name.clone(), user.clone()),
            Destination::RoutingPoint(aor) => ("routing-point", aor.to_string(), None),
        };
        Self {
            kind: kind.to_owned(),
            value,
            number,
            ring_ms: target.ring.map(millis),
            together: target.together,
            diverted: target.diverted.map(|why| why.name().to_owned()),
        }
    }

    fn read(self) -> Result<Target, ReadError> {
        let to = match self.kind.as_str() {
            "aor" => Destination::Aor(aor(&self.value)?),
            "uri" => Destination::Uri(self.value),
            "routing-point" => Destination::RoutingPoint(aor(&self.value)?),
            "trunk" => Destination::Trunk { name: self.value, user: self.number },
            other => return Err(ReadError::unknown("kind of target", other)),
        };
        let diverted = self
            .diverted
            .map(|name| Diversion::of(&name).ok_or_else(|| ReadError::unknown("diversion", &name)));
        Ok(Target {
            to,
            ring: self.ring_ms.map(Duration::from_millis),
            together: self.together,
            diverted: diverted.transpose()?,
        })
    }
}

impl EventLine {
    fn of(event: &CallEvent) -> Self {
        let attrs = event.attrs().into_iter();
        Self {
            kind: event.what.kind().to_owned(),
            attrs: attrs.map(|(name, value)| (name.to_owned(), value)).collect(),
            after_ms: millis(event.after),
            only: event.only.as_ref().map(ToString::to_string),
        }
    }

    fn read(self) -> Result<CallEvent, ReadError> {
        let missed = match self.attr("missed") {
            Some(_) => self.number("missed")?,
            None => 0,
        };
        Ok(CallEvent {
            what: self.happening()?,
            after: Duration::from_millis(self.after_ms),
            missed,
            only: self.only.as_deref().map(Into::into),
        })
    }

    fn happening(&self) -> Result<Happening, ReadError> {
        let by_plugin = self.attr("by") == Some("plugin");
        Ok(match self.kind.as_str() {
            "offered" => Happening::Offered,
            "ringing" => {
                Happening::Ringing { leg: self.number("leg")?, status: self.number("status")? }
            }
            "leg-failed" => {
                Happening::LegFailed { leg: self.number("leg")?, status: self.number("status")? }
            }
            "answered" => Happening::Answered { leg: self.number("leg")? },
            "held" if by_plugin => Happening::PluginHeld { party: self.end("party")?, held: true },
            "resumed" if by_plugin => {
                Happening::PluginHeld { party: self.end("party")?, held: false }
            }
            "held" => Happening::Held { by: self.end("by")? },
            "resumed" => Happening::Resumed { by: self.end("by")? },
            "command-failed" => Happening::CommandFailed {
                command: self.word("command")?,
                party: self.end("party")?,
                status: self.number("status")?,
            },
            "transfer-begun" => Happening::TransferBegun {
                by: self.end("by")?,
                to: self.text("to")?.to_owned(),
                into: conn_id(self.text("into")?)?,
            },
            "transferred" => Happening::Transferred { into: conn_id(self.text("into")?)? },
            "transfer-failed" => Happening::TransferFailed { status: self.number("status")? },
            "timer" => Happening::Timer { name: self.text("name")?.into() },
            "released" => {
                Happening::Released { by: self.word("by")?, cause: self.text("cause")?.to_owned() }
            }
            other => return Err(ReadError::unknown("event", other)),
        })
    }

    fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Result<&str, ReadError> {
        let missing = || ReadError::Field(format!("the event {} has no `{name}`", self.kind));
        self.attr(name).ok_or_else(missing)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, ReadError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| ReadError::unknown(name, text))
    }

    fn end(&self, name: &str) -> Result<End, ReadError> {
        let text = self.text(name)?;
        End::named(text).ok_or_else(|| ReadError::unknown(name, text))
    }

    fn word(&self, name: &str) -> Result<&'static str, ReadError> {
        let text = self.text(name)?;
        let found = WORDS.into_iter().find(|word| *word == text);
        found.ok_or_else(|| ReadError::unknown(name, text))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
