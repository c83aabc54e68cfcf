//! Keys of publishers (Ed25519, RFC 8032), each a line of text in a file.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};

use crate::{
    BundleError,
    digest::{bytes, hex},
};

const PUBLIC: &str = "jackfield public key 1";
const SECRET: &str = "jackfield secret key 1";
/// Bytes of a key's file.
const FILE_MAX: u64 = 1024;
/// Characters of a publisher's name.
const NAME_MAX: usize = 64;

/// What a publisher's signatures are verified with. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a key's file: the key, and the name that its publisher gave it.
    ///
    /// # Errors
    ///
    /// When it cannot be read or holds no public key.
    pub fn read(path: &Path) -> Result<(Self, String), BundleError> {
        let (digits, name) = read(path, PUBLIC, "the public half of a key, FILE.pub")?;
        check_name(&name)?;
        let key = digits.parse().map_err(|what: String| {
            BundleError::new(format!("{}: {what}", path.display()), "copy the file again")
        })?;
        Ok((key, name))
    }

    /// The first 16 digits, enough for a person to tell keys apart.
    pub fn short(&self) -> String {
        hex(&self.0[..8])
    }

    /// Whether the holder of this key has signed the message.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl std::str::FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        bytes(text).map(Self)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// What a publisher signs with. Shown by no formatter.
pub struct SecretKey(Ed25519KeyPair);

impl SecretKey {
    /// Makes a key and writes both halves: the secret one to `path`, readable by its owner alone, the public one to `path` with
    /// `.pub` behind it. Gives the public one.
    ///
    /// # Errors
    ///
    /// When a file is there already or cannot be written, or the name is none.
    pub fn create(path: &Path, name: &str) -> Result<PublicKey, BundleError> {
        check_name(name)?;
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| {
            BundleError::new("the system gives no random numbers", "look at /dev/urandom")
        })?;
        let key = Self::of(&seed)?;
        let public = key.public();
        let beside = path.with_added_extension("pub");
        for (path, mode, text) in [
            (path, 0o600, format!("{SECRET} {} {name}\n", hex(&seed))),
            (&beside, 0o644, format!("{PUBLIC} {public} {name}\n")),
        ] {
            let mut open = OpenOptions::new();
            let file = open.write(true).create_new(true).mode(mode).open(path);
            let mut file = file.map_err(BundleError::os(path))?;
            file.write_all(text.as_bytes()).map_err(BundleError::os(path))?;
        }
        Ok(public)
    }

    /// Reads a secret key's file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or holds no secret key.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let (digits, _) = read(path, SECRET, "the secret half of a key")?;
        let seed: [u8; 32] = bytes(&digits).map_err(|_| {
            let what = format!("{}: not 64 hexadecimal digits", path.display());
            BundleError::new(what, "make another with `jackfield plugin key FILE`")
        })?;
        Self::of(&seed)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    /// The signature of a message, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    fn of(seed: &[u8; 32]) -> Result<Self, BundleError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        pair.map(Self).map_err(|error| BundleError::new(error.to_string(), "make another key"))
    }
}

/// What is shown beside a key must not look like something else.
fn check_name(name: &str) -> Result<(), BundleError> {
    let is_plain = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_punctuation();
    if (1..=NAME_MAX).contains(&name.chars().count()) && name.chars().all(is_plain) {
        return Ok(());
    }
    let what = format!("`{}` is no name for a key", name.escape_debug());
    Err(BundleError::new(what, "take 1 to 64 characters, such as a company's name"))
}

/// The digits and the name in a key's file.
fn read(path: &Path, head: &str, what: &str) -> Result<(String, String), BundleError> {
    let length = fs::metadata(path).map_err(BundleError::os(path))?.len();
    let text = if length <= FILE_MAX { fs::read(path).ok() } else { None };
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let line = text.as_deref().and_then(|text| text.trim().strip_prefix(head));
    let parts = line.and_then(|line| line.trim().split_once(' '));
    match parts {
        Some((digits, name)) => Ok((digits.to_owned(), name.trim().to_owned())),
        None => {
            let wrong = format!("{} is no {} file", path.display(), head.trim_end_matches(" 1"));
            Err(BundleError::new(wrong, format!("give {what}")))
        }
    }
}
