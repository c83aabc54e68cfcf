//! What the tests of the plugin host share: questions, hosts, and guests written by hand.

use std::{borrow::Cow, sync::Arc, time::Duration};

use jackfield_plugin::{HostConfig, Kind, PluginHost, ReloadReport, Reloaded, Source};
use model::{
    Aor, ConnId, GenerationToken, HeaderBlock, LocalTime, Moment, Transport,
    hook::{
        Answer, Ask, Attempt, CallFacts, Destination, FailureKind, Party, Plan, Question,
        QuestionId, RequestKind, StepOutcome, Target, Verdict,
    },
};

/// A script or module that is part of the test.
pub(crate) fn source(id: &str, kind: Kind, code: impl Into<Vec<u8>>) -> Source {
    with_manifest(id, kind, code, "")
}

pub(crate) fn with_manifest(
    id: &str,
    kind: Kind,
    code: impl Into<Vec<u8>>,
    manifest: &str,
) -> Source {
    let (manifest, code) = (Cow::Owned(manifest.to_owned()), Cow::Owned(code.into()));
    Source::Embedded { id: id.to_owned(), manifest, code, kind }
}

/// The defaults with time enough for an unoptimised build and no quarantine.
pub(crate) fn patient() -> HostConfig {
    let mut config = HostConfig { cpu_limit: Duration::from_millis(20), ..HostConfig::default() };
    config.quarantine.strikes = 0;
    // One slow answer of a busy machine is shown as a difference by itself.
    config.shadow.ledger.slow = Duration::from_secs(60);
    config
}

pub(crate) fn host(config: HostConfig, sources: Vec<Source>) -> Arc<PluginHost> {
    let host = PluginHost::new(config).expect("a host");
    host.install(sources).unwrap_or_else(|error| panic!("{error}"));
    host
}

pub(crate) fn party(user: &str) -> Party {
    Party {
        uri: format!("sip:{user}@example.com"),
        user: user.to_owned(),
        host: "example.com".to_owned(),
        display: String::new(),
    }
}

pub(crate) fn facts(callee: &str) -> CallFacts {
    let came = (Transport::Udp, ([192, 0, 2, 10], 5060).into());
    CallFacts {
        call_id: "a84b4c76e66710".to_owned(),
        ingress: "lan".to_owned(),
        caller: Party { display: "Ada".to_owned(), ..party("1000") },
        callee: party(callee),
        headers: HeaderBlock::from_pairs([("Subject", "lunch"), ("X-Skill", "sales")]),
        ..CallFacts::new(ConnId(0x1234), RequestKind::Invite, came)
    }
}

pub(crate) fn route(callee: &str) -> Question {
    about(callee, Ask::Route)
}

pub(crate) fn about(callee: &str, ask: Ask) -> Question {
    Question { id: QuestionId(7), call: Arc::new(facts(callee)), ask, pin: None }
}

/// A question for `route-on-failure`: 2000 ended with `status`, 2001 is left.
pub(crate) fn failed(callee: &str, status: u16) -> Question {
    let attempts =
        vec![Attempt { target: aor("2000"), status, lasted: Duration::from_millis(1500) }];
    about(callee, Ask::RouteOnFailure { attempts, remaining: vec![aor("2001")] })
}

pub(crate) fn pinned(mut question: Question, pin: &GenerationToken) -> Question {
    question.pin = Some(pin.clone());
    question
}

pub(crate) fn aor(user: &str) -> Target {
    Target::new(Destination::Aor(Aor::new(user, "example.com")))
}

/// Wednesday 18 November 2026, 21:30 in a zone one hour east of UTC.
pub(crate) fn moment() -> Moment {
    let local = LocalTime {
        year: 2026,
        month: 11,
        day: 18,
        weekday: 3,
        hour: 21,
        minute: 30,
        second: 5,
        utc_offset_min: 60,
    };
    Moment { at_ms: 1_795_033_805_000, local }
}

pub(crate) fn answer(host: &Arc<PluginHost>, question: &Question) -> Answer {
    host.worker().answer(question, moment())
}

/// The targets of a plan, as `aor:user@host` and `uri:sip:…`.
pub(crate) fn targets(verdict: &Verdict) -> Vec<String> {
    let Verdict::Plan(Plan { targets, .. }) = verdict else {
        panic!("no plan: {verdict:?}");
    };
    targets.iter().map(|target| target.to.to_string()).collect()
}

/// Kind and detail of the failure in the first step.
pub(crate) fn failure(answer: &Answer) -> (FailureKind, &str) {
    match &answer.decision.steps[0].outcome {
        StepOutcome::Failed(failure) => (failure.kind, &failure.detail),
        other @ (StepOutcome::Passed | StepOutcome::Amended | StepOutcome::Decided) => {
            panic!("no failure: {other:?}")
        }
    }
}

/// The only report of a reload of everything.
pub(crate) fn reload(host: &PluginHost) -> ReloadReport {
    let mut reports = host.reload(None);
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0)
}

pub(crate) fn is_activated(report: &ReloadReport) -> bool {
    matches!(report.outcome, Ok(Reloaded::Activated(_)))
}
