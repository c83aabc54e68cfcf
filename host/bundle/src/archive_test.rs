#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn files(names: &[(&str, &str)]) -> Files {
    names.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

fn limits() -> BundleLimits {
    BundleLimits::default()
}

fn refused(bytes: &[u8]) -> String {
    unpack(bytes, &limits()).expect_err("refused").what
}

/// An archive with one file, whose header `change` has changed and summed up again.
fn with_header(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = pack(&files(&[("a", "one")])).unwrap();
    change(&mut bytes[..BLOCK]);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn named(name: &str) -> Vec<u8> {
    with_header(|header| {
        header[..100].fill(0);
        header[..name.len()].copy_from_slice(name.as_bytes());
    })
}

#[test]
fn what_was_packed_comes_out_and_the_same_files_make_the_same_bytes() {
    let files = files(&[("plugin.toml", "id = \"a\""), ("tests/route.toml", ""), ("a.rhai", "x")]);
    let bytes = pack(&files).unwrap();
    assert_eq!(bytes.len(), 512 * (2 + 2 + 1 + 2));
    assert_eq!(unpack(&bytes, &limits()).unwrap(), (files.clone(), bytes.len()));
    assert_eq!(pack(&files).unwrap(), bytes);
    let followed = [&bytes[..], b"a signature"].concat();
    assert_eq!(unpack(&followed, &limits()).unwrap(), (files, bytes.len()));
}

#[test]
fn tar_reads_it() {
    let bytes = pack(&files(&[("b/c.txt", "two\n"), ("a", "one\n")])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.tar"), &bytes).unwrap();
    let mut tar = std::process::Command::new("tar");
    let output = tar.args(["-xvf", "x.tar"]).current_dir(&folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\nb/c.txt\n");
    assert_eq!(std::fs::read(folder.path().join("b/c.txt")).unwrap(), b"two\n");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../a", "/etc/passwd", "a/../b", "a//b", ".", "a/", "a\\b", "a b", "é"] {
        let what = refused(&named(name));
        assert!(what.contains("no name of a file"), "{name}: {what}");
        assert!(pack(&files(&[(name, "")])).is_err(), "{name}");
    }
    assert!(pack(&files(&[(&"n".repeat(101), "")])).is_err());
    assert!(pack(&files(&[(&"n".repeat(100), "")])).is_ok());
}

#[test]
fn what_is_no_plain_file_is_refused() {
    for (kind, what) in [
        (b'1', "a link"),
        (b'2', "a link"),
        (b'3', "a device"),
        (b'5', "a folder"),
        (b'6', "a device"),
        (b'S', "of a kind"),
        (b'x', "of a kind"),
        (b'g', "of a kind"),
        (b'L', "of a kind"),
        (0, "of a kind"),
    ] {
        let bytes = with_header(|header| header[156] = kind);
        assert!(refused(&bytes).contains(what), "{kind}: {}", refused(&bytes));
    }
}

#[test]
fn a_header_that_says_more_than_it_must_is_refused() {
    let changes: [fn(&mut [u8]); 6] = [
        |header| header[100..107].copy_from_slice(b"0004755"),
        |header| header[108..115].copy_from_slice(b"0000001"),
        |header| header[136..147].copy_from_slice(b"00000000001"),
        |header| header[157] = b'x',
        |header| header[265] = b'r',
        |header| header[345] = b'p',
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let what = refused(&with_header(change));
        assert!(what.contains("is not as `plugin pack` writes it"), "{at}: {what}");
    }
    for length in ["0000000000 ", "+0000000003", "           ", "77777777778"] {
        let bytes = with_header(|header| header[124..135].copy_from_slice(length.as_bytes()));
        let what = refused(&bytes);
        assert!(what.contains("is not as `plugin pack` writes it"), "{length:?}: {what}");
    }
}

#[test]
fn files_that_are_there_twice_or_out_of_order_are_refused() {
    let one = pack(&files(&[("a", "one")])).unwrap();
    let entry = &one[..2 * BLOCK];
    let twice = [entry, &one].concat();
    assert_eq!(refused(&twice), "`a` is there twice, or out of order");
    let other = pack(&files(&[("b", "two")])).unwrap();
    assert!(refused(&[&other[..2 * BLOCK], &one].concat()).contains("out of order"));
    assert!(unpack(&[entry, &other].concat(), &limits()).is_ok());
}

#[test]
fn what_is_hidden_between_files_is_refused() {
    let mut bytes = pack(&files(&[("a", "one"), ("b", "two")])).unwrap();
    bytes[BLOCK + 100] = 1;
    assert_eq!(refused(&bytes), "something is hidden behind `a`");
}

#[test]
fn a_length_that_is_a_lie_is_refused_before_anything_is_taken() {
    let bytes = with_header(|header| header[124..135].copy_from_slice(b"77777777777"));
    let what = refused(&bytes);
    assert!(what.contains("is larger than"), "{what}");
    let bytes = with_header(|header| header[124..135].copy_from_slice(b"00000100000"));
    assert_eq!(refused(&bytes), "cut short");
    let few = BundleLimits { files_max: 1, ..limits() };
    let bytes = pack(&files(&[("a", ""), ("b", "")])).unwrap();
    let error = unpack(&bytes, &few).unwrap_err();
    assert_eq!(error.what, "more than 1 files");
    assert!(error.help.contains("plugins.bundle_files_max"), "{error}");
}

#[test]
fn a_bundle_that_is_cut_short_anywhere_is_refused() {
    let bytes = pack(&files(&[("a", "one"), ("b", "two")])).unwrap();
    for length in 0..bytes.len() {
        assert!(unpack(&bytes[..length], &limits()).is_err(), "{length} bytes");
    }
}

#[test]
fn a_bundle_with_any_byte_changed_is_another_or_none() {
    let good = files(&[("a", "one")]);
    let bytes = pack(&good).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x41;
        if let Ok((files, length)) = unpack(&bad, &limits()) {
            assert_ne!(files, good, "byte {at}");
            assert_eq!(length, bad.len());
        }
    }
}

#[test]
fn compressed_archives_and_others_are_named() {
    assert_eq!(
        refused(&[b"\x1f\x8b".as_slice(), &[0; 600]].concat()),
        "compressed; a bundle is not"
    );
    assert_eq!(
        refused(&[b"PK\x03\x04".as_slice(), &[0; 600]].concat()),
        "compressed; a bundle is not"
    );
    assert_eq!(refused(&[b'x'; 600]), "no bundle");
    assert_eq!(refused(b""), "cut short");
    assert_eq!(refused(b"\x1f\x8b short"), "compressed; a bundle is not");
}
