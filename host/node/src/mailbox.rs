//! A bounded queue into a thread that waits in `poll`.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use rustix::event::{EventfdFlags, eventfd};

/// Makes a queue of at most `capacity` items.
///
/// # Errors
///
/// When the kernel gives no eventfd.
pub fn mailbox<T>(capacity: usize) -> io::Result<(Postbox<T>, Mailbox<T>)> {
    mailbox_with_reserve(capacity, 0)
}

/// Makes a queue of at most `capacity` items, and of so many more for what [`Postbox::post_reserved`] puts in.
///
/// # Errors
///
/// When the kernel gives no eventfd.
pub fn mailbox_with_reserve<T>(
    capacity: usize,
    reserve: usize,
) -> io::Result<(Postbox<T>, Mailbox<T>)> {
    let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let bell = Arc::new(Bell { fd, rung: AtomicBool::new(false) });
    let (sender, receiver) = sync_channel(capacity.saturating_add(reserve));
    let fill = Arc::new(Fill { len: AtomicUsize::new(0), gone: AtomicBool::new(false) });
    let postbox = Postbox { sender, bell: bell.clone(), fill: fill.clone(), capacity };
    Ok((postbox, Mailbox { receiver, bell, fill }))
}

/// How long who waits for room waits before it looks again.
const LOOK_EACH: Duration = Duration::from_millis(1);

/// What is known of a queue without taking from it.
struct Fill {
    /// What was put in and not taken, also while it is on its way.
    len: AtomicUsize,
    /// Nobody takes anything any more.
    gone: AtomicBool,
}

/// The sending end: any thread, any number of clones.
pub struct Postbox<T> {
    sender: SyncSender<T>,
    bell: Arc<Bell>,
    fill: Arc<Fill>,
    /// Without the reserve.
    capacity: usize,
}

impl<T> Postbox<T> {
    /// Puts `mail` in and wakes the other end. Never blocks.
    ///
    /// # Errors
    ///
    /// Gives `mail` back when the queue is full or the other end is gone.
    pub fn post(&self, mail: T) -> Result<(), T> {
        if self.waiting() >= self.capacity {
            return Err(mail);
        }
        self.post_reserved(mail)
    }

    /// As [`Self::post`], also into the reserve.
    ///
    /// # Errors
    ///
    /// Gives `mail` back when that is full as well or the other end is gone.
    pub fn post_reserved(&self, mail: T) -> Result<(), T> {
        self.put(mail).inspect(|()| self.ring())
    }

    /// Puts `mail` in, also into the reserve, and wakes nobody: that is [`Self::ring`]'s, after the last of several.
    fn put(&self, mail: T) -> Result<(), T> {
        self.fill.len.fetch_add(1, Ordering::Relaxed);
        match self.sender.try_send(mail) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(mail) | TrySendError::Disconnected(mail)) => {
                self.fill.len.fetch_sub(1, Ordering::Relaxed);
                Err(mail)
            }
        }
    }

    /// Puts `mail` in, and waits for room where there is none. The other end is woken only then: who has put in all it had calls [`Self::ring`].
    ///
    /// # Errors
    ///
    /// Gives `mail` back when the other end is gone.
    pub fn put_waiting(&self, mut mail: T) -> Result<(), T> {
        while !self.is_gone() {
            if self.waiting() < self.capacity {
                match self.put(mail) {
                    Ok(()) => return Ok(()),
                    Err(back) => mail = back,
                }
            }
            self.ring();
            std::thread::sleep(LOOK_EACH);
        }
        Err(mail)
    }

    /// As [`Self::post`], and waits until then for room where there is none.
    ///
    /// # Errors
    ///
    /// Gives `mail` back when there was no room, or the other end is gone.
    pub fn post_until(&self, mut mail: T, until: Instant) -> Result<(), T> {
        loop {
            match self.post(mail) {
                Ok(()) => return Ok(()),
                Err(back) if self.is_gone() || Instant::now() >= until => return Err(back),
                Err(back) => mail = back,
            }
            std::thread::sleep(LOOK_EACH);
        }
    }

    /// Wakes the other end.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Whether nobody takes anything any more.
    pub fn is_gone(&self) -> bool {
        self.fill.gone.load(Ordering::Relaxed)
    }

    /// How many items wait, as far as it is known: others put in and take meanwhile.
    pub fn waiting(&self) -> usize {
        self.fill.len.load(Ordering::Relaxed)
    }

    /// How many may wait, without the reserve.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }
}

/// What of mail to everybody has not come to its end. Who is gone needs no telling, and is not counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Untaken {
    /// Who had no room for it and has not got it, by the place among the postboxes.
    pub unposted: Vec<usize>,
    /// How many have got it and not said that they took it.
    pub unsaid: usize,
}

/// Posts to everybody, with a wait for room where there is none, and waits until all have said by the sender in their mail that they took it.
/// Gives what has not come to its end within `patience`, which is for all together.
#[must_use]
pub fn post_to_all<T>(
    postboxes: &[&Postbox<T>],
    patience: Duration,
    mail: impl Fn(SyncSender<()>) -> T,
) -> Untaken {
    let (done, taken) = sync_channel(postboxes.len());
    let until = Instant::now() + patience;
    let (mut posted, mut unposted) = (Vec::new(), Vec::new());
    for (at, postbox) in postboxes.iter().enumerate() {
        match postbox.post_until(mail(done.clone()), until) {
            Ok(()) => posted.push(postbox),
            Err(_) if postbox.is_gone() => {}
            Err(_) => unposted.push(at),
        }
    }
    drop(done);
    let has_taken = |_: &&&&Postbox<T>| {
        taken.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok()
    };
    let unsaid = posted.len() - posted.iter().take_while(has_taken).count();
    let are_there = posted.iter().filter(|postbox| !postbox.is_gone()).count();
    Untaken { unposted, unsaid: unsaid.min(are_there) }
}

impl<T> Clone for Postbox<T> {
    fn clone(&self) -> Self {
        let Self { sender, bell, fill, capacity } = self;
        let (sender, bell, fill) = (sender.clone(), bell.clone(), fill.clone());
        Self { sender, bell, fill, capacity: *capacity }
    }
}

/// The receiving end. Its descriptor is readable while there may be mail.
pub struct Mailbox<T> {
    receiver: Receiver<T>,
    bell: Arc<Bell>,
    fill: Arc<Fill>,
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        self.fill.gone.store(true, Ordering::Relaxed);
    }
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
            let taken = self.receiver.try_recv().ok()?;
            self.fill.len.fetch_sub(1, Ordering::Relaxed);
            Some(taken)
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
    fn the_reserve_is_for_what_must_come() {
        let (postbox, mailbox) = mailbox_with_reserve(2, 1).unwrap();
        postbox.post(1).unwrap();
        assert_eq!((postbox.waiting(), postbox.capacity()), (1, 2));
        postbox.post(2).unwrap();
        assert_eq!(postbox.post(3), Err(3));
        postbox.post_reserved(4).unwrap();
        assert_eq!(postbox.post_reserved(5), Err(5));
        assert_eq!(mailbox.take(2).collect::<Vec<_>>(), [1, 2]);
        postbox.post(6).unwrap();
        assert_eq!(postbox.waiting(), 2);
        assert_eq!(mailbox.take(8).collect::<Vec<_>>(), [4, 6]);
        drop(mailbox);
        assert_eq!(postbox.put_waiting(7), Err(7));
        assert_eq!(postbox.waiting(), 0);
    }

    #[test]
    fn what_is_put_wakes_nobody_until_the_bell_is_rung() {
        let (postbox, mailbox) = mailbox(4).unwrap();
        postbox.put_waiting(1).unwrap();
        postbox.put_waiting(2).unwrap();
        assert!(!readable(&mailbox));
        postbox.ring();
        assert!(readable(&mailbox));
        assert_eq!(mailbox.take(4).collect::<Vec<_>>(), [1, 2]);
        assert!(!readable(&mailbox));
    }

    #[test]
    fn who_waits_for_room_puts_everything_in() {
        const ITEMS: u32 = 1_000;
        let (postbox, mailbox) = mailbox(2).unwrap();
        let sender = std::thread::spawn(move || {
            let all = (0..ITEMS).all(|item| postbox.put_waiting(item).is_ok());
            postbox.ring();
            all
        });
        let bell = mailbox.bell();
        let mut taken = Vec::new();
        while taken.len() < 1_000 {
            let mut fds = [PollFd::new(&bell, PollFlags::IN)];
            poll(&mut fds, None).unwrap();
            taken.extend(mailbox.take(8));
        }
        assert!(sender.join().unwrap());
        assert!(taken.into_iter().eq(0..ITEMS));
    }

    #[test]
    fn who_is_told_with_others_says_that_it_took_it() {
        let (one, others) = (mailbox(1).unwrap(), mailbox(1).unwrap());
        let takers = [one.1, others.1].map(|mailbox| {
            std::thread::spawn(move || {
                let bell = mailbox.bell();
                loop {
                    poll(&mut [PollFd::new(&bell, PollFlags::IN)], None).unwrap();
                    let Some((item, done)) = mailbox.take(1).next() else { continue };
                    let done: SyncSender<()> = done;
                    done.send(()).unwrap();
                    return item;
                }
            })
        });
        let patience = Duration::from_secs(60);
        let untaken = post_to_all(&[&one.0, &others.0], patience, |done| (7, done));
        assert_eq!(untaken, Untaken::default());
        assert_eq!(takers.map(|taker| taker.join().unwrap()), [7, 7]);
    }

    #[test]
    fn who_takes_nothing_is_waited_for_no_longer_than_is_said() {
        let (reads_not, _held) = mailbox(1).unwrap();
        let (is_full, _full) = mailbox(1).unwrap();
        is_full.post(sync_channel(1).0).unwrap();
        let untaken = post_to_all(&[&reads_not, &is_full], Duration::ZERO, |done| done);
        assert_eq!(untaken, Untaken { unposted: vec![1], unsaid: 1 });
    }

    /// It was waited for, by looking again and again for as long as for somebody who is there.
    #[test]
    fn who_is_gone_is_not_waited_for() {
        let (is_gone, gone) = mailbox::<SyncSender<()>>(1).unwrap();
        drop(gone);
        let (patience, begun) = (Duration::from_secs(40), Instant::now());
        assert_eq!(post_to_all(&[&is_gone], patience, |done| done), Untaken::default());
        assert!(begun.elapsed() < patience);
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
