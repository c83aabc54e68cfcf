//! The contacts from before a restart, and the store that keeps them.

use std::sync::Arc;

use model::{Directory as _, Membership, Shards};
use switch::Publish;
use tracing::info;

use super::StartError;
use crate::{
    clock::Clock,
    config::Config,
    directory::NodeDirectory,
    mailbox::Postbox,
    store::{ContactStore, Listeners, SqliteStore, StoreError, StoreThread},
    worker::Mail,
};

/// An open store, if one is configured, and what it kept.
pub(super) struct Contacts {
    store: Option<(Box<dyn ContactStore>, Listeners)>,
    restored: Vec<Publish>,
}

/// Opens the store and puts what it kept into `directory`, less what lapsed, whose listener is gone, or who may not register
/// any more.
pub(super) fn open(
    config: &Config,
    clock: Clock,
    directory: &Arc<NodeDirectory>,
) -> Result<Contacts, StoreError> {
    let Some(path) = &config.store.path else {
        return Ok(Contacts { store: None, restored: Vec::new() });
    };
    let path = config.folder.join(path);
    let listen = config.sip.listen.iter();
    let listeners = Listeners(listen.map(|l| (l.name.clone(), l.transport.into())).collect());
    let mut store = SqliteStore::open(&path)?;
    for (aor, count) in store.counts()? {
        // They were taken then, so no limit is applied.
        let _ = directory.messages().set(aor, count, usize::MAX);
    }
    let mut restored = Vec::new();
    let (mut contacts, mut dropped) = (0, 0);
    for change in store.load(clock.wall_ms(clock.now()))? {
        let stored = change.records.len();
        let bindings: Arc<[_]> = match directory.membership(&change.aor) {
            Membership::Subscriber => {
                let records = change.records.into_iter();
                records.filter_map(|record| listeners.binding(&clock, record)).collect()
            }
            Membership::UnknownUser | Membership::ForeignHost => Arc::new([]),
        };
        dropped += stored - bindings.len();
        contacts += bindings.len();
        if !bindings.is_empty() {
            directory.publish(change.aor.clone(), bindings.clone());
            restored.push(Publish { aor: change.aor, bindings });
        }
    }
    info!(
        path = %path.display(), contacts, dropped,
        "contacts restored; dropped are those whose listener is gone or who may not register any more"
    );
    Ok(Contacts { store: Some((Box::new(store), listeners)), restored })
}

impl Contacts {
    /// Starts the store's thread, and gives each shard's own bindings.
    pub(super) fn start(
        self,
        config: &Config,
        clock: Clock,
        postboxes: &[Postbox<Mail>],
    ) -> Result<(Option<StoreThread>, Vec<Vec<Publish>>), StartError> {
        let mut shards: Vec<Vec<Publish>> = postboxes.iter().map(|_| Vec::new()).collect();
        let count = Shards(config.node.workers.try_into().unwrap_or(std::num::NonZeroU16::MIN));
        for publish in self.restored {
            let shard = count.of_key(publish.aor.as_str().as_bytes());
            if let Some(shard) = shards.get_mut(usize::from(shard.0)) {
                shard.push(publish);
            }
        }
        let Some((store, listeners)) = self.store else { return Ok((None, shards)) };
        // Each worker holds at most `writes_max` REGISTERs, and as many writes may be left of ones it gave up.
        let queue_max = config.store.writes_max.saturating_mul(postboxes.len());
        let limits = (queue_max, config.store.batch_max);
        let thread = StoreThread::start(store, listeners, clock, limits, postboxes.to_vec())
            .map_err(StartError::os("the store"))?;
        Ok((Some(thread), shards))
    }
}
