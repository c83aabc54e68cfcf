//! Waits for sockets: one epoll instance a worker, whose cost does not grow with the sockets that are silent.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
};

pub use rustix::event::epoll::EventFlags;

/// Events taken at once; more wait for the next round.
const EVENTS_MAX: usize = 256;

/// What became ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token {
    /// The mailbox.
    Bell,
    /// The socket of a listener, by its number.
    Listener(u16),
    /// A connection: its place, and how many had that place before it, modulo 2^30.
    Connection {
        /// Its place.
        slot: u32,
        /// Below 2^30.
        generation: u32,
    },
}

/// The bits of a generation.
pub const GENERATION_MASK: u32 = (1 << 30) - 1;

const KIND_LISTENER: u64 = 1 << 62;
const KIND_CONNECTION: u64 = 2 << 62;

impl Token {
    const fn pack(self) -> u64 {
        match self {
            Self::Bell => 0,
            Self::Listener(number) => KIND_LISTENER | number as u64,
            Self::Connection { slot, generation } => {
                KIND_CONNECTION | ((generation & GENERATION_MASK) as u64) << 32 | slot as u64
            }
        }
    }

    const fn unpack(bits: u64) -> Self {
        // The truncations are what takes each field out.
        match bits & (3 << 62) {
            KIND_LISTENER => Self::Listener(bits as u16),
            KIND_CONNECTION => Self::Connection {
                slot: bits as u32,
                generation: (bits >> 32) as u32 & GENERATION_MASK,
            },
            _ => Self::Bell,
        }
    }
}

/// An epoll instance, level-triggered: what is not read stays ready.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// Makes one that waits for nothing.
    ///
    /// # Errors
    ///
    /// When the kernel gives no descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Waits for `socket` too, until it is closed or removed.
    ///
    /// # Errors
    ///
    /// When the kernel has no room.
    pub fn add(&self, socket: impl AsFd, token: Token, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token.pack()), flags)?)
    }

    /// Waits for other events of a socket that was added.
    ///
    /// # Errors
    ///
    /// When it was not.
    pub fn change(&self, socket: impl AsFd, token: Token, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, epoll::EventData::new_u64(token.pack()), flags)?)
    }

    /// Puts what is ready into `ready`, after at most `timeout`. An interrupted wait is a wake-up without a cause.
    pub fn wait(&self, ready: &mut Ready, timeout: Option<&Timespec>) {
        ready.events.clear();
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready.events), timeout);
    }
}

/// What one wait found.
pub struct Ready {
    events: Vec<epoll::Event>,
}

impl Ready {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { events: Vec::with_capacity(EVENTS_MAX) }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing is ready.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The event at `index`.
    pub fn at(&self, index: usize) -> Option<(Token, EventFlags)> {
        let event = self.events.get(index)?;
        Some((Token::unpack(event.data.u64()), event.flags))
    }
}

impl Default for Ready {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for token in [
            Token::Bell,
            Token::Listener(0),
            Token::Listener(u16::MAX),
            Token::Connection { slot: 0, generation: 0 },
            Token::Connection { slot: u32::MAX, generation: GENERATION_MASK },
        ] {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
