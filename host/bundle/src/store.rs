//! The folder of installed bundles, each a file named by its digest, and `index.toml`.
//!
//! A change is made under a lock, which the program on the command line and a running switch respect. A bundle is on the disk before the
//! index names it, and the index is replaced as a whole: whenever a process is killed, what it leaves is the store before or after.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Bundle, BundleDigest, BundleError, BundleLimits, Index, Installed, PublicKey, Trusted, Version,
    make_private,
};

const INDEX: &str = "index.toml";
const LOCK: &str = "lock";
const ENDING: &str = "bundle";
const UNFINISHED: &str = "unfinished";
/// Bytes of an index.
const INDEX_MAX: u64 = 4 << 20;
/// How long one program waits for another that changes the store.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(10);
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// What a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// What a bundle may hold.
    pub bundle: BundleLimits,
    /// Versions of one plugin; beyond it the oldest that is not to serve goes. Default 8.
    pub versions_max: usize,
    /// Plugins. Default 64.
    pub plugins_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { bundle: BundleLimits::default(), versions_max: 8, plugins_max: 64 }
    }
}

/// How a bundle is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// A publisher that is trusted from now on.
    pub trust: Option<Trusted>,
    /// Whether one that nobody has signed is taken.
    pub unsigned: bool,
    /// Whether a plugin may come from another publisher than before; what it was granted is then forgotten.
    pub other_publisher: bool,
    /// What it is granted besides what it has.
    pub grants: BTreeSet<String>,
}

/// The folder of installed bundles.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    limits: StoreLimits,
}

impl Store {
    /// A store in this folder, made when it is not there. What the superuser makes belongs to who has the folder it is made in.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or somebody else can write to it.
    pub fn open(folder: &Path, limits: StoreLimits) -> Result<Self, BundleError> {
        make_private(folder).map_err(BundleError::os(folder))?;
        Self::existing(folder, limits)
    }

    /// The store in a folder that is there.
    ///
    /// # Errors
    ///
    /// When it is not there, or somebody else can write to it.
    pub fn existing(folder: &Path, limits: StoreLimits) -> Result<Self, BundleError> {
        let os = || BundleError::os(folder);
        let about = fs::metadata(folder).map_err(os())?;
        let user = rustix::process::geteuid().as_raw();
        if about.uid() != user && user != 0 {
            let what =
                format!("{} belongs to another user (uid {})", folder.display(), about.uid());
            return Err(BundleError::new(what, "run this as that user, or name another store"));
        }
        if about.mode() & 0o022 != 0 {
            let shown = folder.display();
            let what = format!("{shown} is open to others (mode {:o})", about.mode() & 0o777);
            return Err(BundleError::new(what, format!("chmod go-w {shown}")));
        }
        Ok(Self { folder: folder.to_owned(), limits })
    }

    /// The file that changes with everything in the store.
    pub fn index_file(&self) -> PathBuf {
        self.folder.join(INDEX)
    }

    /// The file of a bundle.
    pub fn bundle_file(&self, digest: BundleDigest) -> PathBuf {
        self.folder.join(format!("{digest}.{ENDING}"))
    }

    /// What a bundle may hold.
    pub const fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    /// What the store holds; nothing when it is new.
    ///
    /// # Errors
    ///
    /// When the index cannot be read or is damaged.
    pub fn index(&self) -> Result<Index, BundleError> {
        let path = self.index_file();
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.new_index(),
            Ok(about) if about.len() > INDEX_MAX => {
                let what = format!("{} is larger than {INDEX_MAX} bytes", path.display());
                return Err(BundleError::new(what, "nothing that was installed makes it so large"));
            }
            Ok(_) | Err(_) => {}
        }
        let text = fs::read_to_string(&path).map_err(BundleError::os(&path))?;
        toml::from_str(&text).map_err(|error| {
            let what = format!("{}: {}", path.display(), error.message().trim());
            BundleError::new(what, "correct it, or put back a copy")
        })
    }

    /// The index of a store that has none, because nothing was ever installed.
    fn new_index(&self) -> Result<Index, BundleError> {
        let os = || BundleError::os(&self.folder);
        for entry in fs::read_dir(&self.folder).map_err(os())? {
            let path = entry.map_err(os())?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                let what =
                    format!("{} is missing, and bundles are there", self.index_file().display());
                let help = "put back a copy, or remove the bundles and install them again";
                return Err(BundleError::new(what, help));
            }
        }
        Ok(Index::default())
    }

    /// Changes the index; nothing is written when `change` fails or changes nothing.
    ///
    /// # Errors
    ///
    /// What `change` says, or that the store cannot be written.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, BundleError>,
    ) -> Result<T, BundleError> {
        let _lock = self.lock()?;
        self.change_locked(change)
    }

    fn change_locked<T>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, BundleError>,
    ) -> Result<T, BundleError> {
        let before = self.index()?;
        let mut index = before.clone();
        let outcome = change(&mut index)?;
        if index != before {
            let text = toml::to_string(&index)
                .map_err(|error| BundleError::new(error.to_string(), "report this as a bug"))?;
            if text.len() as u64 > INDEX_MAX {
                let what = format!("the index would be larger than {INDEX_MAX} bytes");
                return Err(BundleError::new(what, "remove plugins or versions first"));
            }
            self.put(&self.index_file(), text.as_bytes())?;
        }
        Ok(outcome)
    }

    /// Whether a bundle may come in; see [`Self::install`].
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn would_take(&self, bundle: &Bundle, admission: &Admission) -> Result<(), BundleError> {
        may_come(&mut self.index()?, bundle, admission).map(drop)
    }

    /// Takes a bundle in, and has it serve. `wants` is what the plugin asks for.
    ///
    /// # Errors
    ///
    /// When it is unsigned, of a publisher who is not trusted, or of another one than before, and `admission` does not say otherwise; or
    /// when it cannot be written.
    pub fn install(
        &self,
        bytes: &[u8],
        wants: BTreeSet<String>,
        admission: &Admission,
    ) -> Result<Bundle, BundleError> {
        let bundle = Bundle::open(bytes, &self.limits.bundle)?;
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let publisher = may_come(&mut index, &bundle, admission)?;
        if !self.index_file().try_exists().map_err(BundleError::os(&self.folder))? {
            // From now on a missing index is one that was lost.
            self.put(&self.index_file(), b"")?;
        }
        let file = self.bundle_file(bundle.digest);
        self.put(&file, bytes)?;
        self.change_locked(|index| {
            may_come(index, &bundle, admission)?;
            let known = index.plugin.len();
            let plugin = index.plugin.entry(bundle.id.clone()).or_default();
            if plugin.versions.is_empty() && known >= self.limits.plugins_max {
                let what = format!("{known} plugins are installed already");
                return Err(BundleError::new(
                    what,
                    "remove one with `jackfield plugin uninstall ID`",
                ));
            }
            let (digest, version) = (bundle.digest, bundle.version.clone());
            if let Some(why) = plugin.version(digest).and_then(|it| it.rolled_back.as_ref()) {
                let what = format!("this version is installed, and was rolled back: {why}");
                let help = format!(
                    "to have it serve all the same: `jackfield plugin use {}@{digest}`",
                    bundle.id
                );
                return Err(BundleError::new(what, help));
            }
            plugin.grants_of(publisher).extend(admission.grants.iter().cloned());
            plugin.versions.retain(|version| version.digest != digest);
            plugin.versions.push(Version { digest, publisher, version, wants, rolled_back: None });
            plugin.choose(digest)?;
            forget_oldest(plugin, self.limits.versions_max);
            Ok(())
        })?;
        self.tidy()?;
        Ok(bundle)
    }

    /// Forgets a plugin, or one version of it that is not to serve.
    ///
    /// # Errors
    ///
    /// When it is not there, or is the version that is to serve.
    pub fn remove(&self, id: &str, version: Option<BundleDigest>) -> Result<(), BundleError> {
        let _lock = self.lock()?;
        self.change_locked(|index| {
            let plugin = index.found(id)?;
            match version {
                None => {
                    index.plugin.remove(id);
                }
                Some(digest) if [plugin.wanted, plugin.served].contains(&Some(digest)) => {
                    let help =
                        format!("choose another one first: `jackfield plugin use {id}@DIGEST`");
                    return Err(BundleError::new(format!("{digest} of {id} serves"), help));
                }
                Some(digest) => plugin.versions.retain(|version| version.digest != digest),
            }
            Ok(())
        })?;
        self.tidy()
    }

    /// Reads an installed bundle and holds it to its digest.
    ///
    /// # Errors
    ///
    /// When it is not there, or is not what was installed.
    pub fn load(
        path: &Path,
        digest: BundleDigest,
        limits: &BundleLimits,
    ) -> Result<Bundle, BundleError> {
        let help = "install it again, or choose another version with `jackfield plugin use`";
        let bytes = Bundle::read(path, limits)?;
        let changed = |what: &str| {
            let what = format!("{} is not what was installed: {what}", path.display());
            BundleError::new(what, help)
        };
        let bundle = Bundle::open(&bytes, limits).map_err(|error| changed(&error.what))?;
        if bundle.digest != digest {
            return Err(changed(&format!("its digest is {}", bundle.digest)));
        }
        Ok(bundle)
    }

    fn lock(&self) -> Result<File, BundleError> {
        let path = self.folder.join(LOCK);
        let os = || BundleError::os(&path);
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).mode(0o600).custom_flags(NOFOLLOW);
        let file = open.open(&path).map_err(os())?;
        self.give(&file).map_err(os())?;
        let until = Instant::now() + LOCK_WAIT_MAX;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(LOCK_POLL),
                Err(TryLockError::WouldBlock) => {
                    let what = format!("another program has held {} for too long", path.display());
                    return Err(BundleError::new(what, "end it, and try again"));
                }
                Err(TryLockError::Error(error)) => return Err(os()(error)),
            }
        }
    }

    /// What the superuser writes belongs to the user whose store it is, or the switch could not read it. Such a file was opened without
    /// following a link, or that user could have any file given to him.
    fn give(&self, file: &File) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        if file.metadata()?.nlink() != 1 {
            return Err(io::Error::other("it has another name elsewhere"));
        }
        let owner = fs::metadata(&self.folder)?;
        fchown(file, Some(owner.uid()), Some(owner.gid()))
    }

    /// Writes a file whole, or not at all, whatever happens meanwhile.
    fn put(&self, path: &Path, content: &[u8]) -> Result<(), BundleError> {
        let unfinished = path.with_added_extension(UNFINISHED);
        let written = || {
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut open = OpenOptions::new();
            let mut file = open.write(true).create_new(true).mode(0o600).open(&unfinished)?;
            self.give(&file)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            File::open(&self.folder)?.sync_all()
        };
        written().map_err(BundleError::os(path))
    }

    /// Removes bundles that the index does not name, and what was left unfinished. Called under the lock.
    fn tidy(&self) -> Result<(), BundleError> {
        let index = self.index()?;
        let versions = index.plugin.values().flat_map(|plugin| &plugin.versions);
        let kept: BTreeSet<PathBuf> =
            versions.map(|version| self.bundle_file(version.digest)).collect();
        let swept = || {
            for entry in fs::read_dir(&self.folder)? {
                let path = entry?.path();
                let ending = path.extension().and_then(|ending| ending.to_str());
                let is_left =
                    ending == Some(UNFINISHED) || ending == Some(ENDING) && !kept.contains(&path);
                if is_left {
                    fs::remove_file(&path)?;
                }
            }
            Ok(())
        };
        swept().map_err(BundleError::os(&self.folder))
    }
}

impl Index {
    /// The plugin with this id.
    ///
    /// # Errors
    ///
    /// Which plugins there are, when it is none of them.
    pub fn found(&mut self, id: &str) -> Result<&mut Installed, BundleError> {
        let known: Vec<String> = self.plugin.keys().cloned().collect();
        self.plugin.get_mut(id).ok_or_else(|| {
            let what = format!("no plugin `{}` is installed", id.escape_debug());
            let help = match known.as_slice() {
                [] => "none is; `jackfield plugin install FILE` does it".to_owned(),
                known => format!("the installed ones are {}", known.join(", ")),
            };
            BundleError::new(what, help)
        })
    }

    /// Who is known by this key.
    pub fn publisher(&self, key: PublicKey) -> Option<&Trusted> {
        self.trusted.iter().find(|trusted| trusted.key == key)
    }
}

/// Whether a bundle may come in; gives its publisher.
fn may_come(
    index: &mut Index,
    bundle: &Bundle,
    admission: &Admission,
) -> Result<Option<PublicKey>, BundleError> {
    let publisher = bundle.signed.map(|signed| signed.by);
    if let Some(trust) = &admission.trust {
        if publisher != Some(trust.key) {
            let what = format!("{} is not signed by {}", bundle.id, trust.name);
            return Err(BundleError::new(what, "give the key of who has signed it"));
        }
        if index.publisher(trust.key).is_none() {
            index.trusted.push(trust.clone());
        }
    }
    match publisher {
        None if !admission.unsigned => {
            let help = "ask its publisher for a signed one, or say --unsigned if you know where it comes from";
            return Err(BundleError::new(format!("{} is not signed", bundle.id), help));
        }
        Some(key) if index.publisher(key).is_none() => {
            let what = format!("{} is signed by the key {key}, which is not trusted", bundle.id);
            let help = "have its publisher give you the public key by a way you trust, and say --trust KEYFILE";
            return Err(BundleError::new(what, help));
        }
        Some(_) | None => {}
    }
    let before = index.plugin.get(&bundle.id);
    if let Some(before) = before
        && before.publisher() != publisher
        && !admission.other_publisher
    {
        let name = |key: Option<PublicKey>| match key {
            Some(key) => format!("the key {}", key.short()),
            None => "nobody".to_owned(),
        };
        let (was, is) = (name(before.publisher()), name(publisher));
        let what = format!("{} was signed by {was}, and this bundle by {is}", bundle.id);
        let help = "if the plugin has changed hands, say --other-publisher; what it may have is then to be granted anew";
        return Err(BundleError::new(what, help));
    }
    Ok(publisher)
}

fn forget_oldest(plugin: &mut Installed, versions_max: usize) {
    while plugin.versions.len() > versions_max.max(2) {
        let needed = [plugin.wanted, plugin.served];
        let at = plugin.versions.iter().position(|it| !needed.contains(&Some(it.digest)));
        match at {
            Some(at) => plugin.versions.remove(at),
            None => return,
        };
    }
}

#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
