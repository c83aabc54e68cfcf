//! The hostile set: plugins of `tests/hostile`, each of which a limit holds. Each file says which limit that is, how it is met
//! (`load`, or a failed decision: `trap`, `time`, `memory`, `bad-answer`) and what the host says.
//!
//! Those that are to fail a decision behave while the user part of the callee has four characters, since a plugin is tested before
//! it serves.

use std::{path::Path, sync::Arc};

use jackfield_plugin::{Kind, PluginHost, Source};
use model::hook::{Ask, End, HeaderChange, HeaderEdit, Outgoing, StepOutcome, Verdict};

use crate::{
    common::{about, aor, failure, host, moment, patient, route, source, with_manifest},
    guest,
};

/// The fixtures that the issue of the platform asks for.
const FIXTURES_MIN: usize = 40;

struct Fixture {
    name: String,
    limit: String,
    fails: String,
    says: String,
    source: Source,
    /// It is asked at `header-policy`, and not at `route`.
    edits: bool,
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
    let source =
        match text.split_once(";; route\n").and_then(|(_, rest)| rest.split_once(";; items")) {
            // A script that keeps something has to ask for it.
            None if text.contains("// manifest: [need] state = true") => {
                with_manifest(stem, Kind::Rhai, text.clone(), "[need]\nstate = true\n")
            }
            None => source(stem, Kind::Rhai, text.clone()),
            Some((body, items)) => {
                let is_probe = "(i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4))";
                let body =
                    format!("(if (result i32) {is_probe} (then (call $pass)) (else {body}))");
                source(stem, Kind::Wasm, guest::route_with(&body, items))
            }
        };
    let edits = text.contains("\nfn header_policy(");
    Fixture { edits, limit: said("limit"), fails: said("fails"), says: said("says"), name, source }
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
    let spare =
        "fn route(call) { refuse(404) } fn header_policy(call, out) { edit().keep(\"X-A\") }";
    let spare = source("spare", Kind::Rhai, spare);
    let keep =
        HeaderEdit { toward: End::Callee, name: "X-A".to_owned(), change: HeaderChange::Keep };
    let decided = if fixture.edits { Verdict::Edit(vec![keep]) } else { Verdict::Refuse(404) };
    let asked = |callee| match fixture.edits {
        true => about(callee, Ask::HeaderPolicy(Arc::new(Outgoing::to(aor("2000"))))),
        false => route(callee),
    };
    let sources = vec![fixture.source.clone(), spare];
    if fixture.fails == "load" {
        let host = PluginHost::new(patient()).unwrap();
        let error = host.install(sources).err().ok_or("was loaded")?.to_string();
        return if fixture.is_said(&error) { Ok(()) } else { Err(format!("says {error}")) };
    }
    let host = host(patient(), sources);
    let mut worker = host.worker();
    for _ in 0..3 {
        let answer = worker.answer(&asked("300"), moment());
        let StepOutcome::Failed(_) = &answer.decision.steps[0].outcome else {
            return Err(format!("{:?}", answer.decision.steps[0].outcome));
        };
        let (kind, said) = failure(&answer);
        if kind.name() != fixture.fails || !fixture.is_said(said) {
            return Err(format!("{}: {said}", kind.name()));
        }
        if answer.verdict != decided {
            return Err(format!("the next plugin did not decide: {:?}", answer.verdict));
        }
        let answer = worker.answer(&asked("2000"), moment());
        if answer.decision.steps[0].outcome != StepOutcome::Passed {
            return Err("it is not asked again".to_owned());
        }
    }
    Ok(())
}
