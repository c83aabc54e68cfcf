use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
};

use bundle::{BundleDigest, Store};

use crate::{Diagnostic, FileLimits, capability::place, manifest::Manifest};

/// The name of a folder's or bundle's manifest.
const MANIFEST: &str = "plugin.toml";

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A script (`.rhai`), a component or core module (`.wasm`), or a folder with a `plugin.toml`. Read again on each reload.
    Path(PathBuf),
    /// A plugin of the store: a bundle that must have this digest. Read and verified again on each reload.
    Stored {
        /// Its id; the bundle must name the same.
        id: String,
        /// Where the bundle is.
        file: PathBuf,
        /// What it must be.
        digest: BundleDigest,
        /// What it may have (see [`capabilities`](crate::capabilities)).
        grants: BTreeSet<String>,
    },
    /// A plugin that is part of the binary, or made in a test.
    Embedded {
        /// Its id; a manifest must name the same.
        id: String,
        /// Its `plugin.toml`; empty for the defaults.
        manifest: Cow<'static, str>,
        /// The component, core module or script.
        code: Cow<'static, [u8]>,
        /// What the code is.
        kind: Kind,
    },
}

/// What the body of a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A WebAssembly component, or a core module with its interface types embedded.
    Wasm,
    /// A Rhai script.
    Rhai,
}

impl Kind {
    /// The kind's name in manifests and the extension of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Rhai => "rhai",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        [Self::Wasm, Self::Rhai].into_iter().find(|kind| extension == kind.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Stored { id, digest, .. } => write!(f, "store:{id}@{}", digest.0.short()),
            Self::Embedded { .. } => f.write_str("embedded"),
        }
    }
}

/// A source, read once and complete.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) code: Vec<u8>,
    /// What diagnostics call the code.
    pub(crate) code_file: String,
    /// What diagnostics call the manifest.
    pub(crate) manifest_file: String,
    pub(crate) manifest: Manifest,
    /// What the schema of its configuration is called in diagnostics, and its text.
    pub(crate) schema: Option<(String, Vec<u8>)>,
    /// What it is in the store, if it comes from there.
    pub(crate) stored: Option<BundleDigest>,
}

impl Source {
    /// A name for diagnostics while the id is not known yet.
    pub(crate) fn guess_id(&self) -> String {
        match self {
            Self::Path(path) => stem(path),
            Self::Stored { id, .. } | Self::Embedded { id, .. } => id.clone(),
        }
    }

    /// The plugin's id: the manifest's, or the name of the file or folder.
    ///
    /// # Errors
    ///
    /// When the source cannot be read.
    pub fn id(&self) -> Result<String, Diagnostic> {
        let bundle = self.read(&FileLimits::default());
        bundle.map(|bundle| bundle.id).map_err(|diagnostic| diagnostic.of(&self.guess_id()))
    }

    /// Reads everything the plugin consists of.
    pub(crate) fn read(&self, limits: &FileLimits) -> Result<Bundle, Diagnostic> {
        match self {
            Self::Path(path) if path.is_dir() => read_folder(path, limits),
            Self::Path(path) => read_file(path, limits),
            Self::Stored { id, file, digest, .. } => read_stored(id, file, *digest, limits),
            Self::Embedded { id, manifest, code, kind } => {
                let code_file = format!("{id}.{kind}");
                let manifest_file = format!("{id}/plugin.toml");
                let manifest = Manifest::parse(manifest, &manifest_file)?;
                if let Some(named) = &manifest.id
                    && named != id
                {
                    let reason = format!("the manifest names `{named}`, the source `{id}`");
                    return Err(Diagnostic::new(manifest_file, reason, "use one id for both"));
                }
                checked(Bundle {
                    id: id.clone(),
                    kind: *kind,
                    code: code.to_vec(),
                    code_file,
                    manifest_file,
                    manifest,
                    schema: None,
                    stored: None,
                })
            }
        }
    }
}

fn read_file(path: &Path, limits: &FileLimits) -> Result<Bundle, Diagnostic> {
    let name = path.display().to_string();
    let Some(kind) = Kind::of(path) else {
        let reason = "neither a script, a component nor a folder";
        let help = "give a .rhai file, a .wasm file or a folder with a plugin.toml";
        return Err(Diagnostic::new(name, reason, help));
    };
    let code = read_limited(path, code_limit(kind, limits))?;
    checked(Bundle {
        id: stem(path),
        kind,
        code,
        manifest_file: name.clone(),
        code_file: name,
        manifest: Manifest::default(),
        schema: None,
        stored: None,
    })
}

/// What diagnostics call a folder's manifest, and the manifest.
pub(crate) fn read_manifest(
    folder: &Path,
    limits: &FileLimits,
) -> Result<(String, Manifest), Diagnostic> {
    let path = folder.join(MANIFEST);
    let file = path.display().to_string();
    let text = read_limited(&path, limits.manifest_bytes_max)?;
    let text = String::from_utf8(text).map_err(|error| {
        let reason = format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to());
        Diagnostic::new(&file, reason, "save the file as UTF-8")
    })?;
    let manifest = Manifest::parse(&text, &file)?;
    Ok((file, manifest))
}

fn read_folder(folder: &Path, limits: &FileLimits) -> Result<Bundle, Diagnostic> {
    let (manifest_file, manifest) = read_manifest(folder, limits)?;
    let path = match &manifest.code {
        Some(code) => folder.join(code),
        None => only_code(folder, &manifest_file)?,
    };
    let kind = kind(&manifest, &path, &manifest_file)?;
    let schema = manifest.schema.as_ref().map(|name| {
        let path = folder.join(name);
        Ok((path.display().to_string(), read_limited(&path, limits.schema_bytes_max)?))
    });
    checked(Bundle {
        id: manifest.id.clone().unwrap_or_else(|| stem(folder)),
        kind,
        code: read_limited(&path, code_limit(kind, limits))?,
        code_file: path.display().to_string(),
        manifest_file,
        manifest,
        schema: schema.transpose()?,
        stored: None,
    })
}

fn read_stored(
    id: &str,
    file: &Path,
    digest: BundleDigest,
    limits: &FileLimits,
) -> Result<Bundle, Diagnostic> {
    let shown = || file.display().to_string();
    let stored = Store::load(file, digest, &limits.bundle)
        .map_err(|error| Diagnostic::new(shown(), error.what, error.help))?;
    if stored.id != id {
        let reason = format!("the bundle is of `{}`, the store has it for `{id}`", stored.id);
        return Err(Diagnostic::new(shown(), reason, "install it again"));
    }
    let manifest_file = place(id, digest, MANIFEST);
    let mut files = stored.files;
    let text = String::from_utf8(files.remove(MANIFEST).unwrap_or_default())
        .map_err(|_| Diagnostic::new(&manifest_file, "not UTF-8", "have it packed again"))?;
    let manifest = Manifest::parse(&text, &manifest_file)?;
    let name = match &manifest.code {
        Some(code) => code.to_string_lossy().into_owned(),
        None => {
            let names = files.keys().filter(|name| !name.contains('/')).map(PathBuf::from);
            one_code(names.collect(), &manifest_file)?.to_string_lossy().into_owned()
        }
    };
    let kind = kind(&manifest, Path::new(&name), &manifest_file)?;
    let code = files.remove(&name).ok_or_else(|| {
        let reason = format!("there is no `{}` in the bundle", name.escape_debug());
        Diagnostic::new(&manifest_file, reason, "have it packed again")
    })?;
    if code.len() as u64 > code_limit(kind, limits) {
        return Err(too_large(&place(id, digest, &name), code_limit(kind, limits)));
    }
    let schema = manifest.schema.as_ref().map(|name| {
        let shown = place(id, digest, name);
        let text = files.remove(name).ok_or_else(|| {
            let reason = format!("there is no `{}` in the bundle", name.escape_debug());
            Diagnostic::new(&manifest_file, reason, "have it packed again")
        })?;
        if text.len() as u64 > limits.schema_bytes_max {
            return Err(too_large(&shown, limits.schema_bytes_max));
        }
        Ok((shown, text))
    });
    checked(Bundle {
        id: id.to_owned(),
        kind,
        code,
        code_file: place(id, digest, &name),
        schema: schema.transpose()?,
        manifest_file,
        manifest,
        stored: Some(digest),
    })
}

fn kind(manifest: &Manifest, code: &Path, manifest_file: &str) -> Result<Kind, Diagnostic> {
    manifest.kind.or_else(|| Kind::of(code)).ok_or_else(|| {
        let reason = format!("the kind of `{}` is not known", code.display());
        Diagnostic::new(manifest_file, reason, "add kind = \"rhai\" or kind = \"wasm\"")
    })
}

/// The only file in the folder that can be a plugin's code.
fn only_code(folder: &Path, manifest_file: &str) -> Result<PathBuf, Diagnostic> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    one_code(entries.filter_map(|entry| Some(entry.ok()?.path())).collect(), manifest_file)
}

/// The only one of these files that can be a plugin's code.
fn one_code(mut found: Vec<PathBuf>, manifest_file: &str) -> Result<PathBuf, Diagnostic> {
    found.retain(|path| Kind::of(path).is_some());
    found.sort();
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Diagnostic::new(
            manifest_file,
            "the folder holds no .rhai and no .wasm file",
            "put the code beside plugin.toml, or name it: code = \"main.rhai\"",
        )),
        [first, second, ..] => Err(Diagnostic::new(
            manifest_file,
            format!("which is the code, `{}` or `{}`?", first.display(), second.display()),
            "name it: code = \"main.rhai\"",
        )),
    }
}

fn checked(bundle: Bundle) -> Result<Bundle, Diagnostic> {
    const ID_BYTES_MAX: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bundle.id.is_empty() || bundle.id.len() > ID_BYTES_MAX || !bundle.id.chars().all(plain) {
        let reason = format!("`{}` is no plugin id", bundle.id.escape_debug());
        let help = "an id is 1 to 64 letters, digits, dots, hyphens and underscores";
        return Err(Diagnostic::new(bundle.manifest_file, reason, help));
    }
    match bundle.manifest.kind {
        Some(kind) if kind != bundle.kind => Err(Diagnostic::new(
            bundle.manifest_file,
            format!("kind is {kind}, but the code is {}", bundle.kind),
            "correct kind or code",
        )),
        Some(_) | None => Ok(bundle),
    }
}

fn code_limit(kind: Kind, limits: &FileLimits) -> u64 {
    match kind {
        Kind::Wasm => limits.component_bytes_max,
        Kind::Rhai => limits.script_bytes_max,
    }
}

fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Diagnostic> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(too_large(&path.display().to_string(), bytes_max));
    }
    Ok(bytes)
}

fn too_large(file: &str, bytes_max: u64) -> Diagnostic {
    Diagnostic::new(file, format!("larger than {bytes_max} bytes"), "make it smaller")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let reason = format!("cannot be read: {error}");
    Diagnostic::new(path.display().to_string(), reason, "check the path and its permissions")
}

pub(crate) fn stem(path: &Path) -> String {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    // `.` and `..` have no name of their own.
    stem(path).or_else(|| stem(&path.canonicalize().ok()?)).unwrap_or_default()
}
