//! The voice messages that wait for users, as an application said.

use model::{Aor, MessageCount};
use papaya::HashMap;

/// How many messages wait for whom.
#[derive(Default)]
pub struct Messages {
    counts_by_aor: HashMap<Aor, MessageCount>,
}

impl Messages {
    /// Makes `count` the messages of a user.
    ///
    /// # Errors
    ///
    /// When it would be one more user than `most`; nothing is changed.
    pub fn set(&self, aor: Aor, count: MessageCount, most: usize) -> Result<(), TooMany> {
        let map = self.counts_by_aor.pin();
        if map.len() >= most && !map.contains_key(&aor) {
            return Err(TooMany);
        }
        map.insert(aor, count);
        Ok(())
    }

    /// The messages of a user, if anything was said of them.
    pub fn of(&self, aor: &Aor) -> Option<MessageCount> {
        self.counts_by_aor.pin().get(aor).copied()
    }

    /// At most `limit` users with their messages, sorted by address.
    pub fn list(&self, limit: usize) -> Vec<(Aor, MessageCount)> {
        let map = self.counts_by_aor.pin();
        let mut all: Vec<_> = map.iter().map(|(aor, count)| (aor.clone(), *count)).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.truncate(limit);
        all
    }
}

/// There are as many users with messages as there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_stands_until_the_next_and_only_so_many_users_have_one() {
        let messages = Messages::default();
        let [ann, bob] = ["ann", "bob"].map(|user| Aor::new(user, "h"));
        let count = |new| MessageCount { new, ..MessageCount::default() };
        assert_eq!(messages.of(&ann), None);
        assert_eq!(messages.set(ann.clone(), count(2), 1), Ok(()));
        assert_eq!(messages.set(ann.clone(), count(3), 1), Ok(()));
        assert_eq!(messages.set(bob.clone(), count(1), 1), Err(TooMany));
        assert_eq!((messages.of(&ann), messages.of(&bob)), (Some(count(3)), None));
        assert_eq!(messages.set(bob.clone(), count(1), 2), Ok(()));
        assert_eq!(messages.list(1), [(ann, count(3))]);
    }
}
