//! When a changed file has been written to the end.

use std::time::{Duration, Instant};

use super::Fingerprint;

/// How long a file must stand still before it is read, when nothing says that someone still writes.
const STILL: Duration = Duration::from_millis(20);
/// The same when a write was seen and no close after it: a writer that pauses is waited for.
const STILL_WHILE_OPEN: Duration = Duration::from_secs(1);

/// Follows one plugin's files.
#[derive(Debug)]
pub struct Settler {
    /// What was last given to be loaded, good or bad: the same content is not tried twice.
    taken: Option<Fingerprint>,
    candidate: Option<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    fingerprint: Fingerprint,
    since: Instant,
    open: bool,
}

/// What to do after a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// The files changed and are complete: load them.
    Load,
    /// They changed; look again then.
    Again(Instant),
    /// Nothing is new.
    Rest,
}

impl Settler {
    /// Begins with what is loaded already.
    pub fn new(taken: Option<Fingerprint>) -> Self {
        Self { taken, candidate: None }
    }

    /// Takes what is found `now`. `closed` is `Some(true)` after a close-after-write or a rename, `Some(false)` after another
    /// write, `None` without a hint.
    pub fn look(&mut self, now: Instant, found: Option<Fingerprint>, closed: Option<bool>) -> Look {
        let Some(found) = found.filter(|found| Some(*found) != self.taken) else {
            self.candidate = None;
            return Look::Rest;
        };
        if closed == Some(true) {
            return self.take(found);
        }
        let before = self.candidate.take();
        let open = closed == Some(false) || before.as_ref().is_some_and(|before| before.open);
        let since = match before {
            Some(before) if before.fingerprint == found => before.since,
            Some(_) | None => now,
        };
        let still_at = since + if open { STILL_WHILE_OPEN } else { STILL };
        if now >= still_at {
            return self.take(found);
        }
        self.candidate = Some(Candidate { fingerprint: found, since, open });
        Look::Again(still_at)
    }

    fn take(&mut self, found: Fingerprint) -> Look {
        self.taken = Some(found);
        self.candidate = None;
        Look::Load
    }
}

#[cfg(test)]
mod tests {
    use model::Digest;

    use super::*;

    fn print(of: u8) -> Option<Fingerprint> {
        Some(Fingerprint { size: 1, digest: Digest([of; 32]) })
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_closed_file_is_loaded_at_once_and_only_once() {
        let t0 = Instant::now();
        let mut settler = Settler::new(print(1));
        assert_eq!(settler.look(t0, print(2), Some(true)), Look::Load);
        assert_eq!(settler.look(t0, print(2), Some(true)), Look::Rest);
        assert_eq!(settler.look(t0, print(1), Some(true)), Look::Load);
    }

    #[test]
    fn without_hints_a_file_is_loaded_when_it_stood_still() {
        let t0 = Instant::now();
        let mut settler = Settler::new(print(1));
        assert_eq!(settler.look(t0, print(2), None), Look::Again(t0 + 20 * MS));
        assert_eq!(settler.look(t0 + 19 * MS, print(3), None), Look::Again(t0 + 39 * MS));
        assert_eq!(settler.look(t0 + 30 * MS, print(3), None), Look::Again(t0 + 39 * MS));
        assert_eq!(settler.look(t0 + 39 * MS, print(3), None), Look::Load);
    }

    #[test]
    fn a_writer_that_pauses_is_waited_for_until_it_closes() {
        let t0 = Instant::now();
        let mut settler = Settler::new(print(1));
        assert_eq!(settler.look(t0, print(2), Some(false)), Look::Again(t0 + 1000 * MS));
        assert_eq!(settler.look(t0 + 500 * MS, print(2), None), Look::Again(t0 + 1000 * MS));
        assert_eq!(settler.look(t0 + 600 * MS, print(3), Some(true)), Look::Load);
    }

    #[test]
    fn a_file_that_goes_and_comes_back_unchanged_is_not_loaded() {
        let t0 = Instant::now();
        let mut settler = Settler::new(print(1));
        assert_eq!(settler.look(t0, None, Some(false)), Look::Rest);
        assert_eq!(settler.look(t0, print(1), Some(true)), Look::Rest);
    }
}
