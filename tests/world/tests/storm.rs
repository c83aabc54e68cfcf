//! Storms over the whole switch. `cargo xtask storm 5000` runs as many as one likes.

use jackfield_world::storm::{Kinds, Sabotage, Weather, storm};

/// Seeds of the suite, each at one shard and at three, still and wild.
const SEEDS: u64 = 25;
const CALLS: usize = 50;

fn weather(seed: u64, shards: u16, still: bool) -> Weather {
    Weather { seed, shards, calls: CALLS, still, kinds: Kinds::ALL, sabotage: None }
}

fn holds(weather: Weather) {
    let broken = storm(weather);
    assert!(broken.is_empty(), "{weather:?}: {}\nagain: {}", broken.join("\n"), weather.again());
}

#[test]
fn calls_without_transfers_and_the_like_go_on_as_before() {
    for still in [true, false] {
        (0..5).for_each(|seed| holds(Weather { kinds: Kinds::NONE, ..weather(seed, 3, still) }));
    }
}

#[test]
fn in_a_still_world_everybody_sees_what_the_reference_tells_at_one_shard() {
    (0..SEEDS).for_each(|seed| holds(weather(seed, 1, true)));
}

#[test]
fn in_a_still_world_everybody_sees_what_the_reference_tells_at_three_shards() {
    (SEEDS..2 * SEEDS).for_each(|seed| holds(weather(seed, 3, true)));
}

#[test]
fn in_a_wild_world_nothing_is_seen_that_cannot_be_at_one_shard() {
    (2 * SEEDS..3 * SEEDS).for_each(|seed| holds(weather(seed, 1, false)));
}

#[test]
fn in_a_wild_world_nothing_is_seen_that_cannot_be_at_three_shards() {
    (3 * SEEDS..4 * SEEDS).for_each(|seed| holds(weather(seed, 3, false)));
}

#[test]
fn planted_bugs_are_found() {
    for bug in [
        Sabotage::KeepsPorts,
        Sabotage::AnswersTwice,
        Sabotage::ForgetsBye,
        Sabotage::LosesPin,
        Sabotage::ForgetsAck,
        Sabotage::LosesReport,
        Sabotage::SendsAstray,
        Sabotage::LeavesLampOn,
        Sabotage::ForgetsPrack,
        Sabotage::ForgetsRefresh,
    ] {
        for still in [true, false] {
            let found = (0..5).any(|seed| {
                !storm(Weather { sabotage: Some(bug), ..weather(seed, 1, still) }).is_empty()
            });
            assert!(found, "{bug:?}, still: {still}");
        }
    }
}
