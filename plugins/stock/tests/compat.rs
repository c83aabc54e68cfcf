//! Plugins that were written for earlier versions, built from the sources of then, in the host of today (tests/compat).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use model::hook::Hook;
use plugin::{HostConfig, Kind, PluginHost, Source};
use plugin_build::{Request, plugins_dir};

/// The plugins of each version, each with its id, its folder and how many cases its scenarios have at least.
const PLUGINS: [(&str, &str, usize); 2] =
    [("stock.dialplan", "dialplan", 12), ("stock.route", "route", 16)];

/// What the contract has got since the first version.
const GROWN: [&str; 6] = [
    "interface header-policy {",
    "interface state {",
    "interface migration {",
    "interface dn-owner {",
    "interface fan-out {",
    "interface authorise-request {",
];

/// The hooks that have come since.
const NEW_HOOKS: [Hook; 4] =
    [Hook::HeaderPolicy, Hook::DnOwner, Hook::FanOut, Hook::AuthoriseRequest];

/// The version was written before the contract had what it has now.
fn has_grown(version: &Path) {
    let contract = |sdk: &Path| fs::read_to_string(sdk.join("wit/v1/plugin.wit")).unwrap();
    let now = contract(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk"));
    let then = contract(&version.join("sdk"));
    for interface in GROWN {
        assert!(now.contains(interface), "the contract has no {interface}");
        assert!(!then.contains(interface), "{} knows {interface}", version.display());
    }
}

/// It is asked what it was written for and no more, beside a plugin that uses all that has come since.
fn stands_beside_new_ones(source: &Source) {
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let new = Source::Embedded {
        id: "new".to_owned(),
        manifest: "[need]\nstate = true\n[state]\nschema = 2\n".into(),
        code: "fn header_policy(call, out) { state.increment(\"n\"); edit().set(\"X-New\", 1) }\n\
               fn dn_owner(change) { keep() }\n\
               fn fan_out(subscription) { refuse(1016) }\n\
               fn authorise_request(request) { allow() }\n\
               fn migrate(from, to) { state.delete(\"n\") }"
            .as_bytes()
            .into(),
        kind: Kind::Rhai,
    };
    host.install(vec![source.clone(), new]).unwrap_or_else(|error| panic!("{error}"));
    let [old, new] = host.list().try_into().unwrap_or_else(|all| panic!("{all:?}"));
    assert!(old.hooks.iter().all(|(hook, _)| !NEW_HOOKS.contains(hook)), "{:?}", old.hooks);
    assert_eq!(host.kept(&old.id, "", "", 1), None);
    assert_eq!(new.hooks.len(), NEW_HOOKS.len());
    assert!(NEW_HOOKS.iter().all(|hook| host.answers(*hook, None)));
    assert!(host.kept("new", "", "", 1).is_some());
}

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
        has_grown(&version);
        for ((id, folder, cases_min), module) in PLUGINS.iter().zip(modules) {
            let folder = version.join(folder);
            let source = Source::Embedded {
                id: (*id).to_owned(),
                manifest: fs::read_to_string(folder.join("plugin.toml")).unwrap().into(),
                code: fs::read(&module.path).unwrap().into(),
                kind: Kind::Wasm,
            };
            stands_beside_new_ones(&source);
            let mut cases = 0;
            for file in fs::read_dir(folder.join("tests")).unwrap() {
                let ran = testkit::run(source.clone(), &file.unwrap().path());
                cases += ran.unwrap_or_else(|wrong| panic!("{}: {wrong}", folder.display()));
            }
            assert!(cases >= *cases_min, "{} has {cases} cases", folder.display());
        }
    }
}
