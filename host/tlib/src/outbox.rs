//! What waits to be written to one connection: shared bytes, bounded.

use std::collections::VecDeque;

use bytes::Bytes;

/// The queue of one connection. An event that many clients get lies in many queues and once in memory.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Bytes>,
    /// Bytes of the first one that are written already.
    written: usize,
    /// Bytes that are not written.
    bytes: usize,
    bytes_max: usize,
    messages_max: usize,
}

/// The queue is full: whoever should read it does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full {
    pub(crate) bytes: usize,
    pub(crate) messages: usize,
}

impl Outbox {
    pub(crate) const fn new(bytes_max: usize, messages_max: usize) -> Self {
        Self { queue: VecDeque::new(), written: 0, bytes: 0, bytes_max, messages_max }
    }

    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.queue.len() < self.messages_max && self.bytes.saturating_add(bytes) <= self.bytes_max
    }

    pub(crate) fn push(&mut self, message: Bytes) -> Result<(), Full> {
        if !self.fits(message.len()) {
            return Err(Full { bytes: self.bytes, messages: self.queue.len() });
        }
        self.bytes += message.len();
        self.queue.push_back(message);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn messages(&self) -> usize {
        self.queue.len()
    }

    /// What is to be written, in order; of the first one the rest.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.queue.iter().enumerate().map(|(n, bytes)| {
            let from = if n == 0 { self.written } else { 0 };
            bytes.get(from..).unwrap_or_default()
        })
    }

    /// So many bytes of [`Self::slices`] are written.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.written += bytes;
        while let Some(first) = self.queue.front()
            && self.written >= first.len()
        {
            self.written -= first.len();
            self.queue.pop_front();
        }
        self.shrink();
    }

    /// Takes whole messages out as written, at most so many; of the first one the rest.
    pub(crate) fn take(&mut self, messages_max: usize) -> Vec<Bytes> {
        let count = messages_max.min(self.queue.len());
        let mut taken: Vec<Bytes> = self.queue.drain(..count).collect();
        if let Some(first) = taken.first_mut() {
            let _ = first.split_to(std::mem::take(&mut self.written).min(first.len()));
        }
        self.bytes -= taken.iter().map(Bytes::len).sum::<usize>();
        self.shrink();
        taken
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.bytes_max, self.messages_max);
    }

    /// A queue that was long and is empty holds no memory.
    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
    }
}
