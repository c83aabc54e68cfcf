//! Nonces that carry the proof that they are ours, and the counts that were used with them.

use std::{collections::BTreeMap, time::Duration};

use model::Instant;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::hash::hex;

/// Hexadecimal digits of a nonce: when it was made, a random number, and a keyed hash of both.
const LENGTH: usize = 16 + 16 + 32;
/// Counts below the highest that may still come, once each: phones send requests in parallel, and UDP mixes them up.
const WINDOW: u32 = 64;

/// Makes nonces and knows them again.
#[derive(Debug)]
pub(super) struct Nonces {
    key: (u64, u64),
    life: Duration,
    used_max: usize,
    /// The counts used with each nonce, oldest nonce first.
    used: BTreeMap<Id, Counts>,
    /// What is as old or older is stale, whatever its age: its counts were forgotten to make room.
    forgotten: Option<Id>,
}

/// When it was made, in nanoseconds of the caller's clock, and its random number.
type Id = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Counts {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u64,
}

/// What a nonce is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// Ours, and young enough.
    Good(Id),
    /// Ours, but too old; or another's, or made before a restart.
    Stale,
}

impl Nonces {
    pub(super) fn new(key: [u8; 16], life: Duration, used_max: usize) -> Self {
        let word = |at: usize| {
            key.iter().skip(at).take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
        };
        let used_max = used_max.max(1);
        Self { key: (word(0), word(8)), life, used_max, used: BTreeMap::new(), forgotten: None }
    }

    pub(super) fn mint(&self, now: Instant, random: u64) -> String {
        let at = now.as_nanos();
        let mut text = hex(&at.to_be_bytes());
        text.push_str(&hex(&random.to_be_bytes()));
        text.push_str(&hex(&self.proof((at, random))));
        text
    }

    fn proof(&self, id: Id) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        std::hash::Hasher::write_u64(&mut hasher, id.0);
        std::hash::Hasher::write_u64(&mut hasher, id.1);
        hasher.finish128().as_bytes()
    }

    pub(super) fn look_up(&self, now: Instant, nonce: &str) -> Known {
        let word = |from: usize, to: usize| {
            let digits = nonce.get(from..to)?;
            // `from_str_radix` takes a sign.
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
            u64::from_str_radix(digits, 16).ok()
        };
        let (Some(at), Some(random)) = (word(0, 16), word(16, 32)) else { return Known::Stale };
        let id = (at, random);
        let proof = nonce.get(32..).unwrap_or_default();
        let age = now.saturating_since(Instant::from_nanos(at));
        let is_forgotten = self.forgotten.is_some_and(|forgotten| id <= forgotten);
        if nonce.len() != LENGTH || !equal(proof, &hex(&self.proof(id))) {
            return Known::Stale;
        }
        if age > self.life || is_forgotten { Known::Stale } else { Known::Good(id) }
    }

    /// Takes a count with a nonce that is good; false when it was used before, or may have been.
    pub(super) fn take(&mut self, now: Instant, id: Id, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if let Some(counts) = self.used.get_mut(&id) {
            return counts.take(count);
        }
        self.make_room(now);
        self.used.insert(id, Counts { highest: count, seen: 1 });
        true
    }

    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.used.first_entry() {
            let id = *oldest.key();
            let is_over = now.saturating_since(Instant::from_nanos(id.0)) > self.life;
            let is_full = self.used.len() >= self.used_max;
            if !is_over && !is_full {
                return;
            }
            self.used.pop_first();
            if !is_over {
                self.forgotten = Some(id);
            }
        }
    }
}

impl Counts {
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = if ahead >= WINDOW { 1 } else { (self.seen << ahead) | 1 };
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        let bit = 1_u64.checked_shl(behind).filter(|_| behind < WINDOW);
        let is_new = bit.is_some_and(|bit| self.seen & bit == 0);
        self.seen |= bit.unwrap_or(0);
        is_new
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(super) fn equal(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn id(nonces: &Nonces, now: Instant, nonce: &str) -> Id {
        match nonces.look_up(now, nonce) {
            Known::Good(id) => id,
            Known::Stale => panic!("stale"),
        }
    }

    #[test]
    fn a_nonce_is_known_for_its_life_and_no_other_is() {
        let nonces = Nonces::new([1; 16], LIFE, 10);
        let nonce = nonces.mint(at(10), 7);
        assert!(matches!(nonces.look_up(at(70), &nonce), Known::Good(_)));
        assert_eq!(nonces.look_up(at(71), &nonce), Known::Stale);
        let mut forged = nonce.clone();
        forged.replace_range(0..16, &nonces.mint(at(20), 7)[0..16]);
        let other = Nonces::new([2; 16], LIFE, 10).mint(at(10), 7);
        for wrong in [forged.as_str(), &other, "", "xyz", &nonce[1..], &nonce.to_uppercase()[..40]]
        {
            assert_eq!(nonces.look_up(at(11), wrong), Known::Stale, "{wrong}");
        }
    }

    #[test]
    fn each_count_is_taken_once_in_any_near_order() {
        let mut nonces = Nonces::new([1; 16], LIFE, 10);
        let nonce = nonces.mint(at(0), 1);
        let id = id(&nonces, at(0), &nonce);
        let taken = [1, 3, 2, 2, 3, 0, 100, 36, 37, 37, 101, u32::MAX, 1];
        let took = taken.map(|count| nonces.take(at(1), id, count));
        let expected =
            [true, true, true, false, false, false, true, false, true, false, true, true, false];
        assert_eq!(took, expected);
    }

    #[test]
    fn a_nonce_forgotten_for_want_of_room_is_stale_and_never_fresh_again() {
        let mut nonces = Nonces::new([1; 16], LIFE, 2);
        let minted: Vec<String> = (0..3).map(|n| nonces.mint(at(n), n)).collect();
        for nonce in &minted {
            let id = id(&nonces, at(3), nonce);
            assert!(nonces.take(at(3), id, 1));
        }
        assert_eq!(nonces.look_up(at(3), &minted[0]), Known::Stale);
        assert!(matches!(nonces.look_up(at(3), &minted[1]), Known::Good(_)));
        assert_eq!(nonces.used.len(), 2);
    }
}
