//! What a plugin wants, and what it may have. The first its author writes, the second the operator.

use std::{collections::BTreeSet, path::Path};

use model::hook::Hook;

use crate::{Diagnostic, Source, manifest::Grants, source::Bundle};

/// What a plugin may use besides the facts of its question, and the interface a component imports for it.
const USES: [(&str, &str); 3] = [
    ("log", "jackfield:plugin/logging@1.0.0"),
    ("config", "config of jackfield:plugin/snapshot@1.0.0"),
    ("state", "jackfield:plugin/state@1.0.0"),
];

/// The names of everything that can be granted: the hooks a plugin answers, and what it may use besides the facts of its question.
pub fn capabilities() -> Vec<&'static str> {
    Hook::ALL.map(Hook::name).into_iter().chain(USES.map(|(name, _)| name)).collect()
}

/// What the `[need]` of a manifest names.
pub(crate) fn uses(grants: Grants) -> Vec<&'static str> {
    // Taken apart, so that what is added there is named here.
    let Grants { log, config, state } = grants;
    let wanted = [("log", log), ("config", config), ("state", state)];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
}

/// Whether a plugin may answer these hooks and use what its manifest needs.
///
/// # Errors
///
/// What it may not, by capability and interface, and who can change that.
pub(crate) fn check(
    bundle: &Bundle,
    source: &Source,
    hooks: impl Iterator<Item = Hook>,
    allowed: Option<&BTreeSet<String>>,
) -> Result<(), Diagnostic> {
    // What an operator has put into the configuration by its path may have what it needs, unless he says otherwise.
    let Some(allowed) = allowed else { return Ok(()) };
    let hooks = hooks.map(|hook| (hook.name(), format!("jackfield:plugin/{hook}@1.0.0")));
    let used = uses(bundle.manifest.grants).into_iter().map(|name| {
        let interface = USES.iter().find(|(used, _)| *used == name).map_or("", |(_, it)| *it);
        (name, interface.to_owned())
    });
    let missing: Vec<(&str, String)> =
        hooks.chain(used).filter(|(name, _)| !allowed.contains(*name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> =
        missing.iter().map(|(name, interface)| format!("{name} ({interface})")).collect();
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let id = &bundle.id;
    let help = match source {
        Source::Stored { .. } => format!("jackfield plugin grant {id} {}", names.join(" ")),
        Source::Path(_) | Source::Embedded { .. } => {
            format!("add {} to `{id}` in [plugins.grants]", names.join(", "))
        }
    };
    let reason = format!("it waits: it wants {}, which was not granted", shown.join(", "));
    Err(Diagnostic::new(&bundle.manifest_file, reason, help))
}

/// What diagnostics call a file of a bundle in the store.
pub(crate) fn place(id: &str, digest: bundle::BundleDigest, file: &str) -> String {
    Path::new(&format!("{id}@{}", digest.0.short())).join(file).display().to_string()
}
