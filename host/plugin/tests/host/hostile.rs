//! The hostile set: plugins of `tests/hostile`, each of which a limit holds. Each file says which limit that is, how it is met
//! (`load`, or a failed decision: `trap`, `time`, `memory`, `bad-answer`) and what the host says.
//!
//! Those that are to fail a decision behave while the user part of the callee, or the DN, has four characters, since a plugin is tested
//! before it serves.

use std::{path::Path, sync::Arc};

use jackfield_plugin::{Kind, PluginHost, Source};
use model::hook::{Ask, Hook, Outgoing, Question, StepOutcome};

use crate::{
    clients::{change, request, subscription},
    common::{about, aor, failure, host, moment, patient, source, with_manifest},
    guest,
};

/// A plugin that does as it should.
const SPARE: &str = "fn route(call) { refuse(404) }
fn header_policy(call, out) { edit().keep(\"X-A\") }
fn dn_owner(change) { claim() }
fn fan_out(subscription) { deliver().events([\"EventRinging\"]) }
fn authorise_request(request) { allow() }";

/// The fixtures that the issue of the platform asks for.
const FIXTURES_MIN: usize = 40;

struct Fixture {
    name: String,
    limit: String,
    fails: String,
    says: String,
    source: Source,
    /// Where it is asked.
    hook: Hook,
}

impl Fixture {
    /// Whether the host says one of the things that it may say.
    fn is_said(&self, said: &str) -> bool {
        self.says.split(" | ").any(|words| said.contains(words))
    }
}

fn fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut fixtures: Vec<Fixture> = files.map(|path| fixture(&path)).collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}

fn fixture(path: &Path) -> Fixture {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let said = |key: &str| {
        let line = text.lines().find_map(|line| line.split_once(&format!(" {key}: ")));
        line.unwrap_or_else(|| panic!("{name} does not say its {key}")).1.to_owned()
    };
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let hook = hook(&text);
    let code = text.split_once(&format!(";; {hook}\n"));
    let source = match code.and_then(|(_, rest)| rest.split_once(";; items")) {
        // A script that keeps something has to ask for it.
        None if text.contains("// manifest: [need] state = true") => {
            with_manifest(stem, Kind::Rhai, text.clone(), "[need]\nstate = true\n")
        }
        None => source(stem, Kind::Rhai, text.clone()),
        Some((body, items)) => {
            let length = match hook {
                Hook::Route => "(i32.load offset=84 (local.get $facts))",
                _ => "(local.get $dn_len)",
            };
            let is_probe = format!("(i32.eq {length} (i32.const 4))");
            let body = format!("(if (result i32) {is_probe} (then (call $pass)) (else {body}))");
            let code = match hook {
                Hook::Route => guest::route_with(&body, items),
                _ => guest::of_clients(hook.name(), &body, items),
            };
            source(stem, Kind::Wasm, code)
        }
    };
    Fixture { hook, limit: said("limit"), fails: said("fails"), says: said("says"), name, source }
}

/// The hook that a script has a function for, or a guest a section; `route` where it has none.
fn hook(text: &str) -> Hook {
    let is_there = |hook: &&Hook| {
        let function = hook.name().replace('-', "_");
        text.contains(&format!("\nfn {function}(")) || text.contains(&format!(";; {hook}\n"))
    };
    Hook::ALL.iter().find(is_there).copied().unwrap_or(Hook::Route)
}

/// What is asked, and what a plugin that does as it should says of it.
fn asked(hook: Hook, callee: &str) -> (Question, &'static str) {
    let (ask, decided) = match hook {
        Hook::HeaderPolicy => {
            (Ask::HeaderPolicy(Arc::new(Outgoing::to(aor("2000")))), "callee keep X-A")
        }
        Hook::DnOwner => (change(callee), "claim"),
        Hook::FanOut => (subscription(callee), "deliver EventRinging"),
        Hook::AuthoriseRequest => (request(callee), "allow"),
        _ => (Ask::Route, "refuse 404"),
    };
    (about(callee, ask), decided)
}

#[test]
fn each_is_held_by_its_limit_and_the_next_plugin_decides() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= FIXTURES_MIN, "{} fixtures", fixtures.len());
    let mut wrong = Vec::new();
    for fixture in fixtures {
        if let Err(what) = hold(&fixture) {
            wrong.push(format!("{} ({}): {what}", fixture.name, fixture.limit));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn hold(fixture: &Fixture) -> Result<(), String> {
    let spare = source("spare", Kind::Rhai, SPARE);
    let sources = vec![fixture.source.clone(), spare];
    if fixture.fails == "load" {
        let host = PluginHost::new(patient()).unwrap();
        let error = host.install(sources).err().ok_or("was loaded")?.to_string();
        return if fixture.is_said(&error) { Ok(()) } else { Err(format!("says {error}")) };
    }
    let host = host(patient(), sources);
    let mut worker = host.worker();
    for _ in 0..3 {
        let answer = worker.answer(&asked(fixture.hook, "300").0, moment());
        let StepOutcome::Failed(_) = &answer.decision.steps[0].outcome else {
            return Err(format!("{:?}", answer.decision.steps[0].outcome));
        };
        let (kind, said) = failure(&answer);
        if kind.name() != fixture.fails || !fixture.is_said(said) {
            return Err(format!("{}: {said}", kind.name()));
        }
        if answer.verdict.to_string() != asked(fixture.hook, "300").1 {
            return Err(format!("the next plugin did not decide: {:?}", answer.verdict));
        }
        let answer = worker.answer(&asked(fixture.hook, "2000").0, moment());
        if answer.decision.steps[0].outcome != StepOutcome::Passed {
            return Err("it is not asked again".to_owned());
        }
    }
    Ok(())
}
