//! The stock plugins in the host that embeds them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jackfield_stock::plugins;
use model::{
    Aor, ConnId, HeaderBlock, LocalTime, Moment,
    hook::{
        Answer, Ask, Attempt, CallFacts, Destination, MediaMode, Party, Plan, Question, QuestionId,
        StepOutcome, Target, Verdict,
    },
};
use plugin::{HostConfig, Kind, PluginHost, ReloadError, Source};

const ROUTES: &str = r#"
domains = ["example.com"]
ring_secs = 15
[routes]
"49" = ["sip:192.0.2.1", "sip:192.0.2.2:5070"]
"4930" = "sip:192.0.2.3"
"#;

fn install(config: &str) -> Result<Arc<PluginHost>, ReloadError> {
    let host = PluginHost::new(HostConfig::default()).expect("a host");
    host.set_overrides(BTreeMap::from([("stock.route".to_owned(), config.parse().unwrap())]));
    let sources = plugins().iter().map(|stock| Source::Embedded {
        id: stock.id.to_owned(),
        manifest: stock.manifest.into(),
        code: stock.module.into(),
        kind: Kind::Wasm,
    });
    host.install(sources.collect())?;
    Ok(host)
}

fn party(user: &str, host: &str) -> Party {
    Party {
        uri: format!("sip:{user}@{host}"),
        user: user.into(),
        host: host.into(),
        display: String::new(),
    }
}

fn question(callee: Party, ask: Ask) -> Question {
    let facts = CallFacts {
        conn_id: ConnId(1),
        call_id: "1@192.0.2.10".into(),
        tenant: "default".into(),
        ingress: "lan".into(),
        source: ([192, 0, 2, 10], 5060).into(),
        caller: party("1000", "example.com"),
        callee,
        headers: HeaderBlock::from_pairs([("Subject", "test")]),
    };
    Question { id: QuestionId(7), call: Arc::new(facts), ask, pin: None }
}

fn ask(host: &Arc<PluginHost>, callee: Party, ask: Ask) -> Answer {
    let moment = Moment { at_ms: 1_767_268_800_000, local: LocalTime::default() };
    host.worker().answer(&question(callee, ask), moment)
}

fn route(config: &str, callee: Party) -> Answer {
    ask(&install(config).expect("installed"), callee, Ask::Route)
}

fn uri(uri: &str, ring_secs: Option<u64>) -> Target {
    Target { to: Destination::Uri(uri.into()), ring: ring_secs.map(Duration::from_secs) }
}

fn plan(targets: Vec<Target>) -> Verdict {
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}

#[test]
fn a_user_of_ours_is_called_where_it_is_registered() {
    let answer = route("", party("2000", "example.com"));
    let target = Target { to: Destination::Aor(Aor::new("2000", "example.com")), ring: None };
    assert_eq!(answer.verdict, plan(vec![target]), "{answer:?}");
    assert_eq!(answer.decision.reasons[0].code, "registered");
    let decided_by = answer.decision.decided_by.expect("decided");
    assert_eq!(&*decided_by.plugin, "stock.route");
}

#[test]
fn the_operators_routes_replace_the_manifests() {
    let answer = route(ROUTES, party("4989", "example.com"));
    let targets =
        vec![uri("sip:4989@192.0.2.1", Some(15)), uri("sip:4989@192.0.2.2:5070", Some(15))];
    assert_eq!(answer.verdict, plan(targets), "{answer:?}");
    let answer = route(ROUTES, party("493012", "example.com"));
    assert_eq!(answer.verdict, plan(vec![uri("sip:493012@192.0.2.3", Some(15))]));
}

#[test]
fn what_it_does_not_know_is_left_to_the_switch() {
    let answer = route(ROUTES, party("alice", "example.org"));
    assert_eq!(answer.verdict, Verdict::BuiltIn);
    assert_eq!(answer.decision.steps[0].outcome, StepOutcome::Passed, "{answer:?}");
}

#[test]
fn a_failure_goes_on_unless_the_callee_said_no() {
    let host = install(ROUTES).expect("installed");
    let failed = |status| Ask::RouteOnFailure {
        attempts: vec![Attempt {
            target: uri("sip:4989@192.0.2.1", None),
            status,
            lasted: Duration::from_millis(80),
        }],
        remaining: vec![uri("sip:4989@192.0.2.2:5070", None)],
    };
    for (status, expected) in [
        (503, Verdict::Continue),
        (408, Verdict::Continue),
        (486, Verdict::Refuse(486)),
        (603, Verdict::Refuse(603)),
    ] {
        let answer = ask(&host, party("4989", "example.com"), failed(status));
        assert_eq!(answer.verdict, expected, "{status}: {answer:?}");
    }
}

#[test]
fn a_configuration_it_cannot_follow_is_refused_at_installation() {
    for (config, key) in [
        ("ring_secs = \"soon\"", "ring_secs"),
        ("domains = [1]", "domains"),
        ("[routes]\nnorth = \"sip:192.0.2.1\"", "routes.\"north\""),
    ] {
        let error = install(config).err().expect(config).to_string();
        assert!(error.contains(&format!("config key {key}: ")), "{error}");
    }
}
