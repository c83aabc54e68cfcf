#![allow(clippy::unwrap_used, clippy::expect_used)]
//! A whole node on free ports, asked over HTTP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;

use super::view;
use crate::{
    config::{Config, TrunkSection},
    demo::{exchange::run_until, phone::Phone},
    ladder::Column,
    node::Node,
};

const PATIENCE: Duration = Duration::from_secs(20);

const SCRIPT: &str = "fn route(call) { refuse(404).because(\"none\", \"nobody\") }\n";

struct Running {
    node: Node,
    folder: tempfile::TempDir,
    token: Option<String>,
}

impl Running {
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("route.rhai");
        std::fs::write(&script, SCRIPT).unwrap();
        let mut config = Config::default();
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.sip.listen[0].bind = free;
        config.http.bind = free;
        (config.media.port_min, config.media.port_max) = (43_000, 43_100);
        config.plugins.stock = false;
        config.plugins.load = vec![script];
        change(&mut config);
        let token = config.http.token.clone();
        Self { node: Node::start(&config).unwrap(), folder, token }
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("route.rhai")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.http_address())
    }

    fn request(&self, method: &str, path: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = agent.run(request.body(()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (status, body) = self.request("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn phone(&self) -> [Phone; 1] {
        [Phone::new(Column::Left, self.node.sip_addresses()[0], 440.0).unwrap()]
    }
}

#[test]
fn a_registration_and_a_refused_call_are_seen_over_http() {
    let running = Running::start(|_| ());
    let mut phones = running.phone();
    phones[0].register("2000");
    run_until(&mut phones, PATIENCE, |[p]| p.registered() == Some(200)).unwrap();
    let registrations: Vec<view::Registration> = running.get("/api/registrations");
    assert_eq!(registrations[0].aor, "2000@127.0.0.1");
    assert_eq!(registrations[0].contacts[0].user_agent, "Jackfield demo phone");

    phones[0].call("2000", "3000");
    run_until(&mut phones, PATIENCE, |[p]| {
        p.state() == Some(crate::demo::phone::State::Ended(404))
    })
    .unwrap();
    let call_id = phones[0].call_id().unwrap().to_owned();
    let journal: Vec<view::Decision> = running.get("/api/journal?limit=5");
    let decision = journal.last().unwrap();
    assert_eq!((decision.call_id.as_str(), decision.hook.as_str()), (call_id.as_str(), "route"));
    assert!(decision.decided_by.as_ref().unwrap().starts_with("route#1@"), "{decision:?}");
    assert_eq!(decision.reasons[0].code, "none");
    assert_eq!(decision.steps[0].outcome, "decided");

    let status: view::Status = running.get("/status");
    assert_eq!((status.registrations, status.calls_offered, status.draining), (1, 1, false));
    let (_, metrics) = running.request("GET", "/metrics");
    assert!(metrics.contains("jackfield_calls_offered_total{worker=\"0\"} 1\n"), "{metrics}");
    assert!(
        metrics.contains("jackfield_plugin_decided_total{plugin=\"route\",hook=\"route\"} 1\n")
    );
}

#[test]
fn a_bad_script_is_refused_with_its_line_and_the_old_one_serves_on() {
    let running = Running::start(|config| config.plugins.watch = false);
    std::fs::write(running.script(), "fn route(call) {\n    refuse(\n}\n").unwrap();
    let (status, body) = running.request("POST", "/api/plugins/reload");
    assert_eq!(status, 422, "{body}");
    let reports: Vec<view::Reload> = serde_json::from_str(&body).unwrap();
    let refused = reports[0].refused.as_ref().unwrap();
    assert_eq!((reports[0].outcome.as_str(), refused.line), ("refused", Some(3)), "{refused:?}");
    assert!(reports[0].serving.as_ref().unwrap().starts_with("route#1@"));

    std::fs::write(running.script(), SCRIPT.replace("404", "410")).unwrap();
    let (status, body) = running.request("POST", "/api/plugins/reload?id=route");
    assert_eq!(status, 200, "{body}");
    let plugins: Vec<view::Plugin> = running.get("/api/plugins");
    assert_eq!((plugins[0].serial, plugins[0].refused.is_none()), (2, true));
    assert_eq!(running.request("POST", "/api/plugins/reload?id=other").0, 404);
}

#[test]
fn a_call_that_nobody_makes_is_explained_and_leaves_no_trace() {
    let running = Running::start(|config| {
        config.node.domains = vec!["office.test".to_owned()];
        config.emergency.route = vec!["sip:192.0.2.1".to_owned()];
        let trunk = |name: &str, priority: u16| TrunkSection {
            name: name.to_owned(),
            uri: "sip:192.0.2.2".to_owned(),
            group: Some("out".to_owned()),
            priority,
            trusted: name == "near",
            probe_interval_s: 0,
            ..TrunkSection::default()
        };
        config.trunk = vec![trunk("near", 2), trunk("open", 1)];
        config.sip.trusted = vec!["192.0.2.9".to_owned()];
    });
    let code = "fn route(call) {
        if call.callee.user == \"desk\" && call.header(\"X-Skill\") == \"sales\" {
            return plan([aor(\"2000@office.test\").ring(20)]).because(\"desk\", \"sales sit there\");
        }
        if call.callee.user == \"bad\" { throw \"no such desk\"; }
        pass()
    }";
    std::fs::write(running.script(), code).unwrap();
    assert_eq!(running.request("POST", "/api/plugins/reload").0, 200);
    let explained: view::Explanation =
        running.get("/api/explain?to=desk&from=1000&header=X-Skill:%20sales");
    assert_eq!(
        (explained.caller.as_str(), explained.callee.as_str()),
        ("sip:1000@office.test", "sip:desk@office.test")
    );
    let route = &explained.decisions[0];
    assert_eq!(route.verdict, "aor:2000@office.test for 20 s");
    assert_eq!((route.reasons[0].code.as_str(), route.steps.len()), ("desk", 1));
    for _ in 0..5 {
        let failed: view::Explanation = running.get("/api/explain?to=bad");
        assert_eq!(failed.decisions[0].steps[0].outcome, "trap");
        assert_eq!(
            (failed.decisions[0].verdict.as_str(), &failed.decisions[0].decided_by),
            ("built-in", &None)
        );
    }
    let emergency: view::Explanation = running.get("/api/explain?to=112");
    assert!(emergency.emergency && emergency.decisions.is_empty());
    let (status, body) = running.request("GET", "/api/explain?to=1&trunk=none");
    assert!(status == 400 && body.contains("there is no trunk `none`"), "{status} {body}");
    let headers = "fn route(call) { if call.callee.user == \"far\" { return plan([trunk(\"out\"), uri(\"sip:x@h.test\"), uri(\"sip:x@192.0.2.9\")]) } pass() }
        fn header_policy(call, outgoing) { edit().set(\"X-Way\", `${outgoing.trunk} ${outgoing.trusted} ${outgoing.hidden}`) }";
    std::fs::write(running.script(), headers).unwrap();
    assert_eq!(running.request("POST", "/api/plugins/reload").0, 200);
    let told = |query: &str| {
        let explained: view::Explanation = running.get(&format!("/api/explain?{query}"));
        let told = |it: view::Judgement| it.about.map(|about| format!("{about}: {}", it.verdict));
        explained.decisions.into_iter().filter_map(told).collect::<Vec<_>>()
    };
    assert_eq!(
        told("to=far&header=Privacy:%20id"),
        [
            "trunk:out over open: callee set X-Way: open false true",
            "trunk:out over near: callee set X-Way: near true false",
            "uri:sip:x@h.test: callee set X-Way:  false true",
            "uri:sip:x@192.0.2.9: callee set X-Way:  true false"
        ]
    );
    assert_eq!(told("to=2000"), ["aor:2000@office.test: callee set X-Way:  false false"]);
    let plugins: Vec<view::Plugin> = running.get("/api/plugins");
    assert_eq!((plugins[0].hooks[0].asked, plugins[0].quarantined.len()), (0, 0));
    let journal: Vec<view::Decision> = running.get("/api/journal");
    assert_eq!(journal.len(), 0);
}

#[test]
fn a_version_is_tried_promoted_and_rolled_back() {
    let running = Running::start(|config| config.plugins.watch = false);
    assert_eq!(running.request("POST", "/api/plugins/promote?id=route").0, 409);
    assert_eq!(running.request("POST", "/api/plugins/rollback?id=route").0, 409);
    for wrong in ["id=route&canary=0%25", "id=route&canary=5%25&at_once=true", "at_once=true"] {
        let path = format!("/api/plugins/reload?{wrong}");
        assert_eq!(running.request("POST", &path).0, 400, "{wrong}");
    }
    std::fs::write(running.script(), SCRIPT.replace("404", "410")).unwrap();
    let (status, body) = running.request("POST", "/api/plugins/reload?id=route&canary=5%25");
    let reports: Vec<view::Reload> = serde_json::from_str(&body).unwrap();
    assert_eq!((status, reports[0].outcome.as_str()), (200, "on trial"));
    let plugin = running.get::<Vec<view::Plugin>>("/api/plugins").remove(0);
    let trial = plugin.trial.unwrap();
    assert_eq!((plugin.serial, trial.per_mille, trial.hooks[0].hook.as_str()), (1, 50, "route"));
    let (status, body) = running.request("POST", "/api/plugins/promote?id=route");
    assert!(status == 200 && body.contains("route#2@"), "{status} {body}");
    let (status, body) = running.request("POST", "/api/plugins/rollback?id=route");
    let back: view::RolledBack = serde_json::from_str(&body).unwrap();
    assert_eq!((status, back.why.as_str()), (200, "an operator said so"));
    assert!(back.generation.starts_with("route#2@") && back.serving.starts_with("route#1@"));
}

#[test]
fn a_saved_script_is_loaded_without_being_told() {
    let running = Running::start(|_| ());
    let draft = running.folder.path().join("draft");
    std::fs::write(&draft, SCRIPT.replace("404", "410")).unwrap();
    std::fs::rename(draft, running.script()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while running.get::<Vec<view::Plugin>>("/api/plugins")[0].serial < 2 {
        assert!(Instant::now() < deadline, "the script was not loaded");
    }
}

#[test]
fn a_call_that_is_not_there_cannot_be_hung_up() {
    let running = Running::start(|_| ());
    for conn in ["0000000000000001", "ffff000000000001", "nonsense"] {
        let path = format!("/api/calls/{conn}/hangup");
        assert_eq!(running.request("POST", &path).0, 404, "{conn}");
    }
}

#[test]
fn with_a_token_nothing_is_told_to_others() {
    let mut running = Running::start(|config| {
        config.http.token = Some("0123456789abcdef".to_owned());
    });
    assert_eq!(running.request("GET", "/status").0, 200);
    running.token = None;
    for path in ["/status", "/metrics", "/api/journal"] {
        assert_eq!(running.request("GET", path).0, 401, "{path}");
    }
}

#[test]
fn a_bad_plugin_keeps_the_node_from_starting() {
    let mut config = Config::default();
    config.plugins.load = vec![Path::new("no/such/script.rhai").to_owned()];
    let Err(error) = Node::start(&config) else { panic!("the node started") };
    let text = error.to_string();
    assert!(text.contains("no/such/script.rhai"), "{text}");
}
