//! What an operator says by hand, and what is shown of each version.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jackfield_plugin::{HostConfig, Key, Kind, PluginHost, Rollout, Source, Standing, Worker};
use model::hook::{FailureKind, Hook, Question, StepOutcome, Verdict};
use tracing::{Event, Metadata, Subscriber, field::Visit, span};

use crate::{
    common::{answer, failed, host, moment, patient, route, source},
    guest,
};

const MINUTE: Duration = Duration::from_secs(60);

fn desk() -> Arc<PluginHost> {
    let desk = "fn route(call) { refuse(486) } fn route_on_failure(call, a, r) { refuse(487) }";
    let spare = "fn route(call) { refuse(404) } fn route_on_failure(call, a, r) { refuse(404) }";
    let sources = vec![source("desk", Kind::Rhai, desk), source("spare", Kind::Rhai, spare)];
    host(patient(), sources)
}

fn over(trunk: &str) -> Question {
    let mut question = route("2000");
    Arc::make_mut(&mut question.call).trunk = Some(trunk.to_owned());
    question
}

fn verdict(host: &Arc<PluginHost>, question: &Question) -> Verdict {
    answer(host, question).verdict
}

#[test]
fn a_plugin_is_left_alone_about_one_trunk_until_it_is_released() {
    let host = desk();
    let sour: Key = "trunk=sour".parse().unwrap();
    assert_eq!(
        host.quarantine("desk", Some(Hook::Route), Some(&sour), MINUTE),
        Ok(vec![Hook::Route])
    );
    assert_eq!(verdict(&host, &over("sour")), Verdict::Refuse(404));
    assert_eq!(verdict(&host, &over("sweet")), Verdict::Refuse(486), "of other trunks it decides");
    let (hook, key, left) = host.list()[0].quarantined_keys[0].clone();
    assert_eq!((hook, key), (Hook::Route, sour.clone()));
    assert!(left <= MINUTE);
    assert_eq!(host.release("desk", None, Some(&Key::Trunk("sweet".into()))), Ok(0));
    assert_eq!(host.release("desk", None, Some(&sour)), Ok(1));
    assert_eq!(verdict(&host, &over("sour")), Verdict::Refuse(486));
}

#[test]
fn a_hook_or_all_hooks_of_a_plugin_are_left_alone() {
    let host = desk();
    let on_failure = || verdict(&host, &failed("2000", 500));
    assert_eq!(host.quarantine("desk", Some(Hook::RouteOnFailure), None, MINUTE).unwrap().len(), 1);
    assert_eq!(
        (verdict(&host, &route("2000")), on_failure()),
        (Verdict::Refuse(486), Verdict::Refuse(404))
    );
    assert_eq!(host.quarantine("desk", None, None, MINUTE).unwrap().len(), 2);
    assert_eq!(host.list()[0].quarantined, [Hook::Route, Hook::RouteOnFailure]);
    assert_eq!(
        (verdict(&host, &route("2000")), on_failure()),
        (Verdict::Refuse(404), Verdict::Refuse(404))
    );
    assert_eq!(host.release("desk", None, None), Ok(2));
    assert_eq!(
        (verdict(&host, &route("2000")), on_failure()),
        (Verdict::Refuse(486), Verdict::Refuse(487))
    );
    assert_eq!(host.settle(), [], "it was not the plugin's fault");
}

#[test]
fn what_is_not_there_cannot_be_left_alone() {
    let host = desk();
    let why = |it: Result<Vec<Hook>, jackfield_plugin::Diagnostic>| it.unwrap_err().reason;
    assert!(why(host.quarantine("nobody", None, None, MINUTE)).contains("no plugin is called"));
    let said = why(host.quarantine("desk", Some(Hook::Admission), None, MINUTE));
    assert_eq!(said, "`desk` does not answer admission");
    for wrong in ["trunk", "trunk=", "user=2000", "=x", &format!("dn={}", "1".repeat(257))] {
        assert!(wrong.parse::<Key>().is_err(), "{wrong}");
    }
}

#[test]
fn keys_in_quarantine_are_limited() {
    let mut config = patient();
    config.quarantine.keys_max = 2;
    let host = host(config, vec![source("desk", Kind::Rhai, "fn route(call) { refuse(486) }")]);
    let keep = |name: &str| host.quarantine("desk", None, Some(&Key::Trunk(name.into())), MINUTE);
    assert!(keep("a").is_ok() && keep("b").is_ok() && keep("a").is_ok());
    assert!(keep("c").unwrap_err().help.contains("quarantine_keys_max"));
}

#[test]
fn each_version_tells_what_it_did_and_what_it_holds() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("desk.wasm");
    std::fs::write(&path, guest::refusing(486)).unwrap();
    let host =
        host(HostConfig { cpu_limit: MINUTE, ..patient() }, vec![Source::Path(path.clone())]);
    let mut worker: Worker = host.worker();
    let pinned = worker.answer(&route("2000"), moment()).pin;
    std::fs::write(&path, guest::refusing(600)).unwrap();
    host.reload(None);
    let mut trapping = guest::refusing(603);
    trapping.extend_from_slice(b"\x00\x05\x04note");
    std::fs::write(&path, trapping).unwrap();
    host.reload_by(None, Rollout::Canary(1000));
    (0..3).for_each(|_| drop(worker.answer(&route("2000"), moment())));
    let all = host.generations();
    let standings: Vec<_> = all.iter().map(|it| (it.generation.serial, it.standing)).collect();
    let expected = [(2, Standing::Serving), (3, Standing::OnTrial(1000)), (1, Standing::Draining)];
    assert_eq!(standings, expected, "the first is pinned and is what a rollback brings back");
    let asked: Vec<_> = all.iter().map(|it| (it.hooks[0].asked, it.hooks[0].refused)).collect();
    assert_eq!(asked, [(0, 0), (3, 3), (1, 1)]);
    assert_eq!(all.iter().map(|it| it.instances).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(all.iter().map(|it| it.memory).collect::<Vec<_>>(), [0, 65_536, 65_536]);
    assert!(all[1].hooks[0].times.quantile(99).unwrap() > Duration::ZERO);
    drop(pinned);
    host.sweep();
    worker.sweep();
    let left: Vec<_> =
        host.generations().iter().map(|it| (it.standing, it.instances, it.memory)).collect();
    let expected =
        [(Standing::Serving, 0, 0), (Standing::OnTrial(1000), 1, 65_536), (Standing::Kept, 0, 0)];
    assert_eq!(left, expected);
}

/// Keeps the spans that it is told of, down to a level.
struct Spans {
    level: tracing::Level,
    seen: Arc<Mutex<Vec<String>>>,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut text = Text(format!("{} ", attributes.metadata().name()));
        attributes.record(&mut text);
        self.seen.lock().unwrap().push(text.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut text = Text(String::new());
        values.record(&mut text);
        self.seen.lock().unwrap().push(text.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn spans(level: tracing::Level) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let spans = Spans { level, seen: Arc::clone(&seen) };
    tracing::subscriber::with_default(spans, || {
        let answer = answer(&desk(), &route("2000"));
        assert_eq!(answer.decision.steps[0].outcome, StepOutcome::Decided);
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn each_question_is_a_span_with_its_call_id_where_the_log_wants_it() {
    let seen = spans(tracing::Level::DEBUG);
    assert!(seen[0].starts_with("hook plugin=desk#1@"), "{seen:?}");
    assert!(seen[0].contains("hook=route ") && seen[0].contains("call_id=\"a84b4c76e66710\""));
    assert_eq!(seen[1], "outcome=\"decided\" ");
    assert!(seen[2].starts_with("took_us="), "{seen:?}");
    assert_eq!(seen.len(), 3);
    assert_eq!(spans(tracing::Level::INFO), Vec::<String>::new());
}

#[test]
fn a_question_that_is_not_put_takes_no_time() {
    let host = desk();
    host.quarantine("desk", None, None, MINUTE).unwrap();
    verdict(&host, &route("2000"));
    let tally = host.generations()[0].hooks[0].clone();
    assert_eq!((tally.asked, tally.times.total(), tally.took), (0, 0, Duration::ZERO));
    assert!(tally.rests.is_some());
    let quarantined = tally.failures.iter().find(|(kind, _)| *kind == FailureKind::Quarantined);
    assert_eq!(quarantined, Some(&(FailureKind::Quarantined, 1)));
}
