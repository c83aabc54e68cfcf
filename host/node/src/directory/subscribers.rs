//! Who may register.

use std::{collections::BTreeMap, sync::Arc};

use model::{Aor, Secret};

/// Answers whether a user of one of our domains is a subscriber. Asked on a worker, so it must not wait for anything.
pub trait SubscriberStore: Send + Sync {
    /// Whether `aor`, whose host is ours, is a subscriber.
    fn contains(&self, aor: &Aor) -> bool;

    /// What `aor` logs in with; `None` when it is no subscriber or cannot log in.
    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>>;
}

/// Every user of our domains is a subscriber.
pub struct Everyone;

impl SubscriberStore for Everyone {
    fn contains(&self, _: &Aor) -> bool {
        true
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }
}

/// The subscribers of the configuration.
#[derive(Default)]
pub struct Listed {
    subscribers_by_user: BTreeMap<String, Vec<Subscriber>>,
}

/// One subscriber of a [`Listed`] store.
struct Subscriber {
    /// Lower case; `None` stands for every domain of ours.
    host: Option<String>,
    secret: Option<Arc<Secret>>,
}

impl Listed {
    /// Adds a user at a host (any case), or without one at every domain of ours, with what it logs in with.
    #[must_use]
    pub fn with(mut self, user: &str, host: Option<&str>, secret: Secret) -> Self {
        let subscriber = Subscriber {
            host: host.map(str::to_ascii_lowercase),
            secret: (!secret.is_empty()).then(|| Arc::new(secret)),
        };
        self.subscribers_by_user.entry(user.to_owned()).or_default().push(subscriber);
        self
    }

    fn find(&self, aor: &Aor) -> Option<&Subscriber> {
        let of_user = self.subscribers_by_user.get(aor.user())?;
        let exact = of_user.iter().find(|s| s.host.as_deref() == Some(aor.host()));
        exact.or_else(|| of_user.iter().find(|s| s.host.is_none()))
    }
}

impl SubscriberStore for Listed {
    fn contains(&self, aor: &Aor) -> bool {
        self.find(aor).is_some()
    }

    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>> {
        self.find(aor)?.secret.clone()
    }
}

#[cfg(test)]
mod tests {
    use model::Ha1;

    use super::*;

    #[test]
    fn a_listed_user_subscribes_where_it_is_listed() {
        let listed = Listed::default().with("2000", None, Secret::default()).with(
            "2001",
            Some("A.example"),
            Secret::default(),
        );
        assert!(listed.contains(&Aor::new("2000", "b.example")));
        assert!(listed.contains(&Aor::new("2001", "a.example")));
        assert!(!listed.contains(&Aor::new("2001", "b.example")));
        assert!(!listed.contains(&Aor::new("2002", "a.example")));
    }

    #[test]
    fn the_secret_of_a_host_wins_over_that_of_every_host() {
        let secret = |byte| Secret { md5: Some(Ha1::from_hash(&[byte; 16])), sha256: None };
        let listed = Listed::default()
            .with("2000", None, secret(1))
            .with("2000", Some("a.example"), secret(2))
            .with("2001", None, Secret::default());
        let of = |user, host| listed.secret(&Aor::new(user, host)).map(|s| (*s).clone());
        assert_eq!(of("2000", "a.example"), Some(secret(2)));
        assert_eq!(of("2000", "b.example"), Some(secret(1)));
        assert_eq!(of("2001", "a.example"), None);
    }
}
