use guest::text;

use crate::number::number;

/// How many routes a configuration may have.
const ROUTES_MAX: usize = 4096;
/// How many URIs one route may try.
const URIS_MAX: usize = 16;

/// What the operator configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The domains whose users are called by their registration; empty for every domain.
    domains: Vec<String>,
    /// Number prefixes, sorted, with the URIs each leads to, in the order they are tried.
    routes: Vec<(String, Vec<String>)>,
}

/// Where the policy sends a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// To these URIs, one after another.
    Uris { prefix: &'a str, uris: Vec<String> },
    /// To the contacts of this address-of-record.
    Registered(String),
    /// The policy has nothing to say.
    None,
}

impl Policy {
    /// A policy for these domains and routes.
    ///
    /// # Errors
    ///
    /// A sentence for the operator when a route is not one the policy can follow.
    pub(crate) fn new(
        domains: Vec<String>,
        routes: Vec<(String, Vec<String>)>,
    ) -> Result<Self, String> {
        if routes.len() > ROUTES_MAX {
            return Err(text(&["config key routes: more than 4096 prefixes"]));
        }
        let mut policy = Self { domains, routes: Vec::with_capacity(routes.len()) };
        for domain in &mut policy.domains {
            domain.make_ascii_lowercase();
        }
        for route in routes {
            check(&route.0, &route.1)?;
            // The host gives a table in order, so that this appends; sorting brings 7 KB of code.
            let at = policy.routes.partition_point(|have| have.0 <= route.0);
            policy.routes.insert(at, route);
        }
        Ok(policy)
    }

    /// Finds the way for a callee. A number that has a route takes it, the longest prefix
    /// first; any other user of our domains is called where it is registered.
    pub(crate) fn way(&self, user: &str, host: &str) -> Way<'_> {
        let ours = self.domains.is_empty() || self.domains.iter().any(|domain| domain == host);
        // The host of a tel: URI is empty: such a number belongs to nobody else.
        if user.is_empty() || !(ours || host.is_empty()) {
            return Way::None;
        }
        if let Some((number, (prefix, uris))) = self.route(user) {
            let uris = uris.iter().map(|uri| with_user(uri, &number)).collect();
            return Way::Uris { prefix, uris };
        }
        if host.is_empty() { Way::None } else { Way::Registered(text(&[user, "@", host])) }
    }

    /// The number and the route with the longest prefix of it.
    fn route(&self, user: &str) -> Option<(String, &(String, Vec<String>))> {
        if self.routes.is_empty() {
            return None;
        }
        let number = number(user)?;
        let route = (0..=number.len()).rev().find_map(|length| {
            // Bytes rather than text: the check for a character boundary brings 2 KB of code.
            let prefix = number.as_bytes().get(..length)?;
            let at = self.routes.binary_search_by(|(have, _)| have.as_bytes().cmp(prefix));
            self.routes.get(at.ok()?)
        })?;
        Some((number, route))
    }
}

fn check(prefix: &str, uris: &[String]) -> Result<(), String> {
    let wrong = |what: &str| Err(text(&["config key routes.\"", prefix, "\": ", what]));
    if !prefix.is_empty() && prefix != "+" && number(prefix).as_deref() != Some(prefix) {
        return wrong("a prefix is digits, after a + where callers dial one");
    }
    if uris.is_empty() || uris.len() > URIS_MAX {
        return wrong("give 1 to 16 URIs");
    }
    for uri in uris {
        let host = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            return wrong("a URI is written sip:host or sip:host:port");
        }
    }
    Ok(())
}

/// A route's URI for a number; a URI that names its user keeps it.
fn with_user(uri: &str, number: &str) -> String {
    match uri.split_once(':') {
        Some((scheme, rest)) if !rest.contains('@') => {
            // In a user part `#` has to be escaped (RFC 3261 section 25.1).
            let user = number.replace('#', "%23");
            text(&[scheme, ":", &user, "@", rest])
        }
        Some(_) | None => uri.to_owned(),
    }
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod tests;
