//! A hook that fails too often is left alone for a while.

use std::time::{Duration, Instant};

use jackfield_plugin::{HostConfig, Kind};
use model::hook::{FailureKind, Verdict};

use crate::common::{answer, failed, failure, host, is_activated, patient, reload, route, source};

const SOUR: &str = "fn route(call) { if call.callee.user == \"bad\" { throw \"no\"; } refuse(486) }
fn route_on_failure(call, attempts, remaining) { refuse(600) }";

fn config(rest: Duration) -> HostConfig {
    let mut config = patient();
    config.quarantine.strikes = 3;
    config.quarantine.rest = rest;
    config
}

#[test]
fn three_failures_stop_the_questions_of_one_hook() {
    let host = host(config(Duration::from_secs(3600)), vec![source("sour", Kind::Rhai, SOUR)]);
    for _ in 0..3 {
        assert_eq!(failure(&answer(&host, &route("bad"))).0, FailureKind::Trap);
    }
    let rested = answer(&host, &route("good"));
    assert_eq!(
        (failure(&rested).0, rested.verdict.clone()),
        (FailureKind::Quarantined, Verdict::BuiltIn)
    );
    assert_eq!(host.list()[0].quarantined, [model::hook::Hook::Route]);
    assert_eq!(answer(&host, &failed("good", 486)).verdict, Verdict::Refuse(600));
    let stats = &host.stats().hooks[0];
    assert_eq!((stats.calls, stats.decided), (4, 0));
    let count = |kind| stats.failures.iter().find(|(k, _)| *k == kind).unwrap().1;
    assert_eq!((count(FailureKind::Trap), count(FailureKind::Quarantined)), (3, 1));
}

#[test]
fn after_its_rest_a_hook_is_asked_again() {
    let host = host(config(Duration::from_millis(5)), vec![source("sour", Kind::Rhai, SOUR)]);
    for _ in 0..3 {
        answer(&host, &route("bad"));
    }
    let started = Instant::now();
    while answer(&host, &route("good")).verdict != Verdict::Refuse(486) {
        assert!(started.elapsed() < Duration::from_secs(20), "it was never asked again");
    }
}

#[test]
fn a_new_generation_begins_with_a_clean_record() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("sour.rhai");
    std::fs::write(&path, SOUR).unwrap();
    let sources = vec![jackfield_plugin::Source::Path(path.clone())];
    let host = host(config(Duration::from_secs(3600)), sources);
    for _ in 0..3 {
        answer(&host, &route("bad"));
    }
    std::fs::write(&path, "fn route(call) { refuse(487) }").unwrap();
    assert!(is_activated(&reload(&host)));
    assert_eq!(answer(&host, &route("good")).verdict, Verdict::Refuse(487));
}

#[test]
fn the_next_plugin_is_asked_instead() {
    let sources = vec![
        source("sour", Kind::Rhai, SOUR),
        source("spare", Kind::Rhai, "fn route(call) { refuse(404) }"),
    ];
    let host = host(config(Duration::from_secs(3600)), sources);
    for _ in 0..4 {
        let answer = answer(&host, &route("bad"));
        assert_eq!(answer.verdict, Verdict::Refuse(404));
        assert_eq!(answer.decision.steps.len(), 2);
    }
}
