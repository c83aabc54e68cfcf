//! `jackfield plugin installed` and `grants`, and what is told of a plugin of the store.

use std::{collections::BTreeSet, fmt::Write as _};

use bundle::{BundleDigest, Index, Installed, Version};

use super::args::InstalledArgs;
use crate::{
    cli::{print, table::table},
    config::Config,
};

/// Lists the installed versions.
///
/// # Errors
///
/// When the store cannot be read, or has no such plugin.
pub(in crate::cli) fn installed(args: &InstalledArgs) -> anyhow::Result<()> {
    let (config, store) = args.store.open()?;
    let index = chosen(store.index()?, args)?;
    let mut rows = Vec::new();
    for (id, plugin) in &index.plugin {
        let publisher = publisher(&index, plugin);
        rows.extend(plugin.versions.iter().rev().map(|version| {
            let digest = version.digest.0.short();
            let state = state(&config, id, plugin, version);
            vec![format!("{id}@{digest}"), version.version.clone(), publisher.clone(), state]
        }));
    }
    print(&table(&["PLUGIN", "VERSION", "PUBLISHER", ""], &rows));
    Ok(())
}

/// Lists what the installed plugins want and have.
///
/// # Errors
///
/// When the store cannot be read, or has no such plugin.
pub(in crate::cli) fn grants(args: &InstalledArgs) -> anyhow::Result<()> {
    let (config, store) = args.store.open()?;
    let index = chosen(store.index()?, args)?;
    for (id, plugin) in &index.plugin {
        if let Some(digest) = plugin.wanted {
            print(&format!("{id}\n"));
            print(&told(&config, &index, id, digest));
        }
    }
    Ok(())
}

fn chosen(mut index: Index, args: &InstalledArgs) -> anyhow::Result<Index> {
    if let Some(id) = &args.id {
        index.found(id)?;
        index.plugin.retain(|other, _| other == id);
    }
    Ok(index)
}

fn publisher(index: &Index, plugin: &Installed) -> String {
    let Some(key) = plugin.publisher else { return "unsigned".to_owned() };
    let name = index.publisher(key).map_or("unknown", |trusted| trusted.name.as_str());
    format!("{name} ({})", key.short())
}

/// What a plugin may have, by the store and by the configuration.
fn granted(config: &Config, id: &str, plugin: &Installed) -> BTreeSet<String> {
    let configured = config.plugins.grants.get(id);
    plugin.grants.iter().chain(configured.into_iter().flatten()).cloned().collect()
}

fn missing(config: &Config, id: &str, plugin: &Installed, version: &Version) -> Vec<String> {
    version.wants.difference(&granted(config, id, plugin)).cloned().collect()
}

fn state(config: &Config, id: &str, plugin: &Installed, version: &Version) -> String {
    let mut state = Vec::new();
    let digest = Some(version.digest);
    if plugin.wanted == digest {
        let missing = missing(config, id, plugin, version);
        let waits = format!("waits for {}", missing.join(", "));
        state.push(if missing.is_empty() { "to serve".to_owned() } else { waits });
    }
    if plugin.served == digest {
        state.push("served last".to_owned());
    }
    if let Some(why) = &version.rolled_back {
        state.push(format!("rolled back: {why}"));
    }
    state.join(", ")
}

/// Whose a plugin is, what a version of it wants, and what it may have.
pub(super) fn told(config: &Config, index: &Index, id: &str, digest: BundleDigest) -> String {
    let Some((plugin, version)) =
        index.plugin.get(id).and_then(|plugin| Some((plugin, plugin.version(digest)?)))
    else {
        return String::new();
    };
    let list = |names: Vec<String>| {
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let mut text = String::new();
    for (name, value) in [
        ("publisher", publisher(index, plugin)),
        ("wants", list(version.wants.iter().cloned().collect())),
        ("granted", list(granted(config, id, plugin).into_iter().collect())),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<10}{value}");
    }
    let missing = missing(config, id, plugin, version);
    if !missing.is_empty() {
        let _ = writeln!(text, "  {:<10}{}", "waits for", missing.join(", "));
        let _ = writeln!(text, "            jackfield plugin grant {id} {}", missing.join(" "));
    }
    text
}
