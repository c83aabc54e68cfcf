//! Plugins that were written for earlier versions, built from the sources of then, in the host of today (tests/compat).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use plugin::{Kind, Source};
use plugin_build::{Request, plugins_dir};

/// The plugins of each version, each with its id, its folder and how many cases its scenarios have at least.
const PLUGINS: [(&str, &str, usize); 2] =
    [("stock.dialplan", "dialplan", 12), ("stock.route", "route", 16)];

#[test]
fn plugins_of_earlier_versions_decide_as_they_did() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat");
    let folders = fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty(), "{}", all.display());
    for version in versions {
        let target = plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let request = Request::new(version.join("Cargo.toml"), target).locked();
        let names = PLUGINS.iter().map(|(_, folder, _)| format!("compat-{folder}"));
        let modules = names.fold(request, Request::package).build();
        let modules = modules.unwrap_or_else(|error| panic!("{}: {error}", version.display()));
        for ((id, folder, cases_min), module) in PLUGINS.iter().zip(modules) {
            let folder = version.join(folder);
            let source = Source::Embedded {
                id: (*id).to_owned(),
                manifest: fs::read_to_string(folder.join("plugin.toml")).unwrap().into(),
                code: fs::read(&module.path).unwrap().into(),
                kind: Kind::Wasm,
            };
            let mut cases = 0;
            for file in fs::read_dir(folder.join("tests")).unwrap() {
                let ran = testkit::run(source.clone(), &file.unwrap().path());
                cases += ran.unwrap_or_else(|wrong| panic!("{}: {wrong}", folder.display()));
            }
            assert!(cases >= *cases_min, "{} has {cases} cases", folder.display());
        }
    }
}
