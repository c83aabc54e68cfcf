//! The corpora of the fuzz targets, replayed.
#![allow(clippy::disallowed_methods, reason = "the corpora are files")]

use std::fs;

use crate::checks;

/// Feeds every file of a target's corpus to its check and gives how many there were.
fn replay(target: &str, check: fn(&[u8])) -> usize {
    let folder = format!("{}/../../tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(&folder).unwrap();
    files.map(|file| check(&fs::read(file.unwrap().path()).unwrap())).count()
}

#[test]
fn the_corpus_of_messages_holds() {
    assert!(replay("message", checks::message) >= 49);
}

#[test]
fn the_corpus_of_session_descriptions_holds() {
    assert!(replay("sdp", checks::sdp) >= 10);
}

#[test]
fn the_corpus_of_credentials_holds() {
    assert!(replay("digest", checks::digest) >= 8);
}

#[test]
fn the_corpus_of_addresses_holds() {
    assert!(replay("uri", checks::uri) >= 20);
}

#[test]
fn the_corpus_of_streams_holds() {
    assert!(replay("stream", checks::stream) >= 3);
}
