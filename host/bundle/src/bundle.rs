use std::{fs::File, io::Read as _, path::Path};

use model::Digest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    BundleDigest, BundleError, Files, PublicKey, SecretKey, archive,
    digest::{bytes, hex},
};

/// What stands before a digest that is signed, so that a signature of something else is none of a bundle.
const CONTEXT: &[u8] = b"jackfield bundle 1\n";
const SIGNATURE: &str = "jackfield signature 1\n";
/// Bytes behind an archive.
const TRAILER_MAX: usize = 512;
/// Bytes of a `plugin.toml`, which is read before it is known whose it is.
const MANIFEST_MAX: usize = 64 << 10;
/// Characters of a version.
const VERSION_MAX: usize = 64;

/// What a bundle may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    /// Bytes of the whole. Default 64 MiB.
    pub bytes_max: u64,
    /// Files in it. Default 64.
    pub files_max: usize,
}

impl Default for BundleLimits {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, files_max: 64 }
    }
}

/// Who signed a bundle. The signature was verified; whether the key is anybody's to be trusted was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key it was signed with.
    pub by: PublicKey,
}

/// A bundle, read and found to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its files.
    pub files: Files,
    /// Of its archive; the signature is no part of it.
    pub digest: BundleDigest,
    /// The plugin's id, from its `plugin.toml`.
    pub id: String,
    /// The plugin's version, from its `plugin.toml`; empty when that names none.
    pub version: String,
    /// Who signed it, if it is signed.
    pub signed: Option<Signed>,
}

/// What of a `plugin.toml` matters here.
#[derive(Deserialize)]
struct Head {
    id: Option<String>,
    #[serde(default)]
    version: String,
}

impl Bundle {
    /// Reads a bundle's file whole, and no more of it than a bundle may have.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is too large.
    pub fn read(path: &Path, limits: &BundleLimits) -> Result<Vec<u8>, BundleError> {
        let file = File::open(path).map_err(BundleError::os(path))?;
        let mut bytes = Vec::new();
        let read = file.take(limits.bytes_max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(BundleError::os(path))?;
        if bytes.len() as u64 > limits.bytes_max {
            let what = format!("{} is larger than {} bytes", path.display(), limits.bytes_max);
            return Err(BundleError::new(what, "make it smaller, or raise plugins.bundle_mib_max"));
        }
        Ok(bytes)
    }

    /// What a bundle's bytes are. A signature in it is verified.
    ///
    /// # Errors
    ///
    /// What of it is not as a bundle is.
    pub fn open(bytes: &[u8], limits: &BundleLimits) -> Result<Self, BundleError> {
        let (files, length) = archive::unpack(bytes, limits)?;
        let (archive, trailer) = bytes.split_at(length);
        let digest = BundleDigest(Digest(Sha256::digest(archive).into()));
        let signed = if trailer.is_empty() { None } else { Some(verified(trailer, digest)?) };
        let manifest = files.get("plugin.toml").ok_or_else(|| {
            BundleError::new("it has no plugin.toml", "pack a folder that has one")
        })?;
        if manifest.len() > MANIFEST_MAX {
            let what = format!("its plugin.toml is larger than {MANIFEST_MAX} bytes");
            return Err(BundleError::new(what, "put what is large into files of their own"));
        }
        let manifest = std::str::from_utf8(manifest).ok();
        let head: Option<Head> = manifest.and_then(|text| toml::from_str(text).ok());
        let head = head.ok_or_else(|| {
            BundleError::new("its plugin.toml is damaged", "run `jackfield plugin check FOLDER`")
        })?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let id = head.id.filter(|id| (1..=64).contains(&id.len()) && id.chars().all(plain));
        let id = id.ok_or_else(|| {
            BundleError::new("its plugin.toml names no id", "write id = \"…\", and pack it again")
        })?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        if head.version.len() > VERSION_MAX || !head.version.chars().all(plain) {
            let help = format!(
                "write up to {VERSION_MAX} letters, digits, `.`, `-`, `_` and `+`, such as 1.2.0"
            );
            return Err(BundleError::new("the version in its plugin.toml is none", help));
        }
        Ok(Self { files, digest, id, version: head.version, signed })
    }

    /// The same bundle, signed; a signature that was there before is replaced.
    ///
    /// # Errors
    ///
    /// When the bytes are no bundle.
    pub fn sign(
        bytes: &[u8],
        key: &SecretKey,
        limits: &BundleLimits,
    ) -> Result<Vec<u8>, BundleError> {
        let (_, length) = archive::unpack(bytes, limits)?;
        let archive = &bytes[..length];
        let digest = BundleDigest(Digest(Sha256::digest(archive).into()));
        let signature = hex(&key.sign(&message(digest)));
        let trailer = format!("{SIGNATURE}{}\n{signature}\n", key.public());
        Ok([archive, trailer.as_bytes()].concat())
    }
}

fn message(digest: BundleDigest) -> Vec<u8> {
    [CONTEXT, &digest.0.0].concat()
}

fn verified(trailer: &[u8], digest: BundleDigest) -> Result<Signed, BundleError> {
    let help = "have its publisher sign it again, or copy it again";
    let text = Some(trailer).filter(|bytes| bytes.len() <= TRAILER_MAX);
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let lines = text.and_then(|text| text.strip_prefix(SIGNATURE)?.strip_suffix('\n'));
    let parts = lines.and_then(|lines| lines.split_once('\n')).and_then(|(key, signature)| {
        Some((key.parse::<PublicKey>().ok()?, bytes::<64>(signature).ok()?))
    });
    let Some((by, signature)) = parts else {
        return Err(BundleError::new("something that is no signature stands behind it", help));
    };
    if !by.has_signed(&message(digest), &signature) {
        let what = format!("its signature by the key {} is wrong: it was changed", by.short());
        return Err(BundleError::new(what, help));
    }
    Ok(Signed { by })
}
