//! `jackfield plugin grant` and `revoke`.

use super::{args::GrantArgs, show};
use crate::cli::print;

/// Grants an installed plugin what it wants.
///
/// # Errors
///
/// When it is not installed.
pub(in crate::cli) fn grant(args: &GrantArgs) -> anyhow::Result<()> {
    change(args, |granted, name| {
        granted.insert(name);
    })
}

/// Takes back what an installed plugin was granted. A version that wants it waits from then on.
///
/// # Errors
///
/// When it is not installed.
pub(in crate::cli) fn revoke(args: &GrantArgs) -> anyhow::Result<()> {
    change(args, |granted, name| {
        granted.remove(&name);
    })
}

fn change(
    args: &GrantArgs,
    change: impl Fn(&mut std::collections::BTreeSet<String>, String),
) -> anyhow::Result<()> {
    let (_, store) = args.store.existing()?;
    store.change(|index| {
        let plugin = index.found(&args.id)?;
        let publisher = plugin.publisher();
        for name in &args.capabilities {
            change(plugin.grants_of(publisher), name.clone());
        }
        Ok(())
    })?;
    let mut index = store.index()?;
    if let Some(digest) = index.found(&args.id)?.wanted {
        print(&format!("{}\n", args.id));
        print(&show::told(&index, &args.id, digest));
    }
    Ok(())
}
