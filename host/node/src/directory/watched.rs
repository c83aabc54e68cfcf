//! Which workers want to be told of whose calls: read for each call, without a lock.

use std::sync::Arc;

use model::{Aor, Shard};
use papaya::{Compute, HashMap, Operation};

/// The shards that watch each user.
#[derive(Default)]
pub struct Watched {
    shards_by_aor: HashMap<Aor, Arc<[Shard]>>,
}

impl Watched {
    /// Notes whether `shard` wants to be told of `aor`.
    pub fn publish(&self, aor: Aor, shard: Shard, wanted: bool) {
        let _: Compute<_, _, ()> = self.shards_by_aor.pin().compute(aor, |entry| {
            let others = entry.map_or(&[][..], |(_, shards)| &**shards);
            let mut shards: Vec<Shard> = others.iter().copied().filter(|s| *s != shard).collect();
            shards.extend(wanted.then_some(shard));
            match (shards.is_empty(), entry) {
                (true, None) => Operation::Abort(()),
                (true, Some(_)) => Operation::Remove,
                (false, _) => Operation::Insert(shards.into()),
            }
        });
    }

    /// Whether anybody is watched.
    pub fn any(&self) -> bool {
        !self.shards_by_aor.is_empty()
    }

    /// The shards that watch `aor`, if any do.
    pub fn by(&self, aor: &Aor) -> Option<Arc<[Shard]>> {
        self.shards_by_aor.pin().get(aor).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_watched_until_the_last_shard_has_no_more_interest() {
        let watched = Watched::default();
        let aor = Aor::new("bob", "h");
        assert!(!watched.any());
        watched.publish(aor.clone(), Shard(0), false);
        assert!(!watched.any());
        watched.publish(aor.clone(), Shard(1), true);
        watched.publish(aor.clone(), Shard(0), true);
        watched.publish(aor.clone(), Shard(1), true);
        assert_eq!(watched.by(&aor).as_deref(), Some(&[Shard(0), Shard(1)][..]));
        watched.publish(aor.clone(), Shard(0), false);
        assert_eq!(watched.by(&aor).as_deref(), Some(&[Shard(1)][..]));
        assert_eq!(watched.by(&Aor::new("ann", "h")), None);
        watched.publish(aor, Shard(1), false);
        assert!(!watched.any());
    }
}
