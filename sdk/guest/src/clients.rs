//! What a plugin says of T-Library clients and of the DNs that they own and watch.

use crate::Reason;

/// Something has happened that may change whose a DN is, for the hook `dn-owner`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OwnerChange {
    /// The DN's number.
    pub dn: String,
    /// What: `phone-registered`, `phone-gone` (its last registration is over), `client-registered` or
    /// `client-gone`. There may be more one day.
    pub kind: String,
    /// Of a client: the name of its application, else empty.
    pub application: String,
    /// Whether the DN's contact is `*`, so that its phone owns it and no application.
    pub sip: bool,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it is the owner that this has happened to.
    pub by_owner: bool,
    /// The applications that may own DNs.
    pub applications: Vec<String>,
    /// What else is known of it, by name.
    pub attrs: Vec<(String, String)>,
}

/// Whose a DN is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Owner {
    /// Nobody's.
    #[default]
    Nobody,
    /// Its phone's.
    Phone,
    /// That of a client of this application.
    Application(String),
}

impl OwnerChange {
    /// Something of this kind has happened to a DN that nobody owns, for tests.
    pub fn new(dn: &str, kind: &str) -> Self {
        Self { dn: dn.to_owned(), kind: kind.to_owned(), ..Self::default() }
    }

    /// The same of a client of this application, for tests.
    pub fn of(mut self, application: &str) -> Self {
        application.clone_into(&mut self.application);
        self
    }

    /// Whether the application is one of those that may own DNs.
    pub fn may_own(&self) -> bool {
        self.applications.contains(&self.application)
    }
}

/// Whose a DN is from now on: the result of the hook `dn-owner`.
///
/// ```
/// use jackfield_guest::Ownership;
///
/// let first_come = Ownership::claim().because("free", "nobody owned it");
/// # drop(first_come);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ownership {
    /// What to do.
    pub verdict: OwnershipVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What becomes of the ownership of a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnershipVerdict {
    /// Leave it to the next plugin; below the last one stand the rules of the T-Controller.
    Pass,
    /// Who did what has happened owns it now.
    Claim,
    /// It stays as it is.
    Keep,
    /// Nobody owns it any more.
    Release,
}

impl Ownership {
    const fn of(verdict: OwnershipVerdict) -> Self {
        Self { verdict, reasons: Vec::new() }
    }

    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self::of(OwnershipVerdict::Pass)
    }

    /// The phone or the application that did what has happened owns the DN now.
    pub const fn claim() -> Self {
        Self::of(OwnershipVerdict::Claim)
    }

    /// The DN stays whose it is.
    pub const fn keep() -> Self {
        Self::of(OwnershipVerdict::Keep)
    }

    /// Nobody owns the DN any more.
    pub const fn release() -> Self {
        Self::of(OwnershipVerdict::Release)
    }
}

/// A T-Library client subscribes, for the hook `fan-out`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Subscription {
    /// To what: `dn` (the events of one DN), `all-dns` (of every DN of this node) or `calls` (each call
    /// whole to one client of a group).
    pub kind: String,
    /// The port that the client is connected to: `default`, `TCport`, `IPport` or `SmartProxy`.
    pub port: String,
    /// The name of its application.
    pub application: String,
    /// Of `dn` its number, else empty.
    pub dn: String,
    /// Of `dn` its type as the configuration writes it, `extension`, `routing-point`…, else empty.
    pub dn_type: String,
    /// What the Extensions of the request say.
    pub extensions: Vec<(String, String)>,
    /// What else is known of it, by name.
    pub attrs: Vec<(String, String)>,
}

impl Subscription {
    /// One of this kind by a client of an application at the port `default`, for tests.
    pub fn new(kind: &str, application: &str) -> Self {
        let [kind, port, application] = [kind, "default", application].map(str::to_owned);
        Self { kind, port, application, ..Self::default() }
    }

    /// A value of the Extensions.
    pub fn extension(&self, name: &str) -> Option<&str> {
        find(&self.extensions, name)
    }
}

/// What a subscriber gets: the result of the hook `fan-out`. The host carries it out for each event
/// without asking again.
///
/// ```
/// use jackfield_guest::FanOut;
///
/// let calls = FanOut::deliver()
///     .events(["EventRinging", "EventEstablished", "EventReleased"])
///     .call_types(["Inbound"])
///     .because("screen-pops", "no more than a screen pop wants");
/// # drop(calls);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct FanOut {
    /// What to do.
    pub verdict: FanOutVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What to do with a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FanOutVerdict {
    /// Leave it to the next plugin; below the last one the client gets what it asks for.
    Pass,
    /// The client gets this.
    Deliver(Filter),
    /// Refuse it with this error code of EventError, 1 to 9999.
    Refuse(u16),
}

/// Which events a subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Filter {
    /// The names of these; none is all of them.
    pub events: Vec<String>,
    /// Not these.
    pub without: Vec<String>,
    /// Of calls of these types, `Inbound`, `Internal`…; none is all of them. Events of no call pass.
    pub call_types: Vec<String>,
    /// Of a subscription to calls: each call goes to one client of this group. Where it is `None`,
    /// of that of all others.
    pub group: Option<String>,
}

impl FanOut {
    const fn of(verdict: FanOutVerdict) -> Self {
        Self { verdict, reasons: Vec::new() }
    }

    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self::of(FanOutVerdict::Pass)
    }

    /// The client gets everything, or what is said next of it.
    pub fn deliver() -> Self {
        Self::of(FanOutVerdict::Deliver(Filter::default()))
    }

    /// Refuses the subscription with an error code of EventError, 1 to 9999.
    pub const fn refuse(code: u16) -> Self {
        Self::of(FanOutVerdict::Refuse(code))
    }

    /// These events and no others. What is not delivered stays as it is.
    pub fn events<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.filter(|filter| filter.events.extend(names.into_iter().map(Into::into)))
    }

    /// Not these events.
    pub fn without<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.filter(|filter| filter.without.extend(names.into_iter().map(Into::into)))
    }

    /// Only of calls of these types: `Inbound`, `Outbound`, `Internal`, `Consult`…
    pub fn call_types<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.filter(|filter| filter.call_types.extend(names.into_iter().map(Into::into)))
    }

    /// Of a subscription to calls: each call goes to one client of this group.
    pub fn group(self, name: impl Into<String>) -> Self {
        self.filter(|filter| filter.group = Some(name.into()))
    }

    fn filter(mut self, change: impl FnOnce(&mut Filter)) -> Self {
        if let FanOutVerdict::Deliver(filter) = &mut self.verdict {
            change(filter);
        }
        self
    }
}

/// A request of a T-Library client, for the hook `authorise-request`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClientRequest {
    /// Its name, `RequestMakeCall`.
    pub name: String,
    /// The port that the client is connected to: `default`, `TCport`, `IPport` or `SmartProxy`.
    pub port: String,
    /// The name of its application.
    pub application: String,
    /// ThisDN, or empty.
    pub dn: String,
    /// Its attributes that are text, numbers or connection ids, by their names: `OtherDN`, `AgentID`…;
    /// what stands in its Extensions as `Extensions.KEY`.
    pub attributes: Vec<(String, String)>,
    /// What else is known of it, by name.
    pub attrs: Vec<(String, String)>,
}

impl ClientRequest {
    /// A request of this name on a DN by a client at the port `default`, for tests.
    pub fn new(name: &str, application: &str, dn: &str) -> Self {
        let attributes = vec![("ThisDN".to_owned(), dn.to_owned())];
        let [name, port, application, dn] = [name, "default", application, dn].map(str::to_owned);
        Self { name, port, application, dn, attributes, attrs: Vec::new() }
    }

    /// The same with one more attribute, for tests.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of an attribute, such as `OtherDN`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }
}

/// Whether a client may ask for something: the result of the hook `authorise-request`.
///
/// ```
/// use jackfield_guest::Authorisation;
///
/// let desk = Authorisation::pass().change("OtherDN", "2000").because("desk", "0 is the desk");
/// # drop(desk);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Authorisation {
    /// What to do.
    pub verdict: AuthorisationVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorisationVerdict {
    /// Leave it to the next plugin; below the last one the client may.
    Pass,
    /// It may, and no further plugin is asked.
    Allow,
    /// It has these attributes instead, and the next plugin is asked.
    Change(Vec<(String, String)>),
    /// Refuse it with this error code of EventError, 1 to 9999.
    Refuse(u16),
}

impl Authorisation {
    const fn of(verdict: AuthorisationVerdict) -> Self {
        Self { verdict, reasons: Vec::new() }
    }

    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self::of(AuthorisationVerdict::Pass)
    }

    /// The client may, and no further plugin is asked.
    pub const fn allow() -> Self {
        Self::of(AuthorisationVerdict::Allow)
    }

    /// Refuses it with an error code of EventError, 1 to 9999.
    pub const fn refuse(code: u16) -> Self {
        Self::of(AuthorisationVerdict::Refuse(code))
    }

    /// Gives an attribute this value, and has the next plugin asked: `OtherDN`, `ThisQueue`, `OtherQueue`,
    /// `AgentID` or `Location`. What is allowed or refused stays so.
    pub fn change(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if self.verdict == AuthorisationVerdict::Pass {
            self.verdict = AuthorisationVerdict::Change(Vec::new());
        }
        if let AuthorisationVerdict::Change(changes) = &mut self.verdict {
            changes.push((name.into(), value.into()));
        }
        self
    }
}

fn find<'a>(list: &'a [(String, String)], name: &str) -> Option<&'a str> {
    list.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_or_passed_delivers_nothing() {
        assert_eq!(FanOut::pass().events(["EventRinging"]), FanOut::pass());
        assert_eq!(FanOut::refuse(59).group("g"), FanOut::refuse(59));
        let FanOutVerdict::Deliver(filter) =
            FanOut::deliver().events(["EventRinging"]).events(["EventReleased"]).group("g").verdict
        else {
            panic!("delivers nothing");
        };
        assert_eq!(filter.events, ["EventRinging", "EventReleased"]);
        assert_eq!(filter.group.as_deref(), Some("g"));
    }

    #[test]
    fn changes_are_made_in_their_order_and_not_of_what_is_decided() {
        let two = Authorisation::pass().change("OtherDN", "1").change("AgentID", "2");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let changes = vec![pair("OtherDN", "1"), pair("AgentID", "2")];
        assert_eq!(two.verdict, AuthorisationVerdict::Change(changes));
        assert_eq!(Authorisation::allow().change("OtherDN", "1"), Authorisation::allow());
        assert_eq!(Authorisation::refuse(59).change("OtherDN", "1"), Authorisation::refuse(59));
    }
}
