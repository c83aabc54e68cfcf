//! `jackfield plugin install`, `use` and `uninstall`.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use bundle::{Admission, Bundle, PublicKey, Store, Trusted};
use plugin::{HostConfig, PluginHost, Source};

use super::{
    args::{InstallArgs, UninstallArgs, VersionArgs, version_of},
    show,
};
use crate::{cli::print, config::Config, plugins, plugins::LoadError, stored::Stored};

/// Puts a bundle into the store and has it serve.
///
/// # Errors
///
/// When it is no bundle, not signed by whom the operator trusts, or does not load.
pub(in crate::cli) fn install(args: &InstallArgs) -> anyhow::Result<()> {
    let (config, store) = args.store.open()?;
    let shown = args.bundle.display().to_string();
    let limits = &store.limits().bundle;
    let bytes = Bundle::read(&args.bundle, limits)?;
    let bundle = Bundle::open(&bytes, limits).with_context(|| shown.clone())?;
    let trust = args.trust.as_deref().map(PublicKey::read).transpose()?;
    let admission = Admission {
        trust: trust.map(|(key, name)| Trusted { key, name }),
        unsigned: args.unsigned,
        other_publisher: args.other_publisher,
        grants: args.grant.iter().cloned().collect(),
    };
    // Nothing of it runs before it is known whose it is.
    store.would_take(&bundle, &admission).with_context(|| shown.clone())?;
    let wants = wants(&config, args, &bundle)?;
    let bundle = store.install(&bytes, wants, &admission).with_context(|| shown.clone())?;
    let digest = bundle.digest;
    print(&format!("{} {} is installed, digest {digest}\n", bundle.id, bundle.version));
    let index = store.index()?;
    print(&show::told(&index, &bundle.id, digest));
    Ok(())
}

/// What a bundle wants. It is loaded and tested as the switch will do it, with all that it could be granted.
fn wants(config: &Config, args: &InstallArgs, bundle: &Bundle) -> anyhow::Result<BTreeSet<String>> {
    let all = plugin::capabilities().into_iter().map(str::to_owned).collect();
    let source = Source::Stored {
        id: bundle.id.clone(),
        file: args.bundle.clone(),
        digest: bundle.digest,
        grants: all,
    };
    // The folder of compiled plugins is the running switch's.
    let host = HostConfig { compiled_files: None, ..plugins::host_config(config) };
    let host = PluginHost::new(host)?;
    let others = plugins::sources(config, &Stored::default());
    if others.iter().any(|other| host.id_of(other).as_ref() == Some(&bundle.id)) {
        let id = &bundle.id;
        bail!(
            "the switch has a plugin `{id}` already, of plugins.load or its own; take that away first, or have this one called something else"
        );
    }
    host.install(vec![source.clone()]).map_err(LoadError::Plugins)?;
    let uses = host.outline(&source)?.needs;
    let statuses = host.list();
    let hooks = statuses.iter().flat_map(|status| &status.hooks).map(|(hook, _)| hook.name());
    Ok(hooks.chain(uses).map(str::to_owned).collect())
}

/// Has an installed version serve.
///
/// # Errors
///
/// When it is not installed.
pub(in crate::cli) fn choose(args: &VersionArgs) -> anyhow::Result<()> {
    let (_, store) = args.store.existing()?;
    let (id, digest) = version_of(&store, &args.what)?;
    store.change(|index| index.found(&id)?.choose(digest))?;
    print(&format!("{id}@{} is to serve\n", digest.0.short()));
    print(&show::told(&store.index()?, &id, digest));
    Ok(())
}

/// Removes an installed plugin, or one version of it.
///
/// # Errors
///
/// When it is not installed, or is the version that is to serve.
pub(in crate::cli) fn uninstall(args: &UninstallArgs) -> anyhow::Result<()> {
    let (_, store) = args.store.existing()?;
    remove(&store, &args.what)?;
    print(&format!("{} is removed\n", args.what));
    Ok(())
}

fn remove(store: &Store, what: &str) -> anyhow::Result<()> {
    if !what.contains('@') {
        return Ok(store.remove(what, None)?);
    }
    let (id, digest) = version_of(store, what)?;
    Ok(store.remove(&id, Some(digest))?)
}
