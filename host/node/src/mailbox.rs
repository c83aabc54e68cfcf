//! A bounded queue into a thread that waits in `poll`.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use rustix::event::{EventfdFlags, eventfd};

/// Makes a queue of at most `capacity` items.
///
/// # Errors
///
/// When the kernel gives no eventfd.
pub fn mailbox<T>(capacity: usize) -> io::Result<(Postbox<T>, Mailbox<T>)> {
    let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let bell = Arc::new(Bell { fd, rung: AtomicBool::new(false) });
    let (sender, receiver) = sync_channel(capacity);
    Ok((Postbox { sender, bell: bell.clone() }, Mailbox { receiver, bell }))
}

/// The sending end: any thread, any number of clones.
pub struct Postbox<T> {
    sender: SyncSender<T>,
    bell: Arc<Bell>,
}

impl<T> Postbox<T> {
    /// Puts `mail` in and wakes the other end. Never blocks.
    ///
    /// # Errors
    ///
    /// Gives `mail` back when the queue is full or the other end is gone.
    pub fn post(&self, mail: T) -> Result<(), T> {
        match self.sender.try_send(mail) {
            Ok(()) => {
                self.bell.ring();
                Ok(())
            }
            Err(TrySendError::Full(mail) | TrySendError::Disconnected(mail)) => Err(mail),
        }
    }
}

impl<T> Clone for Postbox<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

/// The receiving end. Its descriptor is readable while there may be mail.
pub struct Mailbox<T> {
    receiver: Receiver<T>,
    bell: Arc<Bell>,
}

impl<T> Mailbox<T> {
    /// Takes at most `budget` items, after the descriptor was readable. What is left keeps the descriptor readable.
    pub fn take(&self, budget: usize) -> impl Iterator<Item = T> + '_ {
        self.bell.hush();
        let mut left = budget;
        std::iter::from_fn(move || {
            if left == 0 {
                self.bell.ring();
                return None;
            }
            left -= 1;
            self.receiver.try_recv().ok()
        })
    }

    /// What to wait on with `poll`.
    pub fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }
}

/// An eventfd that is written once for any number of items.
pub struct Bell {
    fd: OwnedFd,
    rung: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        // Both ends swap, so that who finds the bell already rung has its item seen by the hush that follows.
        if !self.rung.swap(true, Ordering::AcqRel) {
            // It can only fail when the counter is at its end, and then the descriptor is readable anyway.
            let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
        }
    }

    fn hush(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.fd, &mut count);
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn readable(mailbox: &Mailbox<u32>) -> bool {
        let bell = mailbox.bell();
        let mut fds = [PollFd::new(&bell, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
    }

    #[test]
    fn the_descriptor_is_readable_until_everything_is_taken() {
        let (postbox, mailbox) = mailbox(4).unwrap();
        assert!(!readable(&mailbox));
        postbox.post(1).unwrap();
        postbox.post(2).unwrap();
        assert!(readable(&mailbox));
        assert_eq!(mailbox.take(1).collect::<Vec<_>>(), [1]);
        assert!(readable(&mailbox));
        assert_eq!(mailbox.take(8).collect::<Vec<_>>(), [2]);
        assert!(!readable(&mailbox));
    }

    #[test]
    fn a_full_queue_gives_the_item_back() {
        let (postbox, mailbox) = mailbox(1).unwrap();
        postbox.post(1).unwrap();
        assert_eq!(postbox.post(2), Err(2));
        drop(mailbox);
        assert_eq!(postbox.post(3), Err(3));
    }

    #[test]
    fn no_item_is_lost_between_two_threads() {
        const ITEMS: u32 = 20_000;
        let (postbox, mailbox) = mailbox(16).unwrap();
        let sender = std::thread::spawn(move || {
            for item in 0..ITEMS {
                while postbox.post(item).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let bell = mailbox.bell();
        let mut expected = 0;
        while expected < ITEMS {
            let mut fds = [PollFd::new(&bell, PollFlags::IN)];
            let woken = poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
            assert_eq!(woken, 1, "the wake-up for item {expected} was lost");
            for item in mailbox.take(8) {
                assert_eq!(item, expected);
                expected += 1;
            }
        }
        sender.join().unwrap();
    }
}
