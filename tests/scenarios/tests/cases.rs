//! Every scenario, at one and at three shards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, fs, path::Path};

use jackfield_scenarios::{Case, play};

/// The same with three shards: what is seen must not tell how many there are.
const SHARDS: [u16; 2] = [1, 3];

#[test]
fn everybody_sees_what_is_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let update = env::var_os("JACKFIELD_UPDATE_SCENARIOS").is_some();
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let case = Case::read(&text).unwrap_or_else(|trouble| panic!("{name}: {}", trouble.0));
        for shards in SHARDS {
            let seen = play(&case, shards).unwrap_or_else(|trouble| format!("{}\n", trouble.0));
            if update && shards == 1 {
                fs::write(&file, Case::rewritten(&text, &seen)).unwrap();
            } else if seen != case.expected && !update {
                faults.push(format!(
                    "{name} at {shards} shards:\n{}",
                    difference(&case.expected, &seen)
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The lines of the one and not of the other.
fn difference(expected: &str, seen: &str) -> String {
    let first = expected.lines().zip(seen.lines()).position(|(expected, seen)| expected != seen);
    let at = first.unwrap_or_else(|| expected.lines().count().min(seen.lines().count()));
    let part = |text: &str| text.lines().skip(at).take(12).collect::<Vec<_>>().join("\n");
    format!(
        "from line {} of [seen] on expected\n{}\nbut saw\n{}",
        at + 1,
        part(expected),
        part(seen)
    )
}
