//! What identifies a transaction on the wire.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use siphasher::sip128::{Hasher128, SipHasher13};

/// 128 bits that stand for the parts of a message that identify its transaction.
///
/// Nobody without the seed can make two messages with the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key(u128);

/// A map that is only ever looked into, indexed by the key of a transaction.
pub(crate) type ByKey<V> = HashMap<Key, V, BuildHasherDefault<KeyIsHash>>;

/// What a key is for; messages of different purpose never share one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A response to a request of ours (RFC 3261 section 17.1.3).
    Client,
    /// A request of a peer that knows RFC 3261 (section 17.2.3, with the magic cookie).
    Server,
    /// A request of a peer that knows only RFC 2543 (section 17.2.3, without it).
    Server2543,
    /// A request that may come by several paths (section 8.2.2.2).
    Merged,
    /// The ACK of a 2xx (section 13.3.1.4).
    Ack,
}

/// Makes keys.
#[derive(Clone)]
pub(crate) struct KeyMaker {
    k0: u64,
    k1: u64,
}

impl KeyMaker {
    pub(crate) const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }

    /// The key of `parts`, in order.
    pub(crate) fn key(&self, purpose: Purpose, parts: &[&[u8]]) -> Key {
        let mut hasher = SipHasher13::new_with_keys(self.k0, self.k1);
        hasher.write_u8(purpose as u8);
        for part in parts {
            // The length before each part keeps ("ab", "c") apart from ("a", "bc").
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        Key(hasher.finish128().as_u128())
    }
}

impl Key {
    /// The low half, to make a value that anyone who saw the same message makes too.
    pub(crate) const fn low(self) -> u64 {
        self.0 as u64
    }
}

/// The hasher of [`ByKey`]: a key is a keyed hash already.
#[derive(Default)]
pub(crate) struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_seed_by_purpose_and_by_where_parts_end() {
        let maker = KeyMaker::new(1, 2);
        let key = maker.key(Purpose::Server, &[b"ab", b"c"]);
        assert_eq!(key, maker.key(Purpose::Server, &[b"ab", b"c"]));
        assert_ne!(key, maker.key(Purpose::Server, &[b"a", b"bc"]));
        assert_ne!(key, maker.key(Purpose::Client, &[b"ab", b"c"]));
        assert_ne!(key, KeyMaker::new(1, 3).key(Purpose::Server, &[b"ab", b"c"]));
    }
}
