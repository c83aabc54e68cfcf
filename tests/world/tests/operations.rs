//! Operations of every kind in every order: the corpus of the fuzz target, and bytes of chance.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jackfield_world::{Random, operate};

#[test]
fn the_corpus_of_operations_leaves_nothing_behind() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/operations");
    let files = std::fs::read_dir(folder).unwrap();
    let count = files.map(|file| operate(&std::fs::read(file.unwrap().path()).unwrap())).count();
    assert!(count >= 5, "{count} files");
}

#[test]
fn operations_of_chance_leave_nothing_behind() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let length = 1 + 4 * random.below(100);
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let ran = std::panic::catch_unwind(|| operate(&bytes));
        assert!(ran.is_ok(), "seed {seed}");
    }
}
