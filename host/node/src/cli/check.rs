//! `jackfield check`.

use std::fmt::Write as _;

use super::{args::Settings, print, run::load_config};
use crate::plugins;

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let config = load_config(settings)?;
    let (host, _) = plugins::load(&config, false, None)?;
    let mut text = "configuration: good\n".to_owned();
    // Writing to a String cannot fail.
    if let Some(warning) = config.emergency.warning() {
        let _ = writeln!(text, "warning: {warning}");
    }
    for plugin in host.list() {
        let hooks: Vec<&str> = plugin.hooks.iter().map(|(hook, _)| hook.name()).collect();
        let (id, source) = (&plugin.id, &plugin.source);
        let _ = writeln!(text, "plugin {id} ({source}): good, hooks {}", hooks.join(", "));
    }
    print(&text);
    Ok(())
}
