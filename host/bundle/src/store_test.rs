#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::{Files, SecretKey, Signed, pack};

fn packed(id: &str, version: &str) -> Vec<u8> {
    let manifest = format!("id = \"{id}\"\nversion = \"{version}\"\ncode = \"a.rhai\"\n");
    let files = [("plugin.toml", manifest), ("a.rhai", "fn route(call) { pass() }".to_owned())];
    let files: Files = files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into();
    pack(&files).unwrap()
}

struct Place {
    folder: tempfile::TempDir,
    key: SecretKey,
    trust: Trusted,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme");
        SecretKey::create(&file, "Acme Ltd").unwrap();
        let (key, name) = PublicKey::read(&folder.path().join("acme.pub")).unwrap();
        Self { key: SecretKey::read(&file).unwrap(), trust: Trusted { key, name }, folder }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("plugins"), StoreLimits::default()).unwrap()
    }

    fn signed(&self, id: &str, version: &str) -> Vec<u8> {
        Bundle::sign(&packed(id, version), &self.key, &BundleLimits::default()).unwrap()
    }

    fn trusting(&self) -> Admission {
        Admission { trust: Some(self.trust.clone()), ..Admission::default() }
    }

    fn install(&self, version: &str) -> BundleDigest {
        let bytes = self.signed("acme.lnp", version);
        self.store().install(&bytes, BTreeSet::new(), &self.trusting()).unwrap().digest
    }

    fn plugin(&self) -> Installed {
        self.store().index().unwrap().plugin["acme.lnp"].clone()
    }

    fn refused(&self, bytes: &[u8], admission: &Admission) -> BundleError {
        self.store().install(bytes, BTreeSet::new(), admission).expect_err("refused")
    }

    fn change(&self, with: &dyn Fn(&mut Installed)) {
        self.store().change(|index| index.found("acme.lnp").map(with)).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("plugins")).unwrap();
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_signed_bundle_of_a_trusted_publisher_is_kept_by_its_digest() {
    let place = Place::new();
    let digest = place.install("1.0.0");
    let plugin = place.plugin();
    assert_eq!((plugin.wanted, plugin.publisher()), (Some(digest), Some(place.trust.key)));
    let file = place.store().bundle_file(digest);
    let loaded = Store::load(&file, digest, &BundleLimits::default()).unwrap();
    assert_eq!((loaded.id.as_str(), loaded.version.as_str()), ("acme.lnp", "1.0.0"));
    assert_eq!(place.names(), [format!("{digest}.bundle"), INDEX.to_owned(), LOCK.to_owned()]);
    let bytes = place.signed("acme.other", "1");
    place.store().install(&bytes, BTreeSet::new(), &Admission::default()).unwrap();
    assert_eq!(place.store().index().unwrap().plugin.len(), 2, "who is trusted stays so");
}

#[test]
fn the_digest_is_that_of_the_files_whoever_signed_them() {
    let (place, other) = (Place::new(), Place::new());
    let limits = BundleLimits::default();
    let plain = Bundle::open(&packed("a", "1"), &limits).unwrap();
    let signed = Bundle::open(&place.signed("a", "1"), &limits).unwrap();
    let again = Bundle::sign(&place.signed("a", "1"), &other.key, &limits).unwrap();
    let again = Bundle::open(&again, &limits).unwrap();
    assert_eq!((plain.digest, plain.signed), (signed.digest, None));
    assert_eq!(signed.signed, Some(Signed { by: place.trust.key }));
    assert_eq!((again.digest, again.signed), (plain.digest, Some(Signed { by: other.trust.key })));
}

#[test]
fn what_is_unsigned_or_signed_by_a_stranger_stays_out() {
    let place = Place::new();
    let error = place.refused(&packed("a", "1"), &Admission::default());
    assert_eq!(error.what, "a is not signed");
    assert!(error.help.contains("--unsigned"), "{error}");
    let error = place.refused(&place.signed("a", "1"), &Admission::default());
    assert!(error.what.contains("which is not trusted"), "{error}");
    assert!(error.help.contains("--trust KEYFILE"), "{error}");
    let unsigned = Admission { unsigned: true, ..Admission::default() };
    place.refused(&place.signed("a", "1"), &unsigned);
    assert_eq!(place.store().index().unwrap(), Index::default());
    place.store().install(&packed("a", "1"), BTreeSet::new(), &unsigned).unwrap();
}

#[test]
fn a_bundle_that_was_changed_after_it_was_signed_stays_out() {
    let place = Place::new();
    let good = place.signed("acme.lnp", "1.0.0");
    let at = good.windows(4).position(|bytes| bytes == b"call").unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1;
    assert!(place.refused(&bad, &place.trusting()).what.contains("signature"), "changed code");
    for at in [good.len() - 2, good.len() - 140, good.len() - 190] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        place.refused(&bad, &place.trusting());
    }
    let longer = [&good[..], b"\n"].concat();
    assert!(place.refused(&longer, &place.trusting()).what.contains("no signature"));
    let archive = packed("acme.lnp", "2.0.0");
    let moved = [&archive[..], &good[packed("acme.lnp", "1.0.0").len()..]].concat();
    assert!(place.refused(&moved, &place.trusting()).what.contains("it was changed"));
}

#[test]
fn a_manifest_that_is_none_or_too_large_stays_out() {
    let place = Place::new();
    let unsigned = Admission { unsigned: true, ..Admission::default() };
    let refused = |manifest: Vec<u8>| {
        let files: Files = [("plugin.toml".to_owned(), manifest)].into();
        place.refused(&pack(&files).unwrap(), &unsigned).what
    };
    assert_eq!(refused(vec![b'#'; (64 << 10) + 1]), "its plugin.toml is larger than 65536 bytes");
    let deep = format!("id = \"a\"\na = {}", "[".repeat(60_000));
    for damaged in [deep.into_bytes(), b"id = ".to_vec(), vec![0xff, 0xfe]] {
        assert_eq!(refused(damaged), "its plugin.toml is damaged");
    }
    for nameless in ["", "id = \"\"", "id = \"a b\"", "id = \"../a\""] {
        assert_eq!(refused(nameless.as_bytes().to_vec()), "its plugin.toml names no id");
    }
    let empty = pack(&Files::new()).unwrap();
    assert_eq!(place.refused(&empty, &unsigned).what, "it has no plugin.toml");
}

#[test]
fn another_publisher_takes_no_plugin_over_nor_its_grants() {
    let (place, thief) = (Place::new(), Place::new());
    let granted = Admission { grants: ["route".to_owned()].into(), ..place.trusting() };
    place.store().install(&place.signed("acme.lnp", "1"), BTreeSet::new(), &granted).unwrap();
    let theirs = thief.signed("acme.lnp", "2");
    let error = place.refused(&theirs, &thief.trusting());
    assert!(error.help.contains("--other-publisher"), "{error}");
    let unsigned = Admission { unsigned: true, ..Admission::default() };
    place.refused(&packed("acme.lnp", "2"), &unsigned);
    let ours = place.plugin().wanted.unwrap();
    assert_eq!(place.plugin().granted(ours), granted.grants);
    let sold = Admission { other_publisher: true, ..thief.trusting() };
    let theirs = place.store().install(&theirs, BTreeSet::new(), &sold).unwrap().digest;
    assert_eq!(place.plugin().granted(theirs), BTreeSet::new());
    assert_eq!(place.plugin().publisher(), Some(thief.trust.key));
    // Until it serves, and if it fails, the one of before is what to begin with, with what that was granted.
    assert_eq!(place.plugin().at_boot(), [ours, theirs]);
    assert_eq!(place.plugin().granted(ours), granted.grants);
    place.change(&|plugin| plugin.roll_back(theirs, "it failed", ours));
    assert_eq!(
        (place.plugin().at_boot(), place.plugin().publisher()),
        (vec![ours], Some(place.trust.key))
    );
    assert!(place.store().bundle_file(ours).exists());
}

#[test]
fn whose_key_is_given_must_have_signed_it() {
    let (place, other) = (Place::new(), Place::new());
    place.install("1");
    let error = place.refused(&place.signed("acme.other", "1"), &other.trusting());
    assert!(error.what.contains("is not signed by"), "{error}");
    let unsigned = Admission { unsigned: true, ..other.trusting() };
    place.refused(&packed("acme.other", "1"), &unsigned);
    assert_eq!(place.store().index().unwrap().trusted.len(), 1);
}

#[test]
fn what_was_rolled_back_does_not_come_back_by_being_installed_again() {
    let place = Place::new();
    let [one, two] = ["1", "2"].map(|version| place.install(version));
    place.change(&|plugin| plugin.roll_back(two, "it looped", one));
    let error = place.refused(&place.signed("acme.lnp", "2"), &place.trusting());
    assert!(error.what.contains("it looped") && error.help.contains("plugin use"), "{error}");
    assert_eq!(place.plugin().at_boot(), [one]);
}

#[test]
fn a_version_that_is_not_there_is_neither_chosen_nor_gone_back_to() {
    let place = Place::new();
    let [one, two] = ["1", "2"].map(|version| place.install(version));
    place.change(&|plugin| assert!(plugin.serves(two)));
    place.store().remove("acme.lnp", Some(one)).unwrap();
    place.change(&|plugin| assert!(plugin.choose(one).is_err()));
    place.change(&|plugin| plugin.roll_back(two, "it looped", one));
    assert_eq!(place.plugin().at_boot(), [two], "one that failed is better than none");
    assert!(place.store().remove("acme.lnp", Some(two)).is_err());
}

#[test]
fn what_an_operator_chose_meanwhile_is_still_to_serve() {
    let place = Place::new();
    let [one, two, three] = ["1", "2", "3"].map(|version| place.install(version));
    // The second was on trial while the third waits.
    place.change(&|plugin| plugin.roll_back(two, "it looped", one));
    assert_eq!((place.plugin().wanted, place.plugin().served), (Some(three), Some(one)));
    place.change(&|plugin| plugin.choose(two).unwrap());
    place.change(&|plugin| plugin.choose(three).unwrap());
    place.change(&|plugin| assert!(plugin.serves(two), "it was promoted"));
    assert_eq!((place.plugin().wanted, place.plugin().served), (Some(three), Some(two)));
    place.change(&|plugin| plugin.roll_back(three, "a setting of it was bad", three));
    assert_eq!(place.plugin().version(three).unwrap().rolled_back, None);
}

#[test]
fn a_store_that_lost_its_index_is_not_empty() {
    let place = Place::new();
    place.install("1");
    fs::remove_file(place.store().index_file()).unwrap();
    let error = place.store().index().unwrap_err();
    assert!(error.what.contains("is missing, and bundles are there"), "{error}");
}

#[test]
fn links_are_not_followed() {
    let place = Place::new();
    place.install("1");
    let store = place.store();
    let precious = place.folder.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    let link = |name: &str| {
        let link = place.folder.path().join("plugins").join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&precious, &link).unwrap();
    };
    link("index.toml.unfinished");
    place.install("2");
    link(LOCK);
    assert!(store.change(|_| Ok(())).is_err());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}

#[test]
fn a_lock_is_not_waited_for_without_end() {
    let place = Place::new();
    place.install("1");
    let held = File::open(place.folder.path().join("plugins").join(LOCK)).unwrap();
    held.lock().unwrap();
    let error = place.store().change(|_| Ok(())).unwrap_err();
    assert!(error.what.contains("for too long"), "{error}");
    drop(held);
    place.store().change(|_| Ok(())).unwrap();
}

#[test]
fn versions_and_manifests_of_any_length_or_with_control_characters_are_refused() {
    let place = Place::new();
    for version in ["1".repeat(65), "1\\u001b[2J".to_owned(), "1 0".to_owned()] {
        let error = place.refused(&place.signed("a", &version), &place.trusting());
        assert!(error.what.contains("the version in its plugin.toml is none"), "{error}");
    }
    let long = format!("1\"\nkind = \"{}", "x".repeat(64 << 10));
    let error = place.refused(&place.signed("a", &long), &place.trusting());
    assert!(error.what.contains("is larger than"), "{error}");
}

#[test]
fn a_byte_changed_in_the_store_is_found() {
    let place = Place::new();
    let digest = place.install("1.0.0");
    let file = place.store().bundle_file(digest);
    let good = fs::read(&file).unwrap();
    let at = good.windows(4).position(|bytes| bytes == b"call").unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1;
    fs::write(&file, bad).unwrap();
    let limits = BundleLimits::default();
    assert!(Store::load(&file, digest, &limits).unwrap_err().what.contains("is not what was"));
    fs::write(&file, place.signed("acme.lnp", "2.0.0")).unwrap();
    assert!(Store::load(&file, digest, &limits).unwrap_err().what.contains("its digest is"));
    fs::write(&file, good).unwrap();
    assert!(Store::load(&file, digest, &limits).is_ok());
}

#[test]
fn versions_are_chosen_rolled_back_and_remembered() {
    let place = Place::new();
    let [one, two] = ["1", "2"].map(|version| place.install(version));
    assert_eq!((place.plugin().wanted, place.plugin().served), (Some(two), Some(one)));
    assert_eq!(place.plugin().at_boot(), [one, two], "the second may have been on trial");
    place.change(&|plugin| assert!(plugin.serves(two)));
    assert_eq!(place.plugin().at_boot(), [two, one]);
    place.change(&|plugin| plugin.roll_back(two, "it looped", one));
    assert_eq!(place.plugin().at_boot(), [one], "what was rolled back does not come back");
    assert_eq!(place.plugin().version(two).unwrap().rolled_back.as_deref(), Some("it looped"));
    place.change(&|plugin| plugin.choose(two).unwrap());
    assert_eq!(place.plugin().version(two).unwrap().rolled_back, None);
    assert_eq!(place.plugin().at_boot(), [one, two]);
    let store = place.store();
    assert!(store.remove("acme.lnp", Some(two)).unwrap_err().what.ends_with("serves"));
    assert!(store.remove("acme.lnp", Some(one)).unwrap_err().what.ends_with("serves"));
    place.change(&|plugin| assert!(plugin.serves(two)));
    store.remove("acme.lnp", Some(one)).unwrap();
    assert!(!store.bundle_file(one).exists());
    store.remove("acme.lnp", None).unwrap();
    assert!(!store.bundle_file(two).exists());
    assert!(store.remove("acme.lnp", None).unwrap_err().what.contains("no plugin `acme.lnp`"));
}

#[test]
fn the_oldest_versions_go_but_not_what_serves() {
    let place = Place::new();
    let limits = StoreLimits { versions_max: 3, ..StoreLimits::default() };
    let store = Store::open(&place.folder.path().join("plugins"), limits).unwrap();
    let digests: Vec<BundleDigest> = (0..5)
        .map(|version| {
            let bytes = place.signed("acme.lnp", &version.to_string());
            store.install(&bytes, BTreeSet::new(), &place.trusting()).unwrap().digest
        })
        .collect();
    let kept: Vec<BundleDigest> = place.plugin().versions.iter().map(|it| it.digest).collect();
    assert_eq!(kept, [digests[0], digests[3], digests[4]], "the first has not been replaced yet");
    assert!(!store.bundle_file(digests[1]).exists());
}

#[test]
fn whatever_a_killed_process_left_the_store_is_usable() {
    let place = Place::new();
    let digest = place.install("1.0.0");
    let store = place.store();
    // A bundle without an index that names it, and halves of both files.
    let other = BundleDigest(model::Digest([1; 32]));
    fs::write(store.bundle_file(other), "half").unwrap();
    fs::write(store.bundle_file(other).with_added_extension(UNFINISHED), "half").unwrap();
    fs::write(store.index_file().with_added_extension(UNFINISHED), "[plugin").unwrap();
    assert_eq!(place.plugin().wanted, Some(digest));
    let two = place.install("2.0.0");
    assert_eq!(place.plugin().wanted, Some(two));
    assert_eq!(place.names().len(), 4, "{:?}", place.names());
}

#[test]
fn a_store_that_others_can_write_to_is_refused() {
    let place = Place::new();
    let folder = place.folder.path().join("plugins");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let error = Store::open(&folder, StoreLimits::default()).unwrap_err();
    assert!(error.what.contains("is open to others (mode 777)"), "{error}");
}

#[test]
fn a_key_is_made_once_and_its_secret_half_is_its_owners() {
    let place = Place::new();
    let file = place.folder.path().join("acme");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(SecretKey::create(&file, "Acme Ltd").is_err(), "it is not overwritten");
    assert!(SecretKey::read(&place.folder.path().join("acme.pub")).is_err());
    assert!(PublicKey::read(&file).unwrap_err().what.contains("is no jackfield public key file"));
    assert_eq!(place.trust.name, "Acme Ltd");
    assert!(SecretKey::create(&place.folder.path().join("other"), "a\nb").is_err());
}
