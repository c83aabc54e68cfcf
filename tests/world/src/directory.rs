//! The registrations, as every shard reads them.

use std::{collections::BTreeMap, sync::Arc};

use model::{Aor, Binding, Directory, Membership, Secret};
use switch::Publish;

/// A directory in which every user of one host is a subscriber.
#[derive(Debug, Default)]
pub(crate) struct SimDirectory {
    host: String,
    bindings_by_aor: BTreeMap<Aor, Arc<[Binding]>>,
}

impl SimDirectory {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), bindings_by_aor: BTreeMap::new() }
    }

    pub(crate) fn publish(&mut self, publish: Publish) {
        if publish.bindings.is_empty() {
            self.bindings_by_aor.remove(&publish.aor);
        } else {
            self.bindings_by_aor.insert(publish.aor, publish.bindings);
        }
    }
}

impl Directory for SimDirectory {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.bindings_by_aor.get(aor).cloned()
    }

    fn membership(&self, aor: &Aor) -> Membership {
        if aor.host() == self.host { Membership::Subscriber } else { Membership::ForeignHost }
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }
}
