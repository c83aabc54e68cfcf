//! The corpora of the fuzz targets, replayed, and the same checks with bytes of chance.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking; the corpora are files"
)]

extern crate jackfield_tlib as tlib;

#[path = "../../../tests/fuzz/src/tlib.rs"]
mod checks;

use std::fs;

use proptest::prelude::*;

/// Feeds every file of a target's corpus to its check and gives how many there were.
fn replay(target: &str, check: fn(&[u8])) -> usize {
    let folder = format!("{}/../../tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(&folder).unwrap();
    files.map(|file| check(&fs::read(file.unwrap().path()).unwrap())).count()
}

#[test]
fn the_corpora_hold() {
    assert!(replay("tlib_message", checks::message) >= 10);
    assert!(replay("tlib_json", checks::json) >= 10);
    assert!(replay("tlib_frames", checks::frames) >= 5);
    assert!(replay("tlib_session", checks::session) >= 10);
}

proptest! {
    #[test]
    fn frames_of_chance_hold(data in prop::collection::vec(prop_oneof![Just(0_u8), 0..70_u8, any::<u8>()], 0..300)) {
        checks::frames(&data);
    }

    #[test]
    fn sessions_of_chance_hold(data in prop::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..300)) {
        checks::session(&data);
    }
}
