//! When a module looks into its mailbox.

use std::{io, sync::Arc, time::Duration};

use model::Instant;

use super::Letter;
use crate::{
    mailbox::Mailbox,
    poller::{EventFlags, Poller, Token},
};

/// Letters taken before the clients get their turn.
const LETTERS: usize = 512;

/// A mailbox that wakes its thread once and then not for a while, in which letters gather: a wake costs more than most letters do.
///
/// A letter for a thread at rest wakes it at once. After it has looked, the next look is after [`Self::set_gather`]'s time, without a wake; one
/// that finds nothing puts the thread to rest.
pub(super) struct Inbox {
    mailbox: Mailbox<Letter>,
    poller: Arc<Poller>,
    gather: Duration,
    /// While letters gather.
    next_look: Option<Instant>,
}

impl Inbox {
    /// An inbox at rest, whose bell is a token of `poller`.
    ///
    /// # Errors
    ///
    /// When the kernel does not wait for it.
    pub(super) fn new(
        mailbox: Mailbox<Letter>,
        poller: Arc<Poller>,
        gather: Duration,
    ) -> io::Result<Self> {
        poller.add(&*mailbox.bell(), Token::Bell, WAKES_ONCE)?;
        Ok(Self { mailbox, poller, gather, next_look: None })
    }

    /// Gathers for so long from now on; zero is not at all.
    pub(super) const fn set_gather(&mut self, gather: Duration) {
        self.gather = gather;
    }

    /// When to look although nothing wakes the thread.
    pub(super) const fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// What has gathered, after a wake or at [`Self::next_look`].
    pub(super) fn look(&mut self, now: Instant) -> Vec<Letter> {
        let letters: Vec<Letter> = self.mailbox.take(LETTERS).collect();
        let is_more = letters.len() == LETTERS;
        let gather = if is_more { Duration::ZERO } else { self.gather };
        let is_over = letters.is_empty() || gather.is_zero();
        let rests = is_over
            && !is_more
            && self.poller.change(&*self.mailbox.bell(), Token::Bell, WAKES_ONCE).is_ok();
        self.next_look = (!rests).then_some(now + gather);
        letters
    }
}

/// It wakes the thread, and then no more until it is changed to this again.
const WAKES_ONCE: EventFlags = EventFlags::IN.union(EventFlags::ONESHOT);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rustix::event::Timespec;

    use super::*;
    use crate::{
        mailbox::{Postbox, mailbox},
        poller::Ready,
    };

    const GATHER: Duration = Duration::from_millis(1);
    const BEGAN: Instant = Instant::ZERO;

    fn inbox(gather: Duration) -> (Inbox, Postbox<Letter>, Arc<Poller>) {
        let (postbox, mailbox) = mailbox(2 * LETTERS).unwrap();
        let poller = Arc::new(Poller::new().unwrap());
        (Inbox::new(mailbox, poller.clone(), gather).unwrap(), postbox, poller)
    }

    fn post(postbox: &Postbox<Letter>, count: usize) {
        (0..count).for_each(|_| postbox.post(Letter::Sweep).unwrap());
    }

    fn wakes(poller: &Poller) -> bool {
        let mut ready = Ready::new();
        poller.wait(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        !ready.is_empty()
    }

    #[test]
    fn a_letter_wakes_who_rests_and_those_after_it_gather() {
        let (mut inbox, postbox, poller) = inbox(GATHER);
        assert!(!wakes(&poller) && inbox.next_look().is_none());
        post(&postbox, 1);
        assert!(wakes(&poller));
        assert_eq!(inbox.look(BEGAN).len(), 1);
        post(&postbox, 3);
        assert!(!wakes(&poller));
        assert_eq!(inbox.next_look(), Some(BEGAN + GATHER));
        assert_eq!(inbox.look(BEGAN + GATHER).len(), 3);
        assert_eq!(inbox.look(BEGAN + 2 * GATHER).len(), 0);
        assert!(!wakes(&poller) && inbox.next_look().is_none());
        post(&postbox, 1);
        assert!(wakes(&poller));
    }

    #[test]
    fn more_than_is_taken_at_once_is_not_waited_for() {
        let (mut inbox, postbox, _poller) = inbox(GATHER);
        post(&postbox, LETTERS + 5);
        assert_eq!(inbox.look(BEGAN).len(), LETTERS);
        assert_eq!(inbox.next_look(), Some(BEGAN));
        assert_eq!(inbox.look(BEGAN).len(), 5);
        assert_eq!(inbox.next_look(), Some(BEGAN + GATHER));
    }

    #[test]
    fn without_a_time_nothing_gathers() {
        let (mut inbox, postbox, poller) = inbox(Duration::ZERO);
        post(&postbox, 1);
        assert!(wakes(&poller));
        assert_eq!(inbox.look(BEGAN).len(), 1);
        assert!(!wakes(&poller) && inbox.next_look().is_none());
        post(&postbox, 1);
        assert!(wakes(&poller));
    }
}
