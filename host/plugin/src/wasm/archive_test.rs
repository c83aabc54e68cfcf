#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt as _;

use wasmtime::Config;

use super::*;

fn engine(epochs: bool) -> Engine {
    let mut config = Config::new();
    config.concurrency_support(false).epoch_interruption(epochs);
    Engine::new(&config).unwrap()
}

fn component(engine: &Engine) -> Component {
    Component::from_binary(engine, &wat::parse_str("(component)").unwrap()).unwrap()
}

const CODE: Digest = Digest([7; 32]);

struct Place {
    engine: Engine,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { engine: engine(false), folder: tempfile::tempdir().unwrap() }
    }

    fn limits(&self) -> CompiledFiles {
        CompiledFiles::at(self.folder.path().join("compiled"))
    }

    fn archive(&self) -> Archive {
        Archive::open(&self.engine, &self.limits()).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.limits().folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths.filter(|path| !path.ends_with(KEY_FILE)).collect();
        files.sort();
        files
    }

    fn filled(&self) -> Archive {
        let archive = self.archive();
        archive.put(CODE, &component(&self.engine));
        archive
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_was_written_is_loaded_after_a_restart() {
    let place = Place::new();
    assert_eq!(place.filled().stats(), (0, 1));
    let restarted = place.archive();
    assert!(restarted.get(&place.engine, CODE).is_some());
    assert!(restarted.get(&place.engine, Digest([8; 32])).is_none());
    assert_eq!(restarted.stats(), (1, 0));
    let about = fs::metadata(place.limits().folder).unwrap();
    assert_eq!(about.mode() & 0o777, 0o700);
    let files = place.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::metadata(&files[0]).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_file_with_any_byte_changed_is_not_loaded_and_goes() {
    let place = Place::new();
    let archive = place.filled();
    let file = place.files().remove(0);
    let good = fs::read(&file).unwrap();
    let last = good.len() - 1;
    for at in [0, MAGIC.len(), MAGIC.len() + MAC_BYTES, good.len() / 2, last] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        assert!(archive.get(&place.engine, CODE).is_none(), "byte {at}");
        assert!(!file.exists(), "byte {at}");
    }
    for length in [0, MAGIC.len(), MAGIC.len() + MAC_BYTES, last] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(archive.get(&place.engine, CODE).is_none(), "{length} bytes");
    }
    fs::write(&file, &good).unwrap();
    assert!(archive.get(&place.engine, CODE).is_some());
}

#[test]
fn a_file_of_another_folder_or_name_is_not_loaded() {
    let (place, other) = (Place::new(), Place::new());
    let (archive, _) = (place.archive(), other.filled());
    let theirs = other.files().remove(0);
    let ours = place.limits().folder.join(theirs.file_name().unwrap());
    fs::copy(&theirs, &ours).unwrap();
    assert!(archive.get(&place.engine, CODE).is_none());
    archive.put(CODE, &component(&place.engine));
    let code = Digest([8; 32]);
    fs::rename(&ours, place.limits().folder.join(archive.name(code))).unwrap();
    assert!(archive.get(&place.engine, code).is_none());
}

#[test]
fn code_for_other_settings_of_the_engine_is_not_found() {
    let place = Place::new();
    place.filled();
    let other = engine(true);
    let archive = Archive::open(&other, &place.limits()).unwrap();
    assert!(archive.get(&other, CODE).is_none());
    assert_eq!(place.files().len(), 1, "what others can use stays");
}

#[test]
fn a_folder_or_key_that_others_can_write_or_read_is_not_used() {
    let place = Place::new();
    place.filled();
    let refused = || Archive::open(&place.engine, &place.limits()).err().unwrap();
    let (folder, key) = (place.limits().folder, place.limits().folder.join(KEY_FILE));
    for open in [0o720, 0o702] {
        mode(&folder, open);
        assert!(refused().contains(&format!("is open to others (mode {open:o})")), "{}", refused());
    }
    mode(&folder, 0o755);
    assert_eq!(place.archive().stats(), (0, 0));
    mode(&key, 0o640);
    assert!(refused().contains("key is open to others (mode 640)"), "{}", refused());
    mode(&key, 0o600);
    fs::write(&key, "short").unwrap();
    assert!(refused().contains("is no key; remove it"), "{}", refused());
    fs::remove_file(&key).unwrap();
    assert!(place.archive().get(&place.engine, CODE).is_none(), "another key signed it");
}

#[test]
fn a_link_to_a_folder_is_not_used() {
    let place = Place::new();
    let real = place.folder.path().join("real");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, place.limits().folder).unwrap();
    let refused = Archive::open(&place.engine, &place.limits()).err().unwrap();
    assert!(refused.ends_with("is no folder"), "{refused}");
}

#[test]
fn what_was_used_longest_ago_goes_beyond_the_limits() {
    let place = Place::new();
    let limits = CompiledFiles { files_max: 2, ..place.limits() };
    let archive = Archive::open(&place.engine, &limits).unwrap();
    let component = component(&place.engine);
    let digests = [1, 2, 3].map(|n| Digest([n; 32]));
    let age = |digest: Digest, seconds: u64| {
        let file = File::open(limits.folder.join(archive.name(digest))).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    };
    archive.put(digests[0], &component);
    archive.put(digests[1], &component);
    age(digests[0], 100);
    age(digests[1], 50);
    assert!(archive.get(&place.engine, digests[0]).is_some(), "now the second is the oldest");
    archive.put(digests[2], &component);
    let kept = digests.map(|digest| archive.get(&place.engine, digest).is_some());
    assert_eq!(kept, [true, false, true]);
    let length = fs::metadata(&place.files()[0]).unwrap().len();
    let limits = CompiledFiles { bytes_max: length * 2 - 1, ..limits };
    let archive = Archive::open(&place.engine, &limits).unwrap();
    archive.put(digests[1], &component);
    assert_eq!(place.files().len(), 1);
    assert!(archive.get(&place.engine, digests[1]).is_some(), "what was just written stays");
    let none = CompiledFiles { bytes_max: length - 1, ..limits };
    Archive::open(&place.engine, &none).unwrap().put(digests[2], &component);
    assert_eq!(place.files().len(), 1, "one that is larger than all may be is not kept");
}

#[test]
fn what_was_left_unfinished_goes_after_a_while() {
    let place = Place::new();
    let archive = place.archive();
    let left = ["1-0", "2-0"].map(|it| place.limits().folder.join(format!("{it}.{UNFINISHED}")));
    for path in &left {
        fs::write(path, "half").unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(&left[0]).unwrap().set_modified(long_ago).unwrap();
    archive.put(CODE, &component(&place.engine));
    assert_eq!(left.map(|path| path.exists()), [false, true], "one may be being written");
}
