//! What may be written behind them.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use bundle::{BundleDigest, Store};
use clap::Args;

use crate::{
    config::{Config, Overrides, load},
    stored,
};

/// The plugin that is packed.
#[derive(Clone, Debug, Args)]
pub(crate) struct PackArgs {
    /// The plugin's folder.
    pub(super) folder: PathBuf,
    /// The file; ID-VERSION.bundle in the current folder when absent.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Sign it with this secret key.
    #[arg(long, value_name = "KEYFILE")]
    pub(super) key: Option<PathBuf>,
}

/// The key that is made.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// The file of the secret half; the public one is FILE.pub.
    pub(super) file: PathBuf,
    /// What operators are to know you by, such as your company's name; the file's name when absent.
    #[arg(long)]
    pub(super) name: Option<String>,
}

/// The bundle that is signed.
#[derive(Clone, Debug, Args)]
pub(crate) struct SignArgs {
    /// The bundle; its file is replaced.
    pub(super) bundle: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "KEYFILE")]
    pub(super) key: PathBuf,
}

/// Which store.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StoreArgs {
    /// The configuration file the switch is started with.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A key of the configuration, over the file's value, such as node.data_path=/var/lib/jackfield. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl StoreArgs {
    /// The configuration, and the store that it names.
    ///
    /// # Errors
    ///
    /// When it is not good, names no store, or the store cannot be used.
    pub(super) fn open(&self) -> anyhow::Result<(Config, Store)> {
        let (config, folder) = self.folder()?;
        let store = Store::open(&folder, stored::limits(&config))?;
        Ok((config, store))
    }

    /// As [`Self::open`], of a store that is there already.
    ///
    /// # Errors
    ///
    /// When it is not there, too.
    pub(super) fn existing(&self) -> anyhow::Result<(Config, Store)> {
        let (config, folder) = self.folder()?;
        if !folder.exists() {
            bail!("nothing is installed: there is no {}", folder.display());
        }
        let store = Store::existing(&folder, stored::limits(&config))?;
        Ok((config, store))
    }

    fn folder(&self) -> anyhow::Result<(Config, PathBuf)> {
        let overrides = Overrides { set: self.set.clone(), plugins: Vec::new() };
        let config = load(self.config.as_deref(), &overrides)?;
        let folder = config.store_folder().ok_or_else(|| {
            anyhow!(
                "the configuration names no store; set node.data_path in it and give it with --config, or say --set node.data_path=FOLDER"
            )
        })?;
        Ok((config, folder))
    }
}

/// The bundle that is installed.
#[derive(Clone, Debug, Args)]
pub(crate) struct InstallArgs {
    /// The bundle.
    pub(super) bundle: PathBuf,
    /// Trust the holder of this public key from now on.
    #[arg(long, value_name = "KEYFILE")]
    pub(super) trust: Option<PathBuf>,
    /// What it may have: hooks it answers, and what it uses. Several with commas between them; repeatable.
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = capability)]
    pub(super) grant: Vec<String>,
    /// Take it although nobody has signed it.
    #[arg(long)]
    pub(super) unsigned: bool,
    /// Take it although another publisher signed the versions before; what those were granted it is not.
    #[arg(long)]
    pub(super) other_publisher: bool,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// The publisher that is trusted.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrustArgs {
    /// Its public key; those that are trusted are listed when absent.
    #[arg(value_name = "KEYFILE")]
    pub(super) key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// The publisher that is trusted no more.
#[derive(Clone, Debug, Args)]
pub(crate) struct UntrustArgs {
    /// The digits of its key; as many as tell it apart will do.
    pub(super) key: String,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// An installed plugin, and of its versions one.
#[derive(Clone, Debug, Args)]
pub(crate) struct VersionArgs {
    /// ID@DIGEST; as much of the digest as tells it apart will do.
    #[arg(value_name = "ID@DIGEST")]
    pub(super) what: String,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// An installed plugin, or one version of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct UninstallArgs {
    /// ID for all of it, ID@DIGEST for one version; as much of the digest as tells it apart will do.
    #[arg(value_name = "ID[@DIGEST]")]
    pub(super) what: String,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// What an installed plugin may have.
#[derive(Clone, Debug, Args)]
pub(crate) struct GrantArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// Hooks it answers, and what it uses.
    #[arg(required = true, value_name = "CAPABILITY", value_parser = capability)]
    pub(super) capabilities: Vec<String>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Installed plugins.
#[derive(Clone, Debug, Args)]
pub(crate) struct InstalledArgs {
    /// The plugin's id; all when absent.
    pub(super) id: Option<String>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

fn capability(name: &str) -> Result<String, String> {
    let known = plugin::capabilities();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("what can be granted is {}", known.join(", ")))
}

/// The parts of ID@DIGEST, and the version that it means.
pub(super) fn version_of(store: &Store, what: &str) -> anyhow::Result<(String, BundleDigest)> {
    let (id, begin) = what.split_once('@').ok_or_else(|| {
        anyhow!(
            "`{}` is not ID@DIGEST; `jackfield plugin installed` shows both",
            what.escape_debug()
        )
    })?;
    let mut index = store.index()?;
    let plugin = index.found(id)?;
    let digests = plugin.versions.iter().map(|version| version.digest);
    let found: Vec<BundleDigest> =
        digests.filter(|digest| digest.to_string().starts_with(begin)).collect();
    match found.as_slice() {
        [one] => Ok((id.to_owned(), *one)),
        [] => Err(anyhow!("no version of {id} begins with `{}`", begin.escape_debug())),
        [..] => {
            Err(anyhow!("{} versions of {id} begin with `{begin}`; say more of it", found.len()))
        }
    }
}
