//! Every stock plugin introduces itself.

use std::collections::BTreeSet;

use crate::{Finding, tree::File};

/// The folder of `plugins/` that is no plugin: it carries the others into the program.
const CARRIER: &str = "stock";

/// What a plugin's folder holds besides its source, with what to write there.
const REQUIRED: [(&str, &str); 2] = [
    ("plugin.toml", "name the plugin, its hooks, grants and limits there"),
    ("README.md", "say there in a few lines what it decides and how to change it"),
];

/// Checks the folders of `plugins/`.
pub fn check(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let plugins: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| path.strip_prefix("plugins/")?.split_once('/'))
        .map(|(name, _)| name)
        .filter(|name| *name != CARRIER)
        .collect();
    let mut findings = Vec::new();
    for plugin in plugins {
        for (name, remedy) in REQUIRED {
            let path = format!("plugins/{plugin}/{name}");
            if !paths.contains(path.as_str()) {
                findings.push(Finding::new(&path, 0, "is missing", remedy));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_without_its_papers_is_found() {
        let files: Vec<File> = [
            "plugins/a/plugin.toml",
            "plugins/a/README.md",
            "plugins/b/src/lib.rs",
            "plugins/stock/build.rs",
        ]
        .map(|path| File { path: path.into(), text: String::new() })
        .into();
        let found: Vec<String> = check(&files).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["plugins/b/plugin.toml", "plugins/b/README.md"]);
    }
}
