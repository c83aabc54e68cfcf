//! A new version that is tried for some calls, and comes into service or goes out of it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jackfield_plugin::{HostConfig, PluginHost, Reloaded, Rollout, Source, Worker};
use model::hook::{Answer, Hook, Question, RequestKind, StepOutcome, Verdict};

use crate::{
    clients::subscription,
    common::{about, answer, failed, host, moment, patient, pinned, reload, route},
};

const OLD: &str = "fn route(call) { refuse(404) } fn route_on_failure(call, a, r) { refuse(404) }";
const NEW: &str = "fn route(call) { refuse(410) } fn route_on_failure(call, a, r) { refuse(410) }";

/// A plugin in a file, and a host that has loaded its first version.
struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    host: Arc<PluginHost>,
    worker: Worker,
}

impl Bench {
    fn new(config: HostConfig, code: &str) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("desk.rhai");
        std::fs::write(&path, code).unwrap();
        let host = host(config, vec![Source::Path(path.clone())]);
        let worker = host.worker();
        Self { _folder: folder, path, host, worker }
    }

    fn load(&self, code: &str, rollout: Rollout) -> Result<Reloaded, String> {
        std::fs::write(&self.path, code).unwrap();
        let mut reports = self.host.reload_by(None, rollout);
        reports.remove(0).outcome.map_err(|why| why.reason)
    }

    /// As `load`, for half of the calls.
    fn try_out(&self, code: &str) {
        let loaded = self.load(code, Rollout::Canary(500));
        assert!(matches!(loaded, Ok(Reloaded::OnTrial(_, 500))), "{loaded:?}");
    }

    fn ask(&mut self, question: &Question) -> Answer {
        self.worker.answer(question, moment())
    }

    fn verdict(&mut self, call: usize) -> Verdict {
        self.ask(&of_call(route("2000"), call)).verdict
    }
}

/// The same question about another call.
fn of_call(mut question: Question, call: usize) -> Question {
    Arc::make_mut(&mut question.call).call_id = format!("call-{call}");
    question
}

fn over(trunk: &str, call: usize) -> Question {
    let mut question = of_call(route(&format!("20{call}")), call);
    let facts = Arc::make_mut(&mut question.call);
    facts.trunk = Some(trunk.to_owned());
    facts.caller.user = format!("10{call}");
    question
}

/// The defaults, with time enough for an unoptimised build.
fn strict() -> HostConfig {
    HostConfig { cpu_limit: Duration::from_millis(20), ..HostConfig::default() }
}

#[test]
fn a_version_on_trial_answers_its_share_of_the_calls_and_each_to_its_end() {
    let mut bench = Bench::new(patient(), OLD);
    let loaded = bench.load(NEW, Rollout::Canary(100));
    assert!(matches!(loaded, Ok(Reloaded::OnTrial(_, 100))), "{loaded:?}");
    let chosen: Vec<usize> =
        (0..1000).filter(|call| bench.verdict(*call) == Verdict::Refuse(410)).collect();
    assert!((50..150).contains(&chosen.len()), "{} of 1000 calls", chosen.len());
    for call in [chosen[0], chosen[1]] {
        assert_eq!(bench.verdict(call), Verdict::Refuse(410), "the same call, the same version");
        let after = bench.ask(&of_call(failed("2000", 486), call));
        assert_eq!(after.verdict, Verdict::Refuse(410));
    }
    let trial = bench.host.list()[0].trial.clone().unwrap();
    let (hook, new, old) = trial.hooks[0];
    assert_eq!((hook, new.asked), (Hook::Route, chosen.len() as u64 + 2));
    assert_eq!((old.asked, old.refused), (1000 - chosen.len() as u64, 1000 - chosen.len() as u64));
}

#[test]
fn a_version_on_trial_answers_its_share_of_the_dns_and_one_that_fails_opens_and_closes_nothing() {
    let mut bench = Bench::new(patient(), "fn fan_out(s) { pass() }");
    bench.try_out("fn fan_out(s) { if s.dn.len == 4 { return pass(); } throw \"no\" }");
    let asked = |dn: usize| {
        let dn = format!("30{dn}");
        let mut question = about(&dn, subscription(&dn));
        let facts = Arc::make_mut(&mut question.call);
        (facts.request, facts.call_id) = (RequestKind::TLibrary, String::new());
        question
    };
    let dns = (0..10).chain(100..190);
    let answers: Vec<Answer> = dns.map(|dn| bench.ask(&asked(dn))).collect();
    assert!(
        answers.iter().all(|answer| answer.verdict == Verdict::BuiltIn),
        "the serving one passes"
    );
    let tried = answers.iter().filter(|answer| answer.decision.steps.len() == 2).count();
    assert!((11..90).contains(&tried), "{tried} of 100");
}

#[test]
fn what_a_version_on_trial_fails_at_the_serving_one_decides() {
    let mut bench = Bench::new(patient(), OLD);
    bench.try_out(
        "fn route(call) { if call.callee.host == \"example.com\" { throw \"no\"; } pass() }",
    );
    let answers: Vec<Answer> =
        (0..100).map(|call| bench.ask(&of_call(route("2000"), call))).collect();
    assert!(answers.iter().all(|answer| answer.verdict == Verdict::Refuse(404)));
    let failed_first = answers.iter().filter(|answer| answer.decision.steps.len() == 2);
    let mut count = 0;
    for answer in failed_first {
        assert!(matches!(answer.decision.steps[0].outcome, StepOutcome::Failed(_)));
        assert_eq!(answer.decision.steps[1].outcome, StepOutcome::Decided);
        assert_eq!(answer.decision.decided_by, Some(answer.decision.steps[1].generation.clone()));
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_version_that_refuses_everybody_goes_and_does_not_come_back_by_itself() {
    let plan = "fn route(call) { plan([aor(\"2001@example.com\")]) }";
    let bad = "fn route(call) { refuse(480) }";
    let mut bench = Bench::new(patient(), plan);
    bench.try_out(bad);
    let refused = (0..400).filter(|call| bench.verdict(*call) == Verdict::Refuse(480)).count();
    assert!((20..60).contains(&refused), "{refused} calls met it");
    let back = bench.host.settle().remove(0);
    assert_eq!(back.touched, [(Hook::Route, refused as u64)]);
    assert!(
        back.why.starts_with(&format!("route refused {refused} of {refused} calls")),
        "{}",
        back.why
    );
    assert!(bench.host.list()[0].trial.is_none());
    let again = reload(&bench.host).outcome.map_err(|why| why.reason);
    assert_eq!(again, Err(format!("this version was rolled back: {}", back.why)));
    let forced = bench.load(bad, Rollout::AtOnce);
    assert!(matches!(forced, Ok(Reloaded::Activated(_))), "{forced:?}");
    assert_eq!(bench.verdict(1), Verdict::Refuse(480));
}

#[test]
fn a_version_that_fails_on_one_trunk_loses_that_trunk_and_stays_on_trial() {
    let mut bench = Bench::new(strict(), OLD);
    bench.try_out("fn route(call) { if call.trunk == \"sour\" { throw \"no\"; } refuse(410) }");
    for call in 0..1500 {
        // Chance decides which calls meet it: some are to be answered before each that is not, so that the trunk is to blame.
        let trunk = if call >= 40 && call % 30 == 0 { "sour" } else { "sweet" };
        let answer = bench.ask(&over(trunk, call));
        let expected: &[u16] = if trunk == "sour" { &[404] } else { &[404, 410] };
        assert!(
            expected.iter().any(|status| answer.verdict == Verdict::Refuse(*status)),
            "{answer:?}"
        );
    }
    assert!(bench.host.settle().is_empty());
    let status = bench.host.list().remove(0);
    let (_, new, _) = status.trial.unwrap().hooks[0];
    assert_eq!(new.failed, 2, "the third call over it did not meet the new version");
    assert!(new.asked > 100, "{new:?}");
}

#[test]
fn a_version_on_trial_that_fails_at_everything_goes() {
    let mut bench = Bench::new(strict(), OLD);
    bench.try_out(
        "fn route(call) { if call.callee.host == \"example.com\" { throw \"no\"; } pass() }",
    );
    assert!((0..40).all(|call| bench.verdict(call) == Verdict::Refuse(404)));
    let back = bench.host.settle().remove(0);
    assert_eq!(
        (back.why.as_str(), &*back.touched),
        ("route failed too often", &[(Hook::Route, 3)][..])
    );
}

#[test]
fn a_promoted_version_serves_all_and_can_be_rolled_back() {
    let mut bench = Bench::new(patient(), OLD);
    assert!(bench.host.promote("desk").unwrap_err().reason.contains("on trial"));
    assert!(bench.host.roll_back("desk", "").unwrap_err().reason.contains("go back to"));
    assert!(bench.host.roll_back("other", "").unwrap_err().reason.contains("`other`"));
    bench.try_out(NEW);
    let promoted = bench.host.promote("desk").unwrap();
    let answer = bench.ask(&of_call(route("2000"), 1));
    assert_eq!(
        (answer.verdict, answer.decision.decided_by),
        (Verdict::Refuse(410), Some(promoted.clone()))
    );
    let pin = answer.pin.unwrap();
    let back = bench.host.roll_back("desk", "an operator said so").unwrap();
    assert_eq!(back.generation, promoted);
    assert_eq!(bench.verdict(1), Verdict::Refuse(404));
    let standing = bench.ask(&pinned(failed("2000", 486), &pin));
    assert_eq!(standing.verdict, Verdict::Refuse(404), "a call of the version that is gone");
    assert!(bench.host.roll_back("desk", "").is_err(), "one version back and no further");
}

#[test]
fn a_fresh_version_whose_hook_fails_too_often_gives_way_to_the_one_before() {
    let mut bench = Bench::new(strict(), OLD);
    let bad = "fn route(call) { if call.callee.host == \"example.com\" { throw \"no\"; } pass() }";
    assert!(bench.load(bad, Rollout::AsItSays).is_ok());
    for call in 0..3 {
        assert_eq!(bench.verdict(call), Verdict::BuiltIn);
    }
    let back = bench.host.settle().remove(0);
    assert_eq!(back.why, "route failed too often");
    assert_eq!(bench.verdict(4), Verdict::Refuse(404));
    assert!(bench.host.settle().is_empty());
}

#[test]
fn plugins_that_are_installed_anew_keep_what_is_on_trial() {
    let mut bench = Bench::new(patient(), OLD);
    bench.try_out(NEW);
    let candidate = bench.host.list()[0].trial.clone().unwrap().generation;
    bench.host.install(vec![Source::Path(bench.path.clone())]).unwrap();
    let status = bench.host.list().remove(0);
    assert_eq!(status.trial.map(|trial| trial.generation), Some(candidate));
    let both = [404, 410].map(Verdict::Refuse);
    let verdicts: Vec<Verdict> = (0..50).map(|call| bench.verdict(call)).collect();
    assert!(both.iter().all(|verdict| verdicts.contains(verdict)));
}

#[test]
fn a_manifest_has_new_versions_tried_first() {
    let folder = tempfile::TempDir::new().unwrap();
    let code = folder.path().join("desk.rhai");
    let manifest =
        "id = \"desk\"\nkind = \"rhai\"\ncode = \"desk.rhai\"\n[reload]\ncanary = \"2.5%\"\n";
    std::fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    std::fs::write(&code, OLD).unwrap();
    let host = host(patient(), vec![Source::Path(folder.path().to_owned())]);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(404), "the first at once");
    std::fs::write(&code, NEW).unwrap();
    assert!(matches!(reload(&host).outcome, Ok(Reloaded::OnTrial(_, 25))));
    assert!(matches!(reload(&host).outcome, Ok(Reloaded::Unchanged)));
}

#[test]
fn a_call_of_a_version_that_is_gone_is_answered_by_whatever_serves_since() {
    let mut bench = Bench::new(patient(), OLD);
    bench.load(NEW, Rollout::AtOnce).unwrap();
    let pin = bench.ask(&route("2000")).pin.unwrap();
    bench.host.roll_back("desk", "").unwrap();
    let mut standing = || bench.worker.answer(&pinned(failed("2000", 486), &pin), moment()).verdict;
    assert_eq!(standing(), Verdict::Refuse(404));
    for status in [420, 430] {
        let code = NEW.replace("410", &status.to_string());
        std::fs::write(&bench.path, code).unwrap();
        assert!(reload(&bench.host).is_change());
        assert_eq!(standing(), Verdict::Refuse(status));
    }
}

#[test]
fn a_call_that_was_routed_on_trial_stays_with_its_version_when_that_is_promoted_or_tried_for_more()
{
    let mut bench = Bench::new(patient(), OLD);
    bench.try_out(NEW);
    let call = (0..100).find(|call| bench.verdict(*call) == Verdict::Refuse(410)).unwrap();
    let pin = bench.ask(&of_call(route("2000"), call)).pin.unwrap();
    let after = pinned(of_call(failed("2000", 486), call), &pin);
    assert!(matches!(bench.load(NEW, Rollout::Canary(900)), Ok(Reloaded::OnTrial(_, 900))));
    assert_eq!(bench.ask(&after).verdict, Verdict::Refuse(410));
    assert_eq!(bench.verdict(call), Verdict::Refuse(410), "a greater share has the smaller in it");
    bench.host.promote("desk").unwrap();
    assert_eq!(bench.ask(&after).verdict, Verdict::Refuse(410));
    bench.host.roll_back("desk", "").unwrap();
    assert_eq!(bench.ask(&after).verdict, Verdict::Refuse(404));
}

#[test]
fn a_version_that_comes_back_on_trial_and_goes_is_nothing_to_go_back_to() {
    let mut bench = Bench::new(patient(), OLD);
    let pin = bench.ask(&route("2000")).pin.unwrap();
    bench.load(NEW, Rollout::AtOnce).unwrap();
    bench.try_out(OLD);
    bench.host.roll_back("desk", "").unwrap();
    assert!(bench.host.roll_back("desk", "").is_err());
    assert_eq!(bench.verdict(1), Verdict::Refuse(410));
    assert_eq!(bench.ask(&pinned(failed("2000", 486), &pin)).verdict, Verdict::Refuse(410));
}

#[test]
fn a_fresh_version_that_fails_takes_no_innocent_with_it() {
    let mut bench = Bench::new(strict(), OLD);
    let bad = "fn route(call) { if call.callee.host == \"example.com\" { throw \"no\"; } pass() }";
    bench.load(bad, Rollout::AtOnce).unwrap();
    assert!(matches!(bench.load(NEW, Rollout::Canary(1)), Ok(Reloaded::OnTrial(..))));
    let bad = bench.host.list()[0].generation.clone();
    for call in 0..4 {
        bench.verdict(call);
    }
    let settled = bench.host.settle();
    assert_eq!(settled.iter().map(|back| &back.generation).collect::<Vec<_>>(), [&bad]);
    assert!(bench.host.list()[0].trial.is_some());
}

#[test]
fn a_version_that_failed_once_and_comes_back_is_not_judged_for_it_again() {
    let mut bench = Bench::new(strict(), OLD);
    let sour = "fn route(call) { if call.callee.user == \"13\" { throw \"no\"; } refuse(404) }";
    bench.load(sour, Rollout::AtOnce).unwrap();
    let pin = bench.ask(&route("2000")).pin;
    for call in 0..3 {
        bench.ask(&of_call(route("13"), call));
    }
    bench.load(NEW, Rollout::AtOnce).unwrap();
    bench.load(sour, Rollout::AtOnce).unwrap();
    assert!(bench.host.settle().is_empty());
    drop(pin);
}

#[test]
fn a_file_that_is_put_back_ends_the_trial() {
    let mut bench = Bench::new(patient(), OLD);
    bench.try_out(NEW);
    assert_eq!(bench.load(OLD, Rollout::AsItSays), Ok(Reloaded::Withdrawn));
    assert!(bench.host.list()[0].trial.is_none());
    assert!((0..50).all(|call| bench.verdict(call) == Verdict::Refuse(404)));
    // Nothing is held against it, and what is saved while something is tried is tried for as many calls.
    bench.try_out(NEW);
    let saved = bench.load(&NEW.replace("410", "411"), Rollout::AsItSays);
    assert!(matches!(saved, Ok(Reloaded::OnTrial(_, 500))), "{saved:?}");
}
