//! Watching SIP as it passes: a worker hands each message to those who watch, and never waits for them.

mod lines;
mod what;

use bytes::Bytes;
use model::{Flow, Instant};
use tokio::sync::mpsc;

pub use lines::Lines;
pub(crate) use lines::shown;
pub use what::What;

/// A message that passed.
#[derive(Clone, Debug)]
pub struct Passed {
    /// When, on the process's clock.
    pub at: Instant,
    /// Whether it came in; else it went out.
    pub incoming: bool,
    /// From or to where.
    pub flow: Flow,
    /// The message as it stood on the wire.
    pub bytes: Bytes,
    /// Messages before this one that found no room.
    pub missed: u64,
}

/// The end of a watch that a worker holds.
#[derive(Debug)]
pub struct Tap {
    sender: mpsc::Sender<Passed>,
    missed: u64,
}

impl Tap {
    /// A tap for each of `workers`, and what comes out of them, `queue_max` messages waiting at most.
    pub fn new(workers: usize, queue_max: usize) -> (Vec<Self>, mpsc::Receiver<Passed>) {
        let (sender, receiver) = mpsc::channel(queue_max.max(1));
        let taps = (0..workers).map(|_| Self { sender: sender.clone(), missed: 0 }).collect();
        (taps, receiver)
    }

    /// Hands a message over; false when nobody watches any more. Without room it is counted and left out.
    pub fn pass(&mut self, at: Instant, incoming: bool, flow: Flow, bytes: &Bytes) -> bool {
        let passed = Passed { at, incoming, flow, bytes: bytes.clone(), missed: self.missed };
        match self.sender.try_send(passed) {
            Ok(()) => self.missed = 0,
            Err(mpsc::error::TrySendError::Full(_)) => self.missed += 1,
            Err(mpsc::error::TrySendError::Closed(_)) => return false,
        }
        true
    }
}

#[cfg(test)]
#[path = "trace_test.rs"]
mod tests;
