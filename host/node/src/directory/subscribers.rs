//! Who may register.

use std::collections::{BTreeMap, BTreeSet};

use model::Aor;

/// Answers whether a user of one of our domains is a subscriber. Asked on a worker, so it must not wait for anything.
pub trait SubscriberStore: Send + Sync {
    /// Whether `aor`, whose host is ours, is a subscriber.
    fn contains(&self, aor: &Aor) -> bool;
}

/// Every user of our domains is a subscriber.
pub struct Everyone;

impl SubscriberStore for Everyone {
    fn contains(&self, _: &Aor) -> bool {
        true
    }
}

/// The subscribers of the configuration.
pub struct Listed {
    /// The hosts of each user; `None` among them stands for every domain of ours.
    hosts_by_user: BTreeMap<String, BTreeSet<Option<String>>>,
}

impl Listed {
    /// Takes users with their hosts (any case); without a host, a user subscribes at every domain of ours.
    pub fn new(users: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let mut hosts_by_user: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
        for (user, host) in users {
            let host = host.map(|host| host.to_ascii_lowercase());
            hosts_by_user.entry(user).or_default().insert(host);
        }
        Self { hosts_by_user }
    }
}

impl SubscriberStore for Listed {
    fn contains(&self, aor: &Aor) -> bool {
        self.hosts_by_user.get(aor.user()).is_some_and(|hosts| {
            hosts.iter().any(|host| host.as_ref().is_none_or(|host| host == aor.host()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_user_subscribes_where_it_is_listed() {
        let listed = Listed::new([
            ("2000".to_owned(), None),
            ("2001".to_owned(), Some("A.example".to_owned())),
        ]);
        assert!(listed.contains(&Aor::new("2000", "b.example")));
        assert!(listed.contains(&Aor::new("2001", "a.example")));
        assert!(!listed.contains(&Aor::new("2001", "b.example")));
        assert!(!listed.contains(&Aor::new("2002", "a.example")));
    }
}
