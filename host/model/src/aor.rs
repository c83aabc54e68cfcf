//! Addresses of record.

use std::{fmt, sync::Arc};

/// An address-of-record, canonical: `user@host`, host in lower case, no scheme, no parameters (RFC 3261 section 10.3).
///
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aor(Arc<str>);

impl Aor {
    /// Joins a user part (unescaped already) and a host; the host is lowered.
    pub fn new(user: &str, host: &str) -> Self {
        let mut text = String::with_capacity(user.len() + host.len() + 1);
        text.push_str(user);
        text.push('@');
        text.extend(host.chars().map(|c| c.to_ascii_lowercase()));
        Self(text.into())
    }

    /// The user part.
    pub fn user(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(user, _)| user)
    }

    /// The host part.
    pub fn host(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, host)| host)
    }

    /// `user@host`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
