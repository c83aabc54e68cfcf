#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn every_source_of_the_library_is_carried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
    let mut there: Vec<String> = Vec::new();
    for (folder, below) in [("guest/src", "guest/src"), ("wit/v1", "wit/v1")] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            there.push(format!("{below}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    there.sort();
    let carried: Vec<&str> = SOURCES.iter().map(|(path, _)| *path).collect();
    assert_eq!(carried, there);
}

#[test]
fn the_librarys_manifest_stands_for_itself() {
    let text = manifest().unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["package"]["edition"].as_str(), Some("2024"));
    assert!(table["dependencies"]["wit-bindgen"]["version"].is_str(), "{text}");
    assert!(!text.contains("workspace") && !text.contains("lints"), "{text}");
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plugin.toml", "Cargo.toml"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    write(folder.path()).unwrap();
    folder
}

fn refreshed(folder: &Path, force: bool) -> Result<(), String> {
    let args = SdkArgs { folder: Some(folder.to_owned()), force };
    refresh(&args).map_err(|error| error.to_string())
}

#[test]
fn an_older_library_is_replaced_and_named_until_then() {
    let folder = project();
    assert_eq!(hint(folder.path()), None);
    // As an older version would have written it.
    let sdk = folder.path().join("sdk");
    fs::write(sdk.join("guest/src/old.rs"), "").unwrap();
    let older = on_disk(&sdk).unwrap();
    fs::write(sdk.join(NOTE), note(&older)).unwrap();
    assert!(hint(folder.path()).unwrap().contains("sdk is that of another version"));
    refreshed(folder.path(), false).unwrap();
    assert_eq!(on_disk(&sdk).unwrap(), files().unwrap());
    assert_eq!(hint(folder.path()), None);
}

#[test]
fn a_library_that_was_changed_by_hand_is_kept() {
    let folder = project();
    let file = folder.path().join("sdk/guest/src/lib.rs");
    fs::write(&file, "// mine").unwrap();
    let said = refreshed(folder.path(), false).unwrap_err();
    assert!(said.ends_with("were changed by hand; --force replaces them"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "// mine");
    refreshed(folder.path(), true).unwrap();
    assert_ne!(fs::read_to_string(&file).unwrap(), "// mine");
}
