//! `jackfield plugin trust` and `untrust`.

use std::fmt::Write as _;

use anyhow::bail;
use bundle::{Index, Installed, PublicKey, Trusted};

use super::args::{TrustArgs, UntrustArgs};
use crate::cli::{print, table::table};

/// Trusts a publisher, or lists those that are trusted.
///
/// # Errors
///
/// When the key or the store cannot be read or written.
pub(in crate::cli) fn trust(args: &TrustArgs) -> anyhow::Result<()> {
    let (_, store) = args.store.open()?;
    if let Some(file) = &args.key {
        let (key, name) = PublicKey::read(file)?;
        store.change(|index| {
            if index.publisher(key).is_none() {
                index.trusted.push(Trusted { key, name });
            }
            Ok(())
        })?;
    }
    let index = store.index()?;
    let row = |trusted: &Trusted| {
        let plugins = plugins(&index, trusted.key).join(", ");
        vec![trusted.key.to_string(), trusted.name.clone(), plugins]
    };
    let rows: Vec<Vec<String>> = index.trusted.iter().map(row).collect();
    print(&table(&["KEY", "PUBLISHER", "INSTALLED"], &rows));
    Ok(())
}

/// Trusts a publisher no more: nothing of it comes in, and what is installed stays.
///
/// # Errors
///
/// When it is not one key that begins so.
pub(in crate::cli) fn untrust(args: &UntrustArgs) -> anyhow::Result<()> {
    let (_, store) = args.store.existing()?;
    let index = store.index()?;
    let is_meant = |trusted: &&Trusted| trusted.key.to_string().starts_with(&args.key);
    let meant: Vec<&Trusted> = index.trusted.iter().filter(is_meant).collect();
    let [trusted] = meant.as_slice() else {
        let count = meant.len();
        bail!(
            "{count} trusted keys begin with `{}`; `jackfield plugin trust` lists them",
            args.key.escape_debug()
        );
    };
    let key = trusted.key;
    store.change(|index| {
        index.trusted.retain(|trusted| trusted.key != key);
        Ok(())
    })?;
    let mut text = format!("{} ({}) is not trusted any more\n", trusted.name, key.short());
    for id in plugins(&index, key) {
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "  {id} stays installed; `jackfield plugin uninstall {id}` removes it");
    }
    print(&text);
    Ok(())
}

/// What is installed of a publisher.
fn plugins(index: &Index, key: PublicKey) -> Vec<String> {
    let is_of_it = |plugin: &Installed| plugin.versions.iter().any(|it| it.publisher == Some(key));
    let of_it = index.plugin.iter().filter(|(_, plugin)| is_of_it(plugin));
    of_it.map(|(id, _)| id.clone()).collect()
}
