//! Runs phones until something holds.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::phone::Phone;

/// How long the phones wait for their sockets at most: their RTP keeps time by it.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// What was waited for did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

/// Lets the phones do their work until `condition` holds.
///
/// # Errors
///
/// When it does not hold within `patience`.
pub fn run_until<const N: usize>(
    phones: &mut [Phone; N],
    patience: Duration,
    condition: impl Fn(&[Phone; N]) -> bool,
) -> Result<(), TimedOut> {
    let deadline = Instant::now() + patience;
    loop {
        let now = Instant::now();
        phones.iter_mut().for_each(|phone| phone.step(now));
        if condition(phones) {
            return Ok(());
        }
        if now >= deadline {
            return Err(TimedOut);
        }
        let sockets = phones.iter().flat_map(Phone::sockets);
        let mut fds: Vec<_> = sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, Some(&TICK));
    }
}
