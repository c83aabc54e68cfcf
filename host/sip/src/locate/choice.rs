//! The order of SRV records (RFC 2782).

use super::Srv;

/// A small source of numbers that are even enough to spread load, and the same for the same seed (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `most`.
    fn roll(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let sides = u64::from(most) + 1;
        u32::try_from(mixed % sides).unwrap_or(0)
    }
}

/// Puts records in the order they are tried: by priority, and among equals by lot, in proportion to their weights.
pub(super) fn by_weight(mut records: Vec<Srv>, dice: &mut Dice) -> Vec<Srv> {
    // Records without weight come first in the running sum, so that they have a small chance (RFC 2782).
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let equals = records.iter().take_while(|record| record.priority == priority);
        let total: u32 = equals.map(|record| u32::from(record.weight)).sum();
        let drawn = dice.roll(total);
        let mut running = 0;
        let chosen = records
            .iter()
            .take_while(|record| record.priority == priority)
            .position(|record| {
                running += u32::from(record.weight);
                running >= drawn
            })
            .unwrap_or(0);
        ordered.push(records.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.to_owned() }
    }

    #[test]
    fn lower_priority_comes_first_and_weights_are_shares() {
        let mut dice = Dice::new(7);
        let mut heavy_first = 0_u32;
        for _ in 0..1000 {
            let records = vec![srv(20, 0, "last"), srv(10, 25, "light"), srv(10, 75, "heavy")];
            let order = by_weight(records, &mut dice);
            assert_eq!(order[2].target, "last");
            heavy_first += u32::from(order[0].target == "heavy");
        }
        assert!((700..800).contains(&heavy_first), "{heavy_first} of 1000");
    }

    #[test]
    fn without_weights_every_record_is_in_the_list_once() {
        let records: Vec<_> = ["a", "b", "c"].map(|target| srv(1, 0, target)).into();
        let mut order = by_weight(records, &mut Dice::new(1));
        order.sort_by(|a, b| a.target.cmp(&b.target));
        assert_eq!(order.iter().map(|r| r.target.as_str()).collect::<String>(), "abc");
    }
}
