//! What plugins are asked about T-Library clients and the DNs that they own and watch.

use std::{borrow::Cow, fmt, sync::Arc};

/// Something has happened that may change whose a DN is, for the hook `dn-owner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerChange {
    /// The DN's number.
    pub dn: Arc<str>,
    /// What has happened.
    pub what: OwnerHappening,
    /// Whether its contact is `*`, so that its phone owns it rather than an application.
    pub is_sip: bool,
    /// Whose it is; `None` is nobody's.
    pub owner: Option<DnOwner>,
    /// Whether it is its owner that this has happened to.
    pub is_by_owner: bool,
    /// The applications that may own DNs (`dn-owner-applications`).
    pub applications: Vec<Arc<str>>,
}

/// What may change whose a DN is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerHappening {
    /// A phone has registered.
    PhoneRegistered,
    /// The last registration of its phones is over.
    PhoneGone,
    /// A client of this application has registered on it.
    ClientRegistered(Arc<str>),
    /// A client of this application has unregistered from it, or is gone.
    ClientGone(Arc<str>),
}

impl OwnerHappening {
    /// As plugins know it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PhoneRegistered => "phone-registered",
            Self::PhoneGone => "phone-gone",
            Self::ClientRegistered(_) => "client-registered",
            Self::ClientGone(_) => "client-gone",
        }
    }

    /// The application of the client that it is about.
    pub const fn application(&self) -> Option<&Arc<str>> {
        match self {
            Self::ClientRegistered(application) | Self::ClientGone(application) => {
                Some(application)
            }
            Self::PhoneRegistered | Self::PhoneGone => None,
        }
    }

    /// What a name and an application say; `None` for a name that is none.
    pub fn of(name: &str, application: &str) -> Option<Self> {
        Some(match name {
            "phone-registered" => Self::PhoneRegistered,
            "phone-gone" => Self::PhoneGone,
            "client-registered" => Self::ClientRegistered(application.into()),
            "client-gone" => Self::ClientGone(application.into()),
            _ => return None,
        })
    }
}

/// By what a node owns a DN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnOwner {
    /// Its phone is registered here.
    Phone,
    /// A client of this application that may own DNs is registered on it.
    Application(Arc<str>),
}

impl DnOwner {
    /// As plugins know whose a DN is: `phone`, `application` or `none`, and the name of the application, else empty.
    pub fn names(owner: Option<&Self>) -> (&'static str, &str) {
        match owner {
            None => ("none", ""),
            Some(Self::Phone) => ("phone", ""),
            Some(Self::Application(name)) => ("application", name),
        }
    }

    /// Whose a DN is by these names; `None` for names that say nothing.
    pub fn of(name: &str, application: &str) -> Option<Option<Self>> {
        Some(match name {
            "none" => None,
            "phone" => Some(Self::Phone),
            "application" => Some(Self::Application(application.into())),
            _ => return None,
        })
    }
}

/// A verdict of the hook `dn-owner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerRuling {
    /// Who did what has happened owns it now.
    Claim,
    /// It stays as it is.
    Keep,
    /// Nobody owns it any more.
    Release,
}

impl OwnerRuling {
    /// As plugins and the journal write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Keep => "keep",
            Self::Release => "release",
        }
    }
}

/// As the journal writes what a decision of `dn-owner` is about: `2001 client-registered desktop`.
impl fmt::Display for OwnerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dn, self.what.name())?;
        self.what.application().map_or(Ok(()), |application| write!(f, " {application}"))
    }
}

/// What a client wants the events of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionKind {
    /// Of one DN (TRegisterAddress).
    Dn,
    /// Of every DN that this node owns (TRegisterAll).
    AllDns,
    /// Of calls, whatever their DNs (TStartCallMonitoring).
    Calls,
}

impl SubscriptionKind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Dn, Self::AllDns, Self::Calls];

    /// As plugins know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dn => "dn",
            Self::AllDns => "all-dns",
            Self::Calls => "calls",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A client subscribes, for the hook `fan-out`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// To what.
    pub kind: SubscriptionKind,
    /// The port that the client is connected to: `default`, `TCport`, `IPport` or `SmartProxy`.
    pub port: Cow<'static, str>,
    /// The name of its application.
    pub application: Arc<str>,
    /// Of [`SubscriptionKind::Dn`] the number.
    pub dn: Option<Arc<str>>,
    /// Of [`SubscriptionKind::Dn`] the DN's type as the configuration writes it: `extension`, `routing-point`…
    pub dn_type: Option<Cow<'static, str>>,
    /// What its Extensions say: keys with values that are text or numbers.
    pub extensions: Vec<(String, String)>,
}

/// As the journal writes what a decision of `fan-out` is about: `dn 2001 for desktop at TCport`.
impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        self.dn.iter().try_for_each(|dn| write!(f, " {dn}"))?;
        write!(f, " for {} at {}", self.application, self.port)
    }
}

/// What a subscriber gets: a verdict of the hook `fan-out` that the host carries out for each event without asking again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FanOut {
    /// The names of these events; none is all of them.
    pub events: Vec<String>,
    /// Not these.
    pub without: Vec<String>,
    /// Of calls of these types, by their names; none is all of them.
    pub call_types: Vec<String>,
    /// Of [`SubscriptionKind::Calls`]: each call goes to one client of this group. Where it is `None`, of that of all others.
    pub group: Option<String>,
}

/// A T-Library request, for the hook `authorise-request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequest {
    /// Its name, `RequestMakeCall`.
    pub name: Cow<'static, str>,
    /// The port that the client is connected to: `default`, `TCport`, `IPport` or `SmartProxy`.
    pub port: Cow<'static, str>,
    /// The name of its application.
    pub application: Arc<str>,
    /// Its attributes that are text, numbers or connection ids, by their names; what stands in Extensions as `Extensions.KEY`.
    pub attributes: Vec<(String, String)>,
}

/// The attributes that a plugin of `authorise-request` may write.
pub const CHANGEABLE: [&str; 5] = ["OtherDN", "ThisQueue", "OtherQueue", "AgentID", "Location"];

impl ClientRequest {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Writes attributes; what comes later counts.
    pub fn change(&mut self, changes: &[(String, String)]) {
        for (name, value) in changes {
            match self.attributes.iter_mut().find(|(have, _)| have == name) {
                Some((_, have)) => have.clone_from(value),
                None => self.attributes.push((name.clone(), value.clone())),
            }
        }
    }
}

/// As the journal writes what a decision of `authorise-request` is about: `RequestMakeCall on 2001 by desktop at TCport`.
impl fmt::Display for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.attribute("ThisDN").map_or(Ok(()), |dn| write!(f, " on {dn}"))?;
        write!(f, " by {} at {}", self.application, self.port)
    }
}
