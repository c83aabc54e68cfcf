//! Debian's and Ubuntu's packages: which ones make a compiler for plugins, and how to unpack them
//! without root.
//!
//! Versions are read from the packages' own metadata, so nothing here names one.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::{Apt, BuildError, command, sysroot::files};

/// The compiler that Debian keeps current for its browsers.
const COMPILER: &str = "rustc-web";
/// Its standard library for this machine, which procedural macros need.
const HOST_STD: &str = "libstd-rust-web-dev";
/// The source of its standard library.
const SOURCE: &str = "rust-web-src";
/// How many packages a compiler may need before its metadata is taken to be broken.
const PACKAGES_MAX: usize = 64;
/// The oldest compiler that plugins build with, as `major.minor`.
const COMPILER_MIN: &str = env!("CARGO_PKG_RUST_VERSION");

/// What apt can do here.
pub(crate) fn apt() -> Apt {
    if !command::exists("apt-get") || !command::exists("dpkg") {
        return Apt::Absent;
    }
    match Record::of(COMPILER) {
        Some(record) if is_new_enough(&record.version) => Apt::Ready,
        Some(_) => Apt::CompilerTooOld,
        None if has_lists() => Apt::NoCompiler,
        None => Apt::ListsMissing,
    }
}

/// Fetches apt's package lists; takes root.
pub(crate) fn update_lists() -> Result<(), BuildError> {
    command::succeed("fetching apt's package lists", Command::new("apt-get").args(["-q", "update"]))
}

/// Everything needed to compile plugins that this machine does not have, as `name=version`.
pub(crate) fn compiler_packages() -> Result<BTreeSet<String>, BuildError> {
    let mut chosen = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(String, Need)> =
        [COMPILER, HOST_STD, SOURCE].map(|name| (name.to_owned(), Need::Ours)).into();
    while let Some((name, need)) = open.pop() {
        if !seen.insert(name.clone()) || (need == Need::System && is_installed(&name)) {
            continue;
        }
        let Some(record) = Record::of(&name) else {
            if need == Need::Ours {
                return Err(unreadable("package record", format!("`apt-cache show {name}`")));
            }
            continue;
        };
        if chosen.len() == PACKAGES_MAX {
            return Err(unreadable("end of the dependencies", format!("package {COMPILER}")));
        }
        open.extend(dependencies(&name, &record));
        chosen.insert(format!("{name}={}", record.version));
    }
    Ok(chosen)
}

/// Downloads packages into a directory, which must exist.
pub(crate) fn download(packages: &BTreeSet<String>, into: &Path) -> Result<(), BuildError> {
    let mut apt = Command::new("apt-get");
    // Without this option apt warns, as root, that its own user cannot write into the directory.
    apt.args(["-q", "-o", "APT::Sandbox::User=root", "download"]).args(packages).current_dir(into);
    command::succeed("downloading Debian's compiler (are apt's lists current?)", &mut apt)
}

/// Unpacks every package of a directory below `root`.
pub(crate) fn unpack(debs: &Path, root: &Path) -> Result<(), BuildError> {
    for deb in files(debs)? {
        let mut dpkg = Command::new("dpkg");
        command::succeed("unpacking a package", dpkg.arg("-x").arg(deb).arg(root))?;
    }
    Ok(())
}

/// Whether this process may fetch apt's lists.
pub(crate) fn may_update_lists() -> bool {
    is_root()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| owner(&own) == Some(0))
}

#[cfg(unix)]
fn owner(file: &fs::Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(file))
}

#[cfg(not(unix))]
fn owner(_: &fs::Metadata) -> Option<u32> {
    None
}

/// Why a package is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A part of the compiler: taken even when the system has one, which may change or go.
    Ours,
    /// A library that any system may have; taken only when this one does not.
    System,
}

/// What apt knows of the version of a package that it would install.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    version: String,
    /// The names of the packages it depends on; of alternatives the first.
    depends: Vec<String>,
}

impl Record {
    fn of(package: &str) -> Option<Self> {
        let mut show = Command::new("apt-cache");
        show.args(["show", "--no-all-versions", package]);
        Self::parse(&command::read("reading a package record", &mut show).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
        };
        let depends = field("Depends").unwrap_or_default().split(',').filter_map(|one| {
            let name = one.split(['|', '(', ':', ' ']).find(|part| !part.is_empty())?;
            Some(name.to_owned())
        });
        Some(Self { version: field("Version")?.to_owned(), depends: depends.collect() })
    }
}

/// The further packages that one of the compiler's packages asks for.
fn dependencies(name: &str, record: &Record) -> Vec<(String, Need)> {
    let mut more = Vec::new();
    for depends in &record.depends {
        if depends.starts_with("libstd-rust-web") {
            more.push((depends.clone(), Need::Ours));
        } else if let Some(major) = depends.strip_prefix("libllvm") {
            more.push((depends.clone(), Need::Ours));
            more.push((format!("lld-{major}"), Need::Ours));
        } else if name != COMPILER {
            // The compiler itself depends on a C compiler and linker, which every machine with
            // a Rust toolchain has under one name or another; libraries are another matter.
            more.push((depends.clone(), Need::System));
        }
    }
    more
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f=${db:Status-Abbrev}", package]);
    command::read("asking dpkg for a package", &mut query).is_ok_and(|text| text.starts_with("ii"))
}

fn has_lists() -> bool {
    fs::read_dir("/var/lib/apt/lists").is_ok_and(|mut lists| {
        lists.any(|list| {
            list.is_ok_and(|list| list.file_name().to_string_lossy().contains("_Packages"))
        })
    })
}

fn is_new_enough(version: &str) -> bool {
    matches!((minor(version), minor(COMPILER_MIN)), (Some(have), Some(need)) if have >= need)
}

/// `(1, 96)` of `1.96.0+dfsg1-1~deb12u2`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn unreadable(what: &'static str, place: String) -> BuildError {
    BuildError::Unreadable { what, place }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const RECORD: &str = "Package: libstd-rust-web-1.96\nSource: rustc-web\n\
        Version: 1.96.0+dfsg1-1~deb12u2\nPre-Depends: dpkg\n\
        Depends: libc6 (>= 2.34), libgcc-s1 (>= 4.2) | libgcc1, libllvm22, zlib1g:any\n\
        Description: text\n";

    #[test]
    fn a_record_gives_its_version_and_the_names_it_depends_on() {
        let record = Record::parse(RECORD).unwrap();
        assert_eq!(record.version, "1.96.0+dfsg1-1~deb12u2");
        assert_eq!(record.depends, ["libc6", "libgcc-s1", "libllvm22", "zlib1g"]);
        assert_eq!(Record::parse("Package: x\n"), None);
    }

    #[test]
    fn the_linker_follows_the_compilers_llvm() {
        let record = Record::parse(RECORD).unwrap();
        let names: Vec<String> = dependencies("libstd-rust-web-1.96", &record)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["libc6", "libgcc-s1", "libllvm22", "lld-22", "zlib1g"]);
    }

    #[test]
    fn a_c_compiler_is_not_fetched() {
        let record =
            Record::parse("Version: 1\nDepends: gcc, libc6-dev, libstd-rust-web-dev\n").unwrap();
        let names: Vec<String> =
            dependencies(COMPILER, &record).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["libstd-rust-web-dev"]);
    }

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(minor("1:22.1.8-1~deb12u1"), Some((22, 1)));
        assert!(is_new_enough("1.100.0+dfsg1-1"));
        assert!(!is_new_enough("1.63.0+dfsg1-2"));
        assert!(!is_new_enough("next"));
    }
}
