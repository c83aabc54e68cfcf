//! Identifiers.

use std::{fmt, num::NonZeroU16, str::FromStr};

/// Which shard of calls: the index of the worker that runs it, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Shard(pub u16);

/// How many shards a node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shards(pub NonZeroU16);

impl Shards {
    /// One shard, the default of a node.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// The shard of a key that Jackfield did not mint (a foreign Call-ID, an AOR), by FNV-1a over its bytes.
    pub fn of_key(self, key: &[u8]) -> Shard {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in key {
            hash ^= u64::from(*byte);
            hash = hash.wrapping_mul(0x0100_0000_01b3);
        }
        // The low bits of FNV are its best; the remainder fits 16 bits because the divisor does.
        let index = (hash ^ (hash >> 32)) % u64::from(self.0.get());
        Shard(u16::try_from(index).unwrap_or(0))
    }
}

/// The T-Library connection id of a call: 64 bits, written as 16 lower-case hexadecimal digits.
///
/// The top 16 bits carry the shard that minted it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ConnId(pub u64);

impl ConnId {
    /// Mints the id number `sequence` (48 bits are kept) of `shard`.
    pub const fn mint(shard: Shard, sequence: u64) -> Self {
        Self(((shard.0 as u64) << 48) | (sequence & 0xffff_ffff_ffff))
    }

    /// Which id of its shard this is.
    pub const fn sequence(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }

    /// The shard that minted this id.
    pub const fn shard(self) -> Shard {
        Shard((self.0 >> 48) as u16)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConnId {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(s, 16).map(Self)
    }
}

/// A leg of a call: its call and its number within it (0 is the caller's).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId {
    /// The call.
    pub conn: ConnId,
    /// 0 for the caller's leg, then one for each target tried.
    pub number: u16,
}

/// The relay of one call: all its media streams. One relay a call, so it is named by the call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelayId(pub ConnId);
