//! What becomes of a version that came from another file when the settings, the grants or the files change around it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use jackfield_plugin::{
    Diagnostic, HostConfig, Patience, PluginHost, PluginStatus, Reloaded, Rollout, Source, Word,
};
use model::hook::Verdict;

use crate::common::{host, moment, patient, route};

const OLD: &str = "fn route(call) { refuse(404) }";
/// Refuses with what the operator says.
const SET: &str = "fn route(call) { refuse(config.status) }";

struct Bench {
    folder: tempfile::TempDir,
    host: Arc<PluginHost>,
}

impl Bench {
    /// The folder `a` holds this and the configuration names it.
    fn new(code: &str, status: i64) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let bench = Self {
            host: host(HostConfig { overrides: settings(status), ..patient() }, Vec::new()),
            folder,
        };
        bench.write("a", "", code);
        bench.install().unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, manifest: &str, code: &str) -> Source {
        fs::create_dir_all(self.path(name)).unwrap();
        let manifest =
            format!("id = \"desk\"\ncode = \"desk.rhai\"\n[need]\nconfig = true\n{manifest}");
        fs::write(self.path(name).join("plugin.toml"), manifest).unwrap();
        fs::write(self.path(name).join("desk.rhai"), code).unwrap();
        Source::Path(self.path(name))
    }

    fn install(&self) -> Result<(), Vec<Diagnostic>> {
        let installed = self.host.install(vec![Source::Path(self.path("a"))]);
        installed.map(drop).map_err(|error| error.diagnostics)
    }

    fn set(&self, status: i64) -> Result<(), Vec<Diagnostic>> {
        self.host.set_overrides(settings(status));
        self.install()
    }

    /// This, from `b`, has been compared and is on trial.
    fn try_out(&self, needs: &str, code: &str) {
        let manifest = format!("{needs}[reload]\ncanary = \"50%\"\n");
        let from = self.write("b", &manifest, code);
        self.host.shadow("desk", Some(from), None).unwrap();
        let word = Word { by: "ada".to_owned(), why: "as agreed".to_owned() };
        let promoted = self.host.promote_by("desk", Some(word)).unwrap();
        assert_eq!(promoted.per_mille, Some(500));
        assert_eq!(promoted.moved_to, Some(self.path("b").display().to_string()));
    }

    /// This, from `b`, has been compared and serves.
    fn promote(&self, code: &str) {
        let from = self.write("b", "", code);
        self.host.shadow("desk", Some(from), None).unwrap();
        let word = Word { by: "ada".to_owned(), why: "as agreed".to_owned() };
        assert_eq!(self.host.promote_by("desk", Some(word)).unwrap().per_mille, None);
    }

    fn status(&self) -> PluginStatus {
        self.host.list().remove(0)
    }

    /// What a hundred calls are refused with.
    fn refused(&self) -> BTreeSet<u16> {
        let mut worker = self.host.worker();
        let verdicts = (0..100).map(|call| {
            let mut question = route("2000");
            Arc::make_mut(&mut question.call).call_id = format!("call-{call}");
            worker.answer(&question, moment()).verdict
        });
        let codes = verdicts.map(|verdict| match verdict {
            Verdict::Refuse(code) => code,
            other => panic!("{other:?}"),
        });
        codes.collect()
    }
}

fn settings(status: i64) -> BTreeMap<String, toml::Table> {
    let settings = [("status".to_owned(), toml::Value::Integer(status))];
    BTreeMap::from([("desk".to_owned(), settings.into_iter().collect())])
}

fn grants(names: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    BTreeMap::from([("desk".to_owned(), names)])
}

#[test]
fn what_displaces_a_trial_from_elsewhere_is_promoted_where_it_is() {
    let bench = Bench::new(OLD, 480);
    bench.try_out("", SET);
    bench.write("a", "", "fn route(call) { refuse(410) }");
    let report = bench.host.reload(None).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::OnTrial(_, 500))), "{report:?}");
    assert_eq!(bench.host.promote_by("desk", None).unwrap().moved_to, None);
    assert_eq!(bench.status().source, bench.path("a").display().to_string());
    assert!(matches!(bench.host.reload(None)[0].outcome, Ok(Reloaded::Unchanged)));
    assert_eq!(bench.refused(), [410].into());
}

#[test]
fn settings_reach_what_serves_and_a_trial_from_elsewhere() {
    let bench = Bench::new(&SET.replace("status", "status + 100"), 480);
    bench.try_out("", SET);
    assert_eq!(bench.refused(), [480, 580].into());
    let before = bench.status().trial.unwrap().generation;
    bench.set(486).unwrap();
    assert_eq!(bench.refused(), [486, 586].into());
    let trial = bench.status().trial.unwrap();
    assert_eq!(trial.per_mille, 500);
    assert_ne!(trial.generation.digest, before.digest);
    bench.set(486).unwrap();
    assert_eq!(bench.status().trial.unwrap().generation, trial.generation, "the same goes on");
    let promoted = bench.host.promote_by("desk", None).unwrap();
    assert_eq!(promoted.moved_to, Some(bench.path("b").display().to_string()));
    assert_eq!(bench.refused(), [486].into());
}

#[test]
fn a_trial_from_elsewhere_loses_what_it_is_not_granted_any_more() {
    let bench = Bench::new(OLD, 480);
    bench.try_out("log = true\n", SET);
    bench.host.set_grants(grants(&["route", "config"]));
    bench.install().unwrap();
    let status = bench.status();
    assert_eq!(status.trial, None);
    let why = status.last.outcome.unwrap_err();
    assert!(why.reason.contains("not on trial any more") && why.reason.contains("log"), "{why}");
    assert_eq!(bench.refused(), [404].into());
    assert_eq!(status.rolled_back, None, "nothing is held against it");
    bench.host.set_grants(BTreeMap::new());
    bench.install().unwrap();
    bench.try_out("log = true\n", SET);
    assert_eq!(bench.refused(), [404, 480].into());
}

#[test]
fn what_was_changed_since_it_was_promoted_is_not_tried_unseen() {
    let bench = Bench::new(OLD, 480);
    bench.try_out("", SET);
    fs::write(bench.path("b").join("desk.rhai"), "fn route(call) { refuse(603) }").unwrap();
    bench.set(486).unwrap();
    assert_eq!((bench.status().trial, bench.refused()), (None, [404].into()));
    let why = bench.status().last.outcome.unwrap_err();
    assert!(why.reason.contains("changed since"), "{why}");
}

#[test]
fn going_back_after_another_source_was_installed_goes_back_to_the_source_before() {
    let bench = Bench::new(OLD, 480);
    let other = bench.write("c", "", "fn route(call) { refuse(410) }");
    bench.host.install(vec![other]).unwrap();
    assert_eq!(bench.refused(), [410].into());
    bench.host.roll_back("desk", "no").unwrap();
    assert_eq!(bench.refused(), [404].into());
    assert_eq!(bench.status().source, bench.path("a").display().to_string());
}

#[test]
fn a_promoted_file_that_is_gone_holds_up_nothing_else() {
    let bench = Bench::new(OLD, 480);
    bench.promote(SET);
    bench.install().unwrap();
    fs::remove_dir_all(bench.path("b")).unwrap();
    let beside = bench.path("beside.rhai");
    fs::write(&beside, "fn route(call) { pass() }").unwrap();
    let both = vec![Source::Path(beside), Source::Path(bench.path("a"))];
    bench.host.install(both).unwrap();
    assert_eq!(bench.host.list().len(), 2);
    assert_eq!(bench.refused(), [480].into());

    let refused = bench.set(486).unwrap_err().remove(0);
    assert!(refused.reason.contains("was promoted from there"), "{refused}");
    assert!(refused.help.contains("plugin rollback desk"), "{refused}");
    assert_eq!(bench.refused(), [480].into());
    bench.host.set_overrides(settings(480));
    bench.host.set_grants(grants(&["config"]));
    assert!(bench.install().is_err(), "it may not do what it does any more");
}

#[test]
fn the_patience_of_an_operator_outlives_a_setting_and_an_edit() {
    let bench = Bench::new(SET, 480);
    let manifest = "[reload]\nshadow = \"7 calls\"\n";
    let missing = || bench.status().shadow.unwrap().missing.join("; ");
    bench.write("a", manifest, "fn route(call) { refuse(config.status + 1) }");
    let five = Patience { calls: Some(5000), time: None };
    bench.host.shadow("desk", None, Some(five)).unwrap();
    assert!(missing().contains("of 5000 questions"), "{}", missing());
    bench.set(486).unwrap();
    assert!(missing().contains("of 5000 questions"), "{}", missing());
    bench.write("a", manifest, "fn route(call) { refuse(config.status + 2) }");
    let report = bench.host.reload(None).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::Shadowed(_))), "{report:?}");
    assert!(missing().contains("of 5000 questions"), "{}", missing());
}

#[test]
fn what_the_manifest_says_of_patience_is_as_it_says_now() {
    let bench = Bench::new(SET, 480);
    for calls in [7, 9] {
        let manifest = format!("[reload]\nshadow = \"{calls} calls\"\n");
        bench.write("a", &manifest, &format!("fn route(call) {{ refuse(400 + {calls}) }}"));
        assert!(bench.host.reload(None)[0].is_change());
        let missing = bench.status().shadow.unwrap().missing.join("; ");
        assert!(missing.contains(&format!("of {calls} questions")), "{missing}");
    }
}

#[test]
fn it_is_said_when_settings_reach_only_what_is_tried_or_compared() {
    let bench = Bench::new(SET, 480);
    bench.write("a", "", &SET.replace("status", "status + 100"));
    let report = bench.host.reload_by(None, Rollout::Canary(500)).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::OnTrial(_, 500))), "{report:?}");
    bench.set(486).unwrap();
    let last = bench.status().last;
    assert!(matches!(last.outcome, Ok(Reloaded::OnTrial(_, 500))), "{last:?}");
    assert_eq!(bench.refused(), [480, 586].into());

    let bench = Bench::new(SET, 480);
    bench.write("a", "", &SET.replace("status", "status + 100"));
    bench.host.shadow("desk", None, None).unwrap();
    bench.set(486).unwrap();
    let status = bench.status();
    let compared = status.shadow.unwrap().generation;
    assert_eq!(status.last.outcome, Ok(Reloaded::Shadowed(compared)));
    assert_eq!(status.last.still_serving, Some(status.generation));
    assert_eq!(bench.refused(), [480].into());
}
