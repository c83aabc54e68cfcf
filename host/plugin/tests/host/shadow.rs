//! A candidate that is asked what its plugin is asked and decides nothing, until all that it does otherwise is known and taken.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jackfield_plugin::{
    Diff, HostConfig, Patience, PluginHost, Reloaded, Rollout, Source, Word, Worker,
};
use model::hook::{Question, Verdict};
use record::{Class, Group};

use crate::common::{failed, host, moment, patient, route};

const OLD: &str = r#"
fn route(call) { if call.callee.user.starts_with("9") { refuse(404) } else { plan("2000@example.com") } }
fn route_on_failure(call, attempts, remaining) { proceed() }
"#;

struct Bench {
    folder: tempfile::TempDir,
    host: Arc<PluginHost>,
    worker: Worker,
    asked: u64,
}

impl Bench {
    fn new(config: HostConfig) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("desk.rhai");
        fs::write(&path, OLD).unwrap();
        let host = host(config, vec![Source::Path(path)]);
        let worker = host.worker();
        Self { folder, host, worker, asked: 0 }
    }

    fn file(&self, name: &str, code: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, code).unwrap();
        path
    }

    /// Compares this, from a file of its own.
    fn shadow(&self, code: &str) -> PathBuf {
        let path = self.file("rewrite.rhai", code);
        self.host.shadow("desk", Some(Source::Path(path.clone())), None).unwrap();
        path
    }

    fn ask(&mut self, question: &Question) -> Verdict {
        self.asked += 1;
        self.worker.answer(question, moment()).verdict
    }

    fn call(&mut self, number: &str, trunk: Option<&str>) -> Verdict {
        let mut question = route(number);
        let facts = Arc::make_mut(&mut question.call);
        facts.call_id = format!("call-{}", self.asked);
        facts.trunk = trunk.map(str::to_owned);
        self.ask(&question)
    }

    /// What is known when everything was compared that was asked since.
    fn diff(&self, since: u64) -> Diff {
        let began = Instant::now();
        loop {
            let diff = self.host.diff("desk").unwrap();
            if diff.status.compared + diff.status.dropped >= self.asked - since {
                return diff;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{diff:?}");
            std::thread::yield_now();
        }
    }

    fn promote(&self) -> Result<String, String> {
        let promoted = self.host.promote_by("desk", None);
        promoted.map(|p| p.generation.to_string()).map_err(|why| why.reason)
    }
}

/// Three questions are enough, and no machine is too slow.
fn quick() -> HostConfig {
    let mut config = patient();
    config.shadow.gate.calls = 3;
    config.shadow.gate.p99_floor = Duration::from_secs(60);
    config
}

fn ada() -> Word {
    Word { by: "ada".to_owned(), why: "as agreed".to_owned() }
}

fn told(groups: &[Group]) -> Vec<(Class, &str, Option<&str>, &str, u64)> {
    let told = groups.iter().map(|group| {
        let Group { class, prefix, trunk, change, count, .. } = group;
        (*class, prefix.as_str(), trunk.as_deref(), change.as_str(), *count)
    });
    told.collect()
}

#[test]
fn what_a_candidate_does_otherwise_is_grouped_and_decides_nothing() {
    let mut bench = Bench::new(quick());
    bench.shadow(
        r#"fn route(call) {
            if call.trunk == "carrier" { return refuse(503) }
            if call.callee.user.starts_with("91") { return refuse(410) }
            if call.callee.user.starts_with("92") { throw "no"; }
            if call.callee.user.starts_with("9") { return refuse(404) }
            plan("2000@example.com").because("desk", "the desk")
        }"#,
    );
    for _ in 0..3 {
        assert_eq!(bench.call("9100", None), Verdict::Refuse(404));
        assert_eq!(bench.call("9200", None), Verdict::Refuse(404));
    }
    assert!(matches!(bench.call("2000", Some("carrier")), Verdict::Plan(_)));
    assert_eq!(bench.call("9000", None), Verdict::Refuse(404));
    assert_eq!(bench.ask(&failed("2000", 486)), Verdict::Continue);
    bench.call("2000", None);
    let diff = bench.diff(0);
    let failed = diff.groups.iter().find(|group| group.class == Class::Failed).unwrap();
    assert!(failed.change.starts_with("trap: ") && failed.change.contains("no"), "{failed:?}");
    let rest: Vec<Group> =
        diff.groups.iter().filter(|group| group.class != Class::Failed).cloned().collect();
    assert_eq!(
        told(&rest),
        [
            (Class::ReasonsOnly, "200", None, "no reason -> desk", 1),
            (Class::DifferentRefusal, "910", None, "refuse 404 -> refuse 410", 3),
            (Class::DifferentRefusal, "200", Some("carrier"), "aor:…@example.com -> refuse 503", 1),
            (Class::Other, "200", None, "proceed -> pass", 1),
        ]
    );
    let example = &rest[1].examples[0];
    assert_eq!((example.call_id.as_str(), example.before.as_str()), ("call-0", "refuse 404"));
    let of = |class| diff.status.classes.iter().find(|(c, _)| *c == class).unwrap().1;
    assert_eq!((of(Class::Same), of(Class::Failed)), (1, 3));
    let status = &bench.host.list()[0];
    assert!(status.quarantined.is_empty() && status.quarantined_keys.is_empty());
    let counted: u64 = status.stats.iter().map(|hook| hook.calls).sum();
    assert_eq!(counted, bench.asked, "what the candidate is asked is counted nowhere else");
}

#[test]
fn nobody_is_asked_about_an_emergency() {
    let mut bench = Bench::new(quick());
    bench.shadow("fn route(call) { refuse(480) }");
    let mut question = route("112");
    Arc::make_mut(&mut question.call).emergency = true;
    bench.ask(&question);
    bench.call("9", None);
    let diff = bench.diff(1);
    assert_eq!((diff.status.compared, diff.groups[0].count), (1, 1), "{diff:?}");
    assert_eq!(diff.groups[0].examples[0].callee, "sip:9@example.com");
}

#[test]
fn a_candidate_serves_when_its_differences_are_approved_and_moves_the_plugin() {
    let mut bench = Bench::new(quick());
    let code = OLD.replace("404", "410");
    let path = bench.shadow(&code);
    bench.call("9", None);
    bench.call("2000", None);
    let open = bench.diff(0).groups[0].id.clone();
    let why = bench.promote().unwrap_err();
    assert!(why.contains("2 of 3 questions were compared, or 0 of 600 s"), "{why}");
    assert!(why.contains(&format!("neither expected nor approved: {open}")), "{why}");
    bench.call("2001", None);
    bench.diff(0);
    assert!(bench.promote().unwrap_err().contains(&open));
    let approve = |groups: &[&str], word: Word| {
        let groups: Vec<String> = groups.iter().map(|id| (*id).to_owned()).collect();
        bench.host.approve("desk", &groups, word).map_err(|why| why.reason)
    };
    assert_eq!(approve(&["beef"], ada()).unwrap_err(), "there is no group `beef`");
    assert!(approve(&[&open], Word::default()).unwrap_err().contains("who and why"));
    let diff = approve(&[&open], ada()).unwrap();
    assert_eq!(diff.groups[0].approved.as_ref().unwrap().by, "ada");
    assert!(diff.status.missing.is_empty(), "{diff:?}");
    let promoted = bench.host.promote_by("desk", None).unwrap();
    assert_eq!(promoted.moved_to, Some(path.display().to_string()));
    assert_eq!(bench.call("9", None), Verdict::Refuse(410));
    assert!(bench.host.diff("desk").unwrap_err().reason.contains("no candidate"));

    // The file that the configuration names says the old version, and does not bring it back.
    let configured = Source::Path(bench.folder.path().join("desk.rhai"));
    bench.host.install(vec![configured]).unwrap();
    assert_eq!(bench.call("9", None), Verdict::Refuse(410));
    fs::write(&path, code.replace("410", "603")).unwrap();
    assert!(bench.host.reload(None)[0].is_change(), "it is read from there now");
    assert_eq!(bench.call("9", None), Verdict::Refuse(603));
}

#[test]
fn going_back_goes_back_to_the_file_as_well() {
    let mut bench = Bench::new(quick());
    bench.shadow(&OLD.replace("404", "410"));
    let anyway = bench.host.promote_by("desk", Some(ada())).unwrap();
    assert_eq!(anyway.missing.len(), 1, "{anyway:?}");
    assert_eq!(bench.call("9", None), Verdict::Refuse(410));
    bench.host.roll_back("desk", "no").unwrap();
    assert_eq!(bench.call("9", None), Verdict::Refuse(404));
    let source = bench.host.list()[0].source.clone();
    assert_eq!(source, bench.folder.path().join("desk.rhai").display().to_string());
    bench.shadow(&OLD.replace("404", "411"));
    assert!(bench.host.roll_back("desk", "no").unwrap().why == "no");
    assert!(bench.host.diff("desk").is_err(), "a candidate is taken out first");
    assert_eq!(bench.call("9", None), Verdict::Refuse(404));
}

#[test]
fn a_failure_holds_it_up_and_cannot_be_approved_away() {
    let mut bench = Bench::new(quick());
    bench.shadow(
        r#"fn route(call) { if call.callee.host == "example.com" { throw "no"; } pass() }"#,
    );
    for _ in 0..3 {
        bench.call("9", None);
    }
    let id = bench.diff(0).groups[0].id.clone();
    bench.host.approve("desk", &[id], ada()).unwrap();
    assert!(bench.promote().unwrap_err().ends_with("it failed 3 times"));
}

#[test]
fn a_manifest_asks_for_it_and_says_what_it_expects() {
    let mut bench = Bench::new(quick());
    let folder = bench.folder.path().join("folder");
    let manifest = "id = \"desk\"\n[reload]\nshadow = \"2 calls\"\n[[reload.expect]]\nchange = \"refuse 404 -> refuse 410\"\nwhy = \"gone is gone\"\n";
    bench.file("folder/plugin.toml", manifest);
    bench.file("folder/desk.rhai", OLD);
    bench.host.install(vec![Source::Path(folder)]).unwrap();
    bench.file("folder/desk.rhai", &OLD.replace("404", "410"));
    let report = bench.host.reload(None).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::Shadowed(_))), "{report:?}");
    bench.call("9", None);
    bench.call("2", None);
    let diff = bench.diff(0);
    assert_eq!(diff.groups[0].expected.as_deref(), Some("gone is gone"));
    assert_eq!(diff.status.missing, Vec::<String>::new());
    assert!(!bench.host.reload(None)[0].is_change(), "what is compared is not compared anew");
    assert_eq!(bench.diff(0).status.compared, 2);

    bench.file("folder/desk.rhai", OLD);
    let report = bench.host.reload(None).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::Withdrawn)), "{report:?}");
    assert!(bench.host.diff("desk").is_err());
    bench.file("folder/desk.rhai", &OLD.replace("404", "411"));
    let report = bench.host.reload_by(None, Rollout::AtOnce).remove(0);
    assert!(matches!(report.outcome, Ok(Reloaded::Activated(_))), "{report:?}");
}

#[test]
fn a_rule_that_says_nothing_is_refused_with_the_manifest() {
    let bench = Bench::new(quick());
    for (rule, said) in [
        ("class = \"other\"", "says why"),
        ("why = \"x\"", "names what it expects"),
        ("class = \"failed\"\nwhy = \"x\"", "cannot be expected"),
        ("hook = \"rute\"\nwhy = \"x\"", "no hook has this name"),
    ] {
        bench.file("bad/desk.rhai", OLD);
        bench.file("bad/plugin.toml", &format!("id = \"desk\"\n[[reload.expect]]\n{rule}\n"));
        let bad = Source::Path(bench.folder.path().join("bad"));
        let why = bench.host.shadow("desk", Some(bad), None).unwrap_err();
        assert!(why.reason.contains(said), "{why}");
    }
}

#[test]
fn a_comparison_begins_anew_when_something_else_serves() {
    let mut bench = Bench::new(quick());
    bench.shadow(&OLD.replace("404", "410"));
    bench.call("9", None);
    assert_eq!(bench.diff(0).groups.len(), 1);
    bench.file("desk.rhai", &OLD.replace("404", "410 + 0"));
    assert!(matches!(bench.host.reload(None)[0].outcome, Ok(Reloaded::Activated(_))));
    let since = bench.asked;
    bench.call("9", None);
    let diff = bench.diff(since);
    assert_eq!((diff.status.compared, diff.groups.len()), (1, 0), "{diff:?}");
}

#[test]
fn what_cannot_be_compared_is_refused_with_words() {
    let mut config = quick();
    config.shadow.shadows_max = 1;
    let bench = Bench::new(config);
    let refused = |id: &str, from: Option<Source>| {
        bench.host.shadow(id, from, Some(Patience::default())).unwrap_err().reason
    };
    assert!(refused("disk", None).contains("no plugin is called `disk`"));
    assert!(refused("desk", None).contains("is what serves already"));
    let broken = Source::Path(bench.file("broken.rhai", "fn route("));
    assert!(!refused("desk", Some(broken)).is_empty());
    bench.file("other/plugin.toml", "id = \"other\"\n");
    bench.file("other/other.rhai", OLD);
    let other = Source::Path(bench.folder.path().join("other"));
    assert!(refused("desk", Some(other)).contains("called `other` now"));
    assert!(bench.promote().unwrap_err().contains("nothing of `desk` is on trial"));
}

/// Refuses with what the operator says.
const SET: &str = r#"fn route(call) { refuse(config.status) }"#;

fn status(code: i64) -> BTreeMap<String, toml::Table> {
    let settings = [("status".to_owned(), toml::Value::Integer(code))];
    BTreeMap::from([("desk".to_owned(), settings.into_iter().collect())])
}

#[test]
fn settings_reach_what_is_compared_and_what_was_promoted_from_elsewhere() {
    let mut bench = Bench::new(HostConfig { overrides: status(480), ..quick() });
    let path = bench.shadow(SET);
    let configured = || vec![Source::Path(bench.folder.path().join("desk.rhai"))];
    let install = || bench.host.install(configured()).unwrap();
    let compared = || bench.host.list()[0].shadow.clone();
    let before = compared().unwrap().generation;
    install();
    assert_eq!(compared().unwrap().generation.digest, before.digest, "the same is compared on");
    bench.host.set_overrides(status(486));
    install();
    let after = compared().unwrap().generation;
    assert_ne!(after.digest, before.digest);
    bench.host.set_overrides(BTreeMap::new());
    install();
    assert_eq!(compared(), None, "without its setting it does not load");

    bench.host.set_overrides(status(486));
    install();
    bench.shadow(SET);
    bench.host.promote_by("desk", Some(ada())).unwrap();
    assert_eq!(bench.call("9", None), Verdict::Refuse(486));
    bench.host.set_overrides(status(603));
    bench.host.install(vec![Source::Path(bench.folder.path().join("desk.rhai"))]).unwrap();
    assert_eq!(bench.call("9", None), Verdict::Refuse(603), "its settings reach it there");
    let source = bench.host.list()[0].source.clone();
    assert_eq!(source, path.display().to_string());
}

#[test]
fn what_comes_beside_reads_nothing_else_again() {
    let mut bench = Bench::new(quick());
    let desk = bench.file("desk.rhai", "half written {");
    let beside = bench.file("beside.rhai", "fn route(call) { pass() }");
    let both = || vec![Source::Path(beside.clone()), Source::Path(desk.clone())];
    bench.host.install(both()).unwrap_err();
    bench.host.install_beside(both()).unwrap();
    assert_eq!(bench.host.list().len(), 2);
    assert_eq!(bench.call("9", None), Verdict::Refuse(404));
    bench.host.install_beside(vec![Source::Path(desk)]).unwrap();
    assert_eq!(bench.host.list().len(), 1);
}

#[test]
fn what_is_watched_and_has_no_room_is_counted() {
    let mut config = quick();
    config.shadow.queue_max = 1;
    let mut bench = Bench::new(config);
    bench.shadow(&format!("{OLD}// another"));
    for _ in 0..500 {
        bench.call("2000", None);
    }
    let status = bench.diff(0).status;
    assert_eq!(status.compared + status.dropped, 500, "{status:?}");
}
