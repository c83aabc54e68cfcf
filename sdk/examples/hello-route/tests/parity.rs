//! The example in Rust and the one in Rhai decide alike, in the host.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{path::Path, sync::Arc};

use model::{
    ConnId, HeaderBlock, LocalTime, Moment,
    hook::{Answer, Ask, CallFacts, Party, Question, QuestionId, Verdict},
};
use plugin::{HostConfig, Kind, PluginHost, Source};
use plugin_build::{Request, plugins_dir};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
const SCRIPT: &str = include_str!("../../hello-route.rhai");

fn module() -> Vec<u8> {
    let workspace = Path::new(HERE).join("../../../Cargo.toml");
    let request = Request::new(workspace, plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    let modules = request.package("hello-route").build().unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(&modules[0].path).unwrap()
}

fn host(code: Vec<u8>, kind: Kind, config: &str) -> Arc<PluginHost> {
    let host = PluginHost::new(HostConfig::default()).expect("a host");
    let manifest = format!("id = \"hello\"\n[config]\n{config}").into();
    let source = Source::Embedded { id: "hello".into(), manifest, code: code.into(), kind };
    host.install(vec![source]).unwrap_or_else(|error| panic!("{error}"));
    host
}

fn ask(host: &Arc<PluginHost>, user: &str, subject: &str) -> Answer {
    let party = |user: &str| Party {
        uri: format!("sip:{user}@example.com"),
        user: user.into(),
        host: "example.com".into(),
        display: String::new(),
    };
    let facts = CallFacts {
        conn_id: ConnId(1),
        call_id: "1@192.0.2.10".into(),
        tenant: "default".into(),
        ingress: "lan".into(),
        source: ([192, 0, 2, 10], 5060).into(),
        caller: party("1000"),
        callee: party(user),
        headers: HeaderBlock::from_pairs([("Subject", subject)]),
    };
    let question =
        Question { id: QuestionId(1), call: Arc::new(facts), ask: Ask::Route, pin: None };
    let moment = Moment { at_ms: 1_767_268_800_000, local: LocalTime::default() };
    host.worker().answer(&question, moment)
}

#[test]
fn the_two_bodies_give_the_same_answers_for_the_same_reasons() {
    let module = module();
    for config in ["", "desk = \"3000@example.com\""] {
        let wasm = host(module.clone(), Kind::Wasm, config);
        let rhai = host(SCRIPT.into(), Kind::Rhai, config);
        for (user, subject, decided) in
            [("hello", "lunch", true), ("2000", "lunch", false), ("hello", "spam", true)]
        {
            let (wasm, rhai) = (ask(&wasm, user, subject), ask(&rhai, user, subject));
            assert_eq!(wasm.verdict, rhai.verdict, "{user} {subject} {config}: {rhai:?}");
            assert_eq!(wasm.decision.reasons, rhai.decision.reasons);
            assert_eq!(wasm.verdict != Verdict::BuiltIn, decided, "{user} {subject}: {wasm:?}");
        }
    }
}
