//! `jackfield plugin check`.

use std::fmt::Write as _;

use plugin::{HostConfig, Kind, Outline, PluginHost, PluginStatus};

use super::{args::PluginArgs, project::Project};
use crate::{cli::print, plugins::LoadError};

/// Loads a plugin in the real host and says what the host knows of it.
///
/// # Errors
///
/// What the host says of it when it does not load.
pub(in crate::cli) fn check(args: &PluginArgs) -> anyhow::Result<()> {
    let project = Project::open(args.plugin.as_deref())?;
    let source = project.source()?;
    let host = PluginHost::new(HostConfig::default())?;
    host.install(vec![source.clone()]).map_err(LoadError::Plugins)?;
    let outline = host.outline(&source)?;
    for status in host.list() {
        print(&told(&status, &outline));
    }
    if let Some(warning) = project.warning() {
        print(&warning);
    }
    Ok(())
}

fn told(status: &PluginStatus, outline: &Outline) -> String {
    let kind = match status.kind {
        Kind::Wasm => "a component",
        Kind::Rhai => "a script",
    };
    let version = if status.version.is_empty() { "without a version" } else { &status.version };
    let hooks: Vec<String> = status
        .hooks
        .iter()
        .map(|(hook, priority)| format!("{hook} (priority {priority})"))
        .collect();
    let list =
        |items: &[String]| if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
    let needs: Vec<String> = outline.needs.iter().map(|need| (*need).to_owned()).collect();
    let config: Vec<String> =
        outline.config.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let tests = match outline.vectors {
        0 => "passed at every hook".to_owned(),
        vectors => format!("passed at every hook, and {vectors} vectors"),
    };
    let mut text = format!("{} {version}: good\n", status.id);
    let rows = [
        ("code", format!("{}, {kind} of {} bytes", outline.code, outline.bytes)),
        ("digest", status.generation.digest.to_string()),
        ("hooks", hooks.join(", ")),
        ("imports", list(&outline.imports)),
        ("asks for", list(&needs)),
        ("config", list(&config)),
        ("schema", outline.schema.clone().unwrap_or_default()),
        ("self-test", tests),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<10}{value}");
    }
    text
}
