use crate::{End, Reason, Target};

/// An INVITE that is about to go out, for the hook `header-policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Which target of the plan it is for.
    pub target: Target,
    /// Its Request-URI; of a target with several contacts that of the first.
    pub uri: String,
    /// What else is known of it, by name.
    pub attrs: Vec<(String, String)>,
}

impl Outgoing {
    /// An INVITE to this target of a call inside, for tests; over a trunk if the target is one.
    pub fn to(target: Target) -> Self {
        let (uri, trunk) = match &target.to {
            crate::Destination::Aor(aor) | crate::Destination::RoutingPoint(aor) => {
                (crate::text(&["sip:", aor]), None)
            }
            crate::Destination::Uri(uri) => (uri.clone(), None),
            crate::Destination::Trunk { name, .. } => {
                (crate::text(&["sip:", name, ".invalid"]), Some(name.clone()))
            }
        };
        let direction = if trunk.is_some() { "outbound" } else { "internal" };
        let mut attrs = vec![("direction".to_owned(), direction.to_owned())];
        attrs.extend(trunk.map(|trunk| ("trunk".to_owned(), trunk)));
        Self { target, uri, attrs }
    }

    /// A value by its name, such as `trunk` or `direction`.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The name of the trunk it goes over.
    pub fn trunk(&self) -> Option<&str> {
        self.attr("trunk")
    }

    /// `inbound` (from a trunk to one of ours), `outbound` (to a trunk), `transit` (from trunk to trunk) or `internal`.
    pub fn direction(&self) -> &str {
        self.attr("direction").unwrap_or_default()
    }

    /// Whether who gets it is of the trust domain (RFC 3325).
    pub fn is_trusted(&self) -> bool {
        self.attr("trusted") == Some("true")
    }

    /// Whether the caller is not to be known to who gets it.
    pub fn is_hidden(&self) -> bool {
        self.attr("hidden") == Some("true")
    }
}

/// What is to be changed of the header fields: the result of the hook `header-policy`. Edits are made in their order; they are
/// about the INVITE that the called party gets, until [`to_caller`](Self::to_caller).
///
/// ```
/// use jackfield_guest::Edits;
///
/// let edits = Edits::none()
///     .remove("X-*")
///     .set("User-Agent", "Example SBC")
///     .to_caller()
///     .remove("Server")
///     .because("hiding", "what we are made of is nobody's business");
/// # drop(edits);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Edits {
    /// What, in this order.
    pub edits: Vec<Edit>,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
    toward: End,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Who gets the field: the called party in its INVITE, or the caller in responses.
    pub toward: End,
    /// `remove`, `set`, `add` or `keep`.
    pub kind: &'static str,
    /// The name of the field.
    pub name: String,
    /// For `set` and `add`, else empty.
    pub value: String,
}

impl Edits {
    /// Nothing is changed.
    pub const fn none() -> Self {
        Self { edits: Vec::new(), reasons: Vec::new(), toward: End::Callee }
    }

    /// Leaves a field out; a name that ends in `*` is the beginning of names.
    pub fn remove(self, name: impl Into<String>) -> Self {
        self.and("remove", name, "")
    }

    /// Gives a field this value and no other.
    pub fn set(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.and("set", name, value)
    }

    /// Adds a field with this value.
    pub fn add(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.and("add", name, value)
    }

    /// Has a field pass that the switch would not copy, or that an edit before this one takes away.
    pub fn keep(self, name: impl Into<String>) -> Self {
        self.and("keep", name, "")
    }

    /// What follows is about the responses that the caller gets.
    pub fn to_caller(mut self) -> Self {
        self.toward = End::Caller;
        self
    }

    /// What follows is about the INVITE that the called party gets.
    pub fn to_callee(mut self) -> Self {
        self.toward = End::Callee;
        self
    }

    fn and(
        mut self,
        kind: &'static str,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let (toward, name, value) = (self.toward, name.into(), value.into());
        self.edits.push(Edit { toward, kind, name, value });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_go_to_the_called_party_until_they_go_to_the_caller() {
        let edits =
            Edits::none().remove("X-*").to_caller().set("Server", "x").to_callee().keep("Y");
        let shown: Vec<_> =
            edits.edits.iter().map(|e| (e.toward.name(), e.kind, &*e.name)).collect();
        let wanted =
            [("callee", "remove", "X-*"), ("caller", "set", "Server"), ("callee", "keep", "Y")];
        assert_eq!(shown, wanted);
    }
}
