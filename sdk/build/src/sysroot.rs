//! A compiler and standard library for plugins, made once from Debian's packages in the user's
//! cache.
//!
//! Debian compiles no standard library for [`TARGET`] that is recent enough, but ships the source
//! of it beside a current compiler. The library is built from that source with `-Zbuild-std` and
//! its files are laid where the compiler looks for an installed one; from then on plugins build
//! as if the target had been installed. The library's own dependencies come from the same source
//! package, so apt is the only thing asked.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{BuildError, TARGET, cargo, command, debian, probe};

/// Changes whenever what is below makes something else, so that older caches are left alone.
const RECIPE: u32 = 1;

/// Where one compiler's sysroot is, or will be.
#[derive(Debug)]
pub(crate) struct Place {
    cache: PathBuf,
    name: String,
}

/// A finished sysroot.
#[derive(Debug)]
pub(crate) struct Sysroot {
    /// Holds `usr/bin/rustc` and what belongs to it.
    root: PathBuf,
    linker: PathBuf,
    library_dirs: Vec<PathBuf>,
}

impl Place {
    /// The place for a compiler, given as its `rustc -vV`.
    pub(crate) fn new(cache: &Path, rustc_version: &str) -> Self {
        let key = fnv1a(format!("{RECIPE}\n{rustc_version}").as_bytes());
        Self { cache: cache.to_owned(), name: format!("wasm-sysroot-{key:016x}") }
    }

    /// The sysroot, if an earlier build has left a working one.
    pub(crate) fn find(&self) -> Option<Sysroot> {
        let root = self.cache.join(&self.name);
        if !root.is_dir() {
            return None;
        }
        Sysroot::open(root).ok().filter(Sysroot::works)
    }

    /// Makes the sysroot, or waits for another build that is making it.
    ///
    /// It is made beside its place and moved there when it is complete, so that a build that is
    /// killed leaves nothing that looks finished; the next one clears its remains away.
    pub(crate) fn make(&self, progress: fn(&str)) -> Result<Sysroot, BuildError> {
        let cache = &self.cache;
        fs::create_dir_all(cache).map_err(at("making the cache directory", cache))?;
        let _lock = self.lock(progress)?;
        if let Some(sysroot) = self.find() {
            return Ok(sysroot);
        }
        let root = cache.join(&self.name);
        remove(&root)?;
        self.clear_remains();
        let part = cache.join(format!("{}.part-{}", self.name, std::process::id()));
        let made = fill(&part, progress).and_then(|()| {
            fs::rename(&part, &root).map_err(at("moving the sysroot to its place", &root))
        });
        if let Err(error) = made {
            // What is left is of no use; that it could not be removed adds nothing to the error.
            drop(remove(&part));
            return Err(error);
        }
        progress(&format!("plugins are now compiled with {}", root.display()));
        Sysroot::open(root)
    }

    /// Removes what killed builds have left. What cannot be removed is only a waste of space: a
    /// compiler that outlived its build may still be writing there, and no name is used twice.
    fn clear_remains(&self) {
        let remains = format!("{}.part-", self.name);
        for path in files(&self.cache).unwrap_or_default() {
            if name_of(&path).starts_with(&remains) {
                drop(remove(&path));
            }
        }
    }

    /// Held until it is dropped or the process ends, however it ends.
    fn lock(&self, progress: fn(&str)) -> Result<File, BuildError> {
        let path = self.cache.join(format!("{}.lock", self.name));
        let doing = "locking the cache";
        let file = File::create(&path).map_err(at(doing, &path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(at(doing, &path)(source)),
        }
        progress("waiting for another build to finish the WebAssembly sysroot");
        file.lock().map_err(at(doing, &path))?;
        Ok(file)
    }
}

impl Sysroot {
    /// The compiler's path.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// Lets a command use this compiler, its libraries and its linker.
    pub(crate) fn apply(&self, command: &mut Command) {
        let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let mut path = OsString::new();
        for dir in &self.library_dirs {
            path.push(dir);
            path.push(":");
        }
        path.push(inherited);
        command
            .env("RUSTC", self.rustc())
            .env("LD_LIBRARY_PATH", path)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
    }

    fn open(root: PathBuf) -> Result<Self, BuildError> {
        let bin = root.join("usr/bin");
        let missing = |what| BuildError::Unreadable { what, place: root.display().to_string() };
        let linker = files(&bin)?
            .into_iter()
            .find(|file| name_of(file).starts_with("wasm-ld"))
            .ok_or_else(|| missing("WebAssembly linker (wasm-ld)"))?;
        let mut library_dirs = Vec::new();
        for parent in [root.join("usr/lib"), root.join("lib")] {
            if parent.is_dir() {
                library_dirs.extend(files(&parent)?.into_iter().filter(|dir| is_multiarch(dir)));
            }
        }
        Ok(Self { root, linker, library_dirs })
    }

    /// Whether it is complete and its compiler still starts on this system.
    fn works(&self) -> bool {
        let mut ask = Command::new(self.rustc());
        self.apply(&mut ask);
        probe::has_std(&self.root.join(target_libdir()))
            && command::succeed("starting the cached compiler", ask.arg("-vV")).is_ok()
    }
}

/// The files and directories of a directory, by name.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let doing = "reading a directory";
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(at(doing, dir))? {
        paths.push(entry.map_err(at(doing, dir))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Makes a whole sysroot in a directory that does not exist yet.
fn fill(part: &Path, progress: fn(&str)) -> Result<(), BuildError> {
    let packages = debian::compiler_packages()?;
    progress(&format!(
        "no standard library for {TARGET} here: making one from {} Debian packages, once, about a \
         minute (140 MB to fetch)",
        packages.len()
    ));
    let debs = part.join("debs");
    fs::create_dir_all(&debs).map_err(at("making a directory", &debs))?;
    debian::download(&packages, &debs)?;
    debian::unpack(&debs, part)?;
    remove(&debs)?;
    progress("compiling the standard library for plugins, about half a minute");
    build_std(part)?;
    for needless in ["usr/src", "usr/share", "usr/libexec", "usr/bin/rustdoc"] {
        remove(&part.join(needless))?;
    }
    write_about(part, &packages.into_iter().collect::<Vec<_>>())
}

/// Compiles the standard library and lays it where the compiler looks for an installed one.
fn build_std(part: &Path) -> Result<(), BuildError> {
    let seed = part.join("seed");
    write_seed(&seed)?;
    let library = part.join("usr/lib/rustlib/src/rust/library");
    let sysroot = Sysroot::open(part.to_owned())?;
    let mut build = cargo::nested();
    sysroot.apply(&mut build);
    build
        .current_dir(&seed)
        .args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"])
        .arg("--target-dir")
        .arg(seed.join("target"))
        .env("RUSTC_BOOTSTRAP", "1")
        // With bitcode, plugins can be optimised together with the library; without the machine's
        // paths, the same plugin has the same bytes everywhere.
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("-Cembed-bitcode=yes\x1f--remap-path-prefix={}=/rust", part.display()),
        );
    let vendor = library.join("vendor");
    if vendor.is_dir() {
        build.arg("--offline");
        build.args(["--config", "source.crates-io.replace-with='std-vendor'", "--config"]);
        build.arg(format!("source.std-vendor.directory='{}'", vendor.display()));
    }
    command::succeed("compiling the standard library for plugins", &mut build)?;
    let into = part.join(target_libdir());
    fs::create_dir_all(&into).map_err(at("making a directory", &into))?;
    for file in files(&seed.join("target").join(TARGET).join("release/deps"))? {
        let name = name_of(&file);
        if name.ends_with(".rlib") && !name.starts_with("libseed") {
            let to = into.join(name);
            fs::rename(&file, &to).map_err(at("moving a library", &to))?;
        }
    }
    remove(&seed)
}

/// An empty crate, whose only purpose is what it depends on.
fn write_seed(seed: &Path) -> Result<(), BuildError> {
    const MANIFEST: &str = "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
        [workspace]\n[profile.release]\nopt-level = \"s\"\npanic = \"abort\"\n";
    fs::create_dir_all(seed.join("src")).map_err(at("making a directory", seed))?;
    for (name, text) in [("Cargo.toml", MANIFEST), ("src/lib.rs", "")] {
        let path = seed.join(name);
        fs::write(&path, text).map_err(at("writing a file", &path))?;
    }
    Ok(())
}

/// Tells a person who finds the directory what it is.
fn write_about(part: &Path, packages: &[String]) -> Result<(), BuildError> {
    let path = part.join("about.txt");
    let write = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        writeln!(
            file,
            "A Rust compiler with a standard library for {TARGET}, made by Jackfield's"
        )?;
        writeln!(
            file,
            "plugin build from Debian's packages. It may be deleted; it is made again."
        )?;
        packages.iter().try_for_each(|package| writeln!(file, "{package}"))
    };
    write().map_err(at("writing a file", &path))
}

fn remove(path: &Path) -> Result<(), BuildError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(at("removing", path)(source))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { doing, path, source }
}

fn target_libdir() -> PathBuf {
    Path::new("usr/lib/rustlib").join(TARGET).join("lib")
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_multiarch(dir: &Path) -> bool {
    dir.is_dir() && name_of(dir).contains("-linux-")
}

/// FNV-1a, 64 bits: the cache key has to stay the same from one compiler of this crate to the
/// next, which the standard library's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn every_compiler_has_its_own_place() {
        let cache = Path::new("/cache");
        let (one, two) = (Place::new(cache, "rustc 1.95.0"), Place::new(cache, "rustc 1.96.0"));
        assert_ne!(one.name, two.name);
        assert_eq!(one.name, Place::new(cache, "rustc 1.95.0").name);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn what_a_killed_build_left_is_not_taken_for_a_sysroot() {
        let cache = std::env::temp_dir().join(format!("jackfield-sysroot-{}", std::process::id()));
        let place = Place::new(&cache, "rustc 1.95.0");
        let part = cache.join(format!("{}.part-1", place.name));
        fs::create_dir_all(part.join("usr/bin")).unwrap();
        assert!(place.find().is_none());
        // Not even when someone moves it to its place by hand.
        fs::rename(&part, cache.join(&place.name)).unwrap();
        assert!(place.find().is_none());
        // The next build clears it away.
        fs::create_dir_all(part.join("usr")).unwrap();
        place.clear_remains();
        assert!(!part.exists());
        fs::remove_dir_all(&cache).unwrap();
    }
}
