//! Plugins of the store: held to their digest, and to what they were granted.

use std::{collections::BTreeSet, fs, path::PathBuf};

use bundle::{Bundle, BundleLimits, Files, pack};
use jackfield_plugin::{
    BundleDigest, HostConfig, Kind, PluginHost, Reloaded, Rollout, Source, capabilities,
};
use model::hook::Verdict;

use crate::{
    common::{answer, host, patient, route, source, with_manifest},
    guest,
};

const MANIFEST: &str = "id = \"acme.lnp\"\nversion = \"1\"\n[need]\nlog = true\n";

/// A folder of bundles.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, manifest: &str, name: &str, code: impl Into<Vec<u8>>) -> (PathBuf, BundleDigest) {
        let mut files = Files::new();
        files.insert("plugin.toml".to_owned(), manifest.as_bytes().to_vec());
        files.insert(name.to_owned(), code.into());
        let bytes = pack(&files).unwrap();
        let digest = Bundle::open(&bytes, &BundleLimits::default()).unwrap().digest;
        let file = self.0.path().join(format!("{digest}.bundle"));
        fs::write(&file, bytes).unwrap();
        (file, digest)
    }

    fn script(&self, manifest: &str, status: u16, grants: &[&str]) -> Source {
        let code = format!("fn route(call) {{ refuse({status}) }}");
        let (file, digest) = self.put(manifest, "main.rhai", code);
        Source::Stored { id: "acme.lnp".to_owned(), file, digest, grants: set(grants) }
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn file(source: &Source) -> PathBuf {
    let Source::Stored { file, .. } = source else { panic!("{source}") };
    file.clone()
}

fn refused(source: Source) -> String {
    let host = PluginHost::new(patient()).unwrap();
    host.install(vec![source]).expect_err("refused").to_string()
}

#[test]
fn a_bundle_serves_with_what_it_was_granted() {
    let shelf = Shelf::new();
    let source = shelf.script(MANIFEST, 486, &["route", "log"]);
    let host = host(patient(), vec![source.clone()]);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    let status = host.list().remove(0);
    let Source::Stored { digest, .. } = source else { panic!("{source}") };
    assert_eq!(status.stored, Some(digest));
    assert_eq!(status.source, format!("store:acme.lnp@{}", digest.0.short()));
}

#[test]
fn what_was_not_granted_is_named_with_who_can_grant_it() {
    let shelf = Shelf::new();
    let text = refused(shelf.script(MANIFEST, 486, &["log"]));
    assert!(text.contains("it waits: it wants route (jackfield:plugin/route@1.0.0)"), "{text}");
    assert!(text.contains("jackfield plugin grant acme.lnp route"), "{text}");
    let text = refused(shelf.script(MANIFEST, 486, &["route"]));
    assert!(text.contains("log (jackfield:plugin/logging@1.0.0)"), "{text}");
    let every = "id = \"acme.lnp\"\n[hooks.route]\n";
    let text = refused(shelf.script(every, 486, &[]));
    assert!(text.contains("jackfield plugin grant acme.lnp route log config"), "{text}");
}

#[test]
fn a_component_is_not_linked_to_what_it_was_not_granted() {
    let shelf = Shelf::new();
    let (file, digest) = shelf.put(MANIFEST, "main.wasm", guest::refusing(486));
    let stored = |grants: &[&str]| {
        let (id, file) = ("acme.lnp".to_owned(), file.clone());
        Source::Stored { id, file, digest, grants: set(grants) }
    };
    assert!(refused(stored(&["log"])).contains("jackfield:plugin/route@1.0.0"));
    let all = host(patient(), vec![stored(&capabilities())]);
    assert_eq!(answer(&all, &route("2000")).verdict, Verdict::Refuse(486));
}

#[test]
fn a_version_that_wants_more_waits_and_the_old_one_serves_on() {
    let shelf = Shelf::new();
    let host = host(patient(), vec![shelf.script(MANIFEST, 486, &["route", "log"])]);
    let more = format!("{MANIFEST}config = true\n");
    let report =
        host.renew("acme.lnp", shelf.script(&more, 487, &["route", "log"]), Rollout::AsItSays);
    let waits = report.outcome.expect_err("waits");
    assert!(waits.reason.starts_with("it waits: it wants config"), "{waits}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    let granted = shelf.script(&more, 487, &["route", "log", "config"]);
    let report = host.renew("acme.lnp", granted, Rollout::AsItSays);
    assert!(matches!(report.outcome, Ok(Reloaded::Activated(_))), "{report:?}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(487));
}

#[test]
fn a_byte_changed_in_the_store_is_refused_and_what_serves_serves_on() {
    let shelf = Shelf::new();
    let source = shelf.script(MANIFEST, 486, &["route", "log"]);
    let host = host(patient(), vec![source.clone()]);
    let mut bytes = fs::read(file(&source)).unwrap();
    let at = bytes.windows(3).position(|it| it == b"486").unwrap();
    bytes[at + 2] = b'7';
    fs::write(file(&source), &bytes).unwrap();
    let report = host.reload(Some("acme.lnp")).remove(0);
    let refused = report.outcome.expect_err("refused");
    assert!(refused.reason.contains("is not what was installed: its digest is"), "{refused}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    assert!(host.would_load(&source).is_err());
}

#[test]
fn a_bundle_of_another_plugin_is_refused() {
    let shelf = Shelf::new();
    let other = shelf.script("id = \"acme.other\"\n", 486, &["route", "log", "config"]);
    assert!(refused(other).contains("the bundle is of `acme.other`"));
}

#[test]
fn a_bundle_with_a_canary_is_tried_first_and_what_was_rolled_back_can_be_told() {
    let shelf = Shelf::new();
    let grants = ["route", "log"];
    let first = shelf.script(MANIFEST, 486, &grants);
    let host = host(patient(), vec![first.clone()]);
    let canary = format!("{MANIFEST}[reload]\ncanary = \"5%\"\n");
    let second = shelf.script(&canary, 487, &grants);
    let report = host.renew("acme.lnp", second.clone(), Rollout::AsItSays);
    assert!(matches!(report.outcome, Ok(Reloaded::OnTrial(_, 50))), "{report:?}");
    let back = host.roll_back("acme.lnp", "too bad").unwrap();
    let digest = |source: &Source| match source {
        Source::Stored { digest, .. } => Some(*digest),
        Source::Path(_) | Source::Embedded { .. } => None,
    };
    assert_eq!((back.stored, back.stored_instead), (digest(&second), digest(&first)));
    let report = host.renew("acme.lnp", second.clone(), Rollout::AsItSays);
    assert!(report.outcome.expect_err("refused").reason.contains("was rolled back: too bad"));
    host.pardon("acme.lnp");
    let report = host.renew("acme.lnp", second, Rollout::AsItSays);
    assert!(matches!(report.outcome, Ok(Reloaded::OnTrial(..))), "{report:?}");
    let report = host.renew("acme.lnp", first, Rollout::AsItSays);
    assert_eq!(report.outcome, Ok(Reloaded::Withdrawn));
}

#[test]
fn an_operator_can_hold_a_plugin_of_a_path_to_what_he_grants() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.rhai");
    fs::write(&path, "fn route(call) { refuse(486) }").unwrap();
    let config = |names: &[&str]| HostConfig {
        grants: [("desk".to_owned(), set(names))].into(),
        ..patient()
    };
    let install = |config| {
        let host = PluginHost::new(config).unwrap();
        host.install(vec![Source::Path(path.clone())])
    };
    install(patient()).unwrap();
    install(config(&["route", "log", "config"])).unwrap();
    let text = install(config(&["route"])).expect_err("refused").to_string();
    assert!(text.contains("add log, config to `desk` in [plugins.grants]"), "{text}");
    let fixed = source("desk", Kind::Rhai, "fn route(call) { refuse(486) }");
    PluginHost::new(config(&[])).unwrap().install(vec![fixed]).unwrap();
    let nothing = with_manifest("desk", Kind::Rhai, "fn route(call) { pass() }", "[need]\n");
    PluginHost::new(config(&[])).unwrap().install(vec![nothing]).unwrap();
}
