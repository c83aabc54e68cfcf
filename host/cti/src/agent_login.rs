//! Agents as they are configured.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// One agent that may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentLogin {
    /// The agent's id.
    pub id: Arc<str>,
    /// What it logs in with; `None` for one without a password.
    pub password: Option<Arc<str>>,
    /// Its options: they come before those of the DN and of the application (section 4.12).
    pub options: BTreeMap<Arc<str>, Arc<str>>,
}

impl AgentLogin {
    /// Whether this is the password. The time it takes does not tell how much of it was right.
    pub fn admits(&self, password: &str) -> bool {
        let Some(have) = self.password.as_deref() else { return true };
        let differing =
            have.bytes().zip(password.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
        have.len() == password.len() && differing == 0
    }
}

impl fmt::Debug for AgentLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentLogin")
            .field("id", &self.id)
            .field("has_password", &self.password.is_some())
            .field("options", &self.options)
            .finish()
    }
}

/// All agents that are configured, by id.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AgentLogins(BTreeMap<Arc<str>, AgentLogin>);

impl AgentLogins {
    /// The agent of an id.
    pub fn get(&self, id: &str) -> Option<&AgentLogin> {
        self.0.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<AgentLogin> for AgentLogins {
    fn from_iter<I: IntoIterator<Item = AgentLogin>>(logins: I) -> Self {
        Self(logins.into_iter().map(|login| (Arc::clone(&login.id), login)).collect())
    }
}
