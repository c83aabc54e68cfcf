//! Compiled components on the disk, so that what was compiled once serves at once, also after a restart.
//!
//! Compiled code is run as it is: who can write such a file runs what he likes within the switch. So a file counts only when this
//! folder's own key has signed it (HMAC, RFC 2104), and the folder only when nobody else can write to it.

use std::{
    fs::{self, File, OpenOptions},
    hash::{Hash as _, Hasher},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use model::Digest;
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

use crate::CompiledFiles;

/// What a file begins with; another form gets another number.
const MAGIC: &[u8] = b"jackfield compiled 1\n";
const MAC_BYTES: usize = 32;
const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const ENDING: &str = "compiled";
/// What is being written; one that is older was left behind by a process that ended.
const UNFINISHED: &str = "unfinished";
const UNFINISHED_MAX: Duration = Duration::from_secs(60);

/// The folder of compiled components.
pub(crate) struct Archive {
    limits: CompiledFiles,
    key: hmac::Key,
    /// What the engine's settings, its version and the machine's features come to: with others the code does not fit.
    engine: [u8; 32],
    loaded: AtomicU64,
    written: AtomicU64,
}

impl Archive {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    ///
    /// Why it is not used: somebody else can write to it, or it cannot be made or read.
    pub(crate) fn open(engine: &Engine, limits: &CompiledFiles) -> Result<Self, String> {
        let folder = &limits.folder;
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        bundle::make_private(folder).map_err(failed)?;
        let about = fs::symlink_metadata(folder).map_err(failed)?;
        if !about.is_dir() {
            return Err(format!("{} is no folder", folder.display()));
        }
        private(folder, &about, 0o022)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key(folder)?);
        let mut hash = Summary(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hash);
        Ok(Self {
            limits: limits.clone(),
            key,
            engine: hash.0.finalize().into(),
            loaded: AtomicU64::new(0),
            written: AtomicU64::new(0),
        })
    }

    /// How many components were loaded instead of compiled, and how many were written.
    pub(crate) fn stats(&self) -> (u64, u64) {
        (self.loaded.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }

    /// The compiled form of the code with this digest, if it is here and this switch has written it.
    pub(crate) fn get(&self, engine: &Engine, code: Digest) -> Option<Component> {
        let name = self.name(code);
        let path = self.limits.folder.join(&name);
        let found = match self.read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "compiled code is not used");
                return None;
            }
        };
        let component = self
            .signed(&name, &found)
            .ok_or_else(|| "it is damaged, or was not written by this switch".to_owned())
            .and_then(|compiled| deserialize(engine, compiled));
        match component {
            Ok(component) => {
                self.loaded.fetch_add(1, Ordering::Relaxed);
                // What was used last goes last. That it cannot be noted makes it go earlier, no more.
                let now = SystemTime::now();
                let _ = File::open(&path).and_then(|file| file.set_modified(now));
                Some(component)
            }
            Err(why) => {
                tracing::warn!(file = %path.display(), why, "compiled code is not used, but compiled again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps a component for later. What cannot be kept is compiled again then.
    pub(crate) fn put(&self, code: Digest, component: &Component) {
        if let Err(error) = self.try_put(code, component) {
            let folder = self.limits.folder.display();
            tracing::warn!(%folder, %error, "compiled code cannot be kept");
        }
    }

    fn try_put(&self, code: Digest, component: &Component) -> io::Result<()> {
        let compiled = component.serialize().map_err(io::Error::other)?;
        let length = MAGIC.len() + MAC_BYTES + compiled.len();
        if length as u64 > self.limits.bytes_max {
            return Ok(());
        }
        let name = self.name(code);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = format!("{}-{number}.{UNFINISHED}", std::process::id());
        let unfinished = self.limits.folder.join(unfinished);
        let mut file = private_file(&unfinished)?;
        file.write_all(MAGIC)?;
        file.write_all(self.mac(&name, &compiled).as_ref())?;
        file.write_all(&compiled)?;
        drop(file);
        // Not forced to the disk: what a failing machine leaves of it is not signed.
        fs::rename(&unfinished, self.limits.folder.join(&name))?;
        self.tidy(&name)
    }

    /// The file of the code with this digest.
    fn name(&self, code: Digest) -> String {
        let mut hash = Sha256::new();
        hash.update(self.engine);
        hash.update(code.0);
        format!("{}.{ENDING}", Digest(hash.finalize().into()))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(self.limits.bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The compiled code in a file that this folder's key has signed under this name.
    fn signed<'a>(&self, name: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, compiled) = file.strip_prefix(MAGIC)?.split_at_checked(MAC_BYTES)?;
        let signed = [name.as_bytes(), compiled].concat();
        hmac::verify(&self.key, &signed, mac).is_ok().then_some(compiled)
    }

    fn mac(&self, name: &str, compiled: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(name.as_bytes());
        mac.update(compiled);
        mac.sign()
    }

    /// Removes what was left unfinished, and what was used longest ago beyond the limits; `kept` stays.
    fn tidy(&self, kept: &str) -> io::Result<()> {
        let now = SystemTime::now();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.limits.folder)? {
            let entry = entry?;
            let (path, about) = (entry.path(), entry.metadata()?);
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match path.extension().and_then(|ending| ending.to_str()) {
                Some(ENDING) => files.push((used, about.len(), path)),
                Some(UNFINISHED)
                    if now.duration_since(used).is_ok_and(|it| it > UNFINISHED_MAX) =>
                {
                    fs::remove_file(&path)?;
                }
                _ => {}
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        let mut count = files.len();
        for (_, length, path) in files {
            if bytes <= self.limits.bytes_max && count <= self.limits.files_max {
                break;
            }
            if path.file_name().is_some_and(|name| name != kept) {
                fs::remove_file(&path)?;
                bytes -= length;
                count -= 1;
            }
        }
        Ok(())
    }
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, compiled: &[u8]) -> Result<Component, String> {
    // SAFETY: `compiled` must be what `Component::serialize` gave. It is: it was signed with the key of this folder, which only
    // `Archive::put` does, and only processes of this user can read the key. It was read into memory before the signature was
    // verified, so nobody changes it in between.
    let component = unsafe { Component::deserialize(engine, compiled) };
    component.map_err(|error| format!("{error:#}"))
}

/// The folder's key, made when there is none.
fn key(folder: &Path) -> Result<[u8; KEY_BYTES], String> {
    let path = folder.join(KEY_FILE);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    if !path.try_exists().map_err(failed)? {
        let mut fresh = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut fresh).map_err(|_| "the system gives no random numbers")?;
        let unfinished = folder.join(format!("key-{}.{UNFINISHED}", std::process::id()));
        let written = private_file(&unfinished).and_then(|mut file| file.write_all(&fresh));
        // Of two switches that begin at once one key stays, which both then read.
        let linked = written.and_then(|()| match fs::hard_link(&unfinished, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
        let _ = fs::remove_file(&unfinished);
        linked.map_err(failed)?;
    }
    private(&path, &fs::symlink_metadata(&path).map_err(failed)?, 0o077)?;
    let mut key = Vec::new();
    let file = File::open(&path).map_err(failed)?;
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key).map_err(failed)?;
    key.try_into()
        .map_err(|_| format!("{} is no key; remove it, and another is made", path.display()))
}

/// A new file that only this user can read.
fn private_file(path: &PathBuf) -> io::Result<File> {
    let _ = fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Nobody else may do what `forbidden` stands for with a file or folder of ours.
fn private(path: &Path, about: &fs::Metadata, forbidden: u32) -> Result<(), String> {
    let shown = path.display();
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("{shown} belongs to another user (uid {})", about.uid()));
    }
    if about.mode() & forbidden != 0 {
        let mode = about.mode() & 0o777;
        return Err(format!(
            "{shown} is open to others (mode {mode:o}); chmod go-rwx {shown}, and remove the files in it"
        ));
    }
    Ok(())
}

/// A digest of what is hashed.
struct Summary(Sha256);

impl Hasher for Summary {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Nobody asks: the digest itself is taken.
        0
    }
}

#[cfg(test)]
#[path = "archive_test.rs"]
mod tests;
