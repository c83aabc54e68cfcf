//! `jackfield plugin installed` and `grants`, and what is told of a plugin of the store.

use std::fmt::Write as _;

use bundle::{BundleDigest, Index, Installed, Version};

use super::args::InstalledArgs;
use crate::cli::{print, table::table};

/// Lists the installed versions.
///
/// # Errors
///
/// When the store cannot be read, or has no such plugin.
pub(in crate::cli) fn installed(args: &InstalledArgs) -> anyhow::Result<()> {
    let (_, store) = args.store.existing()?;
    let index = chosen(store.index()?, args)?;
    let mut rows = Vec::new();
    for (id, plugin) in &index.plugin {
        rows.extend(plugin.versions.iter().rev().map(|version| {
            let digest = version.digest.0.short();
            let (publisher, state) = (publisher(&index, version), state(plugin, version));
            vec![format!("{id}@{digest}"), version.version.clone(), publisher, state]
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
    let (_, store) = args.store.existing()?;
    let index = chosen(store.index()?, args)?;
    for (id, plugin) in &index.plugin {
        if let Some(digest) = plugin.wanted {
            print(&format!("{id}\n"));
            print(&told(&index, id, digest));
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

fn publisher(index: &Index, version: &Version) -> String {
    let Some(key) = version.publisher else { return "unsigned".to_owned() };
    let name = index.publisher(key).map_or("unknown", |trusted| trusted.name.as_str());
    format!("{name} ({})", key.short())
}

fn missing(plugin: &Installed, version: &Version) -> Vec<String> {
    version.wants.difference(&plugin.granted(version.digest)).cloned().collect()
}

fn state(plugin: &Installed, version: &Version) -> String {
    let mut state = Vec::new();
    let digest = Some(version.digest);
    if plugin.wanted == digest {
        let missing = missing(plugin, version);
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
pub(super) fn told(index: &Index, id: &str, digest: BundleDigest) -> String {
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
        ("publisher", publisher(index, version)),
        ("wants", list(version.wants.iter().cloned().collect())),
        ("granted", list(plugin.granted(digest).into_iter().collect())),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<10}{value}");
    }
    let missing = missing(plugin, version);
    if !missing.is_empty() {
        let _ = writeln!(text, "  {:<10}{}", "waits for", missing.join(", "));
        let _ = writeln!(text, "            jackfield plugin grant {id} {}", missing.join(" "));
    }
    text
}
