//! `jackfield plugin pack`, `key` and `sign`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use bundle::{Bundle, BundleLimits, Files, SecretKey};
use plugin::{HostConfig, PluginHost, Source};

use super::args::{KeyArgs, PackArgs, SignArgs};
use crate::{cli::print, plugins::LoadError};

/// What else goes into a bundle, by how its name begins.
const BESIDES: [&str; 4] = ["README", "LICENSE", "NOTICE", "CHANGELOG"];

/// Makes one file of a plugin's folder, after it was loaded and tested as a switch does.
///
/// # Errors
///
/// What is wrong with the plugin, or that a file cannot be read or written.
pub(in crate::cli) fn pack(args: &PackArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    if !folder.join("plugin.toml").is_file() {
        bail!("{} has no plugin.toml; a bundle is made of a folder with one", folder.display());
    }
    let source = Source::Path(folder.clone());
    let host = PluginHost::new(HostConfig::default())?;
    host.install(vec![source.clone()]).map_err(LoadError::Plugins)?;
    let outline = host.outline(&source)?;
    let files = collect(folder, &PathBuf::from(outline.code), outline.schema)?;
    let limits = BundleLimits::default();
    let mut bytes = bundle::pack(&files)?;
    let packed = Bundle::open(&bytes, &limits)?;
    let mut by = String::new();
    if let Some(file) = &args.key {
        let key = SecretKey::read(file)?;
        bytes = Bundle::sign(&bytes, &key, &limits)?;
        by = format!(", signed by {}", key.public().short());
    }
    let version = if packed.version.is_empty() { "0" } else { &packed.version };
    let named = || PathBuf::from(format!("{}-{version}.bundle", packed.id));
    let output = args.output.clone().unwrap_or_else(named);
    let shown = output.display();
    fs::write(&output, &bytes).with_context(|| format!("cannot write {shown}"))?;
    print(&format!("{shown}: {} bytes{by}\n  digest  {}\n", bytes.len(), packed.digest));
    for name in files.keys() {
        print(&format!("  {name}\n"));
    }
    Ok(())
}

/// What of a folder belongs into a bundle: its manifest, its code, what it is tested with, and what is to be read by people.
fn collect(folder: &Path, code: &Path, schema: Option<String>) -> anyhow::Result<Files> {
    let outside = || anyhow!("{} is not in {}; move it there", code.display(), folder.display());
    let mut names = vec![PathBuf::from("plugin.toml")];
    names.push(code.strip_prefix(folder).map_err(|_| outside())?.to_owned());
    names.extend(schema.map(PathBuf::from));
    let failed = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && BESIDES.iter().any(|begin| name.starts_with(begin)) {
            names.push(name.into());
        }
    }
    for entry in fs::read_dir(folder.join("tests")).into_iter().flatten() {
        let name = PathBuf::from("tests").join(entry.with_context(failed)?.file_name());
        if name.extension().is_some_and(|ending| ending == "toml") {
            names.push(name);
        }
    }
    let mut files = Files::new();
    for name in names {
        let path = folder.join(&name);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.insert(name.to_string_lossy().into_owned(), content);
    }
    Ok(files)
}

/// Makes a key to sign bundles with.
///
/// # Errors
///
/// When its files cannot be written, or are there already.
pub(in crate::cli) fn key(args: &KeyArgs) -> anyhow::Result<()> {
    let stem = || args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let public = SecretKey::create(&args.file, &args.name.clone().unwrap_or_else(stem))?;
    let file = args.file.display();
    print(&format!(
        "{file}: the secret key; whoever has it signs in your name\n{file}.pub: the public key {}, for who installs your plugins\n",
        public.short()
    ));
    Ok(())
}

/// Signs a bundle.
///
/// # Errors
///
/// When it is none, or a file cannot be read or written.
pub(in crate::cli) fn sign(args: &SignArgs) -> anyhow::Result<()> {
    let limits = BundleLimits::default();
    let key = SecretKey::read(&args.key)?;
    let bytes = Bundle::read(&args.bundle, &limits)?;
    let shown = args.bundle.display();
    let signed = Bundle::sign(&bytes, &key, &limits).with_context(|| shown.to_string())?;
    let bundle = Bundle::open(&signed, &limits).with_context(|| shown.to_string())?;
    let unfinished = args.bundle.with_added_extension("unfinished");
    fs::write(&unfinished, &signed)
        .and_then(|()| fs::rename(&unfinished, &args.bundle))
        .with_context(|| format!("cannot write {shown}"))?;
    let by = key.public().short();
    print(&format!("{shown}: signed by {by}\n  digest  {}\n", bundle.digest));
    Ok(())
}
