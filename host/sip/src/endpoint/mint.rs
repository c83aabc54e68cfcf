//! Tags, branches and Call-IDs.

use model::{Shard, Shards};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a branch starts with when its maker knows RFC 3261 (section 8.1.1.7).
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Stands before the number of the shard in a Call-ID of ours.
const SHARD_MARK: &str = "-s";

/// How many hexadecimal digits the random part of a Call-ID of ours has.
const CALL_ID_DIGITS: usize = 32;

/// Makes the random parts of messages.
pub(crate) struct Mint {
    rng: ChaCha12Rng,
}

impl Mint {
    /// Each shard draws its own stream of the same seed.
    pub(crate) fn new(seed: [u8; 32], shard: Shard) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        rng.set_stream(u64::from(shard.0));
        Self { rng }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// 64 random bits (RFC 3261 section 19.3 asks for at least 32).
    pub(crate) fn tag(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    pub(crate) fn branch(&mut self) -> String {
        format!("{MAGIC_COOKIE}{:016x}", self.number())
    }

    pub(crate) fn call_id(&mut self, shard: Shard, host: &str) -> String {
        let (high, low) = (self.number(), self.number());
        let Shard(shard) = shard;
        if host.is_empty() {
            format!("{high:016x}{low:016x}{SHARD_MARK}{shard}")
        } else {
            format!("{high:016x}{low:016x}{SHARD_MARK}{shard}@{host}")
        }
    }
}

/// The shard of a call: what the Call-ID says when it is one of ours, else the hash of its bytes.
///
/// Every message of a call gives the same shard, whoever minted the Call-ID.
pub fn shard_of_call_id(call_id: &str, shards: Shards) -> Shard {
    match minted_shard(call_id) {
        Some(shard) if shard.0 < shards.0.get() => shard,
        Some(_) | None => shards.of_key(call_id.as_bytes()),
    }
}

fn minted_shard(call_id: &str) -> Option<Shard> {
    let word = call_id.split('@').next()?;
    let (random, rest) = word.split_at_checked(CALL_ID_DIGITS)?;
    if !random.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    rest.strip_prefix(SHARD_MARK)?.parse().ok().map(Shard)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    #[test]
    fn a_call_id_of_ours_names_its_shard() {
        let shards = Shards(NonZeroU16::new(8).unwrap());
        let mut mint = Mint::new([7; 32], Shard(5));
        for host in ["", "192.0.2.1:5060"] {
            let call_id = mint.call_id(Shard(5), host);
            assert_eq!(shard_of_call_id(&call_id, shards), Shard(5), "{call_id}");
        }
    }

    #[test]
    fn a_foreign_call_id_or_one_of_a_larger_node_gets_the_shard_of_its_hash() {
        let shards = Shards(NonZeroU16::new(3).unwrap());
        let ours = Mint::new([7; 32], Shard(5)).call_id(Shard(5), "");
        for call_id in ["a84b4c76e66710@pc33.atlanta.com", "x-s1", "-s1@host", ours.as_str()] {
            let expected = shards.of_key(call_id.as_bytes());
            assert_eq!(shard_of_call_id(call_id, shards), expected, "{call_id}");
        }
    }

    #[test]
    fn shards_of_one_seed_draw_different_numbers() {
        let tag = |shard| Mint::new([7; 32], Shard(shard)).tag();
        assert_eq!(tag(0), tag(0));
        assert_ne!(tag(0), tag(1));
        assert_eq!(tag(0).len(), 16);
    }
}
